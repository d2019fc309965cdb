/// A moment that comes once, and that can be waited for.
#pragma once

#include "async/completion.hpp"

#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace eventstore::detail {

/// Closed at first. Once it is open it stays so, and whoever waits goes on. Thread safe.
class latch {
public:
    void open();
    bool is_open() const;

    /// Returns when it is open; cancelled, or at the deadline, earlier, with that failure.
    static asio::awaitable<result<void>> wait(std::shared_ptr<latch> self, std::string doing,
        timer_queue* timers = nullptr, steady_time deadline = steady_time::max());

private:
    mutable std::mutex mutex_;
    bool is_open_ = false;
    std::vector<std::shared_ptr<completion<void>>> waiting_;
};

} // namespace eventstore::detail
