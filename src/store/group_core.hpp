/// What stores share: the connections, and the timers.
#pragma once

#include "async/latch.hpp"
#include "async/timer_queue.hpp"
#include "base/live_objects.hpp"
#include "feed/listener.hpp"
#include "feed/poller.hpp"
#include "log/statements.hpp"
#include "postgres/lender.hpp"
#include "postgres/pool.hpp"
#include "postgres/session_pool.hpp"
#include "store/context_life.hpp"
#include "subscription/heart.hpp"

#include <eventstore/error.hpp>
#include <eventstore/store_options.hpp>
#include <eventstore/store_stats.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace eventstore::detail {

class store_core;

/// The connections of one store, or of many, and their orderly end: when the stores have ended. Thread safe.
class group_core final : public std::enable_shared_from_this<group_core>, public mortal, private live_object {
public:
    enum class kind {
        one, ///< a store by itself: the connections end with it
        many
    };
    static std::shared_ptr<group_core> make(kind what, const store_options& options, asio::any_io_executor executor);
    group_core(kind what, const store_options& options, asio::any_io_executor executor);

    bool is_of_many() const noexcept { return kind_ == kind::many; }

    /// Statements for another store.
    std::shared_ptr<const log::statements> make_statements(const std::string& schema);

    /// A store that uses the connections; false: the end has begun. Each one leaves when it has written its last.
    bool add(const std::shared_ptr<store_core>& store);
    void leave(const store_core* store);

    /// Closes the stores, and then the connections; after `close_timeout` they are dropped.
    void close() noexcept;
    bool is_closing() const noexcept { return is_closing_.load(std::memory_order_acquire); }
    void refuse() noexcept override { abandoned_.store(true, std::memory_order_release); }
    void abandon() noexcept override;
    bool is_abandoned() const noexcept { return abandoned_.load(std::memory_order_acquire); }

    /// The connections that were made, and those that are open.
    store_stats count_connections() const;

    /// `then` is called, on any thread, when the connections are closed.
    void when_ended(std::function<void()> then);
    /// Ends what is left without waiting for it.
    void drop();

    const store_options options;
    const asio::any_io_executor executor;
    const std::shared_ptr<latch> ended = std::make_shared<latch>();
    std::optional<postgres::connection::strand> migrating_strand; ///< none once abandoned; the rest refuses everything
    std::shared_ptr<timer_queue> timers;
    std::shared_ptr<postgres::pool> pool;
    std::shared_ptr<postgres::lender> appending;      ///< connections for appending
    std::shared_ptr<postgres::session_pool> sessions; ///< of transactions
    std::shared_ptr<postgres::lender> migrating;      ///< one, for making schemas; open only meanwhile
    std::shared_ptr<eventstore::feed::listener> ear;
    std::shared_ptr<eventstore::feed::poller> polls; ///< null for a store by itself, as the next one
    std::shared_ptr<delivery::heart> beats;

private:
    struct member {
        const store_core* address = nullptr;
        std::weak_ptr<store_core> store;
    };
    void end_connections();
    void part_ended();

    const kind kind_;
    std::atomic<std::size_t> next_index_{0};
    std::atomic<bool> abandoned_{false};
    std::atomic<bool> is_closing_{false};
    std::mutex mutex_;
    std::vector<member> members_;
    bool is_ending_ = false;
    int parts_open_ = 2; // the pool, and the sessions
    std::function<void()> when_ended_;
    std::unique_ptr<asio::steady_timer> timer_;
};

/// What the handles to a group, and to its stores, share; the last one of them ends the connections.
class group_impl {
public:
    explicit group_impl(std::shared_ptr<group_core> parts) : core(std::move(parts)) {}
    ~group_impl() { core->close(); }
    group_impl(const group_impl&) = delete;
    group_impl& operator=(const group_impl&) = delete;

    const std::shared_ptr<group_core> core;
};

} // namespace eventstore::detail
