// The one rule that a flush lives by: what its groups demand is what its appends demand, one after the other.
#include "append/append_plan.hpp"

#include "append/appends.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace eventstore;
using namespace eventstore::test;
using eventstore::append::append_plan;
using kind = append_plan::outcome::kind;

namespace {

constexpr std::int64_t highest_version = 7;

/// Compares the plan for appends to one stream with their evaluation one after the other, from each version.
void check_against_each_version(const std::vector<append_ptr>& appends, std::size_t& wrong) {
    const append_plan plan(appends);
    const std::int64_t demanded = plan.groups().front().expected;
    bool can_pass = false;
    for (std::int64_t before = 0; before <= highest_version; ++before) {
        std::int64_t version = before;
        const bool all_pass =
            std::ranges::all_of(appends, [&](const append_ptr& each) { return passes(*each, version); });
        can_pass = can_pass || all_pass;
        if (!plan.needs_care() && group_passes(demanded, before) != all_pass) ++wrong;
    }
    if (plan.needs_care() == can_pass) ++wrong; // care is asked for where, and only where, one of them must fail
}

/// Appends to a few streams that mostly agree with each other: each expects what the ones before it lead to.
struct random_flush {
    explicit random_flush(std::mt19937& random) {
        const int streams = 1 + static_cast<int>(random() % 4);
        std::map<std::string, std::int64_t> expected_now;
        for (int i = 0; i < streams; ++i) {
            const std::string name = "stream-" + std::to_string(i);
            before[name] = random() % 2 == 0 ? 0 : static_cast<std::int64_t>(random() % 5);
            expected_now[name] = before[name];
        }
        for (auto left = 1 + random() % 8; left > 0; --left) {
            const std::string name = "stream-" + std::to_string(random() % static_cast<unsigned>(streams));
            std::int64_t& now = expected_now[name];
            std::int64_t expected = now;
            switch (random() % 12) {
            case 0: expected = static_cast<std::int64_t>(random() % 8); break; // may well be wrong
            case 1:
            case 2: expected = any; break;
            case 3: expected = exists; break;
            default: break;
            }
            appends.push_back(append_of(name, expected, 1 + random() % 3));
            now += static_cast<std::int64_t>(appends.back()->events);
        }
    }

    std::map<std::string, std::int64_t> before;
    std::vector<append_ptr> appends;
};

} // namespace

BOOST_AUTO_TEST_SUITE(append_plan_rule_test)

BOOST_AUTO_TEST_CASE(all_sequences_of_up_to_four_appends_to_a_stream_are_judged_right) {
    std::vector<append_ptr> choices;
    for (const std::int64_t expected :
        {any, exists, std::int64_t{0}, std::int64_t{1}, std::int64_t{2}, std::int64_t{3}})
        for (const std::size_t count : {1u, 2u}) choices.push_back(append_of("a", expected, count));

    std::size_t wrong = 0;
    for (std::size_t length = 1; length <= 4; ++length) {
        std::vector<std::size_t> which(length, 0);
        for (;;) {
            std::vector<append_ptr> appends;
            for (const std::size_t each : which) appends.push_back(choices[each]);
            check_against_each_version(appends, wrong);
            std::size_t at = 0;
            while (at < length && ++which[at] == choices.size()) which[at++] = 0;
            if (at == length) break;
        }
    }
    BOOST_TEST(wrong == 0u);
}

BOOST_AUTO_TEST_CASE(long_sequences_are_judged_right) {
    for (unsigned seed = 1; seed <= 5; ++seed) {
        std::mt19937 random(seed);
        std::size_t wrong = 0;
        for (int round = 0; round < 500; ++round) {
            std::vector<append_ptr> appends;
            std::int64_t version = static_cast<std::int64_t>(random() % 5);
            for (auto left = 5 + random() % 10; left > 0; --left) {
                const bool is_exact = random() % 3 == 0;
                appends.push_back(append_of("a",
                    is_exact                ? version
                        : random() % 2 == 0 ? any
                                            : exists,
                    1 + random() % 3));
                if (is_exact && random() % 20 == 0) ++version; // a mistake, now and then
                version += static_cast<std::int64_t>(appends.back()->events);
            }
            check_against_each_version(appends, wrong);
        }
        BOOST_TEST(wrong == 0u, "seed " << seed);
    }
}

BOOST_AUTO_TEST_CASE(a_flush_whose_groups_all_pass_gives_each_append_what_it_would_get_by_itself) {
    std::size_t passed = 0;
    for (unsigned seed = 1; seed <= 1000; ++seed) {
        std::mt19937 random(seed);
        const random_flush flush(random);
        const append_plan plan(flush.appends);

        // The server's answer to the groups.
        constexpr std::int64_t head = 100;
        append_plan::answer answer{0, head, 0, 1};
        bool groups_pass = !plan.needs_care();
        for (std::size_t i = 0; i < plan.groups().size(); ++i) {
            const auto& group = plan.groups()[i];
            const std::int64_t base = flush.before.at(std::string(group.stream));
            groups_pass = groups_pass && group_passes(group.expected, base);
            BOOST_TEST((i < plan.new_streams()) == (group.expected == 0), "seed " << seed);
            answer.push_back(base);
        }

        // And each append by itself.
        auto versions = flush.before;
        std::int64_t position = head;
        std::vector<std::pair<std::int64_t, std::int64_t>> firsts;
        bool all_pass = true;
        for (const append_ptr& each : flush.appends) {
            std::int64_t& version = versions[each->stream()];
            firsts.emplace_back(version + 1, position + 1);
            all_pass = passes(*each, version) && all_pass;
            position += static_cast<std::int64_t>(each->events);
        }
        BOOST_TEST(groups_pass == all_pass, "seed " << seed);
        if (!groups_pass) continue;

        ++passed;
        const auto verdict = plan.outcomes(answer);
        BOOST_REQUIRE(verdict.has_value());
        const auto& outcomes = verdict->outcomes;
        BOOST_REQUIRE(outcomes.size() == flush.appends.size());
        for (std::size_t i = 0; i < outcomes.size(); ++i) {
            const auto& result = outcomes[i].result;
            const auto count = static_cast<std::int64_t>(flush.appends[i]->events);
            BOOST_TEST_CONTEXT("seed " << seed << ", append " << i) {
                BOOST_TEST((outcomes[i].status == kind::appended));
                BOOST_TEST(result.first_version == firsts[i].first);
                BOOST_TEST(result.last_version == firsts[i].first + count - 1);
                BOOST_TEST(result.first_position == firsts[i].second);
                BOOST_TEST(result.last_position == firsts[i].second + count - 1);
            }
        }
    }
    BOOST_TEST(passed > 100u); // enough of them to mean something
}

BOOST_AUTO_TEST_SUITE_END()
