/// \file
/// Which events are wanted.
#pragma once

#include <eventstore/export.hpp>
#include <eventstore/uuid.hpp>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace eventstore {

class recorded_event;

/// A condition on events, which reads, scans, subscriptions and listeners take. Each part that is set narrows it; one that
/// says nothing matches every event.
///
/// Limits are checked by the call that is given it: types and the prefix are 1 to 512 bytes of UTF-8 without NUL.
///
/// Thread safety: distinct objects may be used from any threads.
class EVENTSTORE_EXPORT event_query {
public:
    event_query() noexcept {} // user-declared: a temporary aggregate inside co_await is freed twice by g++ 12

    /// Only events of one of these types; an empty list is no condition.
    event_query& types(std::vector<std::string> value) & { return types_ = std::move(value), *this; }
    event_query&& types(std::vector<std::string> value) && { return std::move(types(std::move(value))); }
    /// Only events of this type, besides those named before.
    event_query& type(std::string value) & { return types_.push_back(std::move(value)), *this; }
    event_query&& type(std::string value) && { return std::move(type(std::move(value))); }

    /// Only events of streams whose names begin with this, byte by byte; for the log of all streams. Empty is no condition.
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
    /// As the server would decide.
    bool matches(const recorded_event& event) const noexcept;

private:
    std::vector<std::string> types_;
    std::string stream_prefix_;
    std::optional<uuid> correlation_id_;
};

} // namespace eventstore
