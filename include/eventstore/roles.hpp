/// \file
/// Roles with few privileges, for the applications that use a store; for operators.
#pragma once

#include <eventstore/asio_settings.hpp>
#include <eventstore/export.hpp>
#include <eventstore/store_options.hpp>

#include <boost/asio/awaitable.hpp>

#include <string>

namespace eventstore {

/// Makes the roles of a store, as far as they are not there, and grants each what it needs: PREFIX_reader, PREFIX_writer,
/// PREFIX_subscriber, PREFIX_recorder, PREFIX_keeper, PREFIX_scavenger and PREFIX_archivist. In one transaction. They cannot
/// log in; make the role of an application a member of those that it needs:
///
///     grant shop_reader, shop_writer, shop_subscriber to shop_application;
///
/// sql/README.md says what each may do. Call it again after a migration, which may bring tables and functions of its own.
/// \param prefix 1 to 52 bytes of UTF-8, not `pg_...`; stores can have the same roles
///
/// The caller's role must own the schema, and have CREATEROLE unless the roles exist. Errors: `schema_missing`,
/// `schema_too_new`, `server_unusable` (the schema belongs to another role), `database_error` (with
/// SQLSTATE 42501: it may not make roles), `connection_lost`, `timeout`, `invalid_argument`. Cancellation: before it is
/// sent, nothing is changed; afterwards all or nothing is.
EVENTSTORE_EXPORT boost::asio::awaitable<void> grant_roles(store_options options, std::string prefix);

/// The same as a script for psql, in one transaction, for somebody else to run. Asks no server.
/// \throws error `invalid_argument` for a prefix or a schema that cannot be
EVENTSTORE_EXPORT std::string roles_script(const std::string& schema, const std::string& prefix);

} // namespace eventstore
