// Looking at every field of an event, in the same way for the library and for bare libpq.
#pragma once

#include <eventstore/recorded_event.hpp>

#include <cstdint>
#include <string_view>

#include <libpq-fe.h>

namespace eventstore::benchmarks {

/// A sum over the fields of all events of a read. Equal sums show that library and limit have read the same.
class field_sum {
public:
    void add(const recorded_event& event);
    /// A row of the library's own SELECT, in binary.
    void add(const PGresult* rows, int row);

    std::uint64_t events() const { return events_; }
    std::int64_t last_position() const { return last_position_; }
    std::uint64_t sum() const { return sum_; }
    std::uint64_t stream_bytes() const { return stream_bytes_; }

private:
    void add(std::uint64_t value) { sum_ = sum_ * 31 + value; }
    void add(std::string_view text);
    void add(const uuid& id);
    void add_place(std::int64_t version, std::int64_t position);

    std::uint64_t sum_ = 0;
    std::uint64_t stream_bytes_ = 0; // not in the sum: the library gives names where the SELECT gives numbers
    std::uint64_t events_ = 0;
    std::int64_t last_position_ = 0;
};

} // namespace eventstore::benchmarks
