/// Wakes a coroutine, which looks again at what it waits for.
#pragma once

#include "async/completion.hpp"

#include <boost/asio/awaitable.hpp>

#include <memory>
#include <mutex>

namespace eventstore::detail {

/// For one coroutine. Raised while nobody waits, it is kept for who waits next. Thread safe.
class signal {
public:
    void raise() noexcept;
    /// Returns at once if it was raised since the last wait.
    static asio::awaitable<void> wait(std::shared_ptr<signal> self);
    /// The same, for no longer than until then.
    static asio::awaitable<void> wait_until(
        std::shared_ptr<signal> self, std::shared_ptr<timer_queue> timers, steady_time when);

private:
    std::mutex mutex_;
    bool is_raised_ = false;
    std::shared_ptr<completion<void>> waiting_;
};

} // namespace eventstore::detail
