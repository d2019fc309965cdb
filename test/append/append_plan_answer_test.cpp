#include "append/append_plan.hpp"

#include "append/appends.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <vector>

using namespace eventstore;
using namespace eventstore::test;
using eventstore::append::append_plan;
using answer = append_plan::answer;
using kind = append_plan::outcome::kind;

BOOST_AUTO_TEST_SUITE(append_plan_answer_test)

namespace {

constexpr auto null = std::nullopt;
constexpr std::int64_t clock_us = 1'700'000'000'000'000;

timestamp time_of(std::int64_t microseconds) { return timestamp(std::chrono::microseconds(microseconds)); }

/// Two streams, three appends: "new" comes first among the groups.
const std::vector<append_ptr>& three_appends() {
    static const std::vector<append_ptr> all{
        append_of("old", any, 2), append_of("new", 0, 1), append_of("old", any, 3)};
    return all;
}

const std::vector<append_ptr>& lone_append() {
    static const std::vector<append_ptr> all{append_of("a", any, 1)};
    return all;
}

constexpr std::int64_t timeline = 3;

} // namespace

BOOST_AUTO_TEST_CASE(where_all_was_appended_versions_follow_from_the_bases_and_positions_from_the_head) {
    const append_plan plan(three_appends());
    const auto verdict = plan.outcomes({0, 50, clock_us, timeline, 0, 7});
    BOOST_REQUIRE(verdict.has_value());
    const auto& outcomes = verdict->outcomes;
    BOOST_TEST(verdict->timeline == timeline);
    BOOST_REQUIRE(outcomes.size() == 3u);
    const struct {
        std::int64_t version, last_version, position, last_position;
    } expected[] = {{8, 9, 51, 52}, {1, 1, 53, 53}, {10, 12, 54, 56}};
    for (std::size_t i = 0; i < 3; ++i) {
        const auto& each = outcomes[i];
        BOOST_TEST((each.status == kind::appended));
        BOOST_TEST(each.result.first_version == expected[i].version);
        BOOST_TEST(each.result.last_version == expected[i].last_version);
        BOOST_TEST(each.result.first_position == expected[i].position);
        BOOST_TEST(each.result.last_position == expected[i].last_position);
        BOOST_TEST((each.result.created_at == time_of(clock_us)));
        BOOST_TEST(!each.result.already_appended);
    }
}

BOOST_AUTO_TEST_CASE(an_event_with_a_time_of_its_own_keeps_it) {
    const timestamp own = time_of(5);
    const std::vector<append_ptr> all{
        append_of("a", any, events(event_data("A", ""), event_data("A", "").created_at(own))),
        append_of("a", any, events(event_data("A", "").created_at(own), event_data("A", "")))};
    const append_plan plan(all);
    const auto verdict = plan.outcomes({0, 0, clock_us, timeline, 0});
    BOOST_REQUIRE(verdict.has_value());
    const auto& outcomes = verdict->outcomes;
    BOOST_TEST(verdict->timeline == timeline);
    BOOST_TEST((outcomes[0].result.created_at == own)); // that of the last event
    BOOST_TEST((outcomes[1].result.created_at == time_of(clock_us)));
}

