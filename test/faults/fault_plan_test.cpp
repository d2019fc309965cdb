// The plan of a run: what is injected, and when.
#include "faults/fault_plan.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(fault_plan_test)

using namespace eventstore::test::faults;
using namespace std::chrono_literals;

namespace {

const std::vector<fault_choice>& choices() {
    static const std::vector<fault_choice> list = {
        {"alone", 1s, 3s, true, ""},
        {"first of a group", 1s, 2s, false, "group"},
        {"second of a group", 500ms, 2s, false, "group"},
        {"other", 1s, 1s, false, ""},
    };
    return list;
}

bool overlap(const planned_fault& left, const planned_fault& right) {
    return left.begin <= right.end() && right.begin <= left.end();
}

const fault_choice& choice_of(const planned_fault& fault) {
    return *std::find_if(
        choices().begin(), choices().end(), [&](const fault_choice& known) { return known.name == fault.name; });
}

} // namespace

BOOST_AUTO_TEST_CASE(the_same_seed_and_length_make_the_same_plan) {
    BOOST_TEST((make_plan(7, 60s, 300ms, choices()) == make_plan(7, 60s, 300ms, choices())));
    BOOST_TEST((make_plan(7, 60s, 300ms, choices()) != make_plan(8, 60s, 300ms, choices())));
}

BOOST_AUTO_TEST_CASE(faults_begin_in_order_and_end_within_the_run) {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        milliseconds before{0};
        for (const planned_fault& fault : make_plan(seed, 90s, 300ms, choices())) {
            BOOST_TEST(fault.begin >= before);
            BOOST_TEST(fault.end() <= milliseconds(90s));
            BOOST_TEST(fault.length >= choice_of(fault).shortest);
            BOOST_TEST(fault.length <= choice_of(fault).longest);
            before = fault.begin;
        }
    }
}

BOOST_AUTO_TEST_CASE(a_rest_follows_each) {
    const std::vector<planned_fault> plan = make_plan(3, 300s, 2s, choices());
    milliseconds end{0};
    for (const planned_fault& fault : plan) {
        const bool is_second = fault.begin <= end;
        if (!is_second && end > milliseconds(0)) BOOST_TEST((fault.begin - end >= 2s && fault.begin - end <= 4s));
        end = std::max(end, fault.end());
    }
}

BOOST_AUTO_TEST_CASE(first_comes_each_kind_alone) {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        const std::vector<planned_fault> plan = make_plan(seed, 60s, 300ms, choices());
        BOOST_TEST_REQUIRE(plan.size() >= choices().size());
        std::set<std::string> names;
        for (std::size_t i = 0; i < choices().size(); ++i) {
            names.insert(plan[i].name);
            if (i + 1 < plan.size()) BOOST_TEST(plan[i].end() < plan[i + 1].begin);
        }
        BOOST_TEST(names.size() == choices().size());
    }
}

BOOST_AUTO_TEST_CASE(then_there_are_pairs_but_not_of_those_that_do_not_go_together) {
    std::map<std::string, int> pairs;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        const std::vector<planned_fault> plan = make_plan(seed, 300s, 300ms, choices());
        for (std::size_t i = 0; i < plan.size(); ++i) {
            for (std::size_t j = i + 1; j < plan.size(); ++j) {
                if (!overlap(plan[i], plan[j])) continue;
                const fault_choice& left = choice_of(plan[i]);
                const fault_choice& right = choice_of(plan[j]);
                BOOST_TEST(left.name != right.name);
                BOOST_TEST((!left.is_alone && !right.is_alone));
                BOOST_TEST((left.group.empty() || left.group != right.group));
                ++pairs[std::min(left.name, right.name) + " and " + std::max(left.name, right.name)];
            }
        }
    }
    BOOST_TEST(pairs.size() == 2u); // "other" with each of the group
}

BOOST_AUTO_TEST_CASE(a_run_that_is_too_short_has_what_there_is_time_for) {
    BOOST_TEST(make_plan(1, 0s, 300ms, choices()).empty());
    BOOST_TEST(make_plan(1, 1s, 300ms, choices()).empty());
    BOOST_TEST(make_plan(1, 5s, 300ms, choices()).size() < choices().size());
    BOOST_TEST(make_plan(1, 60s, 300ms, {}).empty());
}

BOOST_AUTO_TEST_SUITE_END()
