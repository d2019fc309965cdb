/// What the parts of a store work in.
#pragma once

#include "async/clock.hpp"
#include "async/handler_watch.hpp"
#include "async/logger.hpp"
#include "async/metrics.hpp"
#include "async/timer_queue.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace eventstore::detail {

/// Where they run, what time it is, whom they tell, and where they count. A value: copies are of the same.
struct environment {
    asio::any_io_executor executor;
    std::shared_ptr<timer_queue> timers;
    std::shared_ptr<detail::logger> logger;
    std::shared_ptr<connection_metrics> connections;
    std::shared_ptr<store_metrics> metrics;
    std::shared_ptr<handler_watch> handlers;

    /// \param on_log the user's function; empty: nobody is told
    /// \param longest_handler see handler_watch
    static environment make(const asio::any_io_executor& executor, logger::sink on_log,
        std::shared_ptr<clock> time = clock::of_machine(), std::chrono::milliseconds longest_handler = {});

    /// The same, for what belongs to one schema: it counts by itself.
    environment of(std::string schema) const;

    steady_time now() const noexcept { return timers->now(); }
    lease_time lease_now() const noexcept { return timers->time()->lease_now(); }
    instant both_now() const noexcept { return timers->time()->both(); }
    /// However long `time` is: the clock cannot count for ever.
    steady_time in(std::chrono::milliseconds time) const noexcept {
        constexpr std::chrono::milliseconds longest = std::chrono::hours(24 * 365);
        return now() + std::min(time, longest);
    }
};

} // namespace eventstore::detail
