/// What a projection refuses before it reaches the database.
#pragma once

#include <eventstore/error.hpp>
#include <eventstore/projection_options.hpp>

#include <optional>
#include <string>

namespace eventstore::projection {

std::optional<failure> check_name(const std::string& name);
std::optional<failure> check_options(const std::string& name, const projection_options& options);

} // namespace eventstore::projection
