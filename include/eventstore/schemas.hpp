/// \file
/// The stores of a database, each in its own schema; for operators of many stores.
#pragma once

#include <eventstore/asio_settings.hpp>
#include <eventstore/export.hpp>
#include <eventstore/store_options.hpp>

#include <boost/asio/awaitable.hpp>

#include <string>
#include <vector>

namespace eventstore {

/// A schema that holds an event store.
struct schema_info {
    std::string name;
    int version = 0; ///< 0 = this role may not read it
    int newest = 0;  ///< the version that this library migrates to; if less than `version`, it cannot use the schema
};

/// Returns the schemas of the database that hold an event store, in byte order of their names. The schema of the
/// options is ignored. Errors: `connection_lost`, `timeout`, `invalid_argument`, `database_error`. Cancellation:
/// nothing is changed.
EVENTSTORE_EXPORT boost::asio::awaitable<std::vector<schema_info>> find_schemas(store_options options);

/// Like migrate, but only for a schema that already holds a store: otherwise it fails with `schema_missing`. Returns
/// the version.
///
///     for (const es::schema_info& each : co_await es::find_schemas(es::store_options(url)))
///         if (each.version < each.newest) co_await es::migrate_existing(es::store_options(url).schema(each.name));
EVENTSTORE_EXPORT boost::asio::awaitable<int> migrate_existing(store_options options);

/// Returns what migrate would run now, as a script for psql: one transaction, with the lock that lets one migrate at a time.
/// For those whose changes of a schema are made by somebody else. If the schema has another version when it runs, it fails
/// and changes nothing; of a schema that is up to date it is a comment.
/// \param remake_functions make all functions anew, also where the schema is up to date
///
/// Errors: `schema_too_new`, `connection_lost`, `timeout`, `invalid_argument`, `database_error`. Cancellation: nothing is
/// changed.
EVENTSTORE_EXPORT boost::asio::awaitable<std::string> migration_script(
    store_options options, bool remake_functions = false);

/// The same for a schema that is not there yet. Asks no server.
/// \throws error `invalid_argument` for a name that no schema can have
EVENTSTORE_EXPORT std::string creation_script(
    const std::string& schema, payload_format payload = payload_format::bytea);

} // namespace eventstore
