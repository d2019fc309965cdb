// The clock of leases: it goes on while the machine sleeps.

#include "async/lease_clock.hpp"

#include <boost/test/unit_test.hpp>

#include <type_traits>

BOOST_AUTO_TEST_SUITE(lease_clock_test)

using namespace std::chrono_literals;
using eventstore::detail::lease_clock;

namespace {

lease_clock::time_point since_boot() {
    ::timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    return lease_clock::time_point(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

} // namespace

BOOST_AUTO_TEST_CASE(it_counts_the_time_since_the_machine_was_booted_suspended_or_not) {
    const auto before = since_boot();
    const auto now = lease_clock::now();
    const auto after = since_boot();
    BOOST_TEST((before <= now && now <= after));
}

BOOST_AUTO_TEST_CASE(a_timer_goes_off_when_its_time_has_come) {
    const auto before = std::chrono::steady_clock::now();
    const auto when = lease_clock::for_timer(lease_clock::now() + 5s);
    const auto after = std::chrono::steady_clock::now();
    BOOST_TEST((before + 4s < when && when <= after + 5s));
}

BOOST_AUTO_TEST_CASE(its_times_are_not_those_of_a_clock_that_stops) {
    static_assert(!std::is_convertible_v<std::chrono::steady_clock::time_point, lease_clock::time_point>);
    static_assert(!std::is_convertible_v<lease_clock::time_point, std::chrono::steady_clock::time_point>);
    const auto when = lease_clock::for_timer(lease_clock::now());
    BOOST_TEST((when <= std::chrono::steady_clock::now()));
}

BOOST_AUTO_TEST_SUITE_END()
