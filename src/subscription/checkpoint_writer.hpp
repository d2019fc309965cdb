/// Writes the checkpoints and renews the leases of all subscriptions of a store, in one statement.
#pragma once

#include "async/environment.hpp"
#include "async/retry.hpp"
#include "async/signal.hpp"
#include "base/live_objects.hpp"
#include "postgres/pool.hpp"
#include "storage/statements.hpp"
#include "subscription/group_renewals.hpp"
#include "subscription/lease_table.hpp"

#include <eventstore/error.hpp>
#include <eventstore/uuid.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace eventstore::delivery {

namespace asio = boost::asio;

/// Who has a lease. Told on any thread, and not under a lock of the writer's.
class lease_holder {
public:
    virtual ~lease_holder() = default;
    /// \param is_trusted_again events may be handed out again
    virtual void on_written(const lease_write& row, write_result outcome, bool is_trusted_again) = 0;
    /// The lease is gone, with the schema.
    virtual void on_lease_gone(const failure& why) = 0;
};

/// Drives a lease_table: one statement at a time, when something is due. Its loop ends with the last lease. Thread safe.
class checkpoint_writer : public std::enable_shared_from_this<checkpoint_writer>, private detail::live_object {
public:
    struct settings {
        std::string schema;
        std::chrono::milliseconds timeout{};
        std::shared_ptr<group_renewals> renewals; ///< of all stores of a group; null: this one renews by itself
    };
    checkpoint_writer(detail::environment environment, std::shared_ptr<postgres::pool> pool,
        std::shared_ptr<const storage::statements> statements, settings options);

    /// Of the store, as the rows of its leases name it.
    const uuid& owner() const noexcept { return owner_; }

    void add(const lease_table::lease& acquired, std::weak_ptr<lease_holder> holder);
    void remove(std::int64_t id, std::int64_t epoch);
    void report(std::int64_t id, std::int64_t epoch, const progress& progress, write_by when);
    void renew_now(std::int64_t id);
    /// Whether events may be handed out under this lease now.
    bool is_trusted(std::int64_t id, std::int64_t epoch) const;

    /// For a checkpoint that is written in another transaction; see lease_table.
    std::optional<lease_write> row_for(std::int64_t id, std::int64_t epoch, const progress& progress) const;
    void written_elsewhere(const lease_write& row);

    /// The execution context is going.
    void abandon() noexcept;

private:
    void start_soon(); // with the mutex held
    static asio::awaitable<void> run(std::shared_ptr<checkpoint_writer> self);
    static asio::awaitable<void> write(std::shared_ptr<checkpoint_writer> self, std::vector<lease_write> writes);
    void apply(const std::vector<lease_write>& writes, const result<group_renewals::codes>& codes,
        const detail::instant& sent);
    void failed(const std::vector<lease_write>& writes);

    const detail::environment environment_;
    const std::shared_ptr<postgres::pool> pool_;
    const std::shared_ptr<const storage::statements> statements_;
    const settings settings_;
    const uuid owner_;
    const std::shared_ptr<detail::signal> changed_ = std::make_shared<detail::signal>();

    mutable std::mutex mutex_;
    lease_table table_;
    std::map<std::int64_t, std::weak_ptr<lease_holder>> holders_;
    bool is_running_ = false;
    bool is_abandoned_ = false;

    // Of the loop.
    detail::retry writes_;
    bool is_failing_ = false;
    steady_time not_before_{};   // after a failure
    steady_time paused_until_{}; // after a slow write, unless somebody waits
};

} // namespace eventstore::delivery
