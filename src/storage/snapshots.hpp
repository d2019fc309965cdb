/// The table of snapshots.
#pragma once

#include "storage/database.hpp"

#include <eventstore/snapshot.hpp>

#include <string>

namespace eventstore::storage {

/// The newest stays: who comes too late has lost nothing.
asio::awaitable<result<void>> record_snapshot(database in, snapshot snapshot, detail::steady_time deadline);
asio::awaitable<result<snapshot>> read_snapshot(database in, std::string source, detail::steady_time deadline);
asio::awaitable<result<void>> delete_snapshot(database in, std::string source, detail::steady_time deadline);

} // namespace eventstore::storage
