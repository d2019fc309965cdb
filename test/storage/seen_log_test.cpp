#include "storage/seen_log.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <optional>
#include <thread>
#include <vector>

namespace {

using eventstore::storage::log_mark;
using eventstore::storage::seen_log;

log_mark mark(std::int32_t timeline, std::int64_t position) { return {timeline, position, eventstore::make_uuid()}; }

} // namespace

BOOST_AUTO_TEST_SUITE(seen_log_test)

BOOST_AUTO_TEST_CASE(nothing_is_seen_at_first) { BOOST_TEST((seen_log().latest() == log_mark())); }

BOOST_AUTO_TEST_CASE(the_mark_moves_only_forward) {
    seen_log seen;
    const auto later = mark(1, 7);
    seen.note(mark(1, 5));
    seen.note(later);
    seen.note(mark(1, 6));
    BOOST_TEST((seen.latest() == later));
}

BOOST_AUTO_TEST_CASE(a_later_history_is_taken_where_it_reaches_as_far) {
    seen_log seen;
    const auto here = mark(1, 7);
    seen.note(here);
    seen.note(mark(2, 6)); // it lost the end: the mark that it does not hold must stay, or nobody would ever know
    BOOST_TEST((seen.latest() == here));
    const auto same = log_mark{2, 7, here.event};
    seen.note(same);
    BOOST_TEST((seen.latest() == same));
    const auto beyond = mark(3, 9);
    seen.note(beyond);
    BOOST_TEST((seen.latest() == beyond));
}

BOOST_AUTO_TEST_CASE(another_event_at_the_same_position_is_not_taken) {
    seen_log seen;
    const auto here = mark(1, 7);
    seen.note(here);
    seen.note(mark(1, 7));
    seen.note(mark(2, 7));
    seen.note_held(mark(2, 7));
    BOOST_TEST((seen.latest() == here));
}

BOOST_AUTO_TEST_CASE(late_word_of_an_older_history_changes_nothing) {
    seen_log seen;
    const auto here = mark(2, 7);
    seen.note(here);
    seen.note(mark(1, 9));
    BOOST_TEST((seen.latest() == here));
}

BOOST_AUTO_TEST_CASE(a_server_that_holds_the_mark_may_count_its_histories_anew) {
    seen_log seen;
    seen.note(mark(4, 7));
    seen.note_held(mark(1, 6));
    BOOST_TEST(seen.latest().position == 7);
    const auto moved = mark(1, 8);
    seen.note_held(moved);
    BOOST_TEST((seen.latest() == moved));
}

BOOST_AUTO_TEST_CASE(what_a_standby_cannot_tell_is_kept_from_before) {
    seen_log seen;
    const auto here = mark(2, 7);
    seen.note(here);
    const auto further = mark(0, 8);
    seen.note(further);
    BOOST_TEST((seen.latest() == log_mark{2, 8, further.event}));
}

BOOST_AUTO_TEST_CASE(the_event_is_added_once_it_is_known) {
    seen_log seen;
    const auto event = eventstore::make_uuid();
    seen.note({1, 7, std::nullopt});
    seen.note({1, 7, event});
    BOOST_TEST((seen.latest() == log_mark{1, 7, event}));
    seen.note({1, 7, std::nullopt});
    BOOST_TEST((seen.latest() == log_mark{1, 7, event}));
    seen.note({1, 8, std::nullopt});
    BOOST_TEST((seen.latest() == log_mark{1, 8, std::nullopt})); // never the id of another position
}

BOOST_AUTO_TEST_CASE(many_threads_leave_the_furthest) {
    seen_log seen;
    std::vector<std::thread> threads;
    for (int first = 0; first < 4; ++first) {
        threads.emplace_back([&seen, first] {
            for (std::int64_t i = first; i <= 2000; i += 4) seen.note({1, i, std::nullopt});
        });
    }
    for (auto& each : threads) each.join();
    BOOST_TEST(seen.latest().position == 2000);
}

BOOST_AUTO_TEST_SUITE_END()
