#include "async/retry.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <random>
#include <set>

BOOST_AUTO_TEST_SUITE(retry_test)

namespace es = eventstore;
using namespace std::chrono_literals;
using es::errc;
using es::detail::asking_again;
using es::detail::backoff;
using es::detail::connecting_again;

BOOST_AUTO_TEST_CASE(a_connection_is_tried_again_at_once_after_a_success) {
    backoff delays(connecting_again);
    BOOST_TEST(delays.failures() == 0);
    BOOST_TEST(delays.failed(12345).count() == 0);
    BOOST_TEST(delays.failures() == 1);
    (void)delays.failed(0);
    delays.succeeded();
    BOOST_TEST(delays.failures() == 0);
    BOOST_TEST(delays.failed(12345).count() == 0);
}

BOOST_AUTO_TEST_CASE(delays_between_connections_double_from_20_ms_to_2_s) {
    const std::int64_t steps[] = {0, 20, 40, 80, 160, 320, 640, 1280, 2000, 2000, 2000};
    backoff shortest(connecting_again);
    backoff longest(connecting_again);
    for (const std::int64_t step : steps) {
        const auto half = static_cast<std::uint64_t>(step / 2);
        BOOST_TEST(shortest.failed(half + 1).count() == step / 2);
        BOOST_TEST(longest.failed(half).count() == step);
    }
}

BOOST_AUTO_TEST_CASE(each_delay_is_from_the_upper_half_of_its_step_whatever_the_random_number) {
    for (const unsigned seed : {1u, 2u, 3u}) {
        std::mt19937_64 random(seed);
        backoff delays(connecting_again);
        std::int64_t step = 0;
        for (int i = 0; i < 100; ++i) {
            const std::int64_t delay =
                delays.failed(i % 7 == 0 ? std::numeric_limits<std::uint64_t>::max() : random()).count();
            BOOST_TEST_CONTEXT("seed " << seed << ", failure " << i) {
                BOOST_TEST(delay >= step / 2);
                BOOST_TEST(delay <= step);
            }
            step = std::min<std::int64_t>(step == 0 ? 20 : step * 2, 2000);
        }
    }
}

BOOST_AUTO_TEST_CASE(those_who_failed_together_do_not_come_back_together) {
    std::mt19937_64 random(1);
    std::set<std::int64_t> connecting, asking;
    for (int client = 0; client < 1000; ++client) {
        backoff each(connecting_again), other(asking_again);
        for (int i = 0; i < 9; ++i) {
            (void)each.failed(random());
            (void)other.failed(errc::schema_missing, random());
        }
        connecting.insert(each.failed(random()).count());
        asking.insert(other.failed(errc::schema_missing, random()).count());
    }
    BOOST_TEST(connecting.size() > 500u);
    BOOST_TEST(asking.size() > 500u);
}

BOOST_AUTO_TEST_CASE(a_server_that_stays_away_for_ever_overflows_nothing) {
    backoff delays(connecting_again);
    for (int i = 0; i < 1'000'000; ++i) (void)delays.failed(0);
    BOOST_TEST(delays.failed(0).count() == 1000);
}

BOOST_AUTO_TEST_CASE(what_the_server_refuses_is_asked_ever_less_often) {
    backoff delays(asking_again);
    std::chrono::milliseconds step = asking_again.first;
    for (int i = 0; i < 100; ++i) {
        const auto delay = delays.failed(errc::schema_missing, static_cast<std::uint64_t>(i) * 7919);
        BOOST_TEST((delay >= step / 2 && delay <= step), "delay " << i << ": " << delay.count() << " ms");
        step = std::min(step * 2, asking_again.longest);
    }
    BOOST_TEST((step == asking_again.longest));
    delays.succeeded();
    BOOST_TEST((delays.failed(errc::schema_missing, 0) <= asking_again.first));
}

BOOST_AUTO_TEST_CASE(over_a_lost_connection_it_is_asked_again_soon_each_time) {
    backoff delays(asking_again);
    for (int i = 0; i < 20; ++i) BOOST_TEST((delays.failed(errc::connection_lost, 0) == asking_again.first));
    for (int i = 0; i < 20; ++i) (void)delays.failed(errc::schema_missing, 0);
    BOOST_TEST((delays.failed(errc::timeout, 0) == asking_again.first));
    BOOST_TEST((delays.failed(errc::schema_missing, 0) <= asking_again.first)); // and begins anew
}

BOOST_AUTO_TEST_SUITE_END()
