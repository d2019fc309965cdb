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
    {"a pair is delivered in the wrong order", bug::delivers_a_pair_swapped,
        {rule::delivered_out_of_order, rule::checkpoint_passes_an_event}},
    {"an event is delivered twice", bug::delivers_twice, {rule::delivered_again}},
    {"a checkpoint is written before the ack", bug::checkpoint_before_ack, {rule::checkpoint_passes_an_event}},
    {"a lease counts from its answer", bug::trusts_from_the_answer, {rule::two_owners}},
    {"events are handed out without a lease", bug::hands_out_without_lease, {rule::two_owners}},
    {"a beat is watched from the question", bug::watches_from_the_question, {rule::two_owners}},
    {"nobody looks after a reconnect", bug::does_not_look_after_reconnect,
        {rule::was_not_delivered, rule::checkpoint_is_behind}},
    {"a page that failed is not read again", bug::forgets_the_wish,
        {rule::was_not_delivered, rule::checkpoint_is_behind}},
};

constexpr std::uint64_t most_schedules = 40'000;
constexpr std::size_t most_steps = 10; // of what is left

} // namespace

BOOST_DATA_TEST_CASE(it_is_found_and_shrunk, boost::unit_test::data::make(cases), one) {
    std::optional<violation> found;
    schedule plan;
    for (std::uint64_t seed = 1; seed <= most_schedules && !found; ++seed) {
        plan = make_schedule(seed);
        found = run(plan, one.planted).found;
    }
    BOOST_TEST_REQUIRE(found.has_value());
    BOOST_TEST(std::ranges::count(one.expected, found->broken) == 1, name_of(found->broken));

    const schedule least = shrunk(plan, one.planted, found->broken);
    const auto again = run(least, one.planted).found;
    BOOST_TEST_REQUIRE(again.has_value());
    BOOST_TEST((again->broken == found->broken));
    BOOST_TEST(least.steps.size() <= std::min(most_steps, plan.steps.size()));
    BOOST_TEST(!run(least).found.has_value()); // it is the bug that fails
    BOOST_TEST_MESSAGE("seed " << plan.seed << ", " << plan.steps.size() << " steps: " << again->text << "\n"
                               << to_text(least));
}

BOOST_AUTO_TEST_SUITE_END()
