// The checker on histories of a store that keeps its promise: whatever the faults, it finds nothing.

#include "faults/made_run.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <set>
#include <string>

BOOST_AUTO_TEST_SUITE(checker_test)

using namespace eventstore::test::faults;

namespace {

/// What happened in a number of runs.
struct run_counts {
    std::size_t stored = 0, refused = 0, unknown = 0, several = 0, retried = 0;
    std::size_t deliveries = 0, acks = 0, through = 0, nacks = 0, left = 0, durable = 0;
    std::size_t owners = 0, killed = 0, pauses = 0, parked = 0, removed = 0, deleted = 0, unfinished = 0;
    std::size_t handler_calls = 0, rejections = 0, statements = 0;

    void add(const made_run& run) {
        const history records = run.read();
        std::set<eventstore::uuid> seen;
        for (const append_attempt& attempt : records.appends) {
            stored += attempt.end == outcome::done;
            refused += attempt.end == outcome::refused;
            unknown += attempt.end == outcome::unknown;
            several += attempt.parts.size() > 1;
            retried += !seen.insert(attempt.parts.front().ids.front()).second;
        }
        for (const ownership& owner : records.ownerships) {
            ++owners;
            killed += owner.ended == never;
            for (const owner_step& step : owner.steps) {
                deliveries += step.done == owner_step::kind::delivered;
                acks += step.done == owner_step::kind::acking;
                through += step.done == owner_step::kind::acking_through;
                nacks += step.done == owner_step::kind::nacking;
                left += step.done == owner_step::kind::leaving;
                durable += step.done == owner_step::kind::durable;
            }
        }
        pauses += records.pauses.size();
        handler_calls += records.handler_calls.size();
        rejections += records.handler_rejections.size();
        statements += records.refused_statements.size();
        for (const log_facts& facts : run.stores) {
            parked += facts.parked.size();
            removed +=
                facts.events.empty() ? 0 : static_cast<std::size_t>(facts.events.back().position) - facts.events.size();
            for (const stored_stream& stream : facts.streams) {
                deleted += stream.is_deleted;
                unfinished += stream.name.starts_with("$deleted ");
            }
        }
    }
};

void expect_nothing(made_shape shape, unsigned first, unsigned count) {
    for (unsigned seed = first; seed < first + count; ++seed) {
        const std::vector<violation> found = made_world(seed, shape).run().check();
        for (const violation& broken : found)
            BOOST_ERROR("seed " << seed << ": " << name_of(broken.broken) << ": " << broken.text);
        BOOST_TEST_REQUIRE(found.empty());
    }
}

} // namespace

BOOST_AUTO_TEST_CASE(nothing_is_found_in_runs_that_are_right) { expect_nothing({}, 1, 1'500); }

BOOST_AUTO_TEST_CASE(nothing_is_found_where_no_stream_is_deleted) {
    expect_nothing({.steps = 200, .has_changes = false}, 10'000, 700);
}

BOOST_AUTO_TEST_CASE(nothing_is_found_in_runs_that_end_in_the_middle) {
    expect_nothing({.steps = 120, .is_finished = false}, 20'000, 700);
}

BOOST_AUTO_TEST_CASE(nothing_is_found_in_long_runs) { expect_nothing({.steps = 2'500}, 30'000, 15); }

// Else the others prove little.
BOOST_AUTO_TEST_CASE(the_runs_hold_everything_that_happens) {
    run_counts all;
    for (unsigned seed = 1; seed <= 400; ++seed) all.add(made_world(seed, {}).run());
    for (const std::size_t count : {all.stored, all.refused, all.unknown, all.several, all.retried, all.deliveries,
             all.acks, all.through, all.nacks, all.left, all.durable, all.owners, all.killed, all.pauses, all.parked,
             all.removed, all.deleted, all.unfinished, all.handler_calls, all.rejections, all.statements})
        BOOST_TEST(count >= 20u);
}

// A store that does something wrong now and then is caught in most runs, by the rule that it breaks.
BOOST_AUTO_TEST_CASE(a_store_with_a_bug_is_caught) {
    struct bug_case {
        made_bug bug;
        rule broken;
        unsigned least; // of a hundred runs; in the others it came to nothing
    };
    for (const bug_case& of : {bug_case{made_bug::lost_event, rule::acknowledged_event_is_missing, 60},
             bug_case{made_bug::doubled_event, rule::event_is_stored_twice, 40},
             bug_case{made_bug::swapped_pair, rule::delivered_out_of_order, 40},
             bug_case{made_bug::checkpoint_too_far, rule::checkpoint_leads, 40},
             bug_case{made_bug::second_owner, rule::owners_overlap, 10}}) {
        unsigned caught = 0;
        for (unsigned seed = 1; seed <= 100; ++seed) {
            const std::vector<violation> found =
                made_world(seed, {.steps = 300, .has_changes = false, .bug = of.bug}).run().check();
            caught += std::any_of(
                found.begin(), found.end(), [&](const violation& broken) { return broken.broken == of.broken; });
        }
        BOOST_TEST_CONTEXT(name_of(of.broken)) BOOST_TEST(caught >= of.least);
    }
}

BOOST_AUTO_TEST_CASE(a_run_without_anything_is_right) { BOOST_TEST(check(history(), {}, {}).empty()); }

BOOST_AUTO_TEST_SUITE_END()
