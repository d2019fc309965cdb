/// \file
/// Information about streams, and queries for lists of streams.
#pragma once

#include <eventstore/event_data.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace eventstore {

/// Information about a stream.
struct stream_info {
    std::string name;
    std::int64_t version = 0; ///< its number of events; of `$all`: the position of the last event
    timestamp created_at{};
    std::optional<timestamp> deleted_at;
    std::int64_t id = 0; ///< increases with each stream created; differs if the name was hard-deleted and created again
};

/// The order of a list of streams.
enum class stream_order {
    by_name, ///< byte order of the names
    by_age,  ///< the order of creation
};

/// Which streams to list.
enum class stream_state {
    existing, ///< not deleted
    deleted,  ///< soft-deleted, can be restored
    any,
};

/// Which streams to list, a page at a time. A page starts after the last stream of the previous page, so that the last
/// page of a million streams is as fast as the first.
class stream_query {
public:
    stream_query() noexcept {}

    /// Only streams whose names begin with this.
    stream_query& prefix(std::string value) & { return prefix_ = std::move(value), *this; }
    stream_query&& prefix(std::string value) && { return std::move(prefix(std::move(value))); }

    /// Only streams whose names contain this text. Checks every stream that the rest of the query selects: use it with
    /// a prefix, or with few streams.
    stream_query& search(std::string value) & { return search_ = std::move(value), *this; }
    stream_query&& search(std::string value) && { return std::move(search(std::move(value))); }

    /// The order; by name by default.
    stream_query& order(stream_order value) & { return order_ = value, *this; }
    stream_query&& order(stream_order value) && { return std::move(order(value)); }

    /// Reverses the order.
    stream_query& descending(bool value = true) & { return descending_ = value, *this; }
    stream_query&& descending(bool value = true) && { return std::move(descending(value)); }

    /// Which streams; those that are not deleted by default.
    stream_query& state(stream_state value) & { return state_ = value, *this; }
    stream_query&& state(stream_state value) && { return std::move(state(value)); }

    /// Only streams after this one, in the order of the query: pass the last one of the previous page.
    stream_query& after(const stream_info& last) & { return after_ = last.name, after_id_ = last.id, *this; }
    stream_query&& after(const stream_info& last) && { return std::move(after(last)); }
    /// The same by name, for the order by name.
    stream_query& after(std::string value) & { return after_ = std::move(value), after_id_ = 0, *this; }
    stream_query&& after(std::string value) && { return std::move(after(std::move(value))); }

    /// At most this many; 1 to 100,000, 1000 by default.
    stream_query& count(std::size_t value) & { return count_ = value, *this; }
    stream_query&& count(std::size_t value) && { return std::move(count(value)); }

    const std::string& prefix() const noexcept { return prefix_; }
    const std::string& search() const noexcept { return search_; }
    stream_order order() const noexcept { return order_; }
    bool is_descending() const noexcept { return descending_; }
    stream_state state() const noexcept { return state_; }
    const std::string& after() const noexcept { return after_; }
    std::int64_t after_id() const noexcept { return after_id_; }
    std::size_t count() const noexcept { return count_; }

private:
    std::string prefix_;
    std::string search_;
    stream_order order_ = stream_order::by_name;
    bool descending_ = false;
    stream_state state_ = stream_state::existing;
    std::string after_;
    std::int64_t after_id_ = 0;
    std::size_t count_ = 1000;
};

} // namespace eventstore
