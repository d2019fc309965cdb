#include "async/signal.hpp"

#include <utility>

namespace eventstore::detail {

void signal::raise() noexcept {
    std::shared_ptr<completion<void>> waiting;
    {
        const std::lock_guard lock(mutex_);
        is_raised_ = true;
        waiting = std::exchange(waiting_, nullptr);
    }
    if (waiting) waiting->complete();
}

asio::awaitable<void> signal::wait(std::shared_ptr<signal> self) {
    return wait_until(std::move(self), nullptr, steady_time::max());
}

asio::awaitable<void> signal::wait_until(
    std::shared_ptr<signal> self, std::shared_ptr<timer_queue> timers, steady_time when) {
    std::shared_ptr<completion<void>> next;
    {
        const std::lock_guard lock(self->mutex_);
        if (std::exchange(self->is_raised_, false)) co_return;
        self->waiting_ = next = std::make_shared<completion<void>>("waiting for a change");
    }
    auto waiting = completion<void>::wait(next, timers.get(), when);
    co_await std::move(waiting);
    const std::lock_guard lock(self->mutex_);
    self->is_raised_ = false; // whatever it was raised for until now is seen by who looks from here on
    self->waiting_.reset();
}

} // namespace eventstore::detail
