#include "base/time_text.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstdint>
#include <random>
#include <string>

using namespace eventstore::detail;

namespace {

constexpr auto noon =
    std::chrono::sys_days(std::chrono::year(2024) / 2 / 29) + std::chrono::hours(12) + std::chrono::microseconds(42);

bool means(const char* text, eventstore::timestamp when) {
    const auto parsed = parse_time(text);
    return parsed && *parsed == when;
}

} // namespace

BOOST_AUTO_TEST_SUITE(time_text_test)

BOOST_AUTO_TEST_CASE(times_have_six_digits_after_the_second) {
    BOOST_TEST(to_text(noon) == "2024-02-29T12:00:00.000042Z");
    BOOST_TEST(to_text(eventstore::timestamp()) == "1970-01-01T00:00:00.000000Z");
    BOOST_TEST(to_text(eventstore::timestamp(std::chrono::microseconds(-1))) == "1969-12-31T23:59:59.999999Z");
}

BOOST_AUTO_TEST_CASE(a_time_comes_back_as_it_was) {
    for (const auto offset : {std::chrono::hours(0), std::chrono::hours(1'000'000), std::chrono::hours(-1'000'000)})
        BOOST_TEST(means(to_text(noon + offset).c_str(), noon + offset));
}

BOOST_AUTO_TEST_CASE(every_microsecond_of_the_years_1_to_9999_comes_back) {
    using namespace std::chrono;
    const eventstore::timestamp first = sys_days(year(1) / 1 / 1);
    const eventstore::timestamp last = sys_days(year(10000) / 1 / 1) - microseconds(1);
    BOOST_TEST(to_text(first) == "0001-01-01T00:00:00.000000Z");
    BOOST_TEST(to_text(last) == "9999-12-31T23:59:59.999999Z");
    BOOST_TEST(to_text(sys_days(year(1582) / 10 / 15) - microseconds(1)) == "1582-10-14T23:59:59.999999Z");
    std::mt19937_64 random(5);
    std::uniform_int_distribution<std::int64_t> any(first.time_since_epoch().count(), last.time_since_epoch().count());
    for (int i = 0; i < 2000; ++i) {
        const eventstore::timestamp when{microseconds(any(random))};
        const year_month_day date(floor<days>(when));
        BOOST_TEST(means(to_text(when).c_str(), when), to_text(when));
        BOOST_TEST(std::stoi(to_text(when)) == int(date.year()));
    }
}

BOOST_AUTO_TEST_CASE(what_no_year_of_four_digits_holds_is_told_all_the_same) {
    using eventstore::timestamp;
    const timestamp first = std::chrono::sys_days(std::chrono::year(1) / 1 / 1);
    BOOST_TEST(to_text(first - std::chrono::microseconds(1)) == "0000-12-31T23:59:59.999999Z");
    BOOST_TEST(to_text(first - std::chrono::days(367)) == "-0001-12-31T00:00:00.000000Z");
    BOOST_TEST(to_text(std::chrono::sys_days(std::chrono::year(10000) / 1 / 1)) == "+10000-01-01T00:00:00.000000Z");
    BOOST_TEST(to_text(timestamp::max()) == "+294247-01-10T04:00:54.775807Z");
    BOOST_TEST(to_text(timestamp::min()) == "-290308-12-21T19:59:05.224192Z");
}

BOOST_AUTO_TEST_CASE(fractions_and_zones_may_be_written_in_every_usual_way) {
    BOOST_TEST(means("2024-02-29T12:00:00.000042Z", noon));
    BOOST_TEST(means("2024-02-29 12:00:00.0000429Z", noon));
    BOOST_TEST(means("2024-02-29T14:00:00.000042+02:00", noon));
    BOOST_TEST(means("2024-02-29T06:30:00.000042-0530", noon));
    BOOST_TEST(means("2024-02-29T12:00:00Z", noon - std::chrono::microseconds(42)));
    BOOST_TEST(means("2024-02-29T12:00:00.5Z", noon + std::chrono::microseconds(499'958)));
}

BOOST_AUTO_TEST_CASE(anything_else_is_refused) {
    for (const char* const bad : {"", "now", "2024-02-29", "2024-02-29T12:00:00", "2024-02-30T12:00:00Z",
             "2024-13-01T12:00:00Z", "2024-02-29T24:00:00Z", "2024-02-29T12:60:00Z", "2024-02-29T12:00:00.Z",
             "2024-02-29T12:00:00Zx", "24-02-29T12:00:00Z", "2024-02-29T12:00:00+2", "-024-02-29T12:00:00Z",
             "2024-02-29T12:00:00Z ", "2024-2-29T12:00:00Z"})
        BOOST_TEST(!parse_time(bad), bad);
}

BOOST_AUTO_TEST_SUITE_END()
