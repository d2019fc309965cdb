/// Removing events in many small transactions.
#pragma once

#include "async/timer_queue.hpp"
#include "storage/database.hpp"

#include <eventstore/retention.hpp>

#include <cstdint>
#include <functional>
#include <memory>

namespace eventstore::maintenance {

namespace asio = boost::asio;

/// Where and when it happens.
struct scavenge_site {
    storage::database database;
    std::shared_ptr<detail::timer_queue> timers;
    std::function<detail::steady_time()> deadline_of_step;
};

/// Events that have expired.
asio::awaitable<result<scavenge_progress>> scavenge(scavenge_site site, scavenge_options options);
/// All events below a position.
asio::awaitable<result<scavenge_progress>> remove_before(
    scavenge_site site, std::int64_t position, scavenge_options options);

} // namespace eventstore::maintenance
