/// The export of a log.
#pragma once

#include "async/environment.hpp"
#include "async/operation.hpp"
#include "postgres/connection.hpp"

#include <eventstore/error.hpp>
#include <eventstore/event_file.hpp>

#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace eventstore::maintenance {

namespace asio = boost::asio;

/// Two sessions, of which nothing else makes use: one sends the events, the other one answers what comes up meanwhile.
struct export_sessions {
    static constexpr std::chrono::milliseconds longest_wait =
        std::chrono::hours(24); // what limits it is the connection

    std::shared_ptr<postgres::connection> rows, questions;

    /// Asks one of them. \param text for the schema
    static asio::awaitable<result<postgres::answer>> ask(std::shared_ptr<postgres::connection> of, std::string text,
        std::vector<postgres::type_oid> types, postgres::parameters arguments, detail::steady_time deadline);
};

/// On the strand of the sessions.
/// \param is_stopped nobody waits for it any more
asio::awaitable<result<event_file_summary>> export_log(export_sessions sessions, std::string schema, std::string path,
    export_options options, detail::environment where, asio::any_io_executor strand,
    std::shared_ptr<const std::atomic<bool>> is_stopped);

} // namespace eventstore::maintenance
