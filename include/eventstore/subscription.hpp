/// \file
/// Persistent subscriptions: deliver every event, in order, at least once.
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

/// One consumer of a persistent subscription; see `store::subscribe`.
///
///     while (auto batch = co_await mailer.next()) {
///         for (const es::recorded_event& event : *batch) co_await send_mail(event);
///         batch->ack();
///     }
///
/// A long-running worker subscribes with `if_taken::wait`, in a loop: a process that did not renew its lease in time
/// (suspended, swapped out) gets `subscription_lost` from next() or ack(), and subscribes again.
///
/// Move-only; moved from, it has ended. When it is destroyed, its events in flight go to the other consumers, in order.
/// With the last consumer the checkpoint is written and the subscription released; then any process may take over at
/// once. It keeps its store open while it lives.
///
/// Thread safety: ack, nack and the acks of batches: any thread; next() is for one coroutine at a time.
class [[nodiscard]] EVENTSTORE_EXPORT subscription {
public:
    explicit subscription(std::shared_ptr<detail::consumer> inside) noexcept;
    subscription(subscription&&) noexcept;
    subscription& operator=(subscription&&) noexcept;
    ~subscription();

    /// Returns the next batch; waits until there is one, and while `max_in_flight` batches are in flight. Returns
    /// nothing after an orderly end: unsubscribed, destroyed, or the store closed.
    ///
    /// Errors: `subscription_lost` (another process has taken over: subscribe again), `subscription_deleted`,
    /// `subscription_stopped` (`when_exhausted::stop`), `handler_failed`, `log_truncated`, `next_pending`. While
    /// the database is unreachable, next() waits.
    /// Cancellation: no batch is taken; the next call returns the same batch.
    boost::asio::awaitable<std::optional<event_batch>> next();

    /// Like next(), but returns an empty batch after this time, which need not be acknowledged.
    boost::asio::awaitable<std::optional<event_batch>> next(milliseconds wait);

    /// The same as ack() and nack() of the batch.
    void ack(const event_batch& batch) { batch.ack(); }
    void nack(const event_batch& batch, std::string_view reason) { batch.nack(reason); }

    /// Acknowledges every event delivered to this consumer up to and including this one.
    /// Errors: `unexpected_ack` if it was not delivered to this consumer; those of event_batch::ack().
    void ack_through(const recorded_event& event);
    /// The same by the event's position, or (for a subscription to one stream) by its version.
    void ack_through_position(std::int64_t position);
    void ack_through_version(std::int64_t version);

    /// Returns when every ack made before the call is durable.
    /// Errors: `timeout` after the store's operation_timeout; those of event_batch::ack(). Cancellation: only the wait
    /// ends.
    boost::asio::awaitable<void> checkpoint();

    /// The fencing token of this process's lease; it increases with each owner. A handler that writes to another system
    /// stores the highest token there, in the same transaction, and refuses lower ones. So an owner whose lease has
    /// expired overwrites nothing that its successor wrote. 0 once it was moved from.
    std::int64_t epoch() const noexcept;

    /// The subscribed stream, or `$all`, and the name of the subscription; empty once it was moved from.
    const std::string& stream() const noexcept;
    const std::string& name() const noexcept;
    /// The position up to which all consumers together have acknowledged everything, durable or not.
    std::int64_t position() const noexcept;
    /// The number of log positions after position(), as far as this store has seen the log. Includes events that the
    /// subscription does not deliver.
    std::int64_t lag() const noexcept;

    /// The executor of the store; of no use once its execution context has ended. \throws error `subscription_ended` once it was moved from
    boost::asio::any_io_executor get_executor() const;

    /// Ends this consumer. If it is the last one, also writes the checkpoint and releases the subscription before it
    /// returns. Idempotent. Cancellation: only the wait ends.
    boost::asio::awaitable<void> unsubscribe();

private:
    std::shared_ptr<detail::consumer> inside_;
};

} // namespace eventstore
