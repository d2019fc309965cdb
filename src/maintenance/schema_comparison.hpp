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

/// The name of the schema that these are the facts of, as the server writes it: in quotes where it must, as if it is a keyword.
std::string name_as_server_writes_it(const std::vector<schema_fact>& facts);

/// The facts of a schema made anew, as they would be under another name.
/// \param made_as the name that it was made under: none that could stand for anything else
/// \param written see name_as_server_writes_it
std::vector<schema_fact> under_name(
    std::vector<schema_fact> facts, std::string_view made_as, const std::string& schema, const std::string& written);

/// The same without the name of the schema, but in bodies: the server leaves it out where it describes temporary tables.
/// \param written see name_as_server_writes_it
std::vector<schema_fact> without_name(std::vector<schema_fact> facts, const std::string& written);

/// What the schema lacks, or has otherwise, or besides.
/// \param are_without_name see without_name
std::vector<finding> compare_schemas(const std::vector<schema_fact>& expected, const std::vector<schema_fact>& actual,
    const std::string& schema, bool are_without_name = false);

} // namespace eventstore::maintenance
