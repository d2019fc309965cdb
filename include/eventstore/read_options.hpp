/// \file
/// Options of reads and scans.
#pragma once

#include <eventstore/event_query.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace eventstore {

/// Which events to read, in which order, and how many at a time. For a scan, `count` and `max_bytes` bound one page.
///
/// The limits are checked when the read is awaited; a value out of bounds fails with `errc::invalid_argument`.
class read_options {
public:
    read_options() noexcept {} // user-declared: a temporary aggregate inside co_await is freed twice by g++ 12

    /// The version (of a stream) or position (of the log) to start at, inclusive; 0 or more. By default the first one,
    /// or the last one if `backward()`.
    read_options& from(std::int64_t value) & { return from_ = value, *this; }
    read_options&& from(std::int64_t value) && { return std::move(from(value)); }

    /// At most this many events; 1 or more, 1000 by default.
    read_options& count(std::size_t value) & { return count_ = value, *this; }
    read_options&& count(std::size_t value) && { return std::move(count(value)); }

    /// At most this many bytes of data and metadata, but at least one event; 1 or more, 4 MB by default.
    read_options& max_bytes(std::size_t value) & { return max_bytes_ = value, *this; }
    read_options&& max_bytes(std::size_t value) && { return std::move(max_bytes(value)); }

    /// From the newest to the oldest.
    read_options& backward() & { return backward_ = true, *this; }
    read_options&& backward() && { return std::move(backward()); }

    /// Only events that match; replaces the conditions set before. The server filters.
    read_options& query(event_query value) & { return query_ = std::move(value), *this; }
    read_options&& query(event_query value) && { return std::move(query(std::move(value))); }
    /// Only events of these types. The server filters; an empty list is no filter.
    read_options& types(std::vector<std::string> value) & { return query_.types(std::move(value)), *this; }
    read_options&& types(std::vector<std::string> value) && { return std::move(types(std::move(value))); }
    /// Adds a type to the list.
    read_options& type(std::string value) & { return query_.type(std::move(value)), *this; }
    read_options&& type(std::string value) && { return std::move(type(std::move(value))); }

    /// Only events of streams whose names begin with this; for reading the log of all streams.
    read_options& stream_prefix(std::string value) & { return query_.stream_prefix(std::move(value)), *this; }
    read_options&& stream_prefix(std::string value) && { return std::move(stream_prefix(std::move(value))); }

    std::optional<std::int64_t> from() const noexcept { return from_; }
    std::size_t count() const noexcept { return count_; }
    std::size_t max_bytes() const noexcept { return max_bytes_; }
    bool is_backward() const noexcept { return backward_; }
    const event_query& query() const noexcept { return query_; }
    const std::vector<std::string>& types() const noexcept { return query_.types(); }
    const std::string& stream_prefix() const noexcept { return query_.stream_prefix(); }
    bool is_filtered() const noexcept { return !query_.is_everything(); }

private:
    std::optional<std::int64_t> from_;
    std::size_t count_ = 1000;
    std::size_t max_bytes_ = std::size_t{4} << 20;
    bool backward_ = false;
    event_query query_;
};

} // namespace eventstore
