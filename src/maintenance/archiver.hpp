/// Moving the beginning of a log to a file.
#pragma once

#include "maintenance/exporter.hpp"

#include <eventstore/archive.hpp>

#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>

namespace eventstore::maintenance {

/// On the strand of the sessions.
/// \param limit of each transaction that removes events
/// \param is_stopped nobody waits for it any more
asio::awaitable<result<archive_summary>> archive_log(export_sessions sessions, std::string schema, std::string path,
    archive_options options, detail::environment where, std::chrono::milliseconds limit, asio::any_io_executor strand,
    std::shared_ptr<const std::atomic<bool>> is_stopped);

} // namespace eventstore::maintenance
