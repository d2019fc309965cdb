/// The roles of a store: see sql/statements/roles.sql.
#pragma once

#include <eventstore/error.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace eventstore::storage {

/// Whether roles can have names that begin so.
std::optional<failure> check_role_prefix(const std::string& prefix);

/// What makes the roles, and grants them what they need; one transaction, if it is sent as one query.
std::string roles_script(const std::string& schema, std::string_view prefix);

} // namespace eventstore::storage
