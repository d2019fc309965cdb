/// \file
/// Options of subscriptions and listeners.
#pragma once

#include <eventstore/event_query.hpp>
#include <eventstore/recorded_event.hpp>
#include <eventstore/store_options.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eventstore {

/// Which events may share a batch.
enum class grouping {
    stream, ///< consecutive events of one stream with one correlation id
    none,   ///< any consecutive events
};

/// What to do if the subscription already has an owner.
enum class if_taken {
    refuse, ///< fail with `errc::subscription_already_exists`
    wait,   ///< wait until the owner is gone, then take over
};

/// Which events go to one consumer at a time, in order.
enum class partition {
    none,        ///< any event to any consumer
    stream,      ///< those of one stream
    correlation, ///< those with one correlation id
    type,        ///< those of one type
};

/// What to do with a batch that was refused (nack) too often.
enum class when_exhausted {
    park, ///< store it separately with the reason, for inspection and replay; the subscription continues
    skip, ///< treat it as acknowledged
    stop, ///< the subscription ends with `errc::subscription_stopped`; its checkpoint stays before the batch
};

/// The options of one consumer of a subscription. If the subscription already exists, `from_...` and `after` have no
/// effect: it resumes at its checkpoint. Values out of bounds fail the subscribe with `errc::invalid_argument`.
class subscription_options {
public:
    subscription_options() noexcept {} // user-declared: a temporary aggregate inside co_await is freed twice by g++ 12

    /// A new subscription starts at the first event. The default.
    subscription_options& from_origin() & { return start_ = 0, *this; }
    subscription_options&& from_origin() && { return std::move(from_origin()); }
    /// A new subscription starts at the first event appended after its creation.
    subscription_options& from_current() & { return start_.reset(), *this; }
    subscription_options&& from_current() && { return std::move(from_current()); }
    /// A new subscription starts after this version (of a stream) or position (of the log); 0 or more. It may lie
    /// beyond the end: then delivery starts when the log has reached it.
    subscription_options& after(std::int64_t value) & { return start_ = value, *this; }
    subscription_options&& after(std::int64_t value) && { return std::move(after(value)); }

    /// At most this many events in a batch; 1 to 100,000, 100 by default.
    subscription_options& max_batch(std::size_t value) & { return max_batch_ = value, *this; }
    subscription_options&& max_batch(std::size_t value) && { return std::move(max_batch(value)); }
    /// At most this many batches delivered and neither acknowledged nor refused; 1 to 10,000, 1 by default.
    subscription_options& max_in_flight(std::size_t value) & { return max_in_flight_ = value, *this; }
    subscription_options&& max_in_flight(std::size_t value) && { return std::move(max_in_flight(value)); }
    /// Which events may share a batch; by default those of one stream with one correlation id.
    subscription_options& group_by(grouping value) & { return grouping_ = value, *this; }
    subscription_options&& group_by(grouping value) && { return std::move(group_by(value)); }

    /// How many events may wait in memory for delivery; 1 to 1,000,000, 2,000 by default. The others stay in the
    /// database and are read when there is room: a slow subscriber slows nothing else.
    subscription_options& max_queued(std::size_t events) & { return max_queued_ = events, *this; }
    subscription_options&& max_queued(std::size_t events) && { return std::move(max_queued(events)); }
    /// The same in bytes, including other memory that these events keep alive; 8 MB by default. One event always fits.
    subscription_options& max_queued_bytes(std::size_t bytes) & { return max_queued_bytes_ = bytes, *this; }
    subscription_options&& max_queued_bytes(std::size_t bytes) && { return std::move(max_queued_bytes(bytes)); }

    /// Writes the checkpoint when this many events have been acknowledged since it was last written; 1 or more. A
    /// renewal or a delivery, which write the same row, may write it earlier. By default only time counts.
    subscription_options& checkpoint_every(std::size_t events) & { return checkpoint_every_ = events, *this; }
    subscription_options&& checkpoint_every(std::size_t events) && { return std::move(checkpoint_every(events)); }
    /// Writes the checkpoint at most this long after an ack; 1 ms or more, 100 ms by default.
    subscription_options& checkpoint_after(milliseconds value) & { return checkpoint_after_ = value, *this; }
    subscription_options&& checkpoint_after(milliseconds value) && { return std::move(checkpoint_after(value)); }

