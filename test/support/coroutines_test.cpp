#include "support/coroutines.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <stdexcept>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;

namespace {

struct not_default_constructible {
    explicit not_default_constructible(int v) : value(v) {}
    int value;
};

asio::awaitable<not_default_constructible> seven() {
    co_await asio::post(asio::use_awaitable);
    co_return not_default_constructible(7);
}

asio::awaitable<void> throw_it() {
    co_await asio::post(asio::use_awaitable);
    throw es::error(es::failure(es::errc::stream_deleted, "gone"));
}

asio::awaitable<es::result<int>> fail_as_a_value() {
    co_await asio::post(asio::use_awaitable);
    co_return es::failure(es::errc::timeout, "late");
}

asio::awaitable<void> wait(es::test::duration time) {
    asio::steady_timer timer(co_await asio::this_coro::executor, time);
    co_await timer.async_wait(asio::use_awaitable);
}

asio::awaitable<void> leave_a_timer_behind() {
    const auto executor = co_await asio::this_coro::executor;
    asio::co_spawn(executor, wait(1h), [](std::exception_ptr) {});
}

asio::awaitable<void> ask_for_errors() {
    const es::failure thrown = co_await expect_error(es::errc::stream_deleted, throw_it());
    BOOST_TEST(thrown.message() == "gone");
    const es::failure value = co_await expect_error(es::errc::timeout, fail_as_a_value());
    BOOST_TEST(value.message() == "late");
}

asio::awaitable<void> expect_the_wrong_error() { co_await expect_error(es::errc::timeout, throw_it()); }
asio::awaitable<void> expect_an_error_of_a_success() { co_await expect_error(es::errc::timeout, seven()); }

asio::awaitable<void> wait_for_three(int& calls) {
    co_await eventually([&] { return ++calls == 3; });
}

asio::awaitable<void> wait_in_vain() {
    co_await eventually([] { return false; }, 5ms);
}

asio::awaitable<void> count(std::atomic<int>& sum) {
    for (int i = 0; i < 100; ++i) {
        co_await let_others_run(1);
        ++sum;
    }
}

bool says(const std::exception& e, std::string_view what) {
    const std::string_view text = e.what();
    return text.find(what) != text.npos && text.find("coroutines_test") != text.npos;
}

} // namespace

BOOST_AUTO_TEST_SUITE(coroutines_test)

BOOST_AUTO_TEST_CASE(run_returns_the_value_or_throws_the_exception) {
    BOOST_TEST(run(seven()).value == 7);
    BOOST_CHECK_THROW(run(throw_it()), es::error);
    asio::io_context context;
    BOOST_TEST(run(context, seven()).value == 7);
    BOOST_CHECK_THROW(run(context, throw_it()), es::error);
}

BOOST_AUTO_TEST_CASE(run_ends_a_coroutine_that_hangs_and_names_the_test) {
    BOOST_CHECK_EXCEPTION(run(wait(1h), 5ms), std::runtime_error, [](const std::exception& e) {
        return says(e, "did not end in time") && says(e, "run_ends_a_coroutine_that_hangs_and_names_the_test");
    });
    asio::io_context context;
    BOOST_CHECK_EXCEPTION(run(context, wait(1h), 5ms), std::runtime_error,
        [](const std::exception& e) { return says(e, "did not end in time"); });
}

BOOST_AUTO_TEST_CASE(run_notices_work_that_was_left_behind) {
    BOOST_CHECK_EXCEPTION(run(leave_a_timer_behind(), 5ms), std::runtime_error,
        [](const std::exception& e) { return says(e, "left work behind"); });
}

BOOST_AUTO_TEST_CASE(expect_error_takes_exceptions_and_values) {
    run(ask_for_errors());
    BOOST_CHECK_EXCEPTION(run(expect_the_wrong_error()), std::runtime_error,
        [](const std::exception& e) { return says(e, "got 'the stream was deleted'"); });
    BOOST_CHECK_EXCEPTION(run(expect_an_error_of_a_success()), std::runtime_error,
        [](const std::exception& e) { return says(e, "it succeeded"); });
}

BOOST_AUTO_TEST_CASE(eventually_asks_until_yes_or_the_deadline) {
    int calls = 0;
    run(wait_for_three(calls));
    BOOST_TEST(calls == 3);
    BOOST_CHECK_EXCEPTION(
        run(wait_in_vain()), std::runtime_error, [](const std::exception& e) { return says(e, "did not come"); });
}

BOOST_AUTO_TEST_CASE(run_threads_runs_all_and_rethrows) {
    std::atomic<int> sum = 0;
    std::vector<asio::awaitable<void>> work;
    for (int i = 0; i < 10; ++i) work.push_back(count(sum));
    run_threads(4, std::move(work));
    BOOST_TEST(sum == 1000);

    BOOST_CHECK_THROW(run_threads(2, throw_it()), es::error);
    BOOST_CHECK_EXCEPTION(run_threads(2, wait(1h), 5ms), std::runtime_error,
        [](const std::exception& e) { return says(e, "1 coroutines did not end"); });
}

BOOST_AUTO_TEST_SUITE_END()
