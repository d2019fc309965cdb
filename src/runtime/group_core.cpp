#include "runtime/group_core.hpp"

#include "storage/inspection.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/query.hpp>

#include <algorithm>
#include <utility>

namespace eventstore::detail {

namespace {

postgres::exclusive_pool_settings for_appends(std::size_t most) {
    postgres::exclusive_pool_settings settings;
    settings.kind = postgres::session_kind::appending;
    settings.most = most;
    settings.doing = "appending";
    settings.longest_idle = std::chrono::minutes(1);
    return settings;
}

postgres::exclusive_pool_settings for_transactions(const store_options& options) {
    postgres::exclusive_pool_settings settings;
    settings.kind = postgres::session_kind::transacting;
    settings.most = options.pool_size();
    settings.doing = "beginning a transaction";
    settings.longest_idle = std::chrono::minutes(1);
    settings.cleans = true;
    return settings;
}

postgres::exclusive_pool_settings for_migrations() {
    postgres::exclusive_pool_settings settings;
    settings.kind = postgres::session_kind::administration;
    settings.doing = "making a schema";
    settings.runs_scripts = true;
    settings.is_patient = false;
    return settings;
}

} // namespace

std::shared_ptr<group_core> group_core::make(
    kind stores, const store_options& options, const asio::any_io_executor& executor) {
    auto made = std::make_shared<group_core>(stores, options, executor);
    auto& context = asio::query(made->environment.executor, asio::execution::context);
    asio::use_service<context_life>(context).add(made);
    return made;
}

group_core::group_core(kind stores, const store_options& options_, const asio::any_io_executor& executor)
    : options(options_),
      environment(
          detail::environment::make(executor, options.on_log(), clock::of_machine(), options.longest_handler())),
      pool(std::make_shared<postgres::pool>(options, environment)),
      appending(std::make_shared<postgres::exclusive_pool>(
          options, for_appends(stores == kind::one ? 1 : options.pool_size()), environment)),
      transacting(std::make_shared<postgres::exclusive_pool>(options, for_transactions(options), environment)),
      migrating(std::make_shared<postgres::exclusive_pool>(options, for_migrations(), environment)),
      migrator(std::make_shared<postgres::pool_user>(migrating,
          [options_] {
              return storage::make_inspector(options_, std::nullopt, storage::log_mark(), storage::purpose::making);
          })),
      listener(std::make_shared<eventstore::feed::listener>(options, environment)),
      kind_(stores) {
    if (!is_of_many()) return;
    const auto timeout = options.operation_timeout();
    polls = std::make_shared<eventstore::feed::poller>(environment, pool, timeout);
    renewals = std::make_shared<delivery::group_renewals>(environment, pool, timeout);
}

std::shared_ptr<const storage::statements> group_core::make_statements(const std::string& schema) {
    return std::make_shared<const storage::statements>(schema, next_index_.fetch_add(storage::statements::most));
}

bool group_core::add(const std::shared_ptr<group_member>& store) {
    const std::lock_guard lock(mutex_);
    if (is_closing() || is_abandoned()) return false;
    if (stores_.size() >= clear_at_) { // not with each of a thousand
        std::erase_if(stores_, [](const auto& member) { return member.expired(); });
        clear_at_ = std::max<std::size_t>(16, stores_.size() * 2);
    }
    stores_.push_back(store);
    return true;
}

void group_core::close() noexcept {
    {
        const std::lock_guard lock(mutex_); // a store is added before this, or not at all
        if (is_closing_.exchange(true) || is_abandoned()) return;
    }
    // A store by itself ends its connections.
    if (is_of_many()) asio::co_spawn(environment.executor, close_in_order(shared_from_this()), asio::detached);
}

asio::awaitable<void> group_core::close_in_order(std::shared_ptr<group_core> self) {
    std::vector<std::shared_ptr<group_member>> stores; // those that have not ended
    for (const auto& store : self->stores_) {
        if (auto alive = store.lock()) stores.push_back(std::move(alive));
    }
    for (const auto& store : stores) store->close();
    for (const auto& store : stores) {
        auto closing = latch::wait(store->ended, "closing the stores of a group");
        co_await std::move(closing);
    }
    auto disconnecting = stop_connections(self, self->environment.in(self->options.close_timeout()));
    co_await std::move(disconnecting);
    self->ended->open();
}

asio::awaitable<void> group_core::stop_connections(std::shared_ptr<group_core> self, steady_time deadline) {
    const auto& timers = self->environment.timers;
    auto appending = service::stop(self->appending, timers, deadline);
    auto migrating = service::stop(self->migrating, timers, deadline);
    auto listening = service::stop(self->listener, timers, deadline);
    auto reading = service::stop(self->pool, timers, deadline);
    auto transacting = service::stop(self->transacting, timers, deadline);
    co_await std::move(appending);
    co_await std::move(migrating);
    co_await std::move(listening);
    co_await std::move(reading);
    co_await std::move(transacting);
}

store_stats group_core::count_connections() const {
    const auto reading = pool->count();
    const auto writing = appending->count();
    const auto transactions = transacting->count();
    const auto making = migrating->count();
    const auto pool_of = [](const auto& counts, latency_stats wait) {
        pool_stats told;
        told.connections = counts.connections;
        told.in_use = counts.in_use;
        told.limit = counts.limit;
        told.waiting = counts.waiting;
        told.wait = wait;
        return told;
    };
    const connection_metrics& measured = *environment.connections;
    store_stats now;
    now.reading = pool_of(reading, measured.reading_wait.latencies());
    now.appending = pool_of(writing, measured.appending_wait.latencies());
    now.transacting = pool_of(transactions, measured.transacting_wait.latencies());
    now.reconnects = measured.reconnects.value();
    now.connections_lost = measured.lost.value();
    now.connect_failures = measured.failures.value();
    now.connects = reading.connects + writing.connects + transactions.connects + making.connects;
    now.connections = reading.connections + writing.connections + transactions.connections + making.connections;
    return now;
}

void group_core::abandon() noexcept {
    migrating->abandon();
    appending->abandon();
    transacting->abandon();
    listener->abandon();
    if (polls) polls->abandon();
    if (renewals) renewals->abandon();
    pool->abandon();
    environment.timers->abandon();
    environment.logger->abandon();
    ended->open();
}

} // namespace eventstore::detail
