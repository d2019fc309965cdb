/// The look at the ends of many logs, in few statements.
#pragma once

#include "async/environment.hpp"
#include "storage/combined.hpp"
#include "storage/log_mark.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace eventstore::feed {

namespace asio = boost::asio;

/// For the feeds of a group: each looks when all do. Thread safe.
class poller {
public:
    poller(const detail::environment& where, std::shared_ptr<postgres::pool> pool, std::chrono::milliseconds timeout);

    /// The newest event of a log, at position 0 if there is none. Its history is not told.
    static asio::awaitable<result<storage::log_mark>> newest(
        std::shared_ptr<poller> self, std::string schema, detail::steady_time deadline);

    /// How long to wait until all look, when they do so once in each `period`.
    std::chrono::milliseconds until_next(std::chrono::milliseconds period) const;

    void abandon() noexcept { all_->abandon(); }

private:
    class part;

    const std::shared_ptr<detail::timer_queue> timers_;
    const detail::steady_time begun_;
    const std::shared_ptr<storage::combined> all_;
};

} // namespace eventstore::feed
