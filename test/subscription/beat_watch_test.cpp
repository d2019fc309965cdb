// What a waiter knows of an owner's beat, in virtual time.

#include "subscription/beat_watch.hpp"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(beat_watch_test)

using namespace std::chrono_literals;
using eventstore::delivery::beat_watch;

namespace {
const beat_watch::time begun{1h};
const beat_watch::sight first{1, 5, 20};
} // namespace

BOOST_AUTO_TEST_CASE(a_beat_stands_still_when_a_lease_has_passed_since_the_answer_that_showed_it) {
    beat_watch watch;
    BOOST_TEST(!watch.stalled(begun).has_value());
    watch.seen(first, 9s, begun);
    watch.seen(first, 9s, begun + 5s); // the same one: nothing begins anew
    BOOST_TEST(!watch.stalled(begun + 9s - 1ns).has_value());
    BOOST_TEST((watch.stalled(begun + 9s) == first));
}

BOOST_AUTO_TEST_CASE(another_beat_is_watched_anew_and_so_is_another_owner_with_the_same_beat) {
    beat_watch watch;
    watch.seen(first, 9s, begun);
    watch.seen({1, 5, 21}, 9s, begun + 8s);
    BOOST_TEST(!watch.stalled(begun + 16s).has_value());
    watch.seen({1, 6, 21}, 9s, begun + 16s);
    BOOST_TEST(!watch.stalled(begun + 24s).has_value());
    watch.seen({2, 6, 21}, 9s, begun + 24s); // it was deleted and made anew
    BOOST_TEST(!watch.stalled(begun + 32s).has_value());
    BOOST_TEST((watch.stalled(begun + 33s) == beat_watch::sight{2, 6, 21}));
}

BOOST_AUTO_TEST_SUITE_END()
