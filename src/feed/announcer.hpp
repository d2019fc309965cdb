/// Tells other processes that the log has grown.
#pragma once

#include "base/live_objects.hpp"
#include "log/statements.hpp"
#include "postgres/pool.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

namespace eventstore::feed {

namespace asio = boost::asio;

/// Sends one notification at a time, at once after a pause and every few milliseconds under load; what is committed
/// meanwhile goes into the next one. A notification that is lost costs
/// the others one poll. Thread safe.
class announcer : public std::enable_shared_from_this<announcer>, private detail::live_object {
public:
    announcer(asio::any_io_executor executor, std::shared_ptr<postgres::pool> pool,
        std::shared_ptr<const log::statements> statements, std::chrono::milliseconds timeout);

    void announce(std::int64_t first, std::int64_t last);

    /// `idle` is called, on any thread, once everything was announced.
    void close(std::function<void()> idle);

private:
    void stopped();
    static asio::awaitable<void> run(std::shared_ptr<announcer> self);

    const asio::any_io_executor executor_;
    const std::shared_ptr<postgres::pool> pool_;
    const std::shared_ptr<const log::statements> statements_;
    const std::chrono::milliseconds timeout_;

    std::mutex mutex_;
    bool running_ = false;
    std::int64_t first_ = 0; // of what is not announced; 0 = nothing
    std::int64_t last_ = 0;
    detail::steady_time next_{}; // not before
    std::function<void()> when_idle_;
};

} // namespace eventstore::feed
