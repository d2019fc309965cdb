/// What stores share: the connections, and the timers.
#pragma once

#include "async/environment.hpp"
#include "async/latch.hpp"
#include "base/live_objects.hpp"
#include "feed/listener.hpp"
#include "feed/poller.hpp"
#include "postgres/exclusive_pool.hpp"
#include "postgres/pool.hpp"
#include "runtime/context_life.hpp"
#include "storage/statements.hpp"
#include "subscription/group_renewals.hpp"

#include <eventstore/error.hpp>
#include <eventstore/store_options.hpp>
#include <eventstore/store_stats.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace eventstore::detail {

/// What uses the connections of a group, and ends before them.
class group_member {
public:
    virtual ~group_member() = default;
    /// Begins the end: `ended` is open then.
    virtual void close() noexcept = 0;

    const std::shared_ptr<latch> ended = std::make_shared<latch>();
};

/// The connections of one store, or of many, and their orderly end: when the stores have ended. Thread safe.
class group_core final : public std::enable_shared_from_this<group_core>, public context_member, private live_object {
public:
    enum class kind {
        one, ///< a store by itself: the connections end with it
        many
    };
    static std::shared_ptr<group_core> make(
        kind stores, const store_options& options, const asio::any_io_executor& executor);
    group_core(kind stores, const store_options& options, const asio::any_io_executor& executor);

    bool is_of_many() const noexcept { return kind_ == kind::many; }

    /// Statements for another store.
    std::shared_ptr<const storage::statements> make_statements(const std::string& schema);

    /// A store that uses the connections; false: the end has begun.
    bool add(const std::shared_ptr<group_member>& store);

    /// Begins the end of the stores, and then of the connections: `ended` is open then.
    void close() noexcept;
    /// Ends the connections: of a store by itself, at its end.
    static asio::awaitable<void> stop_connections(std::shared_ptr<group_core> self, steady_time deadline);
    bool is_closing() const noexcept { return is_closing_.load(std::memory_order_acquire); }
    void refuse() noexcept override { abandoned_.store(true, std::memory_order_release); }
    void abandon() noexcept override;
    bool is_abandoned() const noexcept { return abandoned_.load(std::memory_order_acquire); }

    /// What is known of the connections.
    store_stats count_connections() const;

    const store_options options;
    const detail::environment environment;
    const std::shared_ptr<latch> ended = std::make_shared<latch>();
    std::shared_ptr<postgres::pool> pool;
    std::shared_ptr<postgres::exclusive_pool> appending;
    std::shared_ptr<postgres::exclusive_pool> transacting;
    std::shared_ptr<postgres::exclusive_pool> migrating; ///< one connection, for making schemas; open only meanwhile
    std::shared_ptr<postgres::pool_user> migrator;       ///< who makes them
    std::shared_ptr<eventstore::feed::listener> listener;
    std::shared_ptr<eventstore::feed::poller> polls; ///< null for a store by itself, as the next one
    std::shared_ptr<delivery::group_renewals> renewals;

private:
    static asio::awaitable<void> close_in_order(std::shared_ptr<group_core> self);

    const kind kind_;
    std::atomic<std::size_t> next_index_{0};
    std::atomic<bool> abandoned_{false};
    std::atomic<bool> is_closing_{false};
    std::mutex mutex_;
    std::vector<std::weak_ptr<group_member>> stores_;
    std::size_t clear_at_ = 16;
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
