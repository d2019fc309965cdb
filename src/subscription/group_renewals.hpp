/// The renewals of many stores, in few statements.
#pragma once

#include "storage/combined.hpp"
#include "subscription/lease_table.hpp"

#include <eventstore/uuid.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace eventstore::delivery {

namespace asio = boost::asio;

/// One row to be written, and for whom.
struct owned_write {
    const lease_write* row;
    uuid owner;
};

/// What sql/statements/settle_subscriptions.sql takes.
postgres::parameters arguments_of(const std::vector<owned_write>& all);

/// What sql/statements/checkpoint_or_fail.sql takes.
postgres::parameters checkpoint_arguments(const lease_write& row, const uuid& owner);

/// What sql/statements/unpark_or_fail.sql takes.
postgres::parameters unpark_arguments(const lease_write& row, const std::vector<std::int64_t>& positions);

/// Renews leases of all stores of a group at the same time. Thread safe.
class group_renewals {
public:
    group_renewals(const detail::environment& environment, std::shared_ptr<postgres::pool> pool,
        std::chrono::milliseconds timeout);

    /// Leases of the same length are renewed together, in steps from here on.
    steady_time schedule_start() const noexcept { return begun_; }

    /// What became of each write.
    using codes = std::vector<std::optional<std::int64_t>>;
    static asio::awaitable<result<codes>> write(std::shared_ptr<group_renewals> self, std::string schema,
        std::vector<lease_write> writes, uuid owner, steady_time deadline);

    void abandon() noexcept { all_->abandon(); }

private:
    class part;

    const steady_time begun_;
    const std::shared_ptr<storage::combined> all_;
};

} // namespace eventstore::delivery
