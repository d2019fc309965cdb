// For which events a version has side effects.
#include "projection/live_span.hpp"

#include <boost/test/unit_test.hpp>

#include <vector>

BOOST_AUTO_TEST_SUITE(live_span_test)

using namespace eventstore;
using eventstore::projection::live_span;

namespace {

/// Events at the positions 1 to `count`.
std::vector<recorded_event> log_of(std::int64_t count) {
    std::vector<recorded_event> events;
    for (std::int64_t i = 1; i <= count; ++i)
        events.push_back(recorded_event::make("a", i, i, event_data("Counted", "1")));
    return events;
}

live_span spanning(std::optional<std::int64_t> after, std::optional<std::int64_t> until) {
    live_span span;
    span.live_after = after;
    span.live_until = until;
    return span;
}

} // namespace

BOOST_AUTO_TEST_CASE(the_first_version_is_live_from_the_start) {
    const auto events = log_of(5);
    BOOST_TEST(spanning(0, {}).is_live(1));
    BOOST_TEST(spanning(0, {}).count_together(events) == 5u);
}

BOOST_AUTO_TEST_CASE(a_batch_is_cut_where_the_side_effects_are_handed_over) {
    const auto events = log_of(5);
    BOOST_TEST(spanning(2, {}).count_together(events) == 2u); // not live, and then live
    BOOST_TEST(!spanning(2, {}).is_live(2));
    BOOST_TEST(spanning(2, {}).is_live(3));
    BOOST_TEST(spanning(0, 3).count_together(events) == 3u); // live, and then not
    BOOST_TEST(spanning(0, 3).is_live(3));
    BOOST_TEST(!spanning(0, 3).is_live(4));
}

BOOST_AUTO_TEST_CASE(each_event_is_live_in_one_of_two_versions) {
    for (std::int64_t handed_over = 0; handed_over < 10; ++handed_over)
        for (std::int64_t position = 1; position < 12; ++position)
            BOOST_TEST(spanning(0, handed_over).is_live(position) != spanning(handed_over, {}).is_live(position));
}

BOOST_AUTO_TEST_CASE(a_version_that_replays_does_not_pass_the_one_in_use) {
    const auto events = log_of(5);
    live_span span;
    span.replay_through = 3;
    BOOST_TEST(span.count_together(events) == 3u);
    BOOST_TEST(!span.is_live(1));
    span.replay_through = 0;
    BOOST_TEST(span.count_together(events) == 0u);
    span.replay_through.reset(); // nobody is in use
    BOOST_TEST(span.count_together(events) == 5u);
}

BOOST_AUTO_TEST_SUITE_END()
