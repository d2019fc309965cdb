// The simulation finds bugs of each kind, and cuts their schedules down to what they need.
#include "simulation/simulation.hpp"

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <ostream>
#include <vector>

using namespace eventstore::test::simulation;

BOOST_AUTO_TEST_SUITE(planted_bugs_test)

namespace {

struct planted_case {
    const char* name;
    bug planted;
    std::vector<rule> expected; ///< one of these is broken
};
std::ostream& operator<<(std::ostream& out, const planted_case& one) { return out << one.name; }

const planted_case cases[] = {
    {"a stored event is lost", bug::loses_an_event, {rule::stored_event_is_missing}},
    {"an event is stored twice", bug::stores_a_retry_twice, {rule::event_is_stored_twice}},
    {"two appends are told each other's place", bug::swaps_positions, {rule::stored_event_is_missing}},
    {"a checkpoint is written by another owner", bug::writes_without_epoch,
        {rule::written_by_another_owner, rule::checkpoint_passes_an_event}},
    {"a lease is claimed too early", bug::claims_too_early, {rule::two_owners, rule::written_by_another_owner}},
    {"a page forgets an event", bug::page_forgets_an_event,
        {rule::delivered_out_of_order, rule::checkpoint_passes_an_event, rule::was_not_delivered}},
    {"a lost append is told as refused", bug::refusal_of_a_lost_append, {rule::refused_event_is_stored}},
    {"an append is forgotten", bug::forgets_an_append, {rule::does_not_settle}},
    {"a pair is delivered in the wrong order", bug::delivers_a_pair_swapped,
        {rule::delivered_out_of_order, rule::checkpoint_passes_an_event}},
    {"an event is delivered twice", bug::delivers_twice, {rule::delivered_again}},
    {"a parked event is replayed twice", bug::replays_twice, {rule::delivered_again}},
    {"a checkpoint is written before the ack", bug::checkpoint_before_ack, {rule::checkpoint_passes_an_event}},
    {"a lease counts from its answer", bug::trusts_from_the_answer, {rule::two_owners}},
    {"events are handed out without a lease", bug::hands_out_without_lease, {rule::two_owners}},
    {"a beat is watched from the question", bug::watches_from_the_question, {rule::two_owners}},
    {"nobody looks after a reconnect", bug::does_not_look_after_reconnect,
        {rule::was_not_delivered, rule::checkpoint_is_behind}},
    {"a page that failed is not read again", bug::forgets_the_wish,
        {rule::was_not_delivered, rule::checkpoint_is_behind}},
    {"nobody attaches while a connection to listen is silent", bug::attaches_in_haste,
        {rule::was_not_delivered, rule::checkpoint_is_behind}},
    {"the row forgets what was handed out", bug::forgets_hand_outs, {rule::hand_out_is_not_counted}},
};

constexpr std::uint64_t most_schedules = 40'000;
constexpr std::size_t most_steps = 10; // of what is left
constexpr int most_found = 5;

} // namespace

BOOST_DATA_TEST_CASE(it_is_found_and_shrunk, boost::unit_test::data::make(cases), one) {
    schedule least;
    rule broken = rule::none;
    int found = 0;
    // Where it takes luck to fail, little can be cut off; the next one may do better.
    for (std::uint64_t seed = 1; seed <= most_schedules && found < most_found; ++seed) {
        const schedule plan = make_schedule(seed);
        const auto failed = run(plan, one.planted).found;
        if (!failed) continue;
        ++found;
        BOOST_TEST(std::ranges::count(one.expected, failed->broken) == 1, name_of(failed->broken));
        broken = failed->broken;
        least = shrunk(plan, one.planted, broken);
        if (least.steps.size() <= most_steps) break;
    }
    BOOST_TEST_REQUIRE(found > 0);
    const auto again = run(least, one.planted).found;
    BOOST_TEST_REQUIRE(again.has_value());
    BOOST_TEST((again->broken == broken));
    BOOST_TEST(least.steps.size() <= most_steps);
    BOOST_TEST(!run(least).found.has_value()); // it is the bug that fails
    BOOST_TEST_MESSAGE(again->text << "\n" << to_text(least));
}

BOOST_AUTO_TEST_SUITE_END()
