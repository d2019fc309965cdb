/// What a store counts and measures.
#pragma once

#include <eventstore/store_stats.hpp>

#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace eventstore::detail {

/// Only grows. Thread safe, as all of this file; no call locks or throws.
class counter {
public:
    void add(std::uint64_t count = 1) noexcept { value_.fetch_add(count, std::memory_order_relaxed); }
    std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_{0};
};

/// The current value of something.
class gauge {
public:
    void set(std::int64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
    std::int64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::int64_t> value_{0};
};

/// Counts values in buckets: each power of two is divided into 32, so that a bucket's middle is at most 1/64 of a value
/// away from it. Values below 64 are exact; those of 2^36 and more count as the largest one below.
///
/// Its memory is that of the powers that have occurred (256 bytes each), and next to nothing before the first value. Where
/// there is no memory, a value is left out.
class histogram {
public:
    histogram() = default;
    ~histogram();
    histogram(const histogram&) = delete;
    histogram& operator=(const histogram&) = delete;

    static constexpr std::uint64_t largest = (std::uint64_t{1} << 36) - 1;
    static constexpr double relative_error = 1.0 / 64;

    void record(std::uint64_t value, std::uint64_t times = 1) noexcept;
    /// Cut to microseconds; 0 if it is negative.
    void record(std::chrono::nanoseconds duration, std::uint64_t times = 1) noexcept;

    /// What was recorded; values that come meanwhile may be in it or not.
    distribution<std::uint64_t> sizes() const;
    /// The same, of durations.
    latency_stats latencies() const;

private:
    static constexpr std::size_t powers = 32;
    static constexpr std::size_t parts = 32; // of a power
    using row = std::array<std::atomic<std::uint64_t>, parts>;
    using table = std::array<std::atomic<row*>, powers>;

    struct bucket {
        std::size_t power = 0;
        std::size_t part = 0;
    };
    static bucket bucket_of(std::uint64_t value) noexcept;
    static std::uint64_t smallest_in(std::size_t power, std::size_t part) noexcept;
    static std::uint64_t middle_of(std::size_t power, std::size_t part) noexcept;
    row* row_of(std::size_t power) noexcept;
    template <class Value>
    distribution<Value> snapshot() const;

    std::atomic<table*> rows_{nullptr};
    std::atomic<std::uint64_t> sum_{0};
    std::atomic<std::uint64_t> max_{0};
};

/// Of connections: of one store, or of all stores that share them.
struct connection_metrics {
    counter reconnects;
    counter lost;
    counter failures;
    histogram reading_wait;
    histogram appending_wait;
    histogram transacting_wait;
};

/// Of one store.
struct store_metrics {
    counter appends; // in transactions; group commit counts its own
    counter events_appended;
    histogram append_queued;
    histogram append_sent;
    histogram append_durable;
    histogram flush_appends;
    histogram flush_events;
    counter lock_timeouts;
    histogram lock_wait;
    histogram read_page;
    histogram blocked;
};

} // namespace eventstore::detail
