// The feed's decisions: one gapless sequence, whatever order its sources come in.

#include "feed/feed_state.hpp"
#include "subscription/made_log.hpp"

#include <boost/test/results_collector.hpp>
#include <boost/test/unit_test.hpp>

#include <deque>
#include <optional>
#include <random>
#include <vector>

BOOST_AUTO_TEST_SUITE(feed_state_test)

using namespace eventstore;
using feed::feed_state;
using test::made_log;

namespace {

std::vector<std::int64_t> positions(const event_page& page) {
    std::vector<std::int64_t> all;
    for (const recorded_event& each : page) all.push_back(each.position());
    return all;
}

} // namespace

BOOST_AUTO_TEST_CASE(an_own_commit_at_the_end_is_told_without_reading) {
    made_log log;
    for (int i = 0; i < 5; ++i) log.append("a");
    feed_state state;
    state.begin({1, 3, {}});
    state.own_commit(4, 5, 1, log.page(3, 5), 100);
    const auto told = state.next();
    BOOST_TEST_REQUIRE(told.has_value());
    BOOST_TEST(told->through == 5);
    BOOST_TEST(positions(told->page) == (std::vector<std::int64_t>{4, 5}), boost::test_tools::per_element());
    BOOST_TEST(!state.wish());
}

BOOST_AUTO_TEST_CASE(what_others_appended_before_an_own_commit_is_read_first) {
    made_log log;
    for (int i = 0; i < 5; ++i) log.append("a");
    feed_state state;
    state.begin({1, 1, {}});
    state.own_commit(4, 5, 1, log.page(3, 5), 100);
    BOOST_TEST(!state.next());
    const auto wish = state.wish();
    BOOST_TEST_REQUIRE(wish.has_value());
    BOOST_TEST(wish->from == 2);
    BOOST_TEST(wish->count == 2u);
    state.page_arrived(log.page(1, 5, {}, 2), {1, 5, {}});
    BOOST_TEST(state.next()->through == 3);
    BOOST_TEST(state.next()->through == 5);
    BOOST_TEST(!state.wish());
}

BOOST_AUTO_TEST_CASE(the_event_that_was_told_last_is_forgotten_with_its_position) {
    made_log log;
    for (int i = 0; i < 3; ++i) log.append("a");
    feed_state state;
    state.begin({1, 1, {}});
    BOOST_TEST(!state.mark().event);
    state.own_commit(2, 2, 1, log.page(1, 2), 100);
    const auto told = state.next();
    BOOST_TEST_REQUIRE(told.has_value());
    BOOST_TEST((state.mark().event == told->page.back().id()));
    state.end();
    BOOST_TEST(!state.mark().event);
    state.begin({1, 3, {}});
    BOOST_TEST(!state.mark().event);
}

BOOST_AUTO_TEST_CASE(the_event_at_the_head_is_known_where_a_page_ends_with_a_gap) {
    made_log log;
    log.append("a");
    log.leave_a_gap();
    const uuid at_head = make_uuid();
    feed_state state;
    state.begin({1, 0, {}});
    state.hint(2);
    state.wish();
    state.page_arrived(log.page(0, 1), {1, 2, at_head});
    const auto told = state.next();
    BOOST_TEST_REQUIRE(told.has_value());
    BOOST_TEST((told->event == at_head));
    BOOST_TEST((state.mark() == storage::log_mark{1, 2, at_head}));
}

// What stands before them may be another log's by the time that it is read.
BOOST_AUTO_TEST_CASE(own_commits_that_wait_are_read_after_a_page_has_failed) {
    made_log log;
    for (int i = 0; i < 5; ++i) log.append("a");
    feed_state state;
    state.begin({1, 1, {}});
    state.own_commit(4, 5, 1, log.page(3, 5), 100);
    BOOST_TEST(state.wish()->count == 2u);
    state.page_failed();
    const auto wish = state.wish();
    BOOST_TEST_REQUIRE(wish.has_value());
    BOOST_TEST(wish->from == 2);
    BOOST_TEST(wish->count == 4u);
}

