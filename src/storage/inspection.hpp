/// What a connection finds out about its server, and about the schema of a store there, before it is used.
#pragma once

#include "async/operation.hpp"
#include "postgres/connection.hpp"
#include "postgres/pool.hpp"
#include "storage/log_mark.hpp"

#include <eventstore/error.hpp>
#include <eventstore/store_options.hpp>

#include <boost/asio/awaitable.hpp>

#include <memory>
#include <optional>
#include <string>

namespace eventstore::storage {

namespace asio = boost::asio;

struct server_state {
    int server_version = 0; ///< as PostgreSQL numbers it: 150004
    std::string synchronous_commit = "on";
    bool is_standby = false;
    bool is_read_only = false; ///< a standby, or a setting of the role or the database
    std::string encoding = "UTF8";
    std::string client_encoding = "UTF8";
    std::string messages = "warning"; ///< client_min_messages
    std::string isolation = "read committed";
    std::string token; ///< that of the session, if the startup options have reached it
};

struct schema_state {
    std::string owner;    ///< empty = there is no such schema
    bool is_own = false;  ///< the owner is a role of the session's; see sql/README.md for superusers
    std::string creators; ///< roles besides the owner's that may create functions there
    int version = 0;      ///< 0 = it holds no store
    std::string made_for; ///< the name for which its functions were made; empty if it may not be read, or is not known
    bool is_held = true;  ///< the log there holds what was seen; true as well if the session may not look
};

struct inspected {
    server_state server;
    schema_state schema;
};

/// What a session is for.
enum class purpose {
    opening,     ///< a store that exists is opened, perhaps to be read only
    making,      ///< its schema is made, or brought up to date
    appending,   ///< a store that is open appends
    transacting, ///< a transaction of its callers', which may only read
};

/// Asks the server, over a connection that has not begun its pipeline: in one script, where the schema is there.
/// \param schema nothing: only the server is looked at
/// \param seen what the log must hold; position 0 = anything
asio::awaitable<result<inspected>> inspect(std::shared_ptr<postgres::connection> connection,
    std::optional<std::string> schema, log_mark seen, detail::steady_time deadline);

/// Asks for a schema, over connections that others use, too.
asio::awaitable<result<schema_state>> find_schema(
    std::shared_ptr<postgres::pool> through, std::string schema, detail::steady_time deadline);

/// Whether a store can work with a server.
/// \param token that the session was given; empty: none was
std::optional<failure> check_server(
    const server_state& found, const store_options& options, purpose intent, const std::string& token);

/// Whether a store can work with a schema, or may make it.
std::optional<failure> check_schema(const schema_state& found, const std::string& schema, purpose intent);

/// It is older than this library, or its functions were made for another name.
bool needs_migration(const schema_state& found, const std::string& schema) noexcept;

/// Inspects each session in which appends may go out: a role's settings change, and an old primary may come back at the
/// same address.
/// \param schema nothing: the session is for stores of many schemas
/// \param seen what the log must hold
postgres::connection::inspector make_inspector(
    const store_options& options, std::optional<std::string> schema, log_mark seen, purpose intent);

} // namespace eventstore::storage
