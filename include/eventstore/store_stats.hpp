/// \file
/// Statistics of a store.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

namespace eventstore {

/// What was measured of many operations, since the store was opened: durations (microseconds) or sizes (numbers).
///
/// The percentiles are at most 1/64 (1.6 %) off, and durations are cut to whole microseconds. `count`, `sum`, `max` and
/// `below` are exact.
template <class Value>
struct distribution {
    std::uint64_t count = 0;
    Value sum{};
    Value max{};
    Value p50{};
    Value p90{};
    Value p99{};
    Value p999{};

    /// How many values are below `bound(i)`: for systems that add up the measurements of several processes.
    std::array<std::uint64_t, 20> below{};

    /// 64 us, 128 us ... 33 s for durations; 2, 4, 8 ... 1,048,576 for sizes.
    static constexpr Value bound(std::size_t index) noexcept {
        return Value(std::int64_t{1} << (index + (std::is_integral_v<Value> ? 1 : 6)));
    }
};

using latency_stats = distribution<std::chrono::microseconds>;
using size_stats = distribution<std::uint64_t>;

/// Connections for one purpose. Of a store in a store_group: those of the whole group.
struct pool_stats {
    std::size_t connections = 0; ///< open now
    std::size_t in_use = 0;      ///< of those: with a statement under way, or lent to one caller
    std::size_t limit = 0;       ///< at most so many are opened
    std::size_t waiting = 0;     ///< callers that have no connection yet
    latency_stats wait;          ///< how long callers waited for one; for reading, only those that had to
};

/// A subscription that this store owns now.
struct subscription_stats {
    subscription_stats() noexcept {} // user-declared: a temporary aggregate inside co_await is freed twice by g++ 12

    std::string stream; ///< the stream's name, or `$all`
    std::string name;
    std::int64_t position = 0;       ///< everything up to here is acknowledged, durable or not
    std::int64_t lag_events = 0;     ///< events (of `$all`: positions) after the checkpoint, as far as known
    std::chrono::milliseconds lag{}; ///< the age of the oldest event that is not acknowledged; see store::stats
    bool stalled = false;            ///< it lags, and the checkpoint has not moved for `stalled_after`
    bool is_live = false;            ///< false: it reads stored events, to catch up
    std::size_t consumers = 0;
    std::size_t queued = 0;                    ///< events in memory that wait for a consumer
    std::size_t in_flight = 0;                 ///< events delivered, and neither acknowledged nor refused
    std::uint64_t delivered = 0;               ///< deliveries of events, repeated ones included
    std::uint64_t redelivered = 0;             ///< of those: not the first one of the event
    std::uint64_t parked = 0;                  ///< events that are parked; see store::stats
    std::chrono::milliseconds oldest_parked{}; ///< the age of the oldest of them, since it was parked
};

/// Counts since the store was opened, and current values. Read by `store::stats`; `prometheus_text` writes them for a
/// monitoring system.
struct store_stats {
    store_stats() noexcept {} // as above

    std::uint64_t appends = 0;          ///< appends that were stored; all those of a transaction are one
    std::uint64_t events_appended = 0;  ///< their events
    std::uint64_t flushes = 0;          ///< transactions used for those that share one
    std::uint64_t retried_flushes = 0;  ///< flushes sent again, after a lost connection or in halves after an error
    std::uint64_t reads = 0;            ///< read statements sent
    std::uint64_t events_read = 0;      ///< events returned by them
    std::uint64_t other_statements = 0; ///< others sent: announcements of appends, leases and checkpoints
    std::uint64_t connects = 0;         ///< connections made
    std::size_t queued_appends = 0;  ///< waiting for the next flush or for admission; not those of inline projections
    std::size_t queued_bytes = 0;    ///< bytes of appends queued and under way
    std::size_t connections = 0;     ///< open now
    std::size_t reads_in_flight = 0; ///< read statements awaiting an answer

    latency_stats append_queued;  ///< of each append that the server answered: from the call to its sending
    latency_stats append_sent;    ///< from its sending to the answer: the time of its transaction, and the way there
    latency_stats append_durable; ///< both together: from the call to the answer
    size_stats flush_appends;     ///< appends in a flush
    size_stats flush_events;      ///< events in a flush

    std::uint64_t pages_read = 0; ///< pages, and events found by id; those of scans and subscriptions included
    latency_stats read_page;      ///< how long each took, retries and the wait for a connection included

    pool_stats reading;                 ///< shared by reads
    pool_stats appending;               ///< one in use while appends are sent
    pool_stats transacting;             ///< one for each transaction
    std::uint64_t reconnects = 0;       ///< connections made in the place of lost ones
    std::uint64_t connections_lost = 0; ///< ended by themselves, or for a statement that was given up or took too long
    std::uint64_t connect_failures = 0; ///< attempts to connect that failed

    std::uint64_t lock_timeouts = 0; ///< appends, and operations of transactions, that failed with it
    latency_stats
        lock_wait; ///< how long each of the appends had waited, from its sending; not of those in transactions

    bool is_following = false;            ///< there are subscriptions or listeners; else the next three are zero
    std::int64_t feed_lag_events = 0;     ///< positions known to be in the log, and not passed to them yet
    std::chrono::milliseconds feed_lag{}; ///< for how long there have been any without a break
    bool feed_stalled = false;            ///< nothing was passed on, or learnt of the log, for `stalled_after`

    std::uint64_t blocked_handlers = 0; ///< handlers that kept a thread for longer than `longest_handler`
    latency_stats blocked;              ///< for how long each

    std::vector<subscription_stats> subscriptions; ///< by stream and name
};

} // namespace eventstore
