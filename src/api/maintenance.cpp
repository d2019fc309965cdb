#include "async/run_apart.hpp"
#include "maintenance/drop.hpp"
#include "maintenance/examine.hpp"
#include "maintenance/roles.hpp"
#include "maintenance/script.hpp"
#include "maintenance/session.hpp"
#include "maintenance/validate.hpp"
#include "maintenance/verify.hpp"
#include "runtime/open.hpp"
#include "storage/migration_steps.hpp"
#include "storage/roles.hpp"
#include "storage/schema.hpp"
#include "storage/validation.hpp"

#include <eventstore/doctor.hpp>
#include <eventstore/drop.hpp>
#include <eventstore/roles.hpp>
#include <eventstore/schemas.hpp>
#include <eventstore/validate.hpp>
#include <eventstore/verify.hpp>

#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>

namespace eventstore {

namespace asio = boost::asio;

namespace {

using postgres::session_kind;

/// Work over a session of its own, on a strand of the executor that the options name, or else of the caller's.
struct apart_session {
    apart_session(store_options options, session_kind kind, const asio::any_io_executor& callers)
        : strand(detail::executor_for(options, callers)),
          over(std::make_shared<maintenance::session>(
              options, kind, strand, detail::environment::make(options.executor(), options.on_log()))),
          end(over) {}

    const postgres::connection::strand strand;
    const std::shared_ptr<maintenance::session> over;
    const maintenance::session_end end;
};

asio::awaitable<verify_report> verify_throwing(store_options options, verify_options how) {
    if (const auto why = storage::check_options(options)) throw error(*why);
    if (const auto why = maintenance::check_options(how)) throw error(*why);
    const asio::any_io_executor callers = co_await asio::this_coro::executor;
    const apart_session apart(std::move(options), session_kind::administration, callers);
    auto work = maintenance::verify(apart.over, std::move(how));
    auto working = detail::run_apart(apart.strand, std::move(work), "verifying the store");
    auto report = co_await std::move(working);
    co_return std::move(report).value();
}

asio::awaitable<doctor_report> examine_throwing(store_options options, doctor_options how) {
    if (const auto why = storage::check_options(options)) throw error(*why);
    if (const auto why = maintenance::check_options(how)) throw error(*why);
    const asio::any_io_executor callers = co_await asio::this_coro::executor;
    const apart_session apart(std::move(options), session_kind::listening, callers);
    auto work = maintenance::examine(apart.over, how);
    auto working = detail::run_apart(apart.strand, std::move(work), "examining the store");
    auto report = co_await std::move(working);
    co_return std::move(report).value();
}

asio::awaitable<validation_report> validate_throwing(store_options options) {
    if (const auto why = storage::check_options(options)) throw error(*why);
    const asio::any_io_executor callers = co_await asio::this_coro::executor;
    const apart_session apart(std::move(options), session_kind::administration, callers);
    auto work = maintenance::validate(apart.over);
    auto working = detail::run_apart(apart.strand, std::move(work), "validating the schema");
    auto report = co_await std::move(working);
    co_return std::move(report).value();
}

asio::awaitable<drop_preview> preview_drop_throwing(store_options options) {
    if (const auto why = storage::check_options(options)) throw error(*why);
    const asio::any_io_executor callers = co_await asio::this_coro::executor;
    const apart_session apart(std::move(options), session_kind::administration, callers);
    auto work = maintenance::preview_drop(apart.over);
    auto working = detail::run_apart(apart.strand, std::move(work), "looking at what a drop would remove");
    auto found = co_await std::move(working);
    co_return std::move(found).value();
}

asio::awaitable<void> drop_throwing(store_options options, bool force) {
    if (const auto why = storage::check_options(options)) throw error(*why);
    const asio::any_io_executor callers = co_await asio::this_coro::executor;
    const apart_session apart(std::move(options), session_kind::administration, callers);
    auto work = maintenance::drop_store(apart.over, force);
    auto working = detail::run_apart(apart.strand, std::move(work), "dropping the store");
    const auto outcome = co_await std::move(working);
    outcome.value();
}

std::optional<failure> check_roles(const std::string& schema, const std::string& prefix) {
    if (auto why = storage::check_schema_name(schema)) return why;
    return storage::check_role_prefix(prefix);
}

asio::awaitable<void> grant_roles_throwing(store_options options, std::string prefix) {
    if (const auto why = storage::check_options(options)) throw error(*why);
    if (const auto why = check_roles(options.schema(), prefix)) throw error(*why);
    const asio::any_io_executor callers = co_await asio::this_coro::executor;
    const apart_session apart(std::move(options), session_kind::administration, callers);
    auto work = maintenance::grant_roles(apart.over, std::move(prefix));
    auto working = detail::run_apart(apart.strand, std::move(work), "making the roles of the store");
    const auto outcome = co_await std::move(working);
    outcome.value();
}

asio::awaitable<std::string> script_throwing(store_options options, bool remakes_functions) {
    if (const auto why = storage::check_options(options)) throw error(*why);
    const asio::any_io_executor callers = co_await asio::this_coro::executor;
    const apart_session apart(std::move(options), session_kind::administration, callers);
    auto work = maintenance::migration_script(apart.over, remakes_functions);
    auto working = detail::run_apart(apart.strand, std::move(work), "writing a migration down");
    auto script = co_await std::move(working);
    co_return std::move(script).value();
}

} // namespace

asio::awaitable<verify_report> verify(store_options options, verify_options how) {
    return verify_throwing(std::move(options), std::move(how));
}

asio::awaitable<doctor_report> examine(store_options options, doctor_options how) {
    return examine_throwing(std::move(options), how);
}

asio::awaitable<validation_report> validate(store_options options) { return validate_throwing(std::move(options)); }

asio::awaitable<drop_preview> preview_drop(store_options options) { return preview_drop_throwing(std::move(options)); }

asio::awaitable<void> drop_store(store_options options, bool force) { return drop_throwing(std::move(options), force); }

asio::awaitable<std::string> migration_script(store_options options, bool remake_functions) {
    return script_throwing(std::move(options), remake_functions);
}

asio::awaitable<void> grant_roles(store_options options, std::string prefix) {
    return grant_roles_throwing(std::move(options), std::move(prefix));
}

std::string roles_script(const std::string& schema, const std::string& prefix) {
    if (const auto why = check_roles(schema, prefix)) throw error(*why);
    // As the sessions of the library have it.
    return "\\set ON_ERROR_STOP on\nset client_encoding = 'UTF8';\nbegin isolation level read committed;\n"
           "set local search_path = pg_catalog, pg_temp;\nset local standard_conforming_strings = on;\n" +
        storage::roles_script(schema, prefix) + "commit;\n";
}

std::string creation_script(const std::string& schema, payload_format payload) {
    if (const auto why = storage::check_schema_name(schema)) throw error(*why);
    return storage::migration_script(schema, 0, payload, std::string(), false);
}

} // namespace eventstore
