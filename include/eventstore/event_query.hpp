/// \file
/// Conditions on events.
#pragma once

#include <eventstore/export.hpp>
#include <eventstore/uuid.hpp>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace eventstore {

class recorded_event;

/// A condition on events, for reads, scans, subscriptions and listeners. An event must match every part that is set; a
/// query with no part set matches every event.
///
/// The call that takes the query checks the limits: types and the prefix are 1 to 512 bytes of UTF-8 without NUL.
///
/// Thread safety: distinct objects may be used from any threads.
class EVENTSTORE_EXPORT event_query {
public:
    event_query() noexcept {} // user-declared: a temporary aggregate inside co_await is freed twice by g++ 12

    /// Only events of these types; an empty list is no condition.
    event_query& types(std::vector<std::string> value) & { return types_ = std::move(value), *this; }
    event_query&& types(std::vector<std::string> value) && { return std::move(types(std::move(value))); }
    /// Adds a type to the list.
    event_query& type(std::string value) & { return types_.push_back(std::move(value)), *this; }
    event_query&& type(std::string value) && { return std::move(type(std::move(value))); }

    /// Only events of streams whose names begin with these bytes; for the log of all streams. Empty is no condition.
    event_query& stream_prefix(std::string value) & { return stream_prefix_ = std::move(value), *this; }
    event_query&& stream_prefix(std::string value) && { return std::move(stream_prefix(std::move(value))); }

    /// Only events with this correlation id.
    event_query& correlation_id(uuid value) & { return correlation_id_ = value, *this; }
    event_query&& correlation_id(uuid value) && { return std::move(correlation_id(value)); }

    const std::vector<std::string>& types() const noexcept { return types_; }
    const std::string& stream_prefix() const noexcept { return stream_prefix_; }
    const std::optional<uuid>& correlation_id() const noexcept { return correlation_id_; }

    /// True if every event matches.
    bool is_everything() const noexcept { return types_.empty() && stream_prefix_.empty() && !correlation_id_; }
    /// Gives the same result as the server.
    bool matches(const recorded_event& event) const noexcept;

private:
    std::vector<std::string> types_;
    std::string stream_prefix_;
    std::optional<uuid> correlation_id_;
};

} // namespace eventstore
