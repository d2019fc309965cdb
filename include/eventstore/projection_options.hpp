/// \file
/// Options of projections.
#pragma once

#include <eventstore/asio_settings.hpp>
#include <eventstore/event_query.hpp>
#include <eventstore/projection_batch.hpp>
#include <eventstore/store_options.hpp>
#include <eventstore/subscription_options.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

namespace eventstore {

/// The options of `run_projection`. Values out of bounds fail it with `errc::invalid_argument`.
class projection_options {
public:
    projection_options() noexcept {} // user-declared: a temporary aggregate inside co_await is freed twice by g++ 12

    /// The version of the read model, 1 to 1,000,000; 1 by default. A higher one than that in use replays the log into a
    /// read model of its own, and then takes over; see `run_projection`.
    projection_options& version(int value) & { return version_ = value, *this; }
    projection_options&& version(int value) && { return std::move(version(value)); }

    /// Only events that match; the server filters.
    projection_options& query(event_query value) & { return query_ = std::move(value), *this; }
    projection_options&& query(event_query value) && { return std::move(query(std::move(value))); }
    /// A new projection starts after this position of the log; 0 (the first event) by default.
    projection_options& after(std::int64_t position) & { return after_ = position, *this; }
    projection_options&& after(std::int64_t position) && { return std::move(after(position)); }

    /// At most this many events in a transaction; 1 to 100,000, 5,000 by default. A projection that is behind gets as
    /// many; one that is not gets what is there.
    projection_options& max_batch(std::size_t value) & { return max_batch_ = value, *this; }
    projection_options&& max_batch(std::size_t value) && { return std::move(max_batch(value)); }
    /// At most this many bytes of events wait in memory, for each consumer; 32 MB by default. One event always fits.
    projection_options& max_queued_bytes(std::size_t bytes) & { return max_queued_bytes_ = bytes, *this; }
    projection_options&& max_queued_bytes(std::size_t bytes) && { return std::move(max_queued_bytes(bytes)); }

    /// How many consumers share the events, each with its own checkpoint and transactions; 1 to 64, 1 by default. An
    /// event goes to the consumer that its key leads to, by default its stream: so the order of a key is kept, and that
    /// of the log is not. Fixed when a version is created.
    projection_options& consumers(std::size_t value) & { return consumers_ = value, *this; }
    projection_options&& consumers(std::size_t value) && { return std::move(consumers(value)); }
    /// The key of an event. It must always be the same for an event. Called on the store's executor, never under a lock.
    template <handler_for<std::string(const recorded_event&)> Key>
    projection_options& partition_by(Key&& value) & {
        key_ = std::forward<Key>(value);
        return *this;
    }
    template <handler_for<std::string(const recorded_event&)> Key>
    projection_options&& partition_by(Key&& value) && {
        return std::move(partition_by(std::forward<Key>(value)));
    }

    /// How often an event whose handler failed is tried again before `exhausted` applies; 0 or more, 5 by default.
    projection_options& max_retries(int value) & { return max_retries_ = value, *this; }
    projection_options&& max_retries(int value) && { return std::move(max_retries(value)); }
    /// The delay before the first retry; doubles with each retry, up to a minute. 0 ms or more, 100 ms by default.
    projection_options& retry_after(milliseconds value) & { return retry_after_ = value, *this; }
    projection_options&& retry_after(milliseconds value) && { return std::move(retry_after(value)); }
    /// What to do with an event that has failed more than `max_retries` times; by default it is parked.
    projection_options& exhausted(when_exhausted value) & { return exhausted_ = value, *this; }
    projection_options&& exhausted(when_exhausted value) && { return std::move(exhausted(value)); }

    /// How long the projection stays with this process after its last renewal, and how long one operation of its
    /// transactions may take, and the handler between two of them; 100 ms or more, 10 s by default.
    projection_options& lease(milliseconds value) & { return lease_ = value, *this; }
    projection_options&& lease(milliseconds value) && { return std::move(lease(value)); }

    /// Sends readers to this version, in the transaction that makes it the one in use: for example it replaces a view.
    /// It is called for a version that has replayed, not for the first one of a projection. The transaction is as that of
    /// a handler; if it fails it is tried again.
    template <handler_for<boost::asio::awaitable<void>(transaction&)> Handler>
    projection_options& on_switch(Handler&& value) & {
        on_switch_ = std::forward<Handler>(value);
        return *this;
    }
    template <handler_for<boost::asio::awaitable<void>(transaction&)> Handler>
    projection_options&& on_switch(Handler&& value) && {
        return std::move(on_switch(std::forward<Handler>(value)));
    }

    int version() const noexcept { return version_; }
    const event_query& query() const noexcept { return query_; }
    std::int64_t after() const noexcept { return after_; }
    std::size_t max_batch() const noexcept { return max_batch_; }
    std::size_t max_queued_bytes() const noexcept { return max_queued_bytes_; }
    std::size_t consumers() const noexcept { return consumers_; }
    const std::function<std::string(const recorded_event&)>& partition_key() const noexcept { return key_; }
    int max_retries() const noexcept { return max_retries_; }
    milliseconds retry_after() const noexcept { return retry_after_; }
    when_exhausted exhausted() const noexcept { return exhausted_; }
    milliseconds lease() const noexcept { return lease_; }
    const std::function<boost::asio::awaitable<void>(transaction&)>& on_switch() const noexcept { return on_switch_; }

private:
    int version_ = 1;
    event_query query_;
    std::int64_t after_ = 0;
    std::size_t max_batch_ = 5'000;
    std::size_t max_queued_bytes_ = std::size_t{32} << 20;
    std::size_t consumers_ = 1;
    std::function<std::string(const recorded_event&)> key_;
    int max_retries_ = 5;
    milliseconds retry_after_{100};
    when_exhausted exhausted_ = when_exhausted::park;
    milliseconds lease_{10'000};
    std::function<boost::asio::awaitable<void>(transaction&)> on_switch_;
};

} // namespace eventstore
