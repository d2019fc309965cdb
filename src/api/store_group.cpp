#include <eventstore/store_group.hpp>

#include "async/run_apart.hpp"
#include "runtime/open.hpp"
#include "runtime/store_core.hpp"
#include "storage/inspection.hpp"
#include "storage/validation.hpp"

#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>

#include <utility>

namespace eventstore {

namespace {

using detail::group_core;
using detail::group_impl;
using detail::steady_time;
using detail::store_core;
using detail::store_impl;
using postgres::connection;
using group_ptr = std::shared_ptr<group_impl>;

failure closed_failure() { return failure(errc::store_closed, "the group of stores is closed"); }

steady_time deadline_from_now(const group_core& core) { return core.environment.in(core.options.operation_timeout()); }

// ---- the group

/// The first connection for appending is the one that looks around. On its strand.
asio::awaitable<result<void>> set_up(
    group_ptr group, std::shared_ptr<postgres::exclusive_connection> first, connection::strand strand) {
    const store_options& options = group->core->options;
    auto looking = storage::make_inspector(options, std::nullopt, storage::log_mark(), storage::purpose::opening);
    auto connecting = postgres::connector::connect(
        detail::first_connector(options, group->core->environment), std::move(strand), std::move(looking));
    const auto made = co_await std::move(connecting);
    if (!made) co_return made.error();
    first->connection = *made;
    group->core->appending->add(first);
    co_return result<void>();
}

asio::awaitable<store_group> open_group_throwing(store_options options) {
    if (const auto why = storage::check_options(options)) throw error(*why);
    const auto executor = detail::executor_for(options, co_await asio::this_coro::executor);
    auto impl = std::make_shared<group_impl>(group_core::make(group_core::kind::many, options, executor));
    const auto first = std::make_shared<postgres::exclusive_connection>(executor);
    const connection::strand strand = *first->strand();
    auto work = set_up(impl, first, strand);
    auto working = detail::run_apart(strand, std::move(work), "opening a group of stores");
    const auto outcome = co_await std::move(working);
    outcome.value();
    co_return store_group(std::move(impl));
}

// ---- its stores

asio::awaitable<result<int>> migrate_over(
    std::shared_ptr<postgres::exclusive_connection> on, store_options options, steady_time deadline) {
    const auto connection = on->connection;
    if (!connection) co_return failure(errc::connection_lost, "making a schema: the connection was lost");
    const std::optional<std::string> schema = options.schema();
    auto inspecting = storage::inspect(connection, schema, storage::log_mark(), deadline);
    const auto found = co_await std::move(inspecting);
    if (!found) co_return found.error();
    if (const auto why = storage::check_schema(found->schema, options.schema(), storage::purpose::making))
        co_return *why;
    auto migrating = detail::migrate_over(connection, options, found->schema, true, deadline);
    co_return co_await std::move(migrating);
}

asio::awaitable<result<int>> migrate_in_turn(group_ptr group, store_options options) {
    auto acquiring = postgres::pool_user::acquire(group->core->migrator, steady_time::max());
    auto turn = co_await std::move(acquiring);
    if (!turn) co_return turn.error();
    const auto on = turn->get();
    const auto strand = on->strand();
    if (!strand) co_return closed_failure();
    auto work = migrate_over(on, options, deadline_from_now(*group->core)); // the wait for others does not count
    auto migrating = detail::run_apart(*strand, std::move(work), "making a schema");
    const auto outcome = co_await std::move(migrating);
    if (!outcome) turn->drop(outcome.error()); // it may be in the middle of its transaction
    co_return outcome;
}

asio::awaitable<result<std::shared_ptr<store_impl>>> open_apart(group_ptr group, store_options options) {
    const steady_time deadline = deadline_from_now(*group->core);
    auto looking = storage::find_schema(group->core->pool, options.schema(), deadline);
    const auto found = co_await std::move(looking);
    if (!found) co_return found.error();
    const auto intent = options.creates() ? storage::purpose::making : storage::purpose::opening;
    if (const auto why = storage::check_schema(*found, options.schema(), intent)) co_return *why;
    if (storage::needs_migration(*found, options.schema())) {
        auto migrating = migrate_in_turn(group, options);
        const auto migrated = co_await std::move(migrating);
        if (!migrated) co_return migrated.error();
    }
    const auto core = store_core::make(options, group->core);
    auto impl = std::make_shared<store_impl>(core, group); // closes what could not be added
    if (!group->core->add(core)) co_return closed_failure();
    co_return impl;
}

asio::awaitable<store> open_store_throwing(group_ptr group, std::string schema) {
    if (!group || group->core->is_closing() || group->core->is_abandoned()) throw error(closed_failure());
    store_options options = group->core->options;
    options.schema(std::move(schema));
    if (const auto why = storage::check_options(options)) throw error(*why);
    const auto executor = group->core->environment.executor;
    auto work = open_apart(std::move(group), std::move(options));
    auto working = detail::run_apart(executor, std::move(work), "opening a store");
    auto opened = co_await std::move(working);
    co_return store(std::move(opened).value());
}

asio::awaitable<void> close_throwing(group_ptr group) {
    if (!group || group->core->is_abandoned()) co_return;
    group->core->close();
    auto closing = detail::latch::wait(group->core->ended, detail::closing_goes_on);
    const auto closed = co_await std::move(closing);
    closed.value();
}

} // namespace

store_group::store_group() noexcept = default;
store_group::store_group(group_ptr impl) noexcept : impl_(std::move(impl)) {}
store_group::store_group(const store_group&) noexcept = default;
store_group::store_group(store_group&&) noexcept = default;
store_group& store_group::operator=(const store_group&) noexcept = default;
store_group& store_group::operator=(store_group&&) noexcept = default;
store_group::~store_group() = default;

asio::awaitable<store> store_group::open(std::string_view schema) const {
    return open_store_throwing(impl_, std::string(schema));
}

asio::awaitable<void> store_group::close() const { return close_throwing(impl_); }

asio::awaitable<store_group> open_group(store_options options) { return open_group_throwing(std::move(options)); }

} // namespace eventstore