BOOST_AUTO_TEST_CASE(own_commits_that_wait_are_not_told_of_a_log_that_ends_before_them) {
    made_log log;
    for (int i = 0; i < 5; ++i) log.append("a");
    feed_state state;
    state.begin({1, 1, {}});
    state.own_commit(4, 5, 1, log.page(3, 5), 100);
    state.wish();
    state.page_arrived(log.page(1, 3), {1, 3, {}});
    BOOST_TEST(state.next()->through == 3);
    BOOST_TEST(!state.next());
}

BOOST_AUTO_TEST_CASE(own_commits_that_wait_are_read_when_the_history_is_another_one) {
    made_log log;
    for (int i = 0; i < 5; ++i) log.append("a");
    feed_state state;
    state.begin({1, 1, {}});
    state.own_commit(4, 5, 1, log.page(3, 5), 100);
    state.wish();
    state.go_on_in(2);
    state.page_arrived(log.page(1, 5, {}, 2), {2, 5, {}});
    BOOST_TEST(state.next()->through == 3);
    BOOST_TEST(!state.next());
    BOOST_TEST(state.wish()->from == 4);
    state.go_on_in(0); // a standby does not tell
    BOOST_TEST(state.timeline() == 2);
}

BOOST_AUTO_TEST_CASE(it_reads_nothing_before_it_has_begun) {
    feed_state state;
    state.hint(10);
    BOOST_TEST(!state.wish());
    BOOST_TEST(!state.next());
}

BOOST_AUTO_TEST_CASE(what_is_committed_while_the_head_is_looked_up_is_not_forgotten) {
    made_log log;
    for (int i = 0; i < 5; ++i) log.append("a");
    feed_state state;
    state.own_commit(4, 5, 1, log.page(3, 5), 100);
    state.begin({1, 3, {}}); // looked up before that commit
    const auto wish = state.wish();
    BOOST_TEST_REQUIRE(wish.has_value());
    BOOST_TEST(wish->from == 4);
}

BOOST_AUTO_TEST_CASE(a_late_notification_changes_nothing) {
    feed_state state;
    state.begin({1, 10, {}});
    state.hint(4);
    state.hint(10);
    BOOST_TEST(!state.wish());
}

BOOST_AUTO_TEST_CASE(a_gap_at_the_end_of_the_log_is_not_read_for_ever) {
    made_log log;
    log.append("a");
    log.leave_a_gap();
    feed_state state;
    state.begin({1, 0, {}});
    state.hint(2);
    BOOST_TEST(state.wish().has_value());
    state.page_arrived(log.page(0, 1), {1, log.head(), {}});
    BOOST_TEST(state.next()->through == 2);
    BOOST_TEST(!state.wish());
}

BOOST_AUTO_TEST_CASE(an_own_commit_of_another_history_waits_until_the_histories_were_compared) {
    made_log log;
    for (int i = 0; i < 5; ++i) log.append("a");
    feed_state state;
    state.begin({1, 3, {}});
    state.own_commit(4, 5, 2, log.page(3, 5), 100);
    BOOST_TEST(!state.next());
    const auto wish = state.wish(); // its page tells of the other history
    BOOST_TEST_REQUIRE(wish.has_value());
    BOOST_TEST(wish->from == 4);
    state.page_failed();

    state.go_on_in(2);
    state.own_commit(4, 5, 2, log.page(3, 5), 100);
    BOOST_TEST(state.next()->through == 5);
}

BOOST_AUTO_TEST_CASE(a_hint_beyond_the_head_is_not_taken_for_it) {
    made_log log;
    for (int i = 0; i < 5; ++i) log.append("a");
    feed_state state;
    state.begin({1, 3, {}});
    state.hint(8); // of a history that is lost
    state.wish();
    state.page_arrived(log.page(3, 5), {1, 5, {}});
    BOOST_TEST(state.next()->through == 5); // 6 to 8 are still to come
    BOOST_TEST(!state.wish());
    log.append("a");
    state.hint(6);
    BOOST_TEST(state.wish()->from == 6);
}

BOOST_AUTO_TEST_CASE(a_hint_that_comes_while_a_page_is_read_is_not_forgotten) {
    made_log log;
    for (int i = 0; i < 5; ++i) log.append("a");
    feed_state state;
    state.begin({1, 3, {}});
    state.hint(4);
    state.wish();
    state.hint(5);
    state.page_arrived(log.page(3, 4), {1, 4, {}});
    BOOST_TEST(state.next()->through == 4);
    BOOST_TEST(state.wish().has_value());
}

