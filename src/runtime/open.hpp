/// What opening a store and opening a group of them have in common.
#pragma once

#include "async/operation.hpp"
#include "postgres/connector.hpp"
#include "storage/inspection.hpp"

#include <eventstore/error.hpp>
#include <eventstore/store_options.hpp>

#include <boost/asio/awaitable.hpp>

#include <memory>

namespace eventstore::detail {

namespace asio = boost::asio;

/// The one that the options name, or else that of a coroutine, without its strand: a store has strands of its own, which
/// end with their context, and what its handles keep does not. The options name it from here on.
asio::any_io_executor executor_for(store_options& options, const asio::any_io_executor& callers);

// Their failures are told to the caller.
std::shared_ptr<postgres::connector> first_connector(const store_options& options, const environment& where);
std::shared_ptr<postgres::connector> administrator(const store_options& options, const environment& where);

/// Connects to a server that will do, and tells what there is of the schema.
struct inspected_connection {
    std::shared_ptr<postgres::connection> connection;
    storage::schema_state schema;
};
asio::awaitable<result<inspected_connection>> connect_and_inspect(std::shared_ptr<postgres::connector> by,
    postgres::connection::strand strand, store_options options, storage::purpose intent);

/// Makes a schema (if it may), or brings it up to date, over a connection for administration; it stays open.
asio::awaitable<result<int>> migrate_over(std::shared_ptr<postgres::connection> connection, store_options options,
    storage::schema_state found, bool may_make, steady_time deadline);

} // namespace eventstore::detail
