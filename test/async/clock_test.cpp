// The clock of leases: it goes on while the machine sleeps.

#include "async/clock.hpp"

#include <boost/test/unit_test.hpp>

#include <time.h>

#include <type_traits>

BOOST_AUTO_TEST_SUITE(clock_test)

using namespace std::chrono_literals;
using namespace eventstore::detail;

namespace {

lease_time since_boot() {
    ::timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    return lease_time(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

} // namespace

BOOST_AUTO_TEST_CASE(lease_time_counts_from_when_the_machine_was_booted_suspended_or_not) {
    const auto before = since_boot();
    const auto now = eventstore::detail::clock::of_machine()->lease_now();
    const auto after = since_boot();
    BOOST_TEST((before <= now && now <= after));
}

BOOST_AUTO_TEST_CASE(a_timer_for_lease_time_goes_off_as_much_later_as_that_is_ahead) {
    const instant now{steady_time(1h), lease_time(7h)};
    BOOST_TEST((now.timer_for(lease_time(7h) + 5s) == steady_time(1h) + 5s));
    BOOST_TEST((now.timer_for(lease_time(7h) - 5s) == steady_time(1h) - 5s));
}

BOOST_AUTO_TEST_CASE(lease_time_is_never_taken_for_that_of_a_clock_that_stops) {
    static_assert(!std::is_convertible_v<steady_time, lease_time>);
    static_assert(!std::is_convertible_v<lease_time, steady_time>);
}

BOOST_AUTO_TEST_SUITE_END()