    /// Only events for which this returns true; the others count as acknowledged. Called in order, once for each event
    /// received, on the store's executor, never under a lock. If it throws, the subscription ends with
    /// `errc::handler_failed`.
    template <handler_for<bool(const recorded_event&)> Selector>
    subscription_options& selector(Selector&& value) & {
        selector_ = std::forward<Selector>(value);
        return *this;
    }
    template <handler_for<bool(const recorded_event&)> Selector>
    subscription_options&& selector(Selector&& value) && {
        return std::move(selector(std::forward<Selector>(value)));
    }
    /// Only events that match; replaces the conditions set before. The server filters.
    subscription_options& query(event_query value) & { return query_ = std::move(value), *this; }
    subscription_options&& query(event_query value) && { return std::move(query(std::move(value))); }
    /// Only events of these types; the others count as acknowledged. During catch-up the server filters.
    subscription_options& types(std::vector<std::string> value) & { return query_.types(std::move(value)), *this; }
    subscription_options&& types(std::vector<std::string> value) && { return std::move(types(std::move(value))); }
    /// Adds a type to the list.
    subscription_options& type(std::string value) & { return query_.type(std::move(value)), *this; }
    subscription_options&& type(std::string value) && { return std::move(type(std::move(value))); }
    /// Only events of streams whose names begin with this; for subscriptions to the log of all streams.
    subscription_options& stream_prefix(std::string value) & { return query_.stream_prefix(std::move(value)), *this; }
    subscription_options&& stream_prefix(std::string value) && { return std::move(stream_prefix(std::move(value))); }

    /// What to do if another process, or another consumer of this one, has the subscription.
    subscription_options& when_taken(if_taken value) & { return if_taken_ = value, *this; }
    subscription_options&& when_taken(if_taken value) && { return std::move(when_taken(value)); }
    /// How long the subscription stays with this process after its last renewal; 100 ms or more, 10 s by default.
    /// Another process takes over no earlier.
    subscription_options& lease(milliseconds value) & { return lease_ = value, *this; }
    subscription_options&& lease(milliseconds value) && { return std::move(lease(value)); }

    /// How many consumers of one store may share the subscription; each event goes to one of them; 1 to 10,000, 1 by
    /// default. The options of the first consumer apply to the subscription.
    subscription_options& concurrency_limit(std::size_t value) & { return concurrency_limit_ = value, *this; }
    subscription_options&& concurrency_limit(std::size_t value) && { return std::move(concurrency_limit(value)); }
    /// Events with the same key go to one consumer at a time, in order.
    subscription_options& partition_by(partition value) & { return partition_ = value, *this; }
    subscription_options&& partition_by(partition value) && { return std::move(partition_by(value)); }
    /// The same by a key that the caller computes. Called like a selector.
    template <handler_for<std::string(const recorded_event&)> Key>
    subscription_options& partition_by(Key&& value) & {
        partition_key_ = std::forward<Key>(value);
        return *this;
    }
    template <handler_for<std::string(const recorded_event&)> Key>
    subscription_options&& partition_by(Key&& value) && {
        return std::move(partition_by(std::forward<Key>(value)));
    }

    /// How often a refused event is delivered again before `exhausted` applies; 0 or more, 5 by default.
    subscription_options& max_retries(int value) & { return max_retries_ = value, *this; }
    subscription_options&& max_retries(int value) && { return std::move(max_retries(value)); }
    /// The delay before the first retry; doubles with each retry, up to a minute. 0 ms or more, 100 ms by default.
    subscription_options& retry_after(milliseconds value) & { return retry_after_ = value, *this; }
    subscription_options&& retry_after(milliseconds value) && { return std::move(retry_after(value)); }
    /// What to do with an event refused more than `max_retries` times; by default it is parked.
    subscription_options& exhausted(when_exhausted value) & { return exhausted_ = value, *this; }
    subscription_options&& exhausted(when_exhausted value) && { return std::move(exhausted(value)); }

