// Events as lines of JSON: how `read` prints them and `append` takes them.
#pragma once

#include <eventstore/append_result.hpp>
#include <eventstore/event_data.hpp>
#include <eventstore/recorded_event.hpp>
#include <eventstore/snapshot.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace eventstore::cli {

struct input_event {
    std::optional<std::string> stream;
    event_data event;
};

/// Reads one line. What `read` prints is a line that `append` takes: the position and the version are passed over.
/// \throws usage_error
input_event parse_event(std::string_view line);

/// One line, without a line break, from which parse_event gets the very bytes back. Data that is JSON goes in as `data`, as
/// it is. If it has white space around it, or line breaks, it goes in without, and beside it as it is, in `data_text`.
/// Other UTF-8 is `data_text`, and other bytes are `data_base64`. Likewise the metadata.
std::string to_json(const recorded_event& event);

std::string to_json(std::string_view stream, const append_result& result);

/// One line, with data and metadata as those of an event.
std::string to_json(const snapshot& snapshot);

/// Data as text for a table.
std::string shown(std::string_view data);

} // namespace eventstore::cli
