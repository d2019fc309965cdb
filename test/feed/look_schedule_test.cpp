// When a feed looks at the log, in virtual time.

#include "feed/look_schedule.hpp"

#include <boost/test/unit_test.hpp>

namespace {

using namespace std::chrono_literals;
using eventstore::feed::look_schedule;

struct schedule_fixture {
    look_schedule schedule{true};
    look_schedule::steady_time now{1h};

    void look(std::chrono::milliseconds pause) {
        schedule.begin_look();
        schedule.end_look(now, pause);
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(look_schedule_test, schedule_fixture)

BOOST_AUTO_TEST_CASE(the_first_look_waits_for_the_listener) {
    schedule.begin(now);
    BOOST_TEST(!schedule.is_due(now + 999ms));
    schedule.listening_changed(true);
    BOOST_TEST(schedule.is_due(now));
    look(schedule.period());
    BOOST_TEST((schedule.due() == now + look_schedule::between_looks));
}

BOOST_AUTO_TEST_CASE(it_does_not_wait_for_ever_and_looks_more_often_then) {
    schedule.begin(now);
    now += 1s;
    BOOST_TEST(schedule.is_due(now));
    schedule.begin_look();
    schedule.end_look(now, schedule.period());
    BOOST_TEST((schedule.due() == now + look_schedule::between_looks_without_listener));
    schedule.listening_changed(true); // at last: what came before may have been missed
    BOOST_TEST(schedule.is_due(now));
    BOOST_TEST((schedule.period() == look_schedule::between_looks));
}

BOOST_AUTO_TEST_CASE(one_that_cannot_hear_looks_at_once) {
    look_schedule deaf(false);
    deaf.begin(now);
    BOOST_TEST(deaf.is_due(now));
    BOOST_TEST((deaf.period() == look_schedule::between_looks_without_listener));
}

BOOST_AUTO_TEST_CASE(a_look_that_was_under_way_does_not_count_for_what_came_meanwhile) {
    schedule.begin(now);
    schedule.listening_changed(true);
    schedule.begin_look();
    schedule.listening_changed(false); // the connection broke
    schedule.end_look(now, 1s);
    BOOST_TEST(schedule.is_due(now));
    look(1s);
    BOOST_TEST(!schedule.is_due(now)); // that one did
}

BOOST_AUTO_TEST_CASE(a_pause_after_a_failure_is_cut_short_by_whoever_asks) {
    schedule.begin(now);
    schedule.listening_changed(true);
    look(5s);
    BOOST_TEST(!schedule.is_due(now + 4s));
    schedule.look_now();
    BOOST_TEST(schedule.is_due(now));
}

BOOST_AUTO_TEST_SUITE_END()
