#include "async/work_ahead.hpp"

#include "support/coroutines.hpp"

#include <boost/asio/this_coro.hpp>

#include <future>
#include <memory>
#include <thread>
#include <vector>

BOOST_AUTO_TEST_SUITE(work_ahead_test)

using namespace std::chrono_literals;
using namespace eventstore::test;
using eventstore::detail::work_ahead;

BOOST_AUTO_TEST_CASE(its_owner_goes_on_while_a_call_blocks_and_waits_for_its_end) {
    run([]() -> asio::awaitable<void> {
        work_ahead work(co_await asio::this_coro::executor, "working");
        std::promise<void> release;
        std::thread::id ran_on;
        BOOST_TEST(!work.is_busy());
        work.begin([&, wait = release.get_future().share()] {
            wait.wait();
            ran_on = std::this_thread::get_id();
        });
        BOOST_TEST(work.is_busy());
        release.set_value(); // which this thread would not come to, if the call were carried out on it
        auto waiting = work.wait();
        const auto waited = co_await std::move(waiting);
        BOOST_TEST(waited.has_value());
        BOOST_TEST(!work.is_busy());
        BOOST_TEST((ran_on != std::thread::id() && ran_on != std::this_thread::get_id()));
        // It stays so.
        auto again = work.wait();
        const auto at_once = co_await std::move(again);
        BOOST_TEST(at_once.has_value());
    }());
}

BOOST_AUTO_TEST_CASE(where_nothing_was_begun_nothing_is_waited_for) {
    run([]() -> asio::awaitable<void> {
        work_ahead work(co_await asio::this_coro::executor, "working");
        auto waiting = work.wait();
        const auto waited = co_await std::move(waiting);
        BOOST_TEST(waited.has_value());
    }());
}

BOOST_AUTO_TEST_CASE(calls_follow_each_other) {
    run([]() -> asio::awaitable<void> {
        work_ahead work(co_await asio::this_coro::executor, "working");
        std::vector<int> done;
        for (int i = 0; i < 3; ++i) {
            work.begin([&done, i] { done.push_back(i); });
            auto waiting = work.wait();
            co_await std::move(waiting);
        }
        BOOST_TEST(done == (std::vector<int>{0, 1, 2}), boost::test_tools::per_element());
    }());
}

BOOST_AUTO_TEST_CASE(what_a_call_uses_lives_to_its_end_though_its_owner_is_gone) {
    asio::io_context context(1);
    const auto used = std::make_shared<int>(0);
    std::promise<void> release;
    {
        work_ahead work(context.get_executor(), "working");
        work.begin([used, wait = release.get_future().share()] {
            wait.wait();
            *used = 1;
        });
        context.poll();
    }
    BOOST_TEST(used.use_count() > 1);
    release.set_value();
    context.restart();
    context.run(); // a call under way keeps it running
    BOOST_TEST(*used == 1);
    BOOST_TEST(used.use_count() == 1);
}

BOOST_AUTO_TEST_SUITE_END()
