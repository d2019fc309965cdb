/// Two schemas, as the catalogue describes them. No I/O.
#pragma once

#include <eventstore/finding.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace eventstore::maintenance {

/// A row of the statement schema_facts.
struct schema_fact {
    std::string kind;
    std::string name;
    std::string fact;
    std::string owner;      ///< empty: that of the schema
    std::string public_may; ///< privileges, with commas between them
};

/// The facts of a schema made anew, as they would be under another name.
/// \param made_as the name that it was made under: none that could stand for anything else
std::vector<schema_fact> under_name(
    std::vector<schema_fact> facts, std::string_view made_as, const std::string& schema);

/// The same without the name of the schema, but in bodies: the server leaves it out where it describes temporary tables.
std::vector<schema_fact> without_name(std::vector<schema_fact> facts, const std::string& schema);

/// What the schema lacks, or has otherwise, or besides.
/// \param are_without_name see without_name
std::vector<finding> compare_schemas(const std::vector<schema_fact>& expected, const std::vector<schema_fact>& actual,
    const std::string& schema, bool are_without_name = false);

} // namespace eventstore::maintenance
