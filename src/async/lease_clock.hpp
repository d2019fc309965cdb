/// The clock by which leases are judged.
#pragma once

#include <time.h>

#include <chrono>

namespace eventstore::detail {

/// Goes on while the machine is suspended, which steady_clock does not: a lease that ran out meanwhile has run out.
/// Timers may stay on steady_clock; whoever decides whether a lease still holds may not, and the types keep them apart.
struct lease_clock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<lease_clock>;
    static constexpr bool is_steady = true;

    static time_point now() noexcept {
        ::timespec now{};
        ::clock_gettime(CLOCK_BOOTTIME, &now);
        return time_point(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
    }

    /// When a timer should go off for what is due then.
    static std::chrono::steady_clock::time_point for_timer(time_point when) noexcept {
        return std::chrono::steady_clock::now() +
            std::chrono::duration_cast<std::chrono::steady_clock::duration>(when - now());
    }
};

} // namespace eventstore::detail
