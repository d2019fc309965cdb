/// The table of retentions.
#pragma once

#include "storage/database.hpp"

#include <eventstore/retention.hpp>

#include <string>
#include <vector>

namespace eventstore::storage {

asio::awaitable<result<void>> set_retention(
    database in, std::string name, bool is_prefix, retention value, detail::steady_time deadline);
asio::awaitable<result<void>> remove_retention(
    database in, std::string name, bool is_prefix, detail::steady_time deadline);
asio::awaitable<result<stream_retention>> read_retention(database in, std::string stream, detail::steady_time deadline);
asio::awaitable<result<std::vector<retention_info>>> list_retentions(database in, detail::steady_time deadline);

} // namespace eventstore::storage