    std::optional<std::int64_t> start() const noexcept { return start_; } ///< nothing = from_current
    std::size_t max_batch() const noexcept { return max_batch_; }
    std::size_t max_in_flight() const noexcept { return max_in_flight_; }
    grouping group_by() const noexcept { return grouping_; }
    std::size_t max_queued() const noexcept { return max_queued_; }
    std::size_t max_queued_bytes() const noexcept { return max_queued_bytes_; }
    std::optional<std::size_t> checkpoint_every() const noexcept { return checkpoint_every_; }
    milliseconds checkpoint_after() const noexcept { return checkpoint_after_; }
    const std::function<bool(const recorded_event&)>& selector() const noexcept { return selector_; }
    const event_query& query() const noexcept { return query_; }
    const std::vector<std::string>& types() const noexcept { return query_.types(); }
    const std::string& stream_prefix() const noexcept { return query_.stream_prefix(); }
    if_taken when_taken() const noexcept { return if_taken_; }
    milliseconds lease() const noexcept { return lease_; }
    std::size_t concurrency_limit() const noexcept { return concurrency_limit_; }
    partition partition_by() const noexcept { return partition_; }
    const std::function<std::string(const recorded_event&)>& partition_key() const noexcept { return partition_key_; }
    int max_retries() const noexcept { return max_retries_; }
    milliseconds retry_after() const noexcept { return retry_after_; }
    when_exhausted exhausted() const noexcept { return exhausted_; }

private:
    std::optional<std::int64_t> start_ = 0;
    std::size_t max_batch_ = 100;
    std::size_t max_in_flight_ = 1;
    grouping grouping_ = grouping::stream;
    std::size_t max_queued_ = 2'000;
    std::size_t max_queued_bytes_ = std::size_t{8} << 20;
    std::optional<std::size_t> checkpoint_every_;
    milliseconds checkpoint_after_{100};
    std::function<bool(const recorded_event&)> selector_;
    event_query query_;
    if_taken if_taken_ = if_taken::refuse;
    milliseconds lease_{10'000};
    std::size_t concurrency_limit_ = 1;
    partition partition_ = partition::none;
    std::function<std::string(const recorded_event&)> partition_key_;
    int max_retries_ = 5;
    milliseconds retry_after_{100};
    when_exhausted exhausted_ = when_exhausted::park;
};

/// The options of a transient listener (`store::listen`).
class listen_options {
public:
    listen_options() noexcept {}

    /// How many events may wait in memory; 1 to 1,000,000, 2,000 by default. Above that the oldest are dropped and
    /// counted as missed.
    listen_options& max_queued(std::size_t events) & { return max_queued_ = events, *this; }
    listen_options&& max_queued(std::size_t events) && { return std::move(max_queued(events)); }
    /// The same in bytes of memory; 8 MB by default. One event always fits.
    listen_options& max_queued_bytes(std::size_t bytes) & { return max_queued_bytes_ = bytes, *this; }
    listen_options&& max_queued_bytes(std::size_t bytes) && { return std::move(max_queued_bytes(bytes)); }
    /// Only events that match.
    listen_options& query(event_query value) & { return query_ = std::move(value), *this; }
    listen_options&& query(event_query value) && { return std::move(query(std::move(value))); }
    /// Only events for which this returns true. Called like the selector of a subscription.
    template <handler_for<bool(const recorded_event&)> Selector>
    listen_options& selector(Selector&& value) & {
        selector_ = std::forward<Selector>(value);
        return *this;
    }
    template <handler_for<bool(const recorded_event&)> Selector>
    listen_options&& selector(Selector&& value) && {
        return std::move(selector(std::forward<Selector>(value)));
    }

    std::size_t max_queued() const noexcept { return max_queued_; }
    std::size_t max_queued_bytes() const noexcept { return max_queued_bytes_; }
    const event_query& query() const noexcept { return query_; }
    const std::function<bool(const recorded_event&)>& selector() const noexcept { return selector_; }

private:
    std::size_t max_queued_ = 2'000;
    std::size_t max_queued_bytes_ = std::size_t{8} << 20;
    event_query query_;
    std::function<bool(const recorded_event&)> selector_;
};

} // namespace eventstore
