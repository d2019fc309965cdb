/// Tells other processes that the log has grown.
#pragma once

#include "async/environment.hpp"
#include "async/service.hpp"
#include "base/live_objects.hpp"
#include "postgres/pool.hpp"
#include "storage/statements.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>

namespace eventstore::feed {

namespace asio = boost::asio;

/// Sends one notification at a time, at once after a pause and every few milliseconds under load; what is committed
/// meanwhile goes into the next one. A notification that is lost costs
/// the others one poll. Thread safe.
class announcer : public std::enable_shared_from_this<announcer>, public detail::service, private detail::live_object {
public:
    announcer(detail::environment where, std::shared_ptr<postgres::pool> pool,
        std::shared_ptr<const storage::statements> statements, std::chrono::milliseconds timeout);

    void announce(std::int64_t first, std::int64_t last);

    void abandon() noexcept override {} // what it has under way is the pool's

private:
    /// Everything is announced first.
    void begin_stop() override;
    void drop() override { stopped(); }
    void idle();
    static asio::awaitable<void> run(std::shared_ptr<announcer> self);

    const detail::environment environment_;
    const std::shared_ptr<postgres::pool> pool_;
    const std::shared_ptr<const storage::statements> statements_;
    const std::chrono::milliseconds timeout_;

    std::mutex mutex_;
    bool running_ = false;
    std::int64_t first_ = 0; // of what is not announced; 0 = nothing
    std::int64_t last_ = 0;
    detail::steady_time next_{}; // not before
    bool is_stopping_ = false;
};

} // namespace eventstore::feed
