/// The SQL that makes a schema, or brings an older one along, step by step. No I/O.
#pragma once

#include <eventstore/store_options.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eventstore::storage {

struct migration_step {
    std::string_view kind; ///< "migration", "function file"; empty for the steps in between
    std::string_view name;
    std::string script;
};

/// The statement that lets one migrate a schema at a time, until its transaction ends.
std::string lock_of_migration(const std::string& schema);

/// The first statements of the transaction: that one, and, where a payload is given, the schema and its table of migrations,
/// unless they are there.
std::string beginning_of_migration(const std::string& schema, bool may_make);

/// What follows, to the newest version, but for the commit.
/// \param present the version that the schema has, 0 = it was just made
std::vector<migration_step> migration_steps(const std::string& schema, int present, payload_format payload);

/// All of it as a script for psql, which refuses a schema that has another version by now.
/// \param made_for the name that the functions of the schema were made for, if there are any
/// \param remakes_functions also of a schema of the newest version
std::string migration_script(const std::string& schema, int present, payload_format payload,
    const std::string& made_for, bool remakes_functions);

} // namespace eventstore::storage
