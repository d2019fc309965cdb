// Schemas as older libraries left them.
#pragma once

#include "storage/sql.hpp"
#include "storage/statements.hpp"
#include "support/session.hpp"

#include <string>

namespace eventstore::test {

inline int newest_version() { return storage::sql::migrations.back().version; }

/// The last version whose functions came with the migrations; of a later one the older schema has none.
inline constexpr int last_version_with_functions = 9;

/// Makes a schema as a library of long ago did, that knew only the first migrations.
inline void make_older_schema(
    const std::string& url, const std::string& schema, int version, payload_format format = payload_format::bytea) {
    const std::string table = quoted_name(schema) + ".schema_migrations";
    std::string script = "begin; create schema " + quoted_name(schema) + "; create table " + table +
        " (version integer primary key, name text not null,"
        " applied_at timestamptz not null default clock_timestamp());";
    for (const storage::sql::migration& each : storage::sql::migrations) {
        if (each.version > version) break;
        script += storage::for_schema(storage::for_payload(each.text, format), schema) + ";insert into " + table +
            " (version, name) values (" + std::to_string(each.version) + "," + quoted_text(std::string(each.name)) +
            ");";
    }
    session(url).run(script + "commit");
}

} // namespace eventstore::test
