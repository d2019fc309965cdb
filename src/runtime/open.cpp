#include "runtime/open.hpp"

#include "storage/schema.hpp"

#include <boost/asio/execution.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>

namespace eventstore::detail {

using postgres::connection;
using postgres::session_kind;

namespace {

asio::awaitable<result<void>> inspect_and_check(std::shared_ptr<connection> connection, std::string token,
    store_options options, storage::purpose intent, std::shared_ptr<storage::schema_state> found,
    steady_time deadline) {
    const std::optional<std::string> schema = options.schema();
    auto inspecting = storage::inspect(connection, schema, storage::log_mark(), deadline);
    const auto all = co_await std::move(inspecting);
    if (!all) co_return all.error();
    // Where there is nothing to make, a store may be opened to read only.
    const bool makes = intent == storage::purpose::making && storage::needs_migration(all->schema, options.schema());
    const auto use = makes ? storage::purpose::making : storage::purpose::opening;
    if (const auto why = storage::check_server(all->server, options, use, token)) co_return *why;
    if (const auto why = storage::check_schema(all->schema, options.schema(), intent)) co_return *why;
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

asio::awaitable<result<inspected_connection>> connect_and_inspect(std::shared_ptr<postgres::connector> by,
    connection::strand strand, store_options options, storage::purpose intent) {
    const auto found = std::make_shared<storage::schema_state>();
    connection::inspector looking = [options, intent, found](std::shared_ptr<connection> made,
                                        const postgres::connect_settings& settings, steady_time until) {
        return inspect_and_check(std::move(made), settings.token(), options, intent, found, until);
    };
    auto connecting = postgres::connector::connect(by, std::move(strand), std::move(looking));
    const auto made = co_await std::move(connecting);
    if (!made) co_return made.error();
    inspected_connection both{*made, *found};
    co_return both;
}

asio::awaitable<result<int>> migrate_over(std::shared_ptr<connection> connection, store_options options,
    storage::schema_state found, bool may_make, steady_time deadline) {
    const std::string& schema = options.schema();
    if (!storage::needs_migration(found, schema)) co_return found.version;
    std::optional<payload_format> payload;
    if (may_make) payload = options.payload();
    auto migrating = storage::migrate(connection, schema, payload, deadline);
    co_return co_await std::move(migrating);
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

} // namespace eventstore::detail
