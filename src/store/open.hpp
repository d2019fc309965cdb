/// What opening a store and opening a group of them have in common.
#pragma once

#include "base/operation.hpp"
#include "postgres/connection.hpp"

#include <eventstore/error.hpp>
#include <eventstore/store_options.hpp>

#include <boost/asio/awaitable.hpp>

#include <memory>

namespace eventstore::detail {

namespace asio = boost::asio;

/// The one that the options name; otherwise the context of a coroutine, without the strand that it may run on: a store
/// has strands of its own.
asio::any_io_executor executor_for(const store_options& options, const asio::any_io_executor& callers);

/// Makes a schema (if it may), or brings it up to date, over a connection for administration; it stays open.
asio::awaitable<result<int>> migrate_over(
    std::shared_ptr<postgres::connection> link, store_options options, bool may_make, steady_time deadline);

} // namespace eventstore::detail
