#include "cli/progress_bar.hpp"

#include <boost/test/unit_test.hpp>

namespace eventstore::cli {

namespace {

using seconds = progress_text::seconds;

} // namespace

BOOST_AUTO_TEST_SUITE(progress_text_test)

BOOST_AUTO_TEST_CASE(the_bar_shows_share_rate_and_time_left) {
    BOOST_TEST(progress_text::line("events", 500, 1000, seconds(5), 60) ==
        "events       [###########            ]  50%  100/s  5 s left");
    BOOST_TEST(
        progress_text::line("events", 1000, 1000, seconds(5), 60).find("100%  200/s  0 s left") != std::string::npos);
    BOOST_TEST(progress_text::line("ids", 1, 7201, seconds(1), 200).find("  2 h 0 min left") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(at_the_beginning_nothing_is_known) {
    BOOST_TEST(progress_text::line("events", 0, 0, seconds(0), 60).ends_with("]   0%"));
    BOOST_TEST(progress_text::line("events", -5, 10, seconds(1), 60).ends_with("]   0%"));
    BOOST_TEST(progress_text::line("events", 50, 10, seconds(1), 60).find("100%") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_narrow_terminal_gets_no_more_than_fits) {
    for (std::size_t width = 0; width < 100; ++width)
        BOOST_TEST(progress_text::line("subscriptions", 5, 9, seconds(2), width).size() <= width);
    BOOST_TEST(progress_text::line("events", 500, 1000, seconds(5), 30).find('[') == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace eventstore::cli
