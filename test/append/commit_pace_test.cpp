#include "append/commit_pace.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>

namespace commit_pace_test {

using namespace std::chrono_literals;
using eventstore::append::commit_pace;

namespace {

constexpr commit_pace::time start{1h};

/// Writers that each have one append under way at a time, a server and a client, on one clock: what a group costs at the
/// server, and what an append costs at the server and at the client.
struct load {
    std::size_t writers = 100;
    commit_pace::duration group_cost = 1ms;
    commit_pace::duration server_cost = 20us;
    commit_pace::duration client_cost = 10us;
    commit_pace::time begin = start;

    /// How many appends a second get through, in the last half of so many groups.
    double run(commit_pace& pace, std::size_t groups) const {
        auto now = begin;         // of the client, which does one thing at a time
        auto server_free = begin; // when it can begin the next group
        struct group {
            std::size_t appends;
            commit_pace::time done;
        };
        std::deque<group> on_the_wire;
        std::size_t waiting = 0;
        std::size_t resumed = 0; // writers that the client has yet to run
        std::size_t delivered = 0;
        std::size_t counted = 0;
        commit_pace::time counted_from = begin;
        for (std::size_t i = 0; i < writers; ++i) {
            pace.arrived(now);
            ++waiting;
        }
        while (delivered < groups) {
            if (waiting > 0 && pace.may_send(true)) {
                now += client_cost * static_cast<std::int64_t>(waiting) / 2; // encoding
                server_free =
                    std::max(server_free, now) + group_cost + server_cost * static_cast<std::int64_t>(waiting);
                on_the_wire.push_back({waiting, server_free});
                pace.sent(waiting, now);
                waiting = 0;
            } else if (!on_the_wire.empty() && on_the_wire.front().done <= now) {
                const group first = on_the_wire.front();
                on_the_wire.pop_front();
                pace.answered(first.appends, now);
                (void)pace.resumed(first.appends, now);
                resumed += first.appends;
                ++delivered;
                if (delivered == groups / 2) counted_from = now;
                if (delivered > groups / 2) counted += first.appends;
            } else if (resumed > 0) {
                now += client_cost / 2;
                --resumed;
                ++waiting;
                pace.arrived(now);
            } else {
                BOOST_REQUIRE(!on_the_wire.empty());
                now = std::max(now, on_the_wire.front().done);
            }
        }
        return static_cast<double>(counted) / std::chrono::duration<double>(now - counted_from).count();
    }
};

} // namespace

} // namespace commit_pace_test

BOOST_AUTO_TEST_SUITE(commit_pace_test)

BOOST_AUTO_TEST_CASE(the_first_append_is_sent_at_once) {
    commit_pace pace;
    pace.arrived(start);
    BOOST_TEST(pace.may_send(true));
    pace.sent(1, start);
    BOOST_TEST(pace.in_flight() == 1u);
}

BOOST_AUTO_TEST_CASE(nothing_is_sent_while_a_group_is_under_way) {
    commit_pace pace;
    pace.sent(1, start);
    for (int i = 0; i < 10; ++i) pace.arrived(start);
    BOOST_TEST(!pace.may_send(true));
    pace.waited(pace.round(), start);
    BOOST_TEST(!pace.may_send(true));
}

BOOST_AUTO_TEST_CASE(the_next_group_is_sent_when_as_many_have_come_as_were_released) {
    commit_pace pace;
    pace.sent(3, start);
    pace.answered(3, start);
    BOOST_TEST(pace.resumed(3, start));
    for (int i = 0; i < 2; ++i) {
        pace.arrived(start);
        BOOST_TEST(!pace.may_send(true));
    }
    pace.arrived(start);
    BOOST_TEST(pace.may_send(true));
    pace.arrived(start); // and whoever comes before it is sent
    BOOST_TEST(pace.may_send(true));
}

BOOST_AUTO_TEST_CASE(the_next_group_is_sent_when_the_wait_is_over) {
    commit_pace pace;
    pace.sent(3, start);
    pace.answered(3, start);
    (void)pace.resumed(3, start);
    pace.arrived(start);
    const auto round = pace.round();
    pace.waited(round - 1, start); // an earlier one's
    BOOST_TEST(!pace.may_send(true));
    pace.waited(round, start);
    BOOST_TEST(pace.may_send(true));
}

BOOST_AUTO_TEST_CASE(a_group_whose_callers_were_not_resumed_is_waited_for_by_nobody) {
    commit_pace pace;
    pace.sent(3, start);
    pace.answered(3, start);
    BOOST_TEST(pace.may_send(true));
}

BOOST_AUTO_TEST_CASE(writers_elsewhere_are_waited_for_as_long_as_they_need_within_bounds) {
    commit_pace pace;
    auto now = start;
    for (int i = 0; i < 100; ++i) {
        pace.sent(10, now);
        now += 8ms; // the server
        pace.answered(10, now);
        (void)pace.resumed(10, now);
        now += 200us; // the writers
        for (int j = 0; j < 10; ++j) pace.arrived(now);
    }
    BOOST_TEST((pace.rejoin_wait() >= 300us && pace.rejoin_wait() <= 600us));
    for (int i = 0; i < 100; ++i) { // they do not come
        pace.sent(1, now);
        now += 8ms;
        pace.answered(1, now);
        (void)pace.resumed(1, now);
        now += pace.rejoin_wait();
        pace.waited(pace.round(), now);
    }
    BOOST_TEST((pace.rejoin_wait() <= 1ms)); // an eighth of the server's time
}

BOOST_AUTO_TEST_CASE(a_lone_writer_and_a_few_never_have_two_groups) {
    for (const std::size_t writers : {1u, 2u, 10u}) {
        commit_pace pace;
        load few;
        few.writers = writers;
        few.client_cost = 500us;
        (void)few.run(pace, 500);
        BOOST_TEST(!pace.prefers_two());
        BOOST_TEST(pace.in_flight() <= 1u);
    }
}

BOOST_AUTO_TEST_CASE(where_the_client_takes_longer_than_a_group_costs_two_take_turns) {
    commit_pace pace;
    load many;
    many.writers = 1'000;
    many.group_cost = 1ms;
    many.client_cost = 20us; // 20 ms for all
    const double rate = many.run(pace, 3'000);
    BOOST_TEST(pace.prefers_two());
    // One after the other: 1 ms + 1,000 * (20 us + 20 us) for 1,000.
    BOOST_TEST(rate > 1.3 * 1'000 / 0.041);
}

BOOST_AUTO_TEST_CASE(where_a_group_costs_more_one_stays_and_trials_cost_little) {
    commit_pace pace;
    load slow_disk;
    slow_disk.group_cost = 20ms;
    const double rate = slow_disk.run(pace, 3'000);
    BOOST_TEST(!pace.prefers_two());
    BOOST_TEST(rate > 0.93 * 100 / 0.023);
}

BOOST_AUTO_TEST_CASE(another_load_begins_with_one_group) {
    commit_pace pace;
    load many;
    many.writers = 1'000;
    many.client_cost = 20us;
    (void)many.run(pace, 3'000);
    BOOST_REQUIRE(pace.prefers_two());
    load few;
    few.writers = 10;
    few.begin = start + 1h;
    commit_pace fresh = pace;
    while (fresh.in_flight() > 0) fresh.answered(0, start);
    (void)few.run(fresh, 200);
    BOOST_TEST(!fresh.prefers_two());
}

BOOST_AUTO_TEST_SUITE_END()
