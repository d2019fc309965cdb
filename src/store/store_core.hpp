/// Everything that an open store is made of.
#pragma once

#include "base/deadlines.hpp"
#include "base/live_objects.hpp"
#include "base/operation.hpp"
#include "feed/announcer.hpp"
#include "feed/feed.hpp"
#include "log/appender.hpp"
#include "log/reader.hpp"
#include "postgres/pool.hpp"
#include "subscription/keeper.hpp"
#include "subscription/listening.hpp"
#include "subscription/machinery.hpp"

#include <eventstore/store.hpp>
#include <eventstore/store_options.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

namespace eventstore::detail {

namespace asio = boost::asio;

/// The parts of a store, and their orderly end. Outlives its handles until that is done. Thread safe.
class store_core : public std::enable_shared_from_this<store_core>, private live_object {
public:
    static std::shared_ptr<store_core> make(const store_options& options, asio::any_io_executor executor);
    store_core(const store_options& options, asio::any_io_executor executor);

    /// Begins the end: no new operations; what is queued is appended; after `close_timeout` the rest is dropped.
    void close() noexcept;
    /// Its context is going: lets go of everything that cannot outlive it. What remains is good for nothing.
    void abandon() noexcept;
    bool is_closing() const noexcept { return is_closing_.load(std::memory_order_acquire); }
    bool is_abandoned() const noexcept { return abandoned_.load(std::memory_order_acquire); }

    /// Returns when it has ended; cancelled, earlier.
    static asio::awaitable<result<void>> wait_closed(std::shared_ptr<store_core> self);

    /// When an operation that begins now and may take `limit` (0 = operation_timeout) must end.
    steady_time deadline(std::chrono::milliseconds limit) const noexcept;

    const store_options options;
    const asio::any_io_executor executor;
    // Null once abandoned.
    std::shared_ptr<deadlines> timers;
    std::shared_ptr<const log::statements> statements;
    std::shared_ptr<postgres::pool> pool;
    std::shared_ptr<log::reader> reader;
    std::shared_ptr<eventstore::feed::announcer> announcer;
    std::shared_ptr<eventstore::feed::feed> feed;
    std::shared_ptr<const delivery::machinery> machinery;
    std::shared_ptr<delivery::keeper> keeper;
    std::shared_ptr<log::appender> appender;

    /// Ends this listener with the store.
    void add(const std::shared_ptr<delivery::listening>& listener);

private:
    class end_waiter;
    using appends = std::span<const std::shared_ptr<log::append_request>>;
    void committed(appends which, const log::append_plan::verdict& verdict);
    void connect_parts();
    void writing_ended();
    void part_closed();
    std::vector<std::shared_ptr<delivery::listening>> take_listeners();

    std::atomic<bool> abandoned_{false};
    std::atomic<bool> is_closing_{false};
    std::mutex mutex_;
    int writers_open_ = 2; // the appender with its announcements, and the keeper: they need the pool
    int parts_open_ = 2;   // the appender and the pool
    std::vector<std::weak_ptr<delivery::listening>> listeners_;
    std::vector<std::shared_ptr<end_waiter>> waiting_;
    std::unique_ptr<asio::steady_timer> timer_;
};

/// What handles share; the last one of them ends the store.
class store_impl {
public:
    explicit store_impl(std::shared_ptr<store_core> parts) : core(std::move(parts)) {}
    ~store_impl() { core->close(); }
    store_impl(const store_impl&) = delete;
    store_impl& operator=(const store_impl&) = delete;

    const std::shared_ptr<store_core> core;
};

/// Whether a handle is of use, and a limit given to store::within is one; 0 stands for none given.
std::optional<failure> check_call(const std::shared_ptr<store_impl>& impl, std::chrono::milliseconds limit);

} // namespace eventstore::detail
