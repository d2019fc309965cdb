#include "postgres/exclusive_pool_state.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <vector>

BOOST_AUTO_TEST_SUITE(exclusive_pool_state_test)

namespace es = eventstore;
using namespace std::chrono_literals;
using es::postgres::exclusive_pool_state;

namespace {

using ticket = exclusive_pool_state::ticket;

constexpr exclusive_pool_state::time start{1h};
constexpr std::uint64_t any = 0;
const es::failure gone(es::errc::connection_lost, "gone");

// Only their addresses count.
const std::array<int, 4> users{};
const void* user(std::size_t which) { return &users[which]; }

exclusive_pool_state of(std::size_t size) { return {size, 1min}; }

/// Makes as many connections as are wanted.
void connect_all(exclusive_pool_state& pool, exclusive_pool_state::time now) {
    while (const auto next = pool.connect(now)) pool.connected(next->place, now);
}

} // namespace

BOOST_AUTO_TEST_CASE(nothing_is_connected_while_nobody_waits) {
    auto pool = of(2);
    BOOST_TEST(!pool.connect(start).has_value());
    BOOST_TEST(pool.is_empty());
    BOOST_TEST(!pool.is_wanted());
}

BOOST_AUTO_TEST_CASE(one_who_waits_has_a_connection_made_and_gets_it) {
    auto pool = of(2);
    const ticket mine = pool.wait(user(0));
    BOOST_TEST(pool.is_wanted());
    BOOST_TEST(!pool.grant_next().has_value());
    const auto next = pool.connect(start);
    BOOST_REQUIRE(next.has_value());
    BOOST_TEST(next->requester == user(0));
    BOOST_TEST(!pool.connect(start).has_value()); // no second one for the same
    pool.connected(next->place, start);
    const auto given = pool.grant_next();
    BOOST_REQUIRE(given.has_value());
    BOOST_TEST(given->to == mine);
    BOOST_TEST(pool.is_used_by(given->place, user(0)));
    BOOST_TEST(!pool.is_wanted());
}

