#include "storage/inspection.hpp"

#include "base/text.hpp"
#include "storage/schema.hpp"
#include "storage/schema_answers.hpp"
#include "storage/statements.hpp"

#include <boost/asio/use_awaitable.hpp>

#include <string_view>

namespace eventstore::storage {

namespace {

using detail::message;

constexpr int oldest_server = 140000;

constexpr std::string_view of_server =
    "select pg_catalog.current_setting('server_version_num'), pg_catalog.current_setting('synchronous_commit'), "
    // A transaction that began in recovery stays read-only when the promotion ends meanwhile.
    "pg_catalog.pg_is_in_recovery() or (pg_catalog.current_setting('transaction_read_only')::boolean "
    "and not pg_catalog.current_setting('default_transaction_read_only')::boolean), "
    "pg_catalog.current_setting('transaction_read_only'), "
    "pg_catalog.current_setting('server_encoding'), pg_catalog.current_setting('client_encoding'), "
    "pg_catalog.current_setting('client_min_messages'), pg_catalog.current_setting('transaction_isolation'), "
    "pg_catalog.current_setting('eventstore.session', true)";
constexpr int server_columns = 9;

// Of a superuser every role is one to use: only those that it was really given count, and those of other superusers, who
// need no trap to do what they like.
constexpr std::string_view of_owner =
    ", o.owner, o.is_own, o.creators from (values (1)) as one (n) left join lateral ("
    "with recursive mine (role) as ("
    "select r.oid from pg_catalog.pg_roles as r where r.rolname = current_user union "
    "select m.roleid from pg_catalog.pg_auth_members as m join mine on m.member = mine.role) "
    "select pg_catalog.pg_get_userbyid(n.nspowner) as owner, "
    "pg_catalog.pg_has_role(n.nspowner, 'USAGE') and ("
    "not exists (select from pg_catalog.pg_roles as r where r.rolname = current_user and r.rolsuper) "
    "or exists (select from pg_catalog.pg_roles as r where r.oid = n.nspowner and r.rolsuper) "
    "or n.nspowner in (select mine.role from mine) "
    "or exists (select from pg_catalog.pg_database as d join pg_catalog.pg_roles as r on r.oid = d.datdba "
    "where d.datname = pg_catalog.current_database() and pg_catalog.pg_get_userbyid(n.nspowner) = 'pg_database_owner' "
    "and (r.rolsuper or r.oid in (select mine.role from mine)))) as is_own, "
    "(select pg_catalog.string_agg(case a.grantee when 0 then 'public' else pg_catalog.pg_get_userbyid(a.grantee) end, "
    "', ') from pg_catalog.aclexplode(n.nspacl) as a where a.privilege_type = 'CREATE' and a.grantee <> n.nspowner "
    "and (a.grantee = 0 or not pg_catalog.pg_has_role(a.grantee, n.nspowner, 'MEMBER'))) as creators "
    "from pg_catalog.pg_namespace as n where n.nspname = ";

std::string_view end_of_owner = ") as o on true";

std::string state_of_log(const std::string& schema) { return message(quoted_identifier(schema), ".log_state"); }

// Not every version has the column.
std::string name_in(const std::string& schema) {
    return message("(select pg_catalog.to_jsonb(l) ->> 'schema_name' from ", state_of_log(schema), " as l)");
}

std::string held_in(const std::string& schema, const log_mark& seen) {
    if (seen.position == 0) return "true";
    std::string call = message(
        quoted_identifier(schema), ".is_held(", std::to_string(seen.timeline), ", ", std::to_string(seen.position));
    if (seen.event) call += message(", '", to_string(*seen.event), "'");
    return call += ")";
}

/// The schema may be another one than the library expects, or none at all.
bool is_unlike(const failure& why) {
    return is_undefined(why) || why.sqlstate() == "42883" || why.sqlstate() == "42703";
}

bool is_forbidden(const failure& why) { return why.sqlstate() == "42501"; }

server_state server_in(const postgres::answer& from) {
    server_state found;
    found.server_version = number(field(from, 0));
    found.synchronous_commit = field(from, 1);
    found.is_standby = field(from, 2) == "t";
    found.is_read_only = field(from, 3) == "on";
    found.encoding = field(from, 4);
    found.client_encoding = field(from, 5);
    found.messages = field(from, 6);
    found.isolation = field(from, 7);
    found.token = field(from, 8);
    return found;
}

void owner_in(const postgres::answer& from, int first, schema_state& found) {
    found.owner = field(from, first);
    found.is_own = field(from, first + 1) == "t";
    found.creators = field(from, first + 2);
}

failure unusable(std::string text) { return failure(errc::server_unusable, std::move(text)); }

} // namespace

asio::awaitable<result<inspected>> inspect(std::shared_ptr<postgres::connection> connection,
    std::optional<std::string> schema, log_mark seen, detail::steady_time deadline) {
    inspected found;
    if (!schema) {
        const std::string only_server(of_server);
        auto running = postgres::connection::run_script(connection, only_server, deadline);
        const auto answer = co_await std::move(running);
        if (!answer) co_return answer.error();
        found.server = server_in(*answer);
        co_return found;
    }

    const std::string table = table_of(*schema);
    const std::string owner_sql = message(of_owner, quoted_literal(*schema), end_of_owner);
    constexpr int after = server_columns;
    const std::string version = message(", (", version_in(table), ")");
    const std::string all =
        message(of_server, version, ", ", name_in(*schema), ", ", held_in(*schema, seen), owner_sql);
    auto running = postgres::connection::run_script(connection, all, deadline);
    auto first = co_await std::move(running);
    if (first) {
        found.server = server_in(*first);
        found.schema.version = number(field(*first, after));
        found.schema.made_for = field(*first, after + 1);
        found.schema.is_held = field(*first, after + 2) != "f";
        owner_in(*first, after + 3, found.schema);
        co_return found;
    }
    if (!is_unlike(first.error()) && !is_forbidden(first.error())) co_return first.error();

    if (is_forbidden(first.error()) && seen.position != 0) { // the append functions look for it, too
        auto without = inspect(connection, schema, log_mark(), deadline);
        co_return co_await std::move(without);
    }

    // One that may only append may see no more of the schema than its version; one that makes it sees nothing yet.
    const std::string there = message(of_server, ", to_regclass(", quoted_literal(table), ") is not null", owner_sql);
    auto finding = postgres::connection::run_script(connection, there, deadline);
    const auto second = co_await std::move(finding);
    if (!second) co_return second.error();
    found.server = server_in(*second);
    owner_in(*second, after + 1, found.schema);
    if (field(*second, after) != "t") co_return found;
    const std::string ask_version = version_in(table);
    auto asking = postgres::connection::run_script(connection, ask_version, deadline);
    const auto third = co_await std::move(asking);
    if (!third) co_return third.error();
    found.schema.version = number(field(*third, 0));
    co_return found;
}

asio::awaitable<result<schema_state>> find_schema(
    std::shared_ptr<postgres::pool> through, std::string schema, detail::steady_time deadline) {
    using postgres::lone_statement;
    const std::string doing = "looking for the schema of a store";
    const std::string table = table_of(schema);
    // In two steps: a statement that fails holds up those of others that share its connection.
    std::string first = message("select to_regclass(", quoted_literal(table),
        ") is not null, coalesce(has_table_privilege("
        "to_regclass(",
        quoted_literal(state_of_log(schema)), "), 'select'), false)", of_owner, quoted_literal(schema), end_of_owner);
    const auto look = std::make_shared<lone_statement>(std::move(first), std::vector<postgres::type_oid>(), doing);
    auto looking = postgres::pool::execute(through, look->query, postgres::parameters(), deadline);
    const auto there = co_await std::move(looking);
    if (!there) co_return there.error();
    schema_state found;
    found.owner = there->bytes(0, 2);
    found.is_own = !there->is_null(0, 3) && there->boolean(0, 3);
    found.creators = there->bytes(0, 4);
    if (!there->boolean(0, 0)) co_return found;

    std::string second = version_in(table);
    if (there->boolean(0, 1)) second = message("select (", version_in(table), "), ", name_in(schema));
    const auto ask = std::make_shared<lone_statement>(std::move(second), std::vector<postgres::type_oid>(), doing);
    auto asking = postgres::pool::execute(through, ask->query, postgres::parameters(), deadline);
    const auto answer = co_await std::move(asking);
    if (!answer) co_return answer.error();
    found.version = answer->int4(0, 0);
    if (there->boolean(0, 1)) found.made_for = answer->bytes(0, 1);
    co_return found;
}

std::optional<failure> check_server(
    const server_state& found, const store_options& options, purpose intent, const std::string& token) {
    if (found.server_version < oldest_server)
        return unusable(message(
            "the server is PostgreSQL ", std::to_string(found.server_version / 10000), "; a store needs 14 or later"));
    if (found.token != token)
        return unusable(
            "the settings that the store gave its session have not reached the server: the url leads through a "
            "pooler, whose sessions change hands; open the store with pooled(true), or name the server itself");
    if (found.encoding != "UTF8")
        return unusable(message("the encoding of the database is ", found.encoding,
            ", a store needs UTF8: move to a database made with `create database ... encoding 'UTF8' template "
            "template0`"));
    if (found.client_encoding != "UTF8")
        return unusable(message("the server takes the texts of this session for ", found.client_encoding,
            ", and not for UTF8; let the pooler pass client_encoding on"));
    if (found.messages == "error" || found.messages == "fatal" || found.messages == "panic")
        return unusable(message("client_min_messages is ", found.messages,
            " for this role or database: the server would not say that an event did not reach its synchronous standby; "
            "set it to warning"));
    if (found.isolation != "read committed")
        return unusable(message("default_transaction_isolation is ", found.isolation,
            " for this role or database; appending needs read committed"));
    if (found.synchronous_commit == "off" && !options.allows_asynchronous_commit())
        return unusable("synchronous_commit is off for this role or database: an acknowledged event could be lost when "
                        "the server crashes; set it to on, or open the store with allow_asynchronous_commit()");
    const bool writes = intent == purpose::making || intent == purpose::appending;
    if (!writes || !found.is_read_only) return std::nullopt;
    if (found.is_standby) {
        // it may be promoted
        return failure(errc::server_unusable,
            {.message = "the server is a standby, which is read-only: name the primary in the url, or all of its hosts",
                .retry_helps = true});
    }
    return unusable(
        "default_transaction_read_only is on for this role or database: set it to off where events are appended");
}

std::optional<failure> check_schema(const schema_state& found, const std::string& schema, purpose intent) {
    const std::string name = detail::quoted_for_message(schema);
    if (!found.owner.empty() && intent == purpose::making && !found.is_own)
        return failure(errc::server_unusable,
            message("schema ", name, " belongs to ", detail::quoted_for_message(found.owner),
                ", which is no role of yours: what is in it may be a trap for you; connect as that role, or add ",
                "options=-c role=NAME to the url, if the schema is as it should be; to use it only, open without "
                "create()"));
    if (!found.creators.empty())
        return failure(errc::server_unusable,
            message("in schema ", name,
                " others than its owner may create functions, which those of the store would "
                "call: ",
                found.creators, "; `revoke create on schema ... from ...`, or use a schema of its own"));
    // A store that is open goes on while its schema is brought up to date for others.
    const bool is_open = intent == purpose::appending || intent == purpose::transacting;
    if (found.version > needed_schema_version() && !is_open) return too_new(schema, found.version);
    if (intent == purpose::making) return std::nullopt;
    if (is_open ? found.version == 0 : found.version < needed_schema_version()) {
        return failure(errc::schema_missing,
            message("schema ", name,
                found.version == 0 ? std::string(" holds no event store")
                                   : message(" has version ", std::to_string(found.version), ", version ",
                                         std::to_string(needed_schema_version()), " is needed"),
                "; open the store with create(true), or run `eventstore init`"));
    }
    if (!found.made_for.empty() && found.made_for != schema) {
        return failure(errc::schema_missing,
            message("schema ", name,
                " was renamed, or is a copy: its functions are those "
                "of schema ",
                detail::quoted_for_message(found.made_for), "; run `eventstore migrate --schema ", schema,
                "`, or open the store with create(true)"));
    }
    return std::nullopt;
}

bool needs_migration(const schema_state& found, const std::string& schema) noexcept {
    return found.version < needed_schema_version() || (!found.made_for.empty() && found.made_for != schema);
}

namespace {

asio::awaitable<result<void>> inspect_and_check(std::shared_ptr<postgres::connection> connection, std::string token,
    store_options options, std::optional<std::string> schema, log_mark seen, purpose intent,
    detail::steady_time deadline) {
    auto inspecting = inspect(connection, schema, seen, deadline);
    const auto found = co_await std::move(inspecting);
    if (!found) co_return found.error();
    if (const auto why = check_server(found->server, options, intent, token)) co_return *why;
    if (!schema) co_return result<void>();
    // A standby may lag behind what was seen.
    if (!found->schema.is_held && !found->server.is_standby) co_return not_held(seen);
    if (const auto why = check_schema(found->schema, *schema, intent)) co_return *why;
    co_return result<void>();
}

} // namespace

postgres::connection::inspector make_inspector(
    const store_options& options, std::optional<std::string> schema, log_mark seen, purpose intent) {
    return [options, schema = std::move(schema), seen, intent](std::shared_ptr<postgres::connection> connection,
               const postgres::connect_settings& settings, detail::steady_time deadline) {
        return inspect_and_check(std::move(connection), settings.token(), options, schema, seen, intent, deadline);
    };
}

} // namespace eventstore::storage
