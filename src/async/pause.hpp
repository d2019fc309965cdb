/// A wait that can be cut short.
#pragma once

#include "async/completion.hpp"

#include <boost/asio/awaitable.hpp>

#include <memory>
#include <mutex>

namespace eventstore::detail {

/// For one coroutine at a time, whose owner keeps it. Thread safe.
class pause {
public:
    explicit pause(std::shared_ptr<timer_queue> timers) : timers_(std::move(timers)) {}

    /// True if it was not ended before the time. Ends the one before it.
    asio::awaitable<bool> until(steady_time when);
    /// Nothing happens if nobody waits.
    void end() noexcept;

private:
    std::shared_ptr<completion<void>> replace(std::shared_ptr<completion<void>> next) noexcept;

    const std::shared_ptr<timer_queue> timers_;
    std::mutex mutex_;
    std::shared_ptr<completion<void>> current_;
};

} // namespace eventstore::detail