BOOST_AUTO_TEST_CASE(too_many_own_commits_that_wait_are_read_instead) {
    made_log log;
    for (int i = 0; i < 9; ++i) log.append("a");
    feed_state state(1'000);
    state.begin({1, 0, {}});
    state.own_commit(2, 3, 1, log.page(1, 3), 900);
    state.own_commit(4, 9, 1, log.page(3, 9), 900); // one too many
    state.wish();
    state.page_arrived(log.page(0, 9, {}, 1), {1, 9, {}});
    BOOST_TEST(state.next()->through == 1);
    BOOST_TEST(state.next()->through == 3);
    BOOST_TEST(!state.next());
    BOOST_TEST(state.wish()->from == 4);
}

// Two processes append; notifications come late, doubled or never; reads fail; polls come now and then.
BOOST_AUTO_TEST_CASE(whatever_happens_every_event_is_told_once_in_order) {
    for (unsigned seed = 1; seed <= 2'000; ++seed) {
        std::mt19937 random(seed);
        const auto pick = [&](unsigned below) { return static_cast<unsigned>(random() % below); };
        made_log log;
        for (unsigned i = pick(5); i > 0; --i) log.append("before");
        const std::int64_t start = log.head();
        feed_state state(1 + pick(500));
        state.begin({1, start, {}});
        struct own {
            std::int64_t first, last;
        };
        std::deque<own> own_answers; // committed, and the answer is on its way
        std::vector<std::int64_t> notifications;
        std::optional<feed_state::page_wish> reading;
        std::optional<event_page> answer;
        std::int64_t head_then = 0; // when the answer was read
        std::vector<std::int64_t> told;
        std::int64_t through = start;

        const auto tell = [&] {
            while (const auto next = state.next()) {
                BOOST_TEST(next->through > through);
                through = next->through;
                for (const std::int64_t each : positions(next->page)) told.push_back(each);
            }
        };
        const auto read = [&] {
            if (!reading) reading = state.wish();
            if (!reading || answer) return;
            answer = log.page(reading->from - 1, log.head(), {}, reading->count);
            head_then = log.head();
        };
        const auto arrive = [&] {
            if (!answer) return;
            state.page_arrived(*answer, {1, head_then, {}});
            answer.reset();
            reading.reset();
            tell();
        };
        const auto own_arrives = [&] {
            if (own_answers.empty()) return;
            const own next = own_answers.front();
            own_answers.pop_front();
            state.own_commit(next.first, next.last, 1, log.page(next.first - 1, next.last), 100);
            tell();
        };

        for (int step = 0; step < 150; ++step) {
            switch (pick(9)) {
            case 0: // this process
            case 1: {
                const std::int64_t first = log.head() + 1;
                for (auto i = 1 + pick(3); i > 0; --i) log.append("own");
                own_answers.push_back({first, log.head()});
                notifications.push_back(log.head());
                break;
            }
            case 2: // another one
                for (auto i = 1 + pick(3); i > 0; --i) log.append("others");
                if (pick(4) == 0) log.leave_a_gap();
                if (pick(4) != 0) notifications.push_back(log.head());
                break;
            case 3:
                if (!notifications.empty()) {
                    state.hint(notifications[pick(static_cast<unsigned>(notifications.size()))]);
                    tell();
                }
                break;
            case 4: read(); break;
            case 5: arrive(); break;
            case 6: own_arrives(); break;
            case 7:
                if (reading && pick(4) == 0) {
                    state.page_failed();
                    reading.reset();
                    answer.reset();
                }
                break;
            case 8:
                if (pick(5) == 0) state.hint(log.head()); // a poll
                break;
            }
        }
        while (!own_answers.empty()) own_arrives();
        state.hint(log.head());
        for (int i = 0; i < 1'000 && through < log.head(); ++i) {
            read();
            arrive();
            tell();
        }
        std::vector<std::int64_t> expected;
        for (const auto& each : log.events())
            if (each.position > start) expected.push_back(each.position);
        BOOST_TEST_CONTEXT("seed " << seed) BOOST_TEST(told == expected, boost::test_tools::per_element());
        BOOST_TEST_REQUIRE((told == expected)); // the first seed that fails says enough
    }
}

BOOST_AUTO_TEST_SUITE_END()
