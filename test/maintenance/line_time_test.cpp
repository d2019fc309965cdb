#include "maintenance/line_time.hpp"

#include <boost/test/unit_test.hpp>

#include <limits>
#include <random>
#include <string>

BOOST_AUTO_TEST_SUITE(line_time_test)

using namespace eventstore::maintenance;

namespace {

std::string text_of(std::int64_t microseconds) {
    std::string text;
    add_time(text, microseconds);
    return text.substr(1, text.size() - 2);
}

constexpr std::int64_t day = 86'400'000'000;

} // namespace

BOOST_AUTO_TEST_CASE(times_read_as_iso_8601) {
    BOOST_TEST(text_of(0) == "2000-01-01T00:00:00.000000Z");
    BOOST_TEST(text_of(-1) == "1999-12-31T23:59:59.999999Z");
    BOOST_TEST(text_of(59 * day + 3'723'000'042) == "2000-02-29T01:02:03.000042Z");
    BOOST_TEST(text_of(-730'119 * day) == "0001-01-01T00:00:00.000000Z");
    BOOST_TEST(text_of(-730'120 * day) == "0000-12-31T00:00:00.000000Z");
    BOOST_TEST(text_of(-730'485 * day - 1) == "-000001-12-31T23:59:59.999999Z");
    BOOST_TEST(text_of(2'921'940 * day) == "+010000-01-01T00:00:00.000000Z");
    BOOST_TEST(text_of(9'223'371'331'199'999'999) == "+294276-12-31T23:59:59.999999Z"); // the last one
    BOOST_TEST(text_of(-211'813'488'000'000'000) == "-004713-11-24T00:00:00.000000Z");  // the first one
    BOOST_TEST(text_of(std::numeric_limits<std::int64_t>::max()) == "infinity");
    BOOST_TEST(text_of(std::numeric_limits<std::int64_t>::min()) == "-infinity");
}

BOOST_AUTO_TEST_CASE(every_time_comes_back) {
    std::mt19937_64 random(4);
    std::uniform_int_distribution<std::int64_t> any(-211'813'488'000'000'000, 9'223'371'331'199'999'999);
    std::uniform_int_distribution<std::int64_t> usual(-100 * 365 * day, 100 * 365 * day);
    for (int i = 0; i < 20'000; ++i) {
        const std::int64_t time = i % 2 == 0 ? any(random) : usual(random);
        BOOST_REQUIRE((time_of(text_of(time)) == time));
    }
    for (const std::int64_t time : {std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()})
        BOOST_TEST((time_of(text_of(time)) == time));
}

BOOST_AUTO_TEST_CASE(what_is_no_time_is_refused) {
    for (const char* const bad : {"", "Z", "2000-01-01", "2000-01-01T00:00:00Z", "2000-01-01T00:00:00.000000",
             "2000-13-01T00:00:00.000000Z", "2000-00-01T00:00:00.000000Z", "2001-02-29T00:00:00.000000Z",
             "2000-01-32T00:00:00.000000Z", "2000-01-01T24:00:00.000000Z", "2000-01-01T00:60:00.000000Z",
             "2000-01-01T00:00:60.000000Z", "2000-01-01T00:00:00.00000Z", "2000-01-01T00:00:00.0000000Z",
             "+999999-01-01T00:00:00.000000Z", "-999999-01-01T00:00:00.000000Z", "2000-01-01 00:00:00.000000Z",
             "20-1-1T00:00:00.000000Z", "+2000-01-01T00:00:00.000000Z"})
        BOOST_TEST(!time_of(bad), bad);
}

BOOST_AUTO_TEST_SUITE_END()
