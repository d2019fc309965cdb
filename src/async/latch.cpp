#include "async/latch.hpp"

#include <utility>

namespace eventstore::detail {

void latch::open() {
    std::vector<std::shared_ptr<completion<void>>> waiting;
    {
        const std::lock_guard lock(mutex_);
        is_open_ = true;
        waiting = std::exchange(waiting_, {});
    }
    for (const auto& waiter : waiting) waiter->complete();
}

bool latch::is_open() const {
    const std::lock_guard lock(mutex_);
    return is_open_;
}

asio::awaitable<result<void>> latch::wait(
    std::shared_ptr<latch> self, std::string doing, timer_queue* timers, steady_time deadline) {
    const auto opened = std::make_shared<completion<void>>(std::move(doing));
    {
        const std::lock_guard lock(self->mutex_);
        if (self->is_open_) co_return result<void>();
        std::erase_if(self->waiting_, [](const auto& waiter) { return waiter->is_claimed(); }); // cancelled ones
        self->waiting_.push_back(opened);
    }
    auto waiting = completion<void>::wait(opened, timers, deadline);
    co_return co_await std::move(waiting);
}

} // namespace eventstore::detail
