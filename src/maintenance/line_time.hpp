/// Times in a file of events: every time that PostgreSQL has, to the microsecond.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace eventstore::maintenance {

/// Appends a time, in microseconds since 2000 as PostgreSQL counts them, as a JSON string: "2025-06-24T14:36:25.123456Z".
/// A year beyond 9999 has a sign, as has one before the year 0; "infinity" and "-infinity" are times, too.
void add_time(std::string& line, std::int64_t microseconds);

/// The time that add_time has written, without its quotation marks.
std::optional<std::int64_t> time_of(std::string_view text) noexcept;

} // namespace eventstore::maintenance
