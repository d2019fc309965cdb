// `subscriptions --watch`.
#pragma once

#include "cli/arguments.hpp"

#include <chrono>

namespace eventstore::cli {

/// Shows the subscriptions again and again: in place on a terminal, else a line for each that has changed.
asio::awaitable<void> watch_subscriptions(task work, std::chrono::milliseconds every);

} // namespace eventstore::cli
