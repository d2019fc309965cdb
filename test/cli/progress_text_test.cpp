#include "cli/progress_bar.hpp"

#include <boost/test/unit_test.hpp>

namespace eventstore::cli {

namespace {

using seconds = progress_text::seconds;

std::string line(double share, std::int64_t done, double elapsed, std::size_t width, std::string_view noun = "events") {
    return progress_text::line(progress{"exporting", done, noun, share}, seconds(elapsed), width);
}

transfer_progress at(std::int64_t begin, std::int64_t position, std::int64_t end) {
    transfer_progress now;
    now.begin = begin;
    now.position = position;
    now.end = end;
    return now;
}

} // namespace

BOOST_AUTO_TEST_SUITE(progress_text_test)

BOOST_AUTO_TEST_CASE(the_bar_shows_share_count_rate_and_time_left) {
    BOOST_TEST(line(0.5, 1200, 3, 64) == "exporting 50% [========        ]  1,200 events  400/s  0:03 left");
    BOOST_TEST(line(1, 1'234'567, 10, 80).find("100% [====") != std::string::npos);
    BOOST_TEST(line(1, 1'234'567, 10, 80).ends_with("]  1,234,567 events  123,457/s  0:00 left"));
    BOOST_TEST(line(1.0 / 7201, 1, 1, 200, "").ends_with("]  1  1/s  2:00:00 left"));
    BOOST_TEST(line(0.25, 1, 30, 200).ends_with("  1:30 left"));
}

BOOST_AUTO_TEST_CASE(what_is_not_known_is_not_shown) {
    BOOST_TEST(line(0, 0, 0, 60).ends_with("]  0 events"));
    BOOST_TEST(line(0, 0, 1, 60).ends_with("]  0 events  0/s"));
    BOOST_TEST(line(-1, 500, 2, 60) == "exporting  500 events  250/s");
    BOOST_TEST(line(1.5, 1, 2, 60).find(" 100% ") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_narrow_terminal_gets_no_more_than_fits) {
    for (std::size_t width = 0; width < 100; ++width) BOOST_TEST(line(0.6, 5, 2, width).size() <= width);
    BOOST_TEST(line(0.5, 500, 5, 30).find('[') == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_transfer_goes_by_bytes_or_else_by_positions) {
    BOOST_TEST(progress::of("a", at(100, 150, 200)).share == 0.5);
    BOOST_TEST(progress::of("a", at(100, 0, 200)).share == 0);
    BOOST_TEST(progress::of("a", at(100, 100, 0)).share < 0);
    BOOST_TEST(progress::of("a", at(100, 100, 100)).share < 0);
    transfer_progress by_bytes = at(0, 10, 100);
    by_bytes.bytes = 3;
    by_bytes.total_bytes = 4;
    BOOST_TEST(progress::of("a", by_bytes).share == 0.75);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace eventstore::cli
