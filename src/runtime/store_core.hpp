/// Everything that an open store is made of.
#pragma once

#include "append/group_commit.hpp"
#include "async/environment.hpp"
#include "async/latch.hpp"
#include "async/operation.hpp"
#include "async/trace_source.hpp"
#include "base/live_objects.hpp"
#include "feed/announcer.hpp"
#include "feed/feed.hpp"
#include "postgres/exclusive_pool.hpp"
#include "postgres/pool.hpp"
#include "read/reader.hpp"
#include "runtime/context_life.hpp"
#include "runtime/group_core.hpp"
#include "storage/database.hpp"
#include "storage/seen_log.hpp"
#include "subscription/lease_manager.hpp"
#include "subscription/listener_queue.hpp"
#include "subscription/store_parts.hpp"

#include <eventstore/store.hpp>
#include <eventstore/store_options.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

namespace eventstore {

namespace asio = boost::asio; // the library's own; headers for users do without

} // namespace eventstore

namespace eventstore::detail {

namespace asio = boost::asio;

/// The parts of a store, and their orderly end. Outlives its handles until that is done. Thread safe.
class store_core final : public std::enable_shared_from_this<store_core>,
                         public group_member,
                         public context_member,
                         private live_object {
public:
    /// \param options those of the group but for the schema
    static std::shared_ptr<store_core> make(const store_options& options, const std::shared_ptr<group_core>& group);
    store_core(const store_options& options, const std::shared_ptr<group_core>& group);

    /// Begins the end, which takes `close_timeout` at most: `ended` is open then.
    void close() noexcept override;
    void refuse() noexcept override { abandoned_.store(true, std::memory_order_release); }
    void abandon() noexcept override;
    /// Why it does nothing any more; nothing while it is open.
    std::optional<failure> refusal() const;
    bool is_closing() const noexcept { return is_closing_.load(std::memory_order_acquire); }
    bool is_abandoned() const noexcept { return abandoned_.load(std::memory_order_acquire); }

    /// When an operation that begins now and may take `limit` (0 = operation_timeout) must end.
    steady_time deadline(std::chrono::milliseconds limit) const noexcept;

    const store_options options;
    /// How far this store has seen its log; kept by whoever asks the server about it.
    const std::shared_ptr<storage::seen_log> seen = std::make_shared<storage::seen_log>();
    // They refuse everything once the store is abandoned.
    const std::shared_ptr<group_core> group;
    const detail::environment environment;
    const std::shared_ptr<const trace_source> tracing; ///< null: nothing is traced
    std::shared_ptr<const storage::statements> statements;
    std::shared_ptr<postgres::pool> pool;
    const storage::database database; ///< both
    std::shared_ptr<read::reader> reader;
    std::shared_ptr<eventstore::feed::announcer> announcer;
    std::shared_ptr<eventstore::feed::feed> feed;
    std::shared_ptr<const delivery::store_parts> parts;
    std::shared_ptr<delivery::lease_manager> leases;
    std::shared_ptr<append::group_commit> group_commit;
    std::shared_ptr<postgres::pool_user> transacting;

    using appends = std::span<const std::shared_ptr<append::append_request>>;
    /// Tells subscribers, and other processes, what a transaction has stored. On any thread, after its commit.
    void committed(appends requests, const append::append_plan::verdict& verdict);

    /// Ends this listener with the store.
    void add(const std::shared_ptr<delivery::listener_queue>& listener);

private:
    void connect_parts();
    static asio::awaitable<void> close_in_order(std::shared_ptr<store_core> self);
    std::vector<std::shared_ptr<delivery::listener_queue>> take_listeners();

    std::atomic<bool> abandoned_{false};
    std::atomic<bool> is_closing_{false};
    std::mutex mutex_;
    std::vector<std::weak_ptr<delivery::listener_queue>> listeners_;
};

/// What a close() that is cancelled says of itself.
constexpr const char* closing_goes_on = "waiting for the end of a closing that goes on";

/// What handles share; the last one of them ends the store.
class store_impl {
public:
    /// \param group its handles' part; null for a store by itself
    store_impl(std::shared_ptr<store_core> parts, std::shared_ptr<group_impl> group)
        : core(std::move(parts)), group_(std::move(group)) {}
    ~store_impl() { core->close(); }
    store_impl(const store_impl&) = delete;
    store_impl& operator=(const store_impl&) = delete;

    const std::shared_ptr<store_core> core;

private:
    const std::shared_ptr<group_impl> group_;
};

/// Whether a handle is of use, and a limit given to store::within is one; 0 stands for none given.
std::optional<failure> check_call(const std::shared_ptr<store_impl>& impl, std::chrono::milliseconds limit);

} // namespace eventstore::detail
