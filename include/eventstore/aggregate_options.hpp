/// \file
/// Options and statistics of an aggregate_store.
#pragma once

#include <eventstore/store_options.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace eventstore {

/// What to do with events of a stream whose type the state does not have.
enum class unknown_event {
    fail,   ///< fail with `errc::unknown_event_type`
    ignore, ///< leave them out of the state; they count in its version
};

/// How an aggregate_store works. Values out of bounds fail its calls with `errc::invalid_argument`.
class aggregate_options {
public:
    aggregate_options() noexcept {} // user-declared: a temporary aggregate inside co_await is freed twice by g++ 12

    /// Keeps loaded states in memory, up to this many bytes, the least recently used ones leave first; 0 = keeps none,
    /// the default.
    ///
    /// An entry counts sizeof(State), what the state's `std::size_t memory() const` returns (the bytes that it owns
    /// elsewhere: strings, lists, maps), twice the stream name, 300 bytes, and events that have arrived for it and are
    /// not applied yet. `memory()` is required unless the state is trivially copyable. States that are in use by a call
    /// or wait to be written as a snapshot live longer than their entries.
    aggregate_options& cache_bytes(std::size_t value) & { return cache_bytes_ = value, *this; }
    aggregate_options&& cache_bytes(std::size_t value) && { return std::move(cache_bytes(value)); }

    /// Writes a snapshot when a state is this many events ahead of the last one, in the background; 0 = never, the
    /// default. The state needs a codec, see aggregate.hpp.
    aggregate_options& snapshot_every(std::size_t events) & { return snapshot_every_ = events, *this; }
    aggregate_options&& snapshot_every(std::size_t events) && { return std::move(snapshot_every(events)); }

    /// How often a command is decided again because another writer was faster; 0 to 1,000, 20 by default. Then the
    /// conflict is the result.
    aggregate_options& max_retries(int value) & { return max_retries_ = value, *this; }
    aggregate_options&& max_retries(int value) && { return std::move(max_retries(value)); }
    /// The delay before the second retry (the first one waits for nothing); 1 ms to 1 minute, 2 ms by default. Doubles
    /// with each retry, up to 64 times this, and half of it is drawn at random.
    aggregate_options& retry_after(milliseconds value) & { return retry_after_ = value, *this; }
    aggregate_options&& retry_after(milliseconds value) && { return std::move(retry_after(value)); }

    /// What to do with events of types that the state does not have; by default loading fails.
    aggregate_options& unknown_events(unknown_event value) & { return unknown_events_ = value, *this; }
    aggregate_options&& unknown_events(unknown_event value) && { return std::move(unknown_events(value)); }

    std::size_t cache_bytes() const noexcept { return cache_bytes_; }
    std::size_t snapshot_every() const noexcept { return snapshot_every_; }
    int max_retries() const noexcept { return max_retries_; }
    milliseconds retry_after() const noexcept { return retry_after_; }
    unknown_event unknown_events() const noexcept { return unknown_events_; }

private:
    std::size_t cache_bytes_ = 0;
    std::size_t snapshot_every_ = 0;
    int max_retries_ = 20;
    milliseconds retry_after_{2};
    unknown_event unknown_events_ = unknown_event::fail;
};

/// Counts of an aggregate_store since it was made, and current values.
struct aggregate_stats {
    std::uint64_t hits = 0;              ///< commands whose state was in memory
    std::uint64_t loads = 0;             ///< states read from the database, from a snapshot or the first event on
    std::uint64_t catch_ups = 0;         ///< reads of what was appended to a known state
    std::uint64_t conflicts = 0;         ///< appends refused because another writer was faster
    std::uint64_t evictions = 0;         ///< states that left the cache for others
    std::uint64_t snapshots_written = 0; ///< snapshots stored, or kept back by the store because it has a newer one
    std::uint64_t snapshots_failed = 0;  ///< snapshots that could not be stored
    std::uint64_t snapshots_unfit = 0;   ///< snapshots found that are of another format or history
    std::size_t cached = 0;              ///< states in memory now
    std::size_t cached_bytes = 0;        ///< bytes that they count
    bool is_following = false;           ///< the cache hears of what others append
};

} // namespace eventstore
