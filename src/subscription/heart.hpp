/// The leases of many stores, renewed in few statements.
#pragma once

#include "storage/combined.hpp"
#include "subscription/shared_subscription.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace eventstore::delivery {

/// What sql/statements/settle_subscriptions.sql takes.
postgres::parameters arguments_of(const std::vector<const shared_subscription::settlement*>& all);

/// Beats for all stores of a group at the same time. Thread safe.
class heart {
public:
    heart(const detail::environment& where, std::shared_ptr<postgres::pool> pool, std::chrono::milliseconds timeout);

    /// When to renew a lease that is due then: at the last beat before it.
    steady_time beat_before(steady_time due, std::chrono::milliseconds lease) const;

    /// Settles subscriptions of one store, together with others' of other stores; returns what became of each.
    using codes = std::vector<std::optional<std::int64_t>>;
    static asio::awaitable<result<codes>> settle(std::shared_ptr<heart> self, std::string schema,
        const std::vector<shared_subscription::settlement>& what, steady_time deadline);

    void abandon() noexcept { all_->abandon(); }

private:
    class part;

    const steady_time begun_;
    const std::shared_ptr<log::combined> all_;
};

} // namespace eventstore::delivery
