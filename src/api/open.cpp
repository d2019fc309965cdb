#include "runtime/open.hpp"

#include "async/run_apart.hpp"
#include "runtime/store_core.hpp"
#include "storage/schema.hpp"
#include "storage/validation.hpp"

#include <eventstore/schemas.hpp>

#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>

namespace eventstore {

namespace {

using detail::group_core;
using detail::steady_time;
using detail::store_core;
using postgres::connection;

asio::awaitable<result<int>> migrate_once(
    store_options options, bool may_make, connection::strand strand, detail::environment where, steady_time deadline) {
    auto connecting = detail::connect_and_inspect(
        detail::administrator(options, where), std::move(strand), options, storage::purpose::making);
    const auto found = co_await std::move(connecting);
    if (!found) co_return found.error();
    auto migrating = detail::migrate_over(found->connection, options, found->schema, may_make, deadline);
    co_return co_await std::move(migrating);
}

asio::awaitable<result<std::vector<schema_info>>> find_once(
    store_options options, connection::strand strand, detail::environment where) {
    const steady_time deadline = where.in(options.operation_timeout());
    auto connecting = postgres::connector::connect(detail::administrator(options, where), strand, nullptr, deadline);
    const auto made = co_await std::move(connecting);
    if (!made) co_return made.error();
    auto finding = storage::find_schemas(*made, deadline);
    co_return co_await std::move(finding);
}

/// The first connection for appending is the one that looks around. On its strand.
asio::awaitable<result<void>> set_up(std::shared_ptr<store_core> core,
    std::shared_ptr<postgres::exclusive_connection> first, connection::strand strand) {
    const store_options& options = core->options;
    const steady_time deadline = core->environment.in(options.operation_timeout());
    const auto intent = options.creates() ? storage::purpose::making : storage::purpose::opening;
    auto connecting =
        detail::connect_and_inspect(detail::first_connector(options, core->environment), strand, options, intent);
    const auto found = co_await std::move(connecting);
    if (!found) co_return found.error();
    if (options.creates() && storage::needs_migration(found->schema, options.schema())) {
        auto migrating = migrate_once(options, true, strand, core->environment, deadline);
        const auto migrated = co_await std::move(migrating);
        if (!migrated) co_return migrated.error();
    }
    first->connection = found->connection;
    core->group->appending->add(first);
    co_return result<void>();
}

asio::awaitable<store> open_throwing(store_options options) {
    if (const auto why = storage::check_options(options)) throw error(*why);
    const auto executor = detail::executor_for(options, co_await asio::this_coro::executor);
    const auto core = store_core::make(options, group_core::make(group_core::kind::one, options, executor));
    auto impl = std::make_shared<detail::store_impl>(core, nullptr);
    const auto first = std::make_shared<postgres::exclusive_connection>(executor);
    const connection::strand strand = *first->strand();
    auto work = set_up(core, first, strand);
    auto working = detail::run_apart(strand, std::move(work), "opening the store");
    const auto outcome = co_await std::move(working);
    outcome.value();
    co_return store(std::move(impl));
}

asio::awaitable<int> migrate_throwing(store_options options, bool may_make) {
    if (const auto why = storage::check_options(options)) throw error(*why);
    connection::strand strand(detail::executor_for(options, co_await asio::this_coro::executor));
    const auto where = detail::environment::make(options.executor(), options.on_log());
    // A large schema may take its time; what limits it is the connection.
    auto work = migrate_once(options, may_make, strand, where, where.in(std::chrono::hours(24)));
    auto working = detail::run_apart(std::move(strand), std::move(work), "migrating the schema");
    const auto version = co_await std::move(working);
    co_return version.value();
}

asio::awaitable<std::vector<schema_info>> find_throwing(store_options options) {
    if (const auto why = storage::check_options(options)) throw error(*why);
    connection::strand strand(detail::executor_for(options, co_await asio::this_coro::executor));
    const auto where = detail::environment::make(options.executor(), options.on_log());
    auto work = find_once(options, strand, where);
    auto working = detail::run_apart(std::move(strand), std::move(work), "looking for event stores");
    auto found = co_await std::move(working);
    co_return std::move(found).value();
}

} // namespace

asio::awaitable<store> open(store_options options) { return open_throwing(std::move(options)); }
asio::awaitable<int> migrate(store_options options) { return migrate_throwing(std::move(options), true); }
asio::awaitable<int> migrate_existing(store_options options) { return migrate_throwing(std::move(options), false); }

asio::awaitable<std::vector<schema_info>> find_schemas(store_options options) {
    return find_throwing(std::move(options));
}

} // namespace eventstore