BOOST_AUTO_TEST_CASE(where_each_append_was_judged_by_itself_it_has_its_own_outcome) {
    const append_plan plan(three_appends());
    const auto verdict = plan.outcomes({1, 50, clock_us, timeline, //
        0, 8, 51, 9, null, null,                                   //
        3, null, null, 4, null, null,                              //
        1, 3, 20, 9, 77, 29});
    BOOST_REQUIRE(verdict.has_value());
    const auto& outcomes = verdict->outcomes;
    BOOST_TEST(verdict->timeline == timeline);
    BOOST_REQUIRE(outcomes.size() == 3u);
    const auto& [appended, refused, stored] = std::tie(outcomes[0], outcomes[1], outcomes[2]);
    BOOST_TEST((appended.status == kind::appended));
    BOOST_TEST(appended.result.first_version == 8);
    BOOST_TEST(appended.result.last_position == 52);
    BOOST_TEST((refused.status == kind::stream_exists));
    BOOST_TEST(refused.actual_version == 4);
    BOOST_TEST((stored.status == kind::already_appended));
    BOOST_TEST(stored.result.already_appended);
    BOOST_TEST(stored.result.first_version == 3);
    BOOST_TEST(stored.result.last_version == 5);
    BOOST_TEST(stored.result.first_position == 20);
    BOOST_TEST(stored.result.last_position == 29);         // two appends stored it, with others in between
    BOOST_TEST((stored.result.created_at == time_of(77))); // of then, not of now
}

BOOST_AUTO_TEST_CASE(every_kind_of_outcome_is_understood) {
    const append_plan plan(lone_append());
    for (std::int64_t number = 0; number <= 6; ++number) {
        const auto verdict = plan.outcomes({1, 50, clock_us, timeline, number, 1, 2, 3, 4, 5});
        BOOST_REQUIRE(verdict.has_value());
        const auto& outcomes = verdict->outcomes;
        BOOST_TEST(verdict->timeline == timeline);
        BOOST_TEST(static_cast<std::int64_t>(outcomes.front().status) == number);
        BOOST_TEST(outcomes.front().actual_version == 3);
        BOOST_TEST(outcomes.front().result.already_appended == (number == 1));
    }
}

BOOST_AUTO_TEST_CASE(a_lone_append_has_a_short_answer) {
    const append_plan plan(lone_append());
    const auto verdict = plan.lone_outcome({0, 4, 99, clock_us, timeline});
    BOOST_REQUIRE(verdict.has_value());
    const auto& outcomes = verdict->outcomes;
    BOOST_TEST(verdict->timeline == timeline);
    BOOST_REQUIRE(outcomes.size() == 1u);
    const auto& only = outcomes.front();
    BOOST_TEST((only.status == kind::appended));
    BOOST_TEST(only.result.first_version == 4);
    BOOST_TEST(only.result.last_version == 4);
    BOOST_TEST(only.result.first_position == 99);
    BOOST_TEST((only.result.created_at == time_of(clock_us)));
}

BOOST_AUTO_TEST_CASE(a_lone_append_out_of_the_ordinary_has_the_long_answer) {
    const append_plan plan(lone_append());
    const auto verdict = plan.lone_outcome({1, 50, clock_us, timeline, 5, null, null, 3, null, null});
    BOOST_REQUIRE(verdict.has_value());
    const auto& outcomes = verdict->outcomes;
    BOOST_TEST(verdict->timeline == timeline);
    BOOST_TEST((outcomes.front().status == kind::stream_deleted));
    BOOST_TEST(outcomes.front().actual_version == 3);
}

BOOST_AUTO_TEST_CASE(an_answer_that_is_none_is_refused) {
    const append_plan plan(three_appends());
    using value = std::optional<std::int64_t>;
    const auto judged = [](value outcome, value version, value position, std::size_t appends) {
        answer made{1, 50, clock_us, timeline};
        for (; appends > 1; --appends) made.insert(made.end(), {0, 1, 53, 1, null, null});
        made.insert(made.end(), {outcome, version, position, 9, null, null});
        return made;
    };
    const auto cut_short = [](answer whole) {
        whole.pop_back();
        return whole;
    };
    BOOST_TEST(plan.outcomes(judged(0, 8, 51, 3)).has_value());
    const answer bad[] = {
        {},
        {0},
        {0, 50},
        {null, 50, clock_us, timeline, 0, 7},
        {0, null, clock_us, timeline, 0, 7},
        {0, 50, null, timeline, 0, 7},
        {0, 50, clock_us, null, 0, 7},
        {0, 50, clock_us, timeline},
        {0, 50, clock_us, timeline, 0},
        {0, 50, clock_us, timeline, 0, null},
        {0, 50, clock_us, timeline, 0, 7, 8},
        {1, 50, clock_us, timeline},
        judged(0, 8, 51, 2),    // two of three
        judged(0, 8, 51, 4),    // too many
        judged(null, 8, 51, 3), // no outcome
        judged(11, 8, 51, 3),   // an unknown one
        judged(-1, 8, 51, 3),   // another
        judged(0, null, 51, 3), // appended, but where?
        judged(1, 8, null, 3),
        cut_short(judged(0, 8, 51, 3)),
    };
    for (const answer& each : bad) BOOST_TEST(!plan.outcomes(each).has_value(), "answer " << &each - bad);
}