BOOST_AUTO_TEST_CASE(those_who_wait_are_served_in_order_whoever_they_are) {
    auto pool = of(1);
    std::vector<ticket> tickets;
    for (const std::size_t whose : {0u, 0u, 1u, 0u, 2u}) tickets.push_back(pool.wait(user(whose)));
    std::vector<ticket> served;
    connect_all(pool, start);
    while (const auto next = pool.grant_next()) {
        served.push_back(next->to);
        BOOST_TEST(!pool.grant_next().has_value());
        pool.released(next->place, start);
    }
    BOOST_TEST(served == tickets, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(one_whose_connection_was_lost_goes_before_all_others) {
    auto pool = of(1);
    const ticket later = pool.wait(user(0));
    const ticket first = pool.wait_first(user(1));
    connect_all(pool, start);
    BOOST_TEST(pool.grant_next()->to == first);
    pool.released(0, start);
    BOOST_TEST(pool.grant_next()->to == later);
}

BOOST_AUTO_TEST_CASE(a_user_gets_the_connection_that_it_had_last) {
    auto pool = of(3);
    for (std::size_t i = 0; i < 3; ++i) (void)pool.wait(user(i));
    connect_all(pool, start);
    std::array<std::size_t, 3> places{};
    for (std::size_t& each : places) each = pool.grant_next()->place;
    for (std::size_t i = 0; i < 3; ++i) pool.released(places[2 - i], start + 1s * i);
    for (const std::size_t whose : {1u, 0u, 2u}) {
        (void)pool.wait(user(whose));
        BOOST_TEST(pool.grant_next()->place == places[whose]);
    }
}

BOOST_AUTO_TEST_CASE(of_several_of_its_own_it_gets_the_last_and_of_others_the_one_idle_the_longest) {
    auto pool = of(3);
    for (int i = 0; i < 3; ++i) (void)pool.wait(user(0));
    connect_all(pool, start);
    std::array<std::size_t, 3> places{};
    for (std::size_t& each : places) each = pool.grant_next()->place;
    for (std::size_t i = 0; i < 3; ++i) pool.released(places[i], start + 1s * i);
    (void)pool.wait(user(1));
    BOOST_TEST(pool.grant_next()->place == places[0]);
    (void)pool.wait(user(0));
    BOOST_TEST(pool.grant_next()->place == places[2]);
}

BOOST_AUTO_TEST_CASE(after_a_failure_it_waits_before_it_tries_again) {
    auto pool = of(1);
    (void)pool.wait(user(0));
    auto now = start;
    for (int i = 0; i < 3; ++i) {
        const auto next = pool.connect(now);
        BOOST_REQUIRE(next.has_value());
        BOOST_TEST(!pool.retry_at(now).has_value()); // one is on its way
        pool.connect_failed(next->place, gone, now, any);
        const auto again = pool.retry_at(now);
        if (i == 0) {
            BOOST_TEST(!again.has_value()); // the first one is tried again at once
            continue;
        }
        BOOST_REQUIRE(again.has_value());
        BOOST_TEST((*again > now));
        BOOST_TEST(!pool.connect(now).has_value());
        now = *again;
    }
    BOOST_TEST(pool.connects().last_failure().has_value());
    BOOST_TEST(pool.refuse_all().size() == 1u);
    BOOST_TEST(!pool.retry_at(now - 1ms).has_value()); // nobody waits
}

BOOST_AUTO_TEST_CASE(the_end_of_a_user_refuses_its_own_and_leaves_the_others_waiting) {
    auto pool = of(1);
    const ticket first = pool.wait(user(0));
    const ticket second = pool.wait(user(1));
    const ticket third = pool.wait(user(0));
    BOOST_TEST(pool.refuse(user(0)) == (std::vector<ticket>{first, third}), boost::test_tools::per_element());
    connect_all(pool, start);
    BOOST_TEST(pool.grant_next()->to == second);
    BOOST_TEST(pool.is_in_use_by(user(1)));
    BOOST_TEST(!pool.is_in_use_by(user(0)));
    pool.closed(0);
    BOOST_TEST(pool.is_empty());
}

BOOST_AUTO_TEST_CASE(connections_that_were_idle_for_long_are_closed_but_for_one) {
    auto pool = of(3);
    for (int i = 0; i < 3; ++i) (void)pool.wait(user(0));
    connect_all(pool, start);
    for (int i = 0; i < 3; ++i) pool.released(pool.grant_next()->place, start);
    BOOST_TEST(!pool.close_unused(start + 59s).has_value());
    BOOST_TEST(pool.close_unused(start + 61s).has_value());
    BOOST_TEST(pool.close_unused(start + 61s).has_value());
    BOOST_TEST(!pool.close_unused(start + 61s).has_value());
    BOOST_TEST(pool.connections() == 1u);
}

BOOST_AUTO_TEST_CASE(without_a_time_to_be_idle_the_last_one_is_closed_at_once) {
    exclusive_pool_state pool(1, 0ms);
    (void)pool.wait(user(0));
    connect_all(pool, start);
    pool.released(pool.grant_next()->place, start);
    BOOST_TEST(pool.close_unused(start).has_value());
    BOOST_TEST(pool.is_empty());
}

// Whatever happens: a place has one user at most, those who wait are served in order, nobody waits while a connection is
// idle, and no place stays empty while somebody waits and may be connected for.
BOOST_AUTO_TEST_CASE(random_schedules_keep_all_the_rules) {
    for (unsigned seed = 0; seed < 300; ++seed) {
        std::mt19937 random(seed);
        const std::size_t size = 1 + random() % 4;
        auto pool = of(size);
        auto now = start;
        std::deque<ticket> expected;
        std::map<std::size_t, const void*> used; // by place
        std::vector<std::size_t> connecting;
        const auto pick = [&](std::size_t count) { return static_cast<std::size_t>(random() % count); };
        BOOST_TEST_CONTEXT("seed " << seed) {
            for (int step = 0; step < 200; ++step) {
                now += std::chrono::milliseconds(random() % 50);
                switch (random() % 7) {
                case 0:
                case 1: expected.push_back(pool.wait(user(pick(4)))); break;
                case 2: expected.push_front(pool.wait_first(user(pick(4)))); break;
                case 3:
                    if (!used.empty()) {
                        const auto which = std::next(used.begin(), static_cast<std::ptrdiff_t>(pick(used.size())));
                        random() % 3 == 0 ? pool.closed(which->first) : pool.released(which->first, now);
                        used.erase(which);
                    }
                    break;
                case 4:
                    if (!connecting.empty()) {
                        const std::size_t place = connecting.back();
                        connecting.pop_back();
                        random() % 3 == 0 ? pool.connect_failed(place, gone, now, random())
                                          : pool.connected(place, now);
                    }
                    break;
                case 5: (void)pool.close_unused(now); break;
                case 6: {
                    const auto whose = user(pick(4));
                    for (const ticket each : pool.refuse(whose)) std::erase(expected, each);
                    break;
                }
                }
                while (const auto next = pool.grant_next()) {
                    BOOST_TEST_REQUIRE(!expected.empty());
                    BOOST_TEST_REQUIRE(next->to == expected.front());
                    expected.pop_front();
                    BOOST_TEST_REQUIRE(used.emplace(next->place, pool.user_of(next->place)).second);
                }
                while (const auto next = pool.connect(now)) {
                    BOOST_TEST_REQUIRE(!used.contains(next->place));
                    connecting.push_back(next->place);
                }
                BOOST_TEST_REQUIRE(pool.in_use() == used.size());
                BOOST_TEST_REQUIRE(pool.is_wanted() == !expected.empty());
                const bool all_idle_are_taken = expected.empty() || pool.connections() == used.size();
                BOOST_TEST_REQUIRE(all_idle_are_taken);
                const std::size_t free = size - pool.connections() - connecting.size();
                const bool could_connect = connecting.size() < expected.size() && free > 0;
                if (could_connect) BOOST_TEST_REQUIRE(pool.retry_at(now).has_value());
                if (!could_connect) BOOST_TEST_REQUIRE(!pool.retry_at(now).has_value());
                for (const auto& [place, whose] : used) BOOST_TEST_REQUIRE(pool.is_used_by(place, whose));
            }
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
