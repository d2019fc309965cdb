/// co_spawn, for use inside coroutines.
#pragma once

#include "async/asio_calls.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>

#include <utility>

namespace eventstore::detail {

template <class Handler>
EVENTSTORE_NOT_INTO_COROUTINES void spawn_from_coroutine(
    const boost::asio::any_io_executor& on, boost::asio::awaitable<void> work, Handler handler) {
    boost::asio::co_spawn(on, std::move(work), std::move(handler));
}

} // namespace eventstore::detail
