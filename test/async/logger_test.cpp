#include "async/logger.hpp"

#include "async/retry.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

BOOST_AUTO_TEST_SUITE(logger_test)

namespace asio = boost::asio;
namespace es = eventstore;
using es::errc;
using es::failure;
using es::log_level;
using es::detail::logger;
using es::detail::recurring_failures;

namespace {

const failure dropped(errc::schema_missing, "the schema is gone");
const failure lost(errc::connection_lost, "the connection is lost");

failure refused(std::string state) { return failure(errc::database_error, {.sqlstate = std::move(state)}); }

struct fixture {
    asio::io_context context;
    std::vector<std::string> lines;
    std::shared_ptr<logger> log =
        logger::make([this](log_level, std::string_view text) { lines.emplace_back(text); }, context.get_executor());

    std::vector<std::string> taken() {
        context.restart();
        context.run();
        return std::exchange(lines, {});
    }
};

} // namespace

BOOST_AUTO_TEST_CASE(a_failure_is_news_once_until_it_is_another_one_or_has_passed) {
    recurring_failures all;
    BOOST_TEST(all.is_news("looking", "a", dropped));
    BOOST_TEST(!all.is_news("looking", "a", dropped));
    BOOST_TEST(all.is_news("looking", "a", lost));
    BOOST_TEST(!all.is_news("looking", "a", lost));
    BOOST_TEST(all.is_news("looking", "a", refused("42501")));
    BOOST_TEST(all.is_news("looking", "a", refused("42P01")));
    BOOST_TEST(all.is_news("looking", "a", dropped));
    all.passed("looking", "a");
    BOOST_TEST(all.is_news("looking", "a", dropped));
}

BOOST_AUTO_TEST_CASE(a_schema_that_is_gone_is_news_once_however_many_find_out) {
    recurring_failures all;
    BOOST_TEST(all.is_news("looking", "a", dropped));
    BOOST_TEST(!all.is_news("renewing leases", "a", dropped));
    BOOST_TEST(!all.is_news("reading", "a", dropped));
    BOOST_TEST(all.is_news("looking", "b", dropped)); // another one
}

BOOST_AUTO_TEST_CASE(a_lost_connection_is_news_for_each_that_needs_one_whatever_the_schema) {
    recurring_failures all;
    BOOST_TEST(all.is_news("connecting", "a", lost));
    BOOST_TEST(!all.is_news("connecting", "b", lost));
    BOOST_TEST(all.is_news("connecting to listen", "", lost));
}

BOOST_AUTO_TEST_CASE(what_goes_on_failing_is_told_ever_less_often) {
    recurring_failures all;
    std::vector<int> told;
    for (int i = 1; i <= 2'000; ++i)
        if (all.is_news("looking", "a", dropped)) told.push_back(i);
    BOOST_TEST(told == (std::vector<int>{1, 10, 100, 1'000}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_has_passed_for_one_is_told_again_of_another_that_still_fails) {
    recurring_failures all;
    BOOST_TEST(all.is_news("looking", "a", dropped));
    BOOST_TEST(!all.is_news("reading", "a", dropped));
    all.passed("looking", "a");
    all.passed("looking", "a"); // again changes nothing
    BOOST_TEST(all.is_news("reading", "a", dropped));
    BOOST_TEST(!all.is_news("reading", "a", dropped));
    all.passed("announcing", "a"); // has never failed
    BOOST_TEST(!all.is_news("reading", "a", dropped));
}

BOOST_AUTO_TEST_CASE(a_schema_that_nobody_uses_any_more_is_forgotten) {
    recurring_failures all;
    BOOST_TEST(all.is_news("looking", "a", dropped));
    BOOST_TEST(all.is_news("looking", "b", dropped));
    all.forget("a");
    BOOST_TEST(all.is_news("looking", "a", dropped));
    BOOST_TEST(!all.is_news("looking", "b", dropped));
}

BOOST_FIXTURE_TEST_CASE(lines_are_told_in_order_and_never_from_within_the_caller, fixture) {
    log->tell(log_level::info, "one");
    log->tell(log_level::warning, "two");
    BOOST_TEST(lines.empty());
    BOOST_TEST(taken() == (std::vector<std::string>{"one", "two"}), boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(a_retry_tells_its_first_failure_and_the_first_after_a_success, fixture) {
    es::detail::retry looking(es::detail::asking_again, "looking", log->of("a"));
    (void)looking.failed(dropped);
    (void)looking.failed(dropped);
    BOOST_TEST(taken() == std::vector<std::string>{dropped.message()}, boost::test_tools::per_element());
    looking.succeeded();
    looking.succeeded();
    (void)looking.failed(dropped);
    BOOST_TEST(taken().size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(lines_that_come_too_quickly_are_left_out_and_that_is_told, fixture) {
    for (int i = 0; i < 5'000; ++i) log->tell(log_level::info, std::to_string(i));
    const auto all = taken();
    BOOST_REQUIRE(all.size() == 1'001u);
    BOOST_TEST(all[0] == "0");
    BOOST_TEST(all[999] == "999");
    BOOST_TEST(all[1'000] == "4000 lines were left out: they came too quickly");
    log->tell(log_level::info, "again");
    BOOST_TEST(taken() == std::vector<std::string>{"again"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(one_line_is_told_at_a_time_however_many_threads_there_are) {
    asio::io_context context;
    std::atomic<int> inside{0};
    std::atomic<bool> has_overlapped{false};
    int told = 0; // a race, unless it is so
    const auto log = logger::make(
        [&](log_level, std::string_view) {
            if (inside.fetch_add(1) > 0) has_overlapped = true;
            ++told;
            inside.fetch_sub(1);
        },
        context.get_executor());
    for (int i = 0; i < 900; ++i) log->tell(log_level::info, "line");
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back([&] { context.run(); });
    for (std::thread& each : threads) each.join();
    BOOST_TEST(!has_overlapped);
    BOOST_TEST(told == 900);
}

BOOST_AUTO_TEST_CASE(after_its_context_nothing_is_told) {
    std::size_t told = 0;
    std::shared_ptr<logger> log, of_schema;
    {
        asio::io_context context;
        log = logger::make([&](log_level, std::string_view) { ++told; }, context.get_executor());
        of_schema = log->of("a");
        log->tell(log_level::info, "lost with the context");
        log->abandon();
    }
    log->tell(log_level::info, "late");
    of_schema->report("looking", dropped);
    BOOST_TEST(told == 0u);
}

BOOST_AUTO_TEST_CASE(without_a_function_nothing_is_kept) {
    asio::io_context context;
    const auto log = logger::make(nullptr, context.get_executor());
    BOOST_TEST(!log->has_sink());
    log->tell(log_level::warning, "nobody hears");
    log->report("looking", dropped);
    BOOST_TEST(context.poll() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
