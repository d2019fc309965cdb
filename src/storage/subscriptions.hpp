/// The table of subscriptions, for those who administer them. Leases and checkpoints are written by subscription/.
#pragma once

#include "storage/database.hpp"

#include <eventstore/subscription_info.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace eventstore::storage {

asio::awaitable<result<std::vector<subscription_info>>> list_subscriptions(database in, detail::steady_time deadline);
asio::awaitable<result<void>> remove_subscription(
    database in, std::string stream, std::string name, detail::steady_time deadline);
/// \param checkpoint a position, or a version of a stream
asio::awaitable<result<void>> reset_subscription(
    database in, std::string stream, std::string name, std::int64_t checkpoint, detail::steady_time deadline);
/// Whether all up to the position is acknowledged, as far as the database knows.
asio::awaitable<result<bool>> has_reached(
    database in, std::string stream, std::string name, std::int64_t position, detail::steady_time deadline);

asio::awaitable<result<std::vector<parked_event>>> list_parked(
    database in, std::string stream, std::string name, detail::steady_time deadline);
enum class release { replay, discard };
/// \param positions empty: all of them
asio::awaitable<result<std::int64_t>> release_parked(database in, std::string stream, std::string name, release mode,
    std::vector<std::int64_t> positions, detail::steady_time deadline);

} // namespace eventstore::storage