BOOST_AUTO_TEST_CASE(an_answer_that_begins_with_an_unknown_number_is_refused) {
    const append_plan plan(lone_append());
    for (const std::int64_t number : {std::int64_t{2}, std::int64_t{-1}, std::int64_t{1} << 32}) {
        BOOST_TEST(!plan.outcomes({number, 50, clock_us, timeline, 0, 1, 51, 1, null, null}).has_value(), number);
        BOOST_TEST(!plan.lone_outcome({number, 50, clock_us, timeline, 0, 1, 51, 1, null, null}).has_value(), number);
    }
}

BOOST_AUTO_TEST_CASE(a_short_answer_that_is_none_is_refused) {
    const append_plan plan(lone_append());
    const answer bad[] = {{}, {null, 4, 99, clock_us, timeline}, {0}, {0, 4, 99, clock_us},
        {0, null, 99, clock_us, timeline}, {0, 4, null, clock_us, timeline}, {0, 4, 99, null, timeline},
        {0, 4, 99, clock_us, null}, {0, 4, 99, clock_us, timeline, 1}, {1, 4, 99, clock_us, timeline}};
    for (const answer& each : bad) BOOST_TEST(!plan.lone_outcome(each).has_value(), "answer " << &each - bad);
}

BOOST_AUTO_TEST_CASE(random_answers_are_understood_whole_or_not_at_all) {
    const append_plan three(three_appends());
    const append_plan lone(lone_append());
    for (unsigned seed = 1; seed <= 3; ++seed) {
        std::mt19937 random(seed);
        for (int i = 0; i < 20'000; ++i) {
            answer some(random() % 20);
            for (auto& each : some)
                if (random() % 5 != 0) each = static_cast<std::int64_t>(random() % 10) - 1;
            if (const auto verdict = three.outcomes(some)) BOOST_REQUIRE(verdict->outcomes.size() == 3u);
            if (const auto verdict = lone.lone_outcome(some)) BOOST_REQUIRE(verdict->outcomes.size() == 1u);
        }
    }
}

BOOST_AUTO_TEST_CASE(the_last_event_stored_is_the_one_with_the_highest_position) {
    std::vector<append_ptr> all;
    for (const char* stream : {"a", "b", "c"})
        all.push_back(append_of(stream, any, {event_data("Counted", "{}"), event_data("Counted", "{}")}));
    append_plan::verdict verdict;
    verdict.timeline = 3;
    verdict.outcomes.resize(3);
    verdict.outcomes[0].result.last_position = 9;
    verdict.outcomes[1].status = kind::already_appended;
    verdict.outcomes[1].result.last_position = 20;
    verdict.outcomes[2].status = kind::duplicate_event;
    verdict.outcomes[2].result.last_position = 30;
    const storage::log_mark expected{3, 20, all[1]->parts.front().events.back().id()};
    BOOST_TEST((append::last_stored(all, verdict) == expected));

    for (auto& each : verdict.outcomes) each.status = kind::wrong_version;
    BOOST_TEST((append::last_stored(all, verdict) == storage::log_mark()));
}

BOOST_AUTO_TEST_SUITE_END()
