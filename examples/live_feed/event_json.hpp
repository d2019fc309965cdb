// Events as JSON: what a client posts, and what it gets.
#pragma once

#include <eventstore/append_result.hpp>
#include <eventstore/event_data.hpp>
#include <eventstore/recorded_event.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace live_feed {

namespace es = eventstore;

/// Reads `{"type":"Said","data":{...}}`, with an `id` (a UUID) and `metadata` if the client wants, or an array of such.
/// Data and metadata are kept as they were written, down to the last digit. \throws refusal
std::vector<es::event_data> parse_events(std::string_view body);

/// One line, without a line break. Data that is JSON goes in as it is; other text as `text`, other bytes as their
/// number: they were appended by another program.
std::string to_json(const es::recorded_event& event);

std::string to_json(std::string_view stream, const es::append_result& result);

/// The text as a JSON string.
std::string json_string(std::string_view text);

} // namespace live_feed
