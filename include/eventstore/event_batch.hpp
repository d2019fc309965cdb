/// \file
/// What a subscription hands out.
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

/// Events to be handled, and then acknowledged (ack) or refused (nack).
///
/// Move-only; it knows its subscription, wherever that has been moved to. A batch that is destroyed before anybody looked
/// into it (begin, end, size, ack ...) goes back to the front of the queue, so that a batch that loses a race is not
/// lost. One that was looked into, and is destroyed without an ack, stays in flight: its events come again when the
/// subscription is resumed, by another consumer or after a restart.
///
/// Thread safety: ack() and nack() from any thread; they block for no longer than it takes to change a few counters.
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

    /// How often these events have been handed out, this time included. Counted through nacks, and through the death of
    /// the process that held them: 1 says that nobody has ever had them before. What a busy process may have had when it
    /// died says 2 at least, and is not counted against `max_retries`.
    int delivery() const noexcept;

    /// Acknowledges all events of the batch: they will not come again. In memory at once; durable with the next
    /// checkpoint. A second ack does nothing, and neither does that of an empty batch.
    ///
    /// Errors: `subscription_lost` (and `subscription_deleted`, `subscription_stopped`): the subscription has another
    /// owner by now, who gets these events again. `subscription_ended` after unsubscribe() or the end of the consumer,
    /// `store_closed` after that of the store: they are delivered again to whoever takes it next.
    void ack() const;

    /// Refuses the events of the batch that are not acknowledged: they come again after a while, and as often as
    /// `max_retries` says; then what `exhausted` says becomes of them. Events that must stay behind them wait.
    /// \param reason kept with an event that is parked: at most 10,000 bytes of it, what is not UTF-8 as U+FFFD
    /// Errors: those of ack().
    void nack(std::string_view reason) const;

private:
    friend class transaction; // which acknowledges it with its commit
    std::unique_ptr<detail::batch_state> state_;
};

} // namespace eventstore
