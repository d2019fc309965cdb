/// Times as text: 2025-06-24T14:36:25.123456Z.
#pragma once

#include <eventstore/event_data.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace eventstore::detail {

/// ISO 8601 in UTC, with six digits after the second; a year beyond 9999 has a sign.
std::string to_text(timestamp when);

/// Reads `2025-06-24T14:36:25`, with a fraction or without, followed by `Z` or an offset such as `+02:00`; nothing if it
/// is anything else. A time without a zone is refused: nobody knows which one was meant.
std::optional<timestamp> parse_time(std::string_view text);

} // namespace eventstore::detail
