/// \file
/// A batch of events from a subscription.
#pragma once

#include <eventstore/export.hpp>
#include <eventstore/recorded_event.hpp>

#include <cstddef>
#include <memory>
#include <string_view>

namespace eventstore {

namespace detail {
class batch_state;
}

/// Events to handle, and then to acknowledge (ack) or refuse (nack).
///
/// Move-only; it refers to its subscription even after that is moved. A batch that is destroyed before any access
/// (begin, end, size, ack ...) returns to the front of the queue, so that a batch that loses a race is not lost. A
/// batch that was accessed, and is destroyed without an ack, stays in flight: its events are delivered again when the
/// subscription is resumed, by another consumer or after a restart.
///
/// Thread safety: ack() and nack() from any thread; they block only while a few counters are changed.
class EVENTSTORE_EXPORT event_batch {
public:
    using value_type = recorded_event;
    using const_iterator = const recorded_event*;
    using iterator = const_iterator;

    explicit event_batch(std::unique_ptr<detail::batch_state> state) noexcept;
    event_batch(event_batch&&) noexcept;
    event_batch& operator=(event_batch&&) noexcept;
    ~event_batch();

    const recorded_event* begin() const noexcept;
    const recorded_event* end() const noexcept;
    std::size_t size() const noexcept { return static_cast<std::size_t>(end() - begin()); }
    bool empty() const noexcept { return begin() == end(); }
    const recorded_event& operator[](std::size_t index) const noexcept { return begin()[index]; }
    const recorded_event& front() const noexcept { return *begin(); }
    const recorded_event& back() const noexcept { return *(end() - 1); }

    /// How often these events have been delivered, including this time. The count survives nacks and crashes of the
    /// owner: 1 means that no consumer has had them before. Events that a busy process may have had when it crashed
    /// have 2 or more; that delivery does not count against `max_retries`.
    int delivery() const noexcept;

    /// Acknowledges all events of the batch: they will not be delivered again. Takes effect in memory at once; durable
    /// with the next checkpoint. A second ack, or the ack of an empty batch, does nothing.
    ///
    /// Errors: `subscription_lost` (and `subscription_deleted`, `subscription_stopped`): the subscription has another
    /// owner now, which gets these events again. `subscription_ended` after unsubscribe() or the end of the consumer,
    /// `store_closed` after the end of the store: the events are delivered again to the next consumer.
    void ack() const;

    /// Refuses the unacknowledged events of the batch: they are delivered again after a while, up to `max_retries`
    /// times; then `exhausted` decides. Events that must be delivered after them wait.
    /// \param reason stored with a parked event: at most 10,000 bytes; invalid UTF-8 becomes U+FFFD
    /// Errors: those of ack().
    void nack(std::string_view reason) const;

    /// Refuses one event of the batch: acknowledges the events before it, and returns those after it to the queue, as if
    /// they had not been delivered.
    ///
    ///     for (const es::recorded_event& event : *batch)
    ///         if (!handle(event)) {
    ///             batch->nack(event, "the handler has refused it");
    ///             break;
    ///         }
    ///
    /// Errors: those of ack(); `unexpected_ack` if the event is none of this batch.
    void nack(const recorded_event& failed, std::string_view reason) const;

private:
    friend class transaction; // acknowledges it with its commit
    std::unique_ptr<detail::batch_state> state_;
};

} // namespace eventstore
