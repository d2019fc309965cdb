#include "async/signal.hpp"

#include <utility>

namespace eventstore::detail {

void signal::raise() noexcept {
    std::shared_ptr<completion<void>> waiting;
    {
        const std::lock_guard lock(mutex_);
        waiting = std::exchange(waiting_, nullptr);
        is_raised_ = !waiting;
    }
    if (waiting) waiting->complete();
}

asio::awaitable<void> signal::wait(std::shared_ptr<signal> self) {
    std::shared_ptr<completion<void>> next;
    {
        const std::lock_guard lock(self->mutex_);
        if (std::exchange(self->is_raised_, false)) co_return;
        self->waiting_ = next = std::make_shared<completion<void>>(std::string());
    }
    auto waiting = completion<void>::wait(next);
    co_await std::move(waiting);
}

} // namespace eventstore::detail
