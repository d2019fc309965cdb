// Which events of a batch are tried in one transaction.
#include "projection/batch_attempts.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <random>
#include <set>
#include <vector>

BOOST_AUTO_TEST_SUITE(batch_attempts_test)

using eventstore::projection::batch_attempts;

namespace {

struct outcome {
    std::vector<std::size_t> committed;
    std::size_t to_blame = 0; // the number of events if none is
    std::size_t attempts = 0;
};

/// \param bad events that make their transaction fail
outcome handle(std::size_t events, const std::set<std::size_t>& bad) {
    outcome result;
    result.to_blame = events;
    batch_attempts attempts(events);
    for (auto range = attempts.next(); range.count > 0; range = attempts.next()) {
        ++result.attempts;
        BOOST_REQUIRE(range.first == result.committed.size());
        BOOST_REQUIRE(range.first + range.count <= events);
        const auto first_bad = bad.lower_bound(range.first);
        const bool fails = first_bad != bad.end() && *first_bad < range.first + range.count;
        if (!fails) {
            for (std::size_t i = 0; i < range.count; ++i) result.committed.push_back(range.first + i);
            attempts.succeeded(range.count);
        } else if (attempts.failed(range.count)) {
            result.to_blame = range.first;
            break;
        }
    }
    return result;
}

std::size_t halvings_of(std::size_t events) {
    std::size_t halvings = 0;
    for (; events > 1; events = (events + 1) / 2) ++halvings;
    return halvings;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_batch_without_a_failure_is_one_transaction) {
    const outcome all = handle(5'000, {});
    BOOST_TEST(all.attempts == 1u);
    BOOST_TEST(all.committed.size() == 5'000u);
}

BOOST_AUTO_TEST_CASE(the_first_event_that_fails_is_found_and_those_before_it_are_committed) {
    std::mt19937 random(3);
    for (int round = 0; round < 20'000; ++round) {
        const std::size_t events = 1 + random() % 300;
        std::set<std::size_t> bad;
        for (std::size_t i = 1 + random() % 3; i > 0; --i) bad.insert(random() % events);
        const outcome all = handle(events, bad);
        BOOST_REQUIRE(all.to_blame == *bad.begin());
        BOOST_REQUIRE(all.committed.size() == *bad.begin());
        BOOST_REQUIRE(all.attempts <= 2 * halvings_of(events) + 2);
    }
}

BOOST_AUTO_TEST_CASE(one_failure_costs_as_many_attempts_as_the_batch_has_halves) {
    for (std::size_t bad = 0; bad < 1'024; ++bad) BOOST_REQUIRE(handle(1'024, {bad}).attempts <= 12u);
}

BOOST_AUTO_TEST_CASE(a_failure_that_passes_blames_nobody) {
    batch_attempts attempts(8);
    BOOST_TEST(!attempts.failed(8));
    std::size_t committed = 0;
    for (auto range = attempts.next(); range.count > 0; range = attempts.next()) {
        attempts.succeeded(range.count);
        committed += range.count;
    }
    BOOST_TEST(committed == 8u);
}

BOOST_AUTO_TEST_CASE(fewer_are_tried_after_some_took_too_long_and_none_is_blamed) {
    batch_attempts attempts(100);
    attempts.took_too_long(100);
    BOOST_TEST(attempts.next().count == 50u);
    for (int i = 0; i < 10; ++i) attempts.took_too_long(attempts.next().count);
    BOOST_TEST(attempts.next().count == 1u);
    attempts.succeeded(1);
    BOOST_TEST((attempts.next() == batch_attempts::range{1, 1}));
}

BOOST_AUTO_TEST_CASE(fewer_than_were_tried_may_be_committed) {
    batch_attempts attempts(10);
    attempts.succeeded(3);
    BOOST_TEST((attempts.next() == batch_attempts::range{3, 7}));
}

BOOST_AUTO_TEST_SUITE_END()
