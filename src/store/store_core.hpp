/// Everything that an open store is made of.
#pragma once

#include "base/deadlines.hpp"
#include "base/live_objects.hpp"
#include "base/operation.hpp"
#include "log/appender.hpp"
#include "log/reader.hpp"
#include "postgres/pool.hpp"

#include <eventstore/store.hpp>
#include <eventstore/store_options.hpp>

#include <memory>
#include <mutex>
#include <vector>

namespace eventstore::detail {

namespace asio = boost::asio;

/// The parts of a store, and their orderly end. Outlives its handles until that is done. Thread safe.
class store_core : public std::enable_shared_from_this<store_core>, private live_object {
public:
    store_core(const store_options& options, asio::any_io_executor executor);

    /// Begins the end: no new operations; what is queued is appended; after `close_timeout` the rest is dropped.
    void close() noexcept;
    /// Returns when it has ended; cancelled, earlier.
    static asio::awaitable<result<void>> wait_closed(std::shared_ptr<store_core> self);

    const store_options options;
    const asio::any_io_executor executor;
    const std::shared_ptr<deadlines> timers;
    const std::shared_ptr<const log::statements> statements;
    const std::shared_ptr<postgres::pool> pool;
    const std::shared_ptr<log::reader> reader;
    const std::shared_ptr<log::appender> appender;

private:
    class end_waiter;
    void part_closed();

    std::mutex mutex_;
    int parts_open_ = 2; // the appender and the pool
    bool closing_ = false;
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

} // namespace eventstore::detail
