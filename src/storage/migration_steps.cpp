#include "storage/migration_steps.hpp"

#include "base/text.hpp"
#include "storage/schema.hpp"
#include "storage/sql.hpp"
#include "storage/statements.hpp"

#include <eventstore/version.hpp>

namespace eventstore::storage {

using detail::message;

namespace {

std::string migrations_of(const std::string& schema) {
    return message(quoted_identifier(schema), ".schema_migrations");
}

std::string block(std::string_view body) { return message("do $function$ begin ", body, " end $function$;\n"); }

/// In a comment a name must not end the line.
std::string in_comment(const std::string& schema) { return detail::quoted_for_message(schema); }

} // namespace

std::string lock_of_migration(const std::string& schema) {
    return block(message(
        "perform pg_advisory_xact_lock(hashtextextended('eventstore migration ' ||", quoted_literal(schema), ", 0));"));
}

std::string beginning_of_migration(const std::string& schema, bool may_make) {
    const std::string identifier = quoted_identifier(schema);
    const std::string table = migrations_of(schema);
    std::string begin = lock_of_migration(schema); // who comes second finds the work done
    // With Citus a new schema may be spread over its nodes, which breaks the one order of the log; an older Citus does not
    // know both settings, and refuses names that it does not know.
    for (const std::string_view setting : {"citus.enable_schema_based_sharding", "citus.enable_ddl_propagation"})
        begin += block(message("perform set_config('", setting, "', 'off', true); exception when others then null;"));
    if (may_make) // a schema that exists needs no right to make one
        begin += block(message("if to_regnamespace(", quoted_literal(identifier), ") is null then create schema ",
            identifier, "; end if; if to_regclass(", quoted_literal(table), ") is null then create table ", table,
            " (version integer primary key, name text not null, applied_at timestamptz not null default "
            "clock_timestamp()); end if;"));
    return begin;
}

std::vector<migration_step> migration_steps(const std::string& schema, int present, payload_format payload) {
    std::vector<migration_step> steps;
    steps.push_back({"", "", for_schema(sql::remember_grants, schema)});
    for (const sql::migration& migration : sql::migrations) {
        if (migration.version <= present) continue;
        steps.push_back({"migration", migration.name,
            message(for_schema(for_payload(migration.text, payload), schema), "\n; insert into ", migrations_of(schema),
                " (version, name) values (", std::to_string(migration.version), ",", quoted_literal(migration.name),
                ")")});
    }
    // All functions as they are today, for the schema's name of today. Who might call them may do so again.
    for (const sql::functions_file& file : sql::functions)
        steps.push_back({"function file", file.name, for_schema(for_payload(file.text, payload), schema)});
    steps.push_back({"", "",
        message(for_schema(sql::grant_again, schema), ";\n update ", quoted_identifier(schema),
            ".log_state set schema_name = ", quoted_literal(schema))});
    return steps;
}

std::string migration_script(const std::string& schema, int present, payload_format payload,
    const std::string& made_for, bool remakes_functions) {
    const std::string newest = std::to_string(needed_schema_version());
    const std::string head = message("-- The schema ", in_comment(schema), " of an event store, from version ",
        std::to_string(present), " to ", newest, ", by eventstore ", version_string, ". Run it with psql.\n");
    if (present == needed_schema_version() && made_for == schema && !remakes_functions)
        return message(head, "-- It is up to date: there is nothing to do.\n");

    // As the sessions of the library have it.
    std::string script = message(head,
        "\\set ON_ERROR_STOP on\nset client_encoding = 'UTF8';\nbegin isolation level read committed;\n"
        "set local search_path = pg_catalog, pg_temp;\nset local client_min_messages = warning;\nset local jit = off;\n"
        "set local statement_timeout = 0;\nset local lock_timeout = 0;\nset local standard_conforming_strings = on;\n",
        beginning_of_migration(schema, present == 0));
    script += message("do $function$ declare present integer := (select coalesce(max(version), 0) from ",
        migrations_of(schema), "); begin if present <> ", std::to_string(present),
        " then raise exception 'the schema has version % by now, and this script is for version ",
        std::to_string(present), "', present; end if; end $function$;\n");
    if (present > 0) script += message(for_schema(sql::become_owner, schema), ";\n");
    bool is_first = true;
    for (const migration_step& step : migration_steps(schema, present, payload)) {
        if (!step.kind.empty()) script += message("\n-- ", step.kind, " ", step.name, "\n");
        script += step.script;
        // Its answer is nothing to print; only a semicolon of its own ends the last statement of the others.
        script += is_first ? "\n\\gset eventstore_\n" : "\n;\n";
        is_first = false;
    }
    return script += "commit;\n";
}

} // namespace eventstore::storage
