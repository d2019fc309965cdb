/// The schema of a store: whether it is there, and making it.
#pragma once

#include "base/operation.hpp"
#include "postgres/connection.hpp"
#include "postgres/pool.hpp"

#include <eventstore/error.hpp>
#include <eventstore/schemas.hpp>
#include <eventstore/store_options.hpp>

#include <boost/asio/awaitable.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace eventstore::log {

namespace asio = boost::asio;

/// Refuses a name that cannot be a schema's.
std::optional<failure> check_schema_name(const std::string& name);

/// What a connection has found out about its server.
struct server_state {
    int server_version = 0; ///< as PostgreSQL numbers it: 150004
    bool commits_durably = true;
    bool is_read_only = false; ///< a standby
    int schema_version = 0;    ///< 0 = there is none
};

/// Asks the server, over a connection that has not begun its pipeline.
/// \param schema nothing: only the server is looked at
asio::awaitable<result<server_state>> inspect(
    std::shared_ptr<postgres::connection> link, std::optional<std::string> schema, detail::steady_time deadline);

/// The version of a schema, over connections that others use, too; 0 = there is none.
asio::awaitable<result<int>> find_version(
    std::shared_ptr<postgres::pool> through, std::string schema, detail::steady_time deadline);

/// Whether a store can work with a server.
std::optional<failure> check_server(const server_state& found, const store_options& options);

/// Whether a store can work with a schema of this version.
std::optional<failure> check_version(int found, const store_options& options);

/// Whether a store can work with what was found.
std::optional<failure> check(const server_state& found, const store_options& options);

/// The version that this library needs.
int needed_schema_version() noexcept;

/// Brings the schema to that version, in one transaction; returns the version. Several may try at once: one does it.
/// \param payload of a schema that is made by this, and one that exists keeps its own; nothing = make none
asio::awaitable<result<int>> migrate(std::shared_ptr<postgres::connection> link, std::string schema,
    std::optional<payload_format> payload, detail::steady_time deadline);

/// The schemas of the database that hold a store.
asio::awaitable<result<std::vector<schema_info>>> find_schemas(
    std::shared_ptr<postgres::connection> link, detail::steady_time deadline);

} // namespace eventstore::log
