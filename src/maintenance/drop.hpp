/// Dropping the schema of a store.
#pragma once

#include "maintenance/session.hpp"

#include <eventstore/drop.hpp>

#include <memory>

namespace eventstore::maintenance {

asio::awaitable<result<drop_preview>> preview_drop(std::shared_ptr<session> over);
asio::awaitable<result<void>> drop_store(std::shared_ptr<session> over, bool force);

/// Why a schema with this preview is not dropped; nothing if it may be.
std::optional<failure> check_drop(const drop_preview& found, const std::string& schema);

} // namespace eventstore::maintenance
