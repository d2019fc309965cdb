/// \file
/// What is known of a stream, and how to ask for many.
#pragma once

#include <eventstore/event_data.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace eventstore {

/// What is known of a stream.
struct stream_info {
    std::string name;
    std::int64_t version = 0; ///< its number of events; of `$all`: the position of the last event
    timestamp created_at{};
    std::optional<timestamp> deleted_at;
};

/// Which streams to list: in the order of their names (by bytes), a page at a time.
class stream_query {
public:
    stream_query() noexcept {}

    /// Only streams whose names begin with this.
    stream_query& prefix(std::string value) & { return prefix_ = std::move(value), *this; }
    stream_query&& prefix(std::string value) && { return std::move(prefix(std::move(value))); }

    /// Only streams whose names come after this one: the last name of the page before.
    stream_query& after(std::string value) & { return after_ = std::move(value), *this; }
    stream_query&& after(std::string value) && { return std::move(after(std::move(value))); }

    /// At most this many; 1 to 100,000, 1000 by default.
    stream_query& count(std::size_t value) & { return count_ = value, *this; }
    stream_query&& count(std::size_t value) && { return std::move(count(value)); }

    const std::string& prefix() const noexcept { return prefix_; }
    const std::string& after() const noexcept { return after_; }
    std::size_t count() const noexcept { return count_; }

private:
    std::string prefix_;
    std::string after_;
    std::size_t count_ = 1000;
};

} // namespace eventstore
