/// The schema of a store: whether it is there, and making it.
#pragma once

#include "async/operation.hpp"
#include "postgres/connection.hpp"

#include <eventstore/error.hpp>
#include <eventstore/schemas.hpp>
#include <eventstore/store_options.hpp>

#include <boost/asio/awaitable.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace eventstore::storage {

namespace asio = boost::asio;

/// Refuses a name that cannot be a schema's.
std::optional<failure> check_schema_name(const std::string& name);

/// The version that this library needs.
int needed_schema_version() noexcept;

/// Brings the schema to that version, in one transaction; returns the version. Several may try at once: one does it.
/// \param payload of a schema that is made by this, and one that exists keeps its own; nothing = make none
asio::awaitable<result<int>> migrate(std::shared_ptr<postgres::connection> connection, std::string schema,
    std::optional<payload_format> payload, detail::steady_time deadline);

/// The schemas of the database that hold a store.
asio::awaitable<result<std::vector<schema_info>>> find_schemas(
    std::shared_ptr<postgres::connection> connection, detail::steady_time deadline);

} // namespace eventstore::storage
