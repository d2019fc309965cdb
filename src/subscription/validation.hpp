/// What is refused before it reaches the database.
#pragma once

#include <eventstore/error.hpp>
#include <eventstore/subscription_options.hpp>

#include <optional>
#include <string>

namespace eventstore::delivery {

/// Each returns why the argument is refused, or nothing. `$all` is a stream here.
std::optional<failure> check_subscribe(
    const std::string& stream, const std::string& name, const subscription_options& options);
std::optional<failure> check_listen(const std::string& stream, const listen_options& options);
std::optional<failure> check_subscription_name(const std::string& stream, const std::string& name);

} // namespace eventstore::delivery
