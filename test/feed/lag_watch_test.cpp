// A lag counts as a disease only if it does not move.
#include "feed/lag_watch.hpp"

#include <boost/test/unit_test.hpp>

using eventstore::feed::lag_watch;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(lag_watch_test)

namespace {

const lag_watch::time begin(1h);

} // namespace

BOOST_AUTO_TEST_CASE(one_that_was_idle_for_long_is_not_stalled_by_the_first_event) {
    lag_watch watch;
    watch.note(10, false, begin);
    BOOST_TEST(!watch.is_stalled(begin + 1h, 30s));
    watch.note(10, true, begin + 1h);
    BOOST_TEST(watch.is_behind());
    BOOST_TEST(!watch.is_stalled(begin + 1h, 30s));
    BOOST_TEST(!watch.is_stalled(begin + 1h + 29s, 30s));
    BOOST_TEST(watch.is_stalled(begin + 1h + 30s, 30s));
    BOOST_TEST((watch.lag(begin + 1h + 30s) == 30s));
}

BOOST_AUTO_TEST_CASE(one_that_moves_is_not_stalled_however_long_it_lags) {
    lag_watch watch;
    for (int i = 0; i < 100; ++i) {
        watch.note(i, true, begin + i * 20s);
        BOOST_TEST(!watch.is_stalled(begin + i * 20s + 19s, 20s));
    }
    BOOST_TEST((watch.lag(begin + 99 * 20s) == 99 * 20s));
    watch.note(99, true, begin + 99 * 20s + 10s); // more has come, and nothing was done
    BOOST_TEST(watch.is_stalled(begin + 99 * 20s + 20s, 20s));
}

BOOST_AUTO_TEST_CASE(one_that_has_caught_up_has_no_lag) {
    lag_watch watch;
    watch.note(1, true, begin);
    watch.note(2, false, begin + 1min);
    BOOST_TEST((watch.lag(begin + 2min) == 0s));
    BOOST_TEST(!watch.is_stalled(begin + 2min, 1s));
    watch.note(2, true, begin + 3min);
    BOOST_TEST((watch.lag(begin + 3min + 5s) == 5s));
}

BOOST_AUTO_TEST_CASE(going_back_is_a_move_too) { // a stream that was deleted and made anew
    lag_watch watch;
    watch.note(100, true, begin);
    watch.note(3, true, begin + 1min);
    BOOST_TEST(!watch.is_stalled(begin + 1min + 29s, 30s));
}

BOOST_AUTO_TEST_SUITE_END()
