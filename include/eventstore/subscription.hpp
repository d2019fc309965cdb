/// \file
/// Persistent subscriptions: every event, in order, at least once.
#pragma once

#include <eventstore/asio_settings.hpp>
#include <eventstore/event_batch.hpp>
#include <eventstore/export.hpp>
#include <eventstore/store_options.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace eventstore {

namespace detail {
class consumer;
}

/// A place among the consumers of a persistent subscription; see `store::subscribe`.
///
///     while (auto batch = co_await mailer.next()) {
///         for (const es::recorded_event& event : *batch) co_await send_mail(event);
///         batch->ack();
///     }
///
/// A worker that lives long subscribes with `if_taken::wait`, in a loop: a process that was silent for longer than its
/// lease (suspended, swapped out) gets `subscription_lost` from next() or ack(), and lines up again.
///
/// Move-only; moved from, it has ended. When it is destroyed, what it holds in flight goes to the other consumers, in
/// order; with the last one of them the subscription is released, after its checkpoint was written, and any process may
/// take over at once. It keeps its store open while it lives.
///
/// Thread safety: ack, nack and the acks of batches from any thread; next() for one coroutine at a time.
class [[nodiscard]] EVENTSTORE_EXPORT subscription {
public:
    explicit subscription(std::shared_ptr<detail::consumer> inside) noexcept;
    subscription(subscription&&) noexcept;
    subscription& operator=(subscription&&) noexcept;
    ~subscription();

    /// The next batch; waits until there is one, and while `max_in_flight` batches are out. Nothing when the
    /// subscription has ended in order: unsubscribed, destroyed or the store closed.
    ///
    /// Errors: `subscription_lost` (another process has taken over: subscribe again), `subscription_deleted`,
    /// `subscription_stopped` (`when_exhausted::stop`), `handler_failed`, `log_truncated`, `next_pending`. A database
    /// that cannot be reached is no error: next() waits, and events come when it is back.
    /// Cancellation: nothing is taken; the same batch comes again.
    boost::asio::awaitable<std::optional<event_batch>> next();

    /// As next(), but when this time is over it gives an empty batch, which need not be acknowledged.
    boost::asio::awaitable<std::optional<event_batch>> next(milliseconds wait);

    /// The same as the batch's own ack() and nack().
    void ack(const event_batch& batch) { batch.ack(); }
    void nack(const event_batch& batch, std::string_view reason) { batch.nack(reason); }

    /// Acknowledges everything that this consumer was handed out, through this event.
    /// Errors: `unexpected_ack` if it was not handed out; those of event_batch::ack().
    void ack_through(const recorded_event& event);
    /// The same by the event's position, or (in a subscription to one stream) its version.
    void ack_through_position(std::int64_t position);
    void ack_through_version(std::int64_t version);

    /// Returns when everything that was acknowledged before the call is durable.
    /// Errors: `timeout` after the store's operation_timeout; those of event_batch::ack(). Cancellation: only the
    /// waiting ends.
    boost::asio::awaitable<void> checkpoint();

    /// The fencing token of this process's hold on the subscription: it grows with each owner. A handler that writes
    /// elsewhere keeps the highest that it has seen there, in the same transaction, and refuses lower ones: so an owner
    /// that was silent for too long overwrites nothing of its successor's. 0 once the subscription was moved from.
    std::int64_t epoch() const noexcept;

    /// The stream that it is to, or `$all`, and its name; empty once it was moved from.
    const std::string& stream() const noexcept;
    const std::string& name() const noexcept;
    /// The position up to which all is acknowledged, by all consumers together, durable or not.
    std::int64_t position() const noexcept;
    /// How many positions of the log come after that, as far as this store has seen the log. Events count that the
    /// subscription is not given.
    std::int64_t lag() const noexcept;

    /// Of the store. \throws error `subscription_ended` once it was moved from
    boost::asio::any_io_executor get_executor() const;

    /// Ends this consumer. With the last one the checkpoint is written and the subscription released, before this
    /// returns. Idempotent. Cancellation: only the waiting ends.
    boost::asio::awaitable<void> unsubscribe();

private:
    std::shared_ptr<detail::consumer> inside_;
};

} // namespace eventstore
