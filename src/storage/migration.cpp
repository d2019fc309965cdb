// Making a schema, and bringing an older one along.

#include "base/text.hpp"
#include "storage/schema.hpp"
#include "storage/schema_answers.hpp"
#include "storage/sql.hpp"
#include "storage/statements.hpp"

namespace eventstore::storage {

namespace {

using detail::message;

failure named(std::string_view kind, std::string_view name, const std::string& schema, const failure& why) {
    return why.with_message(
        message(kind, " ", name, " of schema ", detail::quoted_for_message(schema), ": ", why.message()));
}

/// Makes all functions as they are today, for the schema's name of today. Who might call them may do so again.
asio::awaitable<result<void>> make_functions(std::shared_ptr<postgres::connection> connection, std::string schema,
    payload_format payload, detail::steady_time deadline) {
    for (const sql::functions_file& file : sql::functions) {
        const std::string script = for_schema(for_payload(file.text, payload), schema);
        auto running = postgres::connection::run_script(connection, script, deadline);
        const auto made = co_await std::move(running);
        if (!made) co_return named("function file", file.name, schema, made.error());
    }
    const std::string last = message(for_schema(sql::grant_again, schema), ";\n update ", quoted_identifier(schema),
        ".log_state set schema_name = ", quoted_literal(schema));
    auto granting = postgres::connection::run_script(connection, last, deadline);
    const auto granted = co_await std::move(granting);
    if (!granted) co_return granted.error();
    co_return result<void>();
}

} // namespace

asio::awaitable<result<int>> migrate(std::shared_ptr<postgres::connection> connection, std::string schema,
    std::optional<payload_format> payload, detail::steady_time deadline) {
    const std::string identifier = quoted_identifier(schema);
    const std::string table = message(identifier, ".schema_migrations");
    // One at a time; who comes second finds the work done.
    std::string begin = message("begin isolation level read committed; "
                                "select pg_advisory_xact_lock(hashtextextended('eventstore migration ' ||",
        quoted_literal(schema), ", 0)); ");
    // With Citus a new schema may be spread over its nodes, which breaks the one order of the log; an older Citus does not
    // know both settings, and refuses names that it does not know.
    for (const std::string_view setting : {"citus.enable_schema_based_sharding", "citus.enable_ddl_propagation"})
        begin += message("do $function$ begin perform set_config('", setting,
            "', 'off', true); exception when others then null; end $function$; ");
    if (payload) { // a schema that exists needs no right to make one
        begin += message("do $function$ begin if to_regnamespace(", quoted_literal(identifier),
            ") is null then create schema ", identifier, "; end if; if to_regclass(", quoted_literal(table),
            ") is null then create table ", table,
            " (version integer primary key, name text not null, applied_at timestamptz not null default "
            "clock_timestamp()); end if; end $function$; ");
    }
    begin += message("select coalesce(max(version), 0) from ", table);
    auto beginning = postgres::connection::run_script(connection, begin, deadline);
    const auto begun = co_await std::move(beginning);
    if (!begun && !payload && is_undefined(begun.error())) co_return no_store(schema);
    if (!begun) co_return begun.error();
    const int present = number(field(*begun, 0));
    if (present > needed_schema_version()) co_return too_new(schema, present);
    bool has_functions = false;
    if (present > 0) {
        // Not every version has all these columns.
        const std::string ask =
            message("select l.payload, to_jsonb(l) ->> 'schema_name' from ", identifier, ".log_state as l");
        auto running = postgres::connection::run_script(connection, ask, deadline);
        const auto answer = co_await std::move(running);
        if (!answer) co_return answer.error();
        const std::string become = for_schema(sql::become_owner, schema);
        auto becoming = postgres::connection::run_script(connection, become, deadline);
        const auto became = co_await std::move(becoming);
        if (!became) co_return became.error();
        payload = field(*answer, 0) == "jsonb" ? payload_format::jsonb : payload_format::bytea;
        has_functions = present == needed_schema_version() && field(*answer, 1) == schema;
    }
    if (!payload) co_return no_store(schema);

    if (!has_functions) {
        const std::string remember = for_schema(sql::remember_grants, schema);
        auto remembering = postgres::connection::run_script(connection, remember, deadline);
        const auto remembered = co_await std::move(remembering);
        if (!remembered) co_return remembered.error();
        for (const sql::migration& migration : sql::migrations) {
            if (migration.version <= present) continue;
            const std::string script = message(for_schema(for_payload(migration.text, *payload), schema),
                "\n; insert into ", table, " (version, name) values (", std::to_string(migration.version), ",",
                quoted_literal(migration.name), ")");
            auto applying = postgres::connection::run_script(connection, script, deadline);
            const auto applied = co_await std::move(applying);
            if (!applied) co_return named("migration", migration.name, schema, applied.error());
        }
        auto making = make_functions(connection, schema, *payload, deadline);
        const auto made = co_await std::move(making);
        if (!made) co_return made.error();
    }
    const std::string commit = "commit";
    auto committing = postgres::connection::run_script(connection, commit, deadline);
    const auto committed = co_await std::move(committing);
    if (!committed) co_return committed.error();
    co_return needed_schema_version();
}

} // namespace eventstore::storage
