#include "store/open.hpp"

#include "base/run_apart.hpp"
#include "log/schema.hpp"
#include "log/validation.hpp"
#include "store/store_core.hpp"

#include <eventstore/schemas.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>

namespace eventstore {

using postgres::connection;
using postgres::session_kind;

namespace detail {

asio::awaitable<result<int>> migrate_over(
    std::shared_ptr<connection> link, store_options options, bool may_make, steady_time deadline) {
    const std::string schema = options.schema();
    const auto found = co_await log::inspect(link, schema, deadline);
    if (!found) co_return found.error();
    options.create();
    if (const auto why = log::check(*found, options)) co_return *why;
    std::optional<payload_format> payload;
    if (may_make) payload = options.payload();
    co_return co_await log::migrate(link, schema, payload, deadline);
}

asio::any_io_executor executor_for(const store_options& options, const asio::any_io_executor& callers) {
    if (options.executor()) return options.executor();
    if (const auto* of_io = callers.target<asio::strand<asio::io_context::executor_type>>())
        return of_io->get_inner_executor();
    if (const auto* of_pool = callers.target<asio::strand<asio::thread_pool::executor_type>>())
        return of_pool->get_inner_executor();
    if (const auto* of_any = callers.target<asio::strand<asio::any_io_executor>>())
        return executor_for(options, of_any->get_inner_executor());
    return callers;
}

} // namespace detail

namespace {

using detail::group_core;
using detail::steady_time;
using detail::store_core;

/// A connection for administration, closed with its last handle.
asio::awaitable<result<std::shared_ptr<connection>>> connect_once(
    store_options options, connection::strand strand, steady_time deadline) {
    const auto settings = postgres::connect_settings::make(options, session_kind::administration);
    if (!settings) co_return settings.error();
    const auto link = std::make_shared<connection>(strand, !options.is_pooled(), options.on_log());
    const auto connected = co_await connection::connect(link, *settings, deadline);
    if (!connected) co_return connected.error();
    co_return link;
}

asio::awaitable<result<int>> migrate_once(
    store_options options, bool may_make, connection::strand strand, steady_time deadline) {
    auto connecting = connect_once(options, strand, deadline);
    const auto link = co_await std::move(connecting);
    if (!link) co_return link.error();
    co_return co_await detail::migrate_over(*link, options, may_make, deadline);
}

asio::awaitable<result<std::vector<schema_info>>> find_once(
    store_options options, connection::strand strand, steady_time deadline) {
    auto connecting = connect_once(options, strand, deadline);
    const auto link = co_await std::move(connecting);
    if (!link) co_return link.error();
    co_return co_await log::find_schemas(*link, deadline);
}

/// On the appender's strand: its first connection is the one that looks around.
asio::awaitable<result<void>> set_up(std::shared_ptr<store_core> core, steady_time deadline) {
    const store_options& options = core->options;
    const auto settings = postgres::connect_settings::make(options, session_kind::appending);
    if (!settings) co_return settings.error();
    const auto strand = core->appender->strand();
    const auto link = std::make_shared<connection>(strand, !options.is_pooled(), options.on_log());
    const auto connected = co_await connection::connect(link, *settings, deadline);
    if (!connected) co_return connected.error();
    const std::optional<std::string> schema = options.schema();
    const auto found = co_await log::inspect(link, schema, deadline);
    if (!found) co_return found.error();
    if (const auto why = log::check(*found, options)) co_return *why;
    if (found->schema_version < log::needed_schema_version()) {
        const auto migrated = co_await migrate_once(options, true, strand, deadline);
        if (!migrated) co_return migrated.error();
    }
    core->group->appending->add(link);
    co_return result<void>();
}

asio::awaitable<store> open_throwing(store_options options) {
    if (const auto why = log::check_options(options)) throw error(*why);
    const auto executor = detail::executor_for(options, co_await asio::this_coro::executor);
    const steady_time deadline = std::chrono::steady_clock::now() + options.operation_timeout();
    const auto core = store_core::make(options, group_core::make(group_core::kind::one, options, executor));
    auto impl = std::make_shared<detail::store_impl>(core, nullptr);
    auto work = set_up(core, deadline);
    const auto outcome = co_await detail::run_apart(core->appender->strand(), std::move(work), "opening the store");
    outcome.value();
    co_return store(std::move(impl));
}

asio::awaitable<int> migrate_throwing(store_options options, bool may_make) {
    if (const auto why = log::check_options(options)) throw error(*why);
    const connection::strand strand(detail::executor_for(options, co_await asio::this_coro::executor));
    // A large schema may take its time; what limits it is the connection.
    const steady_time deadline = std::chrono::steady_clock::now() + std::chrono::hours(24);
    auto work = migrate_once(options, may_make, strand, deadline);
    const auto version = co_await detail::run_apart(strand, std::move(work), "migrating the schema");
    co_return version.value();
}

asio::awaitable<std::vector<schema_info>> find_throwing(store_options options) {
    if (const auto why = log::check_options(options)) throw error(*why);
    const connection::strand strand(detail::executor_for(options, co_await asio::this_coro::executor));
    const steady_time deadline = std::chrono::steady_clock::now() + options.operation_timeout();
    auto work = find_once(options, strand, deadline);
    auto found = co_await detail::run_apart(strand, std::move(work), "looking for event stores");
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
