// Histograms against what was recorded.
#include "async/metrics.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <thread>
#include <vector>

namespace es = eventstore;
using es::detail::counter;
using es::detail::histogram;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(metrics_test)

namespace {

using values = std::vector<std::uint64_t>;

/// As it is defined: the smallest value that at least this part of all do not exceed.
std::uint64_t exact_percentile(const values& sorted, double part) {
    const auto place = static_cast<std::size_t>(std::ceil(part * static_cast<double>(sorted.size())));
    return sorted[std::max<std::size_t>(place, 1) - 1];
}

void expect_close(std::uint64_t measured, std::uint64_t exact) {
    const auto error = std::abs(static_cast<double>(measured) - static_cast<double>(exact));
    BOOST_TEST(error <= static_cast<double>(exact) * histogram::relative_error, measured << " for " << exact);
}

} // namespace

BOOST_AUTO_TEST_CASE(an_empty_histogram_is_all_zero) {
    const histogram empty;
    const auto now = empty.sizes();
    BOOST_TEST(now.count == 0u);
    BOOST_TEST(now.sum == 0u);
    BOOST_TEST(now.max == 0u);
    BOOST_TEST(now.p50 == 0u);
    BOOST_TEST(now.p999 == 0u);
    BOOST_TEST(std::ranges::all_of(now.below, [](std::uint64_t count) { return count == 0; }));
}

BOOST_AUTO_TEST_CASE(values_below_64_are_exact) {
    for (std::uint64_t value = 0; value < 64; ++value) {
        histogram one;
        one.record(value);
        const auto now = one.sizes();
        BOOST_TEST(now.p50 == value);
        BOOST_TEST(now.p999 == value);
        BOOST_TEST(now.max == value);
    }
}

// Each value by itself: at the ends of buckets an error would be the largest.
BOOST_AUTO_TEST_CASE(no_value_is_further_off_than_the_relative_error) {
    std::mt19937_64 random(1);
    for (int exponent = 0; exponent < 36; ++exponent) {
        const std::uint64_t power = std::uint64_t{1} << exponent;
        values edges{power, power + 1, 2 * power - 1, power + power / 32, power + power / 32 - 1};
        for (int i = 0; i < 20; ++i) edges.push_back(power + random() % power);
        for (const std::uint64_t value : edges) {
            histogram two;
            two.record(value);
            two.record(histogram::largest); // so that the largest one does not stand in for the middle of the bucket
            expect_close(two.sizes().p50, value);
        }
    }
}

BOOST_AUTO_TEST_CASE(percentiles_of_random_values_are_as_close_as_promised) {
    std::mt19937_64 random(2);
    for (int round = 0; round < 40; ++round) {
        std::lognormal_distribution<double> spread(1 + round % 15, 0.1 + 0.1 * (round % 20));
        histogram measured;
        values all;
        std::uint64_t sum = 0;
        const int count = 1 + static_cast<int>(random() % 20'000);
        for (int i = 0; i < count; ++i) {
            const auto value = static_cast<std::uint64_t>(std::min(spread(random), 6e10));
            measured.record(value);
            all.push_back(value);
            sum += value;
        }
        std::ranges::sort(all);
        const auto now = measured.sizes();
        BOOST_TEST(now.count == all.size());
        BOOST_TEST(now.sum == sum);
        BOOST_TEST(now.max == all.back());
        expect_close(now.p50, exact_percentile(all, 0.5));
        expect_close(now.p90, exact_percentile(all, 0.9));
        expect_close(now.p99, exact_percentile(all, 0.99));
        expect_close(now.p999, exact_percentile(all, 0.999));
        for (std::size_t i = 0; i < now.below.size(); ++i) {
            const auto bound = now.bound(i);
            const auto exact = std::ranges::count_if(all, [&](std::uint64_t value) { return value < bound; });
            BOOST_TEST(now.below[i] == static_cast<std::uint64_t>(exact));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_value_that_is_recorded_many_times_counts_as_often) {
    histogram measured;
    measured.record(std::uint64_t{1000}, 3);
    measured.record(std::uint64_t{10});
    const auto now = measured.sizes();
    BOOST_TEST(now.count == 4u);
    BOOST_TEST(now.sum == 3010u);
    expect_close(now.p50, 1000);
}

BOOST_AUTO_TEST_CASE(what_is_too_large_counts_as_the_largest) {
    histogram measured;
    measured.record(~std::uint64_t{0});
    measured.record(histogram::largest + 1);
    const auto now = measured.sizes();
    BOOST_TEST(now.count == 2u);
    BOOST_TEST(now.max == histogram::largest);
    expect_close(now.p50, histogram::largest);
}

BOOST_AUTO_TEST_CASE(durations_are_cut_to_microseconds_and_never_negative) {
    histogram measured;
    measured.record(1999ns);
    BOOST_TEST(measured.latencies().max.count() == 1);
    measured.record(-5ms); // clocks
    const auto now = measured.latencies();
    BOOST_TEST(now.count == 2u);
    BOOST_TEST(now.p50.count() == 0);
    histogram bounds;
    bounds.record(63'999ns);
    bounds.record(64us);
    bounds.record(128us);
    const auto later = bounds.latencies();
    BOOST_TEST((later.bound(0) == 64us));
    BOOST_TEST(later.below[0] == 1u);
    BOOST_TEST(later.below[1] == 2u);
    BOOST_TEST(later.below[2] == 3u);
}

BOOST_AUTO_TEST_CASE(nothing_is_lost_between_threads) {
    histogram measured;
    counter counted;
    constexpr int each = 20'000;
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread) {
        threads.emplace_back([&, thread] {
            std::mt19937_64 random(static_cast<std::uint64_t>(thread));
            for (int i = 0; i < each; ++i) {
                measured.record(random() % 1'000'000);
                counted.add();
                if (i % 1000 == 0) (void)measured.sizes();
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    BOOST_TEST(measured.sizes().count == 4u * each);
    BOOST_TEST(counted.value() == 4u * each);
    BOOST_TEST(measured.sizes().below.back() == 4u * each); // all are below 1,048,576
}

BOOST_AUTO_TEST_SUITE_END()
