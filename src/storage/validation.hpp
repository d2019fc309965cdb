/// What the store refuses before it reaches the database.
#pragma once

#include <eventstore/error.hpp>
#include <eventstore/event_data.hpp>
#include <eventstore/expected_version.hpp>
#include <eventstore/read_options.hpp>
#include <eventstore/retention.hpp>
#include <eventstore/snapshot.hpp>
#include <eventstore/store_options.hpp>
#include <eventstore/stream_info.hpp>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace eventstore::storage {

/// Of names: 1 to 512 bytes of UTF-8. \param subject what it is, for the message
std::optional<failure> check_text(std::string_view subject, const std::string& text);

/// What one stream gets in an append to several.
struct part_of_append {
    const std::string& stream;
    std::span<const event_data> events;
};

/// Each returns why the argument is refused, or nothing.
std::optional<failure> check_append(const std::string& stream, expected_version expected,
    std::span<const event_data> events, const store_options& options);
/// The parts together; each has been checked by itself.
std::optional<failure> check_parts(std::span<const part_of_append> parts);
std::optional<failure> check_link(
    const std::string& stream, expected_version expected, const std::vector<uuid>& event_ids);
std::optional<failure> check_stream_to_write(const std::string& stream, expected_version expected);
std::optional<failure> check_event_query(const std::string& stream, const event_query& query);
std::optional<failure> check_read(const std::string& stream, const read_options& options);
std::optional<failure> check_stream_to_read(const std::string& stream);
std::optional<failure> check_query(const stream_query& query);
std::optional<failure> check_retention(const std::string& name, bool is_prefix, const retention& value);
std::optional<failure> check_retained_name(const std::string& name, bool is_prefix);
std::optional<failure> check_scavenge(const scavenge_options& options);
std::optional<failure> check_snapshot(const snapshot& snapshot, const store_options& options);
std::optional<failure> check_snapshot_source(const std::string& source);
std::optional<failure> check_options(const store_options& options);

} // namespace eventstore::storage
