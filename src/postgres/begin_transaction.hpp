/// How a transaction begins.
#pragma once

#include "postgres/exclusive_pool.hpp"

#include <eventstore/error.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <memory>

namespace eventstore::postgres {

/// Opens a transaction on a connection of the user's, and has it end by itself when its owner is silent for longer than
/// `limit`. A connection that was lost before is replaced.
asio::awaitable<result<lease>> begin_transaction(std::shared_ptr<pool_user> user,
    std::shared_ptr<detail::timer_queue> timers, std::chrono::milliseconds limit, steady_time deadline);

} // namespace eventstore::postgres
