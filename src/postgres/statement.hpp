/// Statements that connections prepare when they first need them.
#pragma once

#include "postgres/parameters.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace eventstore::postgres {

/// One SQL statement with the types of its parameters. Statements live as long as the connections that use them;
/// `index` is unique among those of a store and tells which of them a connection has prepared.
struct statement {
    std::size_t index = 0;
    std::string name; ///< of the prepared statement
    std::string text;
    std::vector<type_oid> types;
    bool is_read = true;   ///< counted among the reads of a store
    bool is_alone = false; ///< shares no transaction with others: it locks something
    std::string doing;     ///< for messages: "reading a stream"
};

} // namespace eventstore::postgres
