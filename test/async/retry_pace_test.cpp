#include "async/retry_pace.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <set>
#include <vector>

namespace es = eventstore;
using namespace std::chrono_literals;
using es::detail::retry_pace;

BOOST_AUTO_TEST_SUITE(retry_pace_test)

BOOST_AUTO_TEST_CASE(what_the_server_refuses_is_asked_ever_less_often) {
    retry_pace pace;
    retry_pace::duration step = retry_pace::first;
    for (int i = 0; i < 100; ++i) {
        const auto pause = pace.failed(es::errc::schema_missing, static_cast<std::uint64_t>(i) * 7919).pause;
        BOOST_TEST((pause >= step / 2 && pause <= step), "pause " << i << ": " << pause.count() << " ms");
        step = std::min(step * 2, retry_pace::longest);
    }
    BOOST_TEST((step == retry_pace::longest));
}

BOOST_AUTO_TEST_CASE(those_who_were_refused_together_do_not_come_back_together) {
    std::set<std::int64_t> pauses;
    for (std::uint64_t random = 0; random < 100; ++random) {
        retry_pace pace;
        for (int i = 0; i < 6; ++i) (void)pace.failed(es::errc::schema_missing, random * 131);
        pauses.insert(pace.failed(es::errc::schema_missing, random * 131).pause.count());
    }
    BOOST_TEST(pauses.size() > 50u);
}

BOOST_AUTO_TEST_CASE(a_lost_connection_is_tried_again_soon_each_time) {
    retry_pace pace;
    for (int i = 0; i < 20; ++i) BOOST_TEST((pace.failed(es::errc::connection_lost, 0).pause == retry_pace::first));
    for (int i = 0; i < 20; ++i) (void)pace.failed(es::errc::schema_missing, 0);
    BOOST_TEST((pace.failed(es::errc::timeout, 0).pause == retry_pace::first));
    BOOST_TEST((pace.failed(es::errc::schema_missing, 0).pause <= retry_pace::first)); // and begins anew
}

BOOST_AUTO_TEST_CASE(a_failure_is_news_once_until_it_is_another_one_or_has_passed) {
    retry_pace pace;
    BOOST_TEST(pace.failed(es::errc::schema_missing, 0).is_news);
    BOOST_TEST(!pace.failed(es::errc::schema_missing, 0).is_news);
    BOOST_TEST(pace.failed(es::errc::connection_lost, 0).is_news); // another one
    BOOST_TEST(!pace.failed(es::errc::connection_lost, 0).is_news);
    BOOST_TEST(pace.failed(es::errc::schema_missing, 0).is_news);
    pace.succeeded();
    BOOST_TEST(pace.failed(es::errc::schema_missing, 0).is_news);
}

BOOST_AUTO_TEST_CASE(what_goes_on_failing_is_told_ever_less_often) {
    retry_pace pace;
    std::vector<int> told;
    for (int i = 1; i <= 2'000; ++i)
        if (pace.failed(es::errc::schema_missing, 0).is_news) told.push_back(i);
    BOOST_TEST(told == (std::vector<int>{1, 10, 100, 1'000}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(after_a_success_the_pauses_are_short_again) {
    retry_pace pace;
    for (int i = 0; i < 20; ++i) (void)pace.failed(es::errc::schema_missing, 0);
    pace.succeeded();
    BOOST_TEST((pace.failed(es::errc::schema_missing, 0).pause <= retry_pace::first));
}

BOOST_AUTO_TEST_SUITE_END()
