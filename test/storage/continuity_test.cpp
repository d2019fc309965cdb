#include "storage/continuity.hpp"

#include <boost/test/unit_test.hpp>

namespace {

using namespace eventstore;
using storage::continuity;
using storage::continuity_of;
using storage::log_mark;

const uuid mine = make_uuid();
const uuid another = make_uuid();

} // namespace

BOOST_AUTO_TEST_SUITE(continuity_test)

BOOST_AUTO_TEST_CASE(who_has_seen_nothing_misses_nothing) {
    BOOST_TEST((continuity_of({}, 1, 0, {}) == continuity::held));
    BOOST_TEST((continuity_of({}, 0, 7, {}) == continuity::held));
}

BOOST_AUTO_TEST_CASE(the_event_that_was_seen_is_the_proof_whatever_the_histories_say) {
    for (const std::int32_t timeline : {0, 1, 2, 3}) {
        BOOST_TEST((continuity_of({2, 7, mine}, timeline, 9, mine) == continuity::held));
        BOOST_TEST((continuity_of({2, 7, mine}, timeline, 9, another) == continuity::lost));
    }
}

BOOST_AUTO_TEST_CASE(a_log_that_ends_before_what_was_seen_has_lost_it) {
    BOOST_TEST((continuity_of({2, 7, mine}, 2, 6, {}) == continuity::lost));
    BOOST_TEST((continuity_of({2, 7, {}}, 3, 6, {}) == continuity::lost));
    BOOST_TEST((continuity_of({0, 7, {}}, 3, 6, {}) == continuity::lost));
}

BOOST_AUTO_TEST_CASE(a_standby_that_ends_before_it_has_not_got_there_yet) {
    BOOST_TEST((continuity_of({2, 7, mine}, 0, 6, {}) == continuity::unknown));
    BOOST_TEST((continuity_of({0, 7, {}}, 0, 6, {}) == continuity::unknown));
}

// It was deleted for good, or was never known.
BOOST_AUTO_TEST_CASE(without_the_event_the_histories_tell) {
    for (const auto& event : {std::optional<uuid>(mine), std::optional<uuid>()}) {
        BOOST_TEST((continuity_of({2, 7, event}, 2, 7, {}) == continuity::held));
        BOOST_TEST((continuity_of({2, 7, event}, 3, 7, {}) == continuity::unknown));
        BOOST_TEST((continuity_of({2, 7, event}, 1, 7, {}) == continuity::unknown));
        BOOST_TEST((continuity_of({2, 7, event}, 0, 7, {}) == continuity::held)); // a standby follows one of them
        BOOST_TEST((continuity_of({0, 7, event}, 2, 7, {}) == continuity::held));
    }
    BOOST_TEST((continuity_of({2, 7, {}}, 2, 7, mine) == continuity::held));
}

BOOST_AUTO_TEST_SUITE_END()
