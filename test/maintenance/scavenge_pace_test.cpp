#include "maintenance/scavenge_pace.hpp"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(scavenge_pace_test)

using eventstore::scavenge_options;
using eventstore::maintenance::scavenge_pace;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_CASE(the_next_portion_comes_when_the_one_before_has_its_rate) {
    const scavenge_pace pace(scavenge_options().events_per_second(1'000).portion(100));
    const scavenge_pace::time_point begun(1h);
    BOOST_TEST(pace.portion() == 100);
    BOOST_TEST((pace.next_after(begun, 100) == begun + 100ms));
    BOOST_TEST((pace.next_after(begun, 250) == begun + 250ms)); // with links
    BOOST_TEST((pace.next_after(begun, 0) == begun));
}

BOOST_AUTO_TEST_CASE(without_a_rate_there_is_no_pause) {
    const scavenge_pace pace(scavenge_options().events_per_second(0).portion(10'000));
    BOOST_TEST(pace.portion() == 10'000);
    BOOST_TEST((pace.next_after(scavenge_pace::time_point(1h), 10'000) == scavenge_pace::time_point(1h)));
}

BOOST_AUTO_TEST_CASE(a_portion_is_no_more_than_a_second) {
    const scavenge_pace pace(scavenge_options().events_per_second(3).portion(500));
    BOOST_TEST(pace.portion() == 3);
}

BOOST_AUTO_TEST_SUITE_END()
