// The end of commands that have none of their own.
#pragma once

#include "cli/arguments.hpp"

#include <boost/asio/awaitable.hpp>

namespace eventstore::cli {

/// Runs what goes on for ever, until the user asks for its end (SIGINT, SIGTERM) or the reader of the output has gone.
/// Neither is an error. What was printed ends with a whole line, unless the reader stands still.
asio::awaitable<void> run_until_stopped(task work, asio::awaitable<void> action);

} // namespace eventstore::cli
