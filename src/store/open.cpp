#include "store/open.hpp"

#include "append/validation.hpp"
#include "async/run_apart.hpp"
#include "log/inspection.hpp"
#include "log/schema.hpp"
#include "store/store_core.hpp"

#include <eventstore/schemas.hpp>

#include <boost/asio/execution.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>

namespace eventstore {

using postgres::connection;
using postgres::session_kind;

namespace detail {

namespace {

asio::awaitable<result<void>> look(std::shared_ptr<connection> link, std::string token, store_options options,
    log::purpose what_for, std::shared_ptr<log::schema_state> found, steady_time deadline) {
    const std::optional<std::string> schema = options.schema();
    auto inspecting = log::inspect(link, schema, log::log_mark(), deadline);
    const auto all = co_await std::move(inspecting);
    if (!all) co_return all.error();
    // Where there is nothing to make, a store may be opened to read only.
    const bool makes = what_for == log::purpose::making && log::needs_migration(all->schema, options.schema());
    const auto use = makes ? log::purpose::making : log::purpose::opening;
    if (const auto why = log::check_server(all->server, options, use, token)) co_return *why;
    if (const auto why = log::check_schema(all->schema, options.schema(), what_for)) co_return *why;
    *found = all->schema;
    co_return result<void>();
}

} // namespace

std::shared_ptr<postgres::connector> first_connector(const store_options& options, const environment& where) {
    return std::make_shared<postgres::connector>(options, where, session_kind::appending, std::string_view());
}

std::shared_ptr<postgres::connector> administrator(const store_options& options, const environment& where) {
    return std::make_shared<postgres::connector>(options, where, session_kind::administration, std::string_view());
}

asio::awaitable<result<looked_at>> connect_and_look(
    std::shared_ptr<postgres::connector> by, connection::strand strand, store_options options, log::purpose what_for) {
    const auto found = std::make_shared<log::schema_state>();
    connection::inspector looking = [options, what_for, found](std::shared_ptr<connection> made,
                                        const postgres::connect_settings& with, steady_time until) {
        return look(std::move(made), with.token(), options, what_for, found, until);
    };
    auto connecting = postgres::connector::connect(by, std::move(strand), std::move(looking));
    const auto made = co_await std::move(connecting);
    if (!made) co_return made.error();
    looked_at both{*made, *found};
    co_return both;
}

asio::awaitable<result<int>> migrate_over(std::shared_ptr<connection> link, store_options options,
    log::schema_state found, bool may_make, steady_time deadline) {
    const std::string& schema = options.schema();
    if (!log::needs_migration(found, schema)) co_return found.version;
    std::optional<payload_format> payload;
    if (may_make) payload = options.payload();
    co_return co_await log::migrate(link, schema, payload, deadline);
}

namespace {

asio::any_io_executor without_strand(const asio::any_io_executor& callers) {
    if (const auto* of_io = callers.target<asio::strand<asio::io_context::executor_type>>())
        return of_io->get_inner_executor();
    if (const auto* of_pool = callers.target<asio::strand<asio::thread_pool::executor_type>>())
        return of_pool->get_inner_executor();
    if (const auto* of_any = callers.target<asio::strand<asio::any_io_executor>>())
        return without_strand(of_any->get_inner_executor());
    return callers;
}

} // namespace

asio::any_io_executor executor_for(store_options& options, const asio::any_io_executor& callers) {
    const auto found = without_strand(options.executor() ? options.executor() : callers);
    options.executor(asio::prefer(found, asio::execution::outstanding_work.untracked));
    return options.executor();
}

} // namespace detail

namespace {

using detail::group_core;
using detail::steady_time;
using detail::store_core;

asio::awaitable<result<int>> migrate_once(
    store_options options, bool may_make, connection::strand strand, detail::environment where, steady_time deadline) {
    auto connecting = detail::connect_and_look(
        detail::administrator(options, where), std::move(strand), options, log::purpose::making);
    const auto found = co_await std::move(connecting);
    if (!found) co_return found.error();
    auto migrating = detail::migrate_over(found->link, options, found->schema, may_make, deadline);
    co_return co_await std::move(migrating);
}

asio::awaitable<result<std::vector<schema_info>>> find_once(
    store_options options, connection::strand strand, detail::environment where) {
    const steady_time deadline = where.in(options.operation_timeout());
    auto connecting = postgres::connector::connect(detail::administrator(options, where), strand, nullptr, deadline);
    const auto made = co_await std::move(connecting);
    if (!made) co_return made.error();
    co_return co_await log::find_schemas(*made, deadline);
}

/// The first connection for appending is the one that looks around. On its strand.
asio::awaitable<result<void>> set_up(std::shared_ptr<store_core> core,
    std::shared_ptr<postgres::exclusive_connection> first, connection::strand strand) {
    const store_options& options = core->options;
    const steady_time deadline = core->environment.in(options.operation_timeout());
    const auto what_for = options.creates() ? log::purpose::making : log::purpose::opening;
    auto connecting =
        detail::connect_and_look(detail::first_connector(options, core->environment), strand, options, what_for);
    const auto found = co_await std::move(connecting);
    if (!found) co_return found.error();
    if (options.creates() && log::needs_migration(found->schema, options.schema())) {
        auto migrating = migrate_once(options, true, strand, core->environment, deadline);
        const auto migrated = co_await std::move(migrating);
        if (!migrated) co_return migrated.error();
    }
    first->link = found->link;
    core->group->appending->add(first);
    co_return result<void>();
}

asio::awaitable<store> open_throwing(store_options options) {
    if (const auto why = log::check_options(options)) throw error(*why);
    const auto executor = detail::executor_for(options, co_await asio::this_coro::executor);
    const auto core = store_core::make(options, group_core::make(group_core::kind::one, options, executor));
    auto impl = std::make_shared<detail::store_impl>(core, nullptr);
    const auto first = std::make_shared<postgres::exclusive_connection>(executor);
    const connection::strand strand = *first->strand();
    auto work = set_up(core, first, strand);
    const auto outcome = co_await detail::run_apart(strand, std::move(work), "opening the store");
    outcome.value();
    co_return store(std::move(impl));
}

asio::awaitable<int> migrate_throwing(store_options options, bool may_make) {
    if (const auto why = log::check_options(options)) throw error(*why);
    connection::strand strand(detail::executor_for(options, co_await asio::this_coro::executor));
    const auto where = detail::environment::make(options.executor(), options.on_log());
    // A large schema may take its time; what limits it is the connection.
    auto work = migrate_once(options, may_make, strand, where, where.in(std::chrono::hours(24)));
    const auto version = co_await detail::run_apart(std::move(strand), std::move(work), "migrating the schema");
    co_return version.value();
}

asio::awaitable<std::vector<schema_info>> find_throwing(store_options options) {
    if (const auto why = log::check_options(options)) throw error(*why);
    connection::strand strand(detail::executor_for(options, co_await asio::this_coro::executor));
    const auto where = detail::environment::make(options.executor(), options.on_log());
    auto work = find_once(options, strand, where);
    auto found = co_await detail::run_apart(std::move(strand), std::move(work), "looking for event stores");
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
