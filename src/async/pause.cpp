#include "async/pause.hpp"

#include <utility>

namespace eventstore::detail {

asio::awaitable<bool> pause::until(steady_time when) {
    const auto next = std::make_shared<completion<void>>("pausing");
    if (const auto before = replace(next)) before->complete();
    auto waiting = completion<void>::wait(next, timers_.get(), when);
    const auto ended = co_await std::move(waiting);
    co_return !ended;
}

void pause::end() noexcept {
    if (const auto current = replace(nullptr)) current->complete();
}

std::shared_ptr<completion<void>> pause::replace(std::shared_ptr<completion<void>> next) noexcept {
    const std::lock_guard lock(mutex_);
    return std::exchange(current_, std::move(next));
}

} // namespace eventstore::detail
