#include "async/backoff.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <limits>
#include <random>
#include <set>

using eventstore::detail::backoff;

BOOST_AUTO_TEST_SUITE(backoff_test)

BOOST_AUTO_TEST_CASE(the_first_try_after_a_success_is_immediate) {
    backoff delays;
    BOOST_TEST(delays.failures() == 0);
    BOOST_TEST(delays.next(12345).count() == 0);
    BOOST_TEST(delays.failures() == 1);
    (void)delays.next(0);
    delays.succeeded();
    BOOST_TEST(delays.failures() == 0);
    BOOST_TEST(delays.next(12345).count() == 0);
}

BOOST_AUTO_TEST_CASE(steps_double_from_20_ms_to_2_s) {
    const std::int64_t steps[] = {0, 20, 40, 80, 160, 320, 640, 1280, 2000, 2000, 2000};
    backoff shortest;
    backoff longest;
    for (const std::int64_t step : steps) {
        const auto half = static_cast<std::uint64_t>(step / 2);
        BOOST_TEST(shortest.next(half + 1).count() == step / 2);
        BOOST_TEST(longest.next(half).count() == step);
    }
}

BOOST_AUTO_TEST_CASE(each_delay_is_from_the_upper_half_of_its_step_whatever_the_random_number) {
    for (const unsigned seed : {1u, 2u, 3u}) {
        std::mt19937_64 random(seed);
        backoff delays;
        std::int64_t step = 0;
        for (int i = 0; i < 100; ++i) {
            const std::int64_t delay =
                delays.next(i % 7 == 0 ? std::numeric_limits<std::uint64_t>::max() : random()).count();
            BOOST_TEST_CONTEXT("seed " << seed << ", failure " << i) {
                BOOST_TEST(delay >= step / 2);
                BOOST_TEST(delay <= step);
            }
            step = std::min<std::int64_t>(step == 0 ? 20 : step * 2, 2000);
        }
    }
}

BOOST_AUTO_TEST_CASE(many_clients_do_not_come_at_once) {
    std::mt19937_64 random(1);
    std::set<std::int64_t> delays;
    for (int client = 0; client < 1000; ++client) {
        backoff each;
        for (int i = 0; i < 9; ++i) (void)each.next(random());
        delays.insert(each.next(random()).count());
    }
    BOOST_TEST(delays.size() > 500u);
}

BOOST_AUTO_TEST_CASE(a_server_that_stays_away_for_ever_overflows_nothing) {
    backoff delays;
    for (int i = 0; i < 1'000'000; ++i) (void)delays.next(0);
    BOOST_TEST(delays.next(0).count() == 1000);
}

BOOST_AUTO_TEST_SUITE_END()
