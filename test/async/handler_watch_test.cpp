// Handlers that keep their thread: seen, counted and logged, once a minute for each operation.
#include "async/handler_watch.hpp"
#include "async/probe_operation.hpp"
#include "support/coroutines.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>

#include <string>
#include <thread>
#include <vector>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;
using namespace std::chrono_literals;
using es::detail::handler_watch;
using es::detail::news_of_a_minute;

BOOST_AUTO_TEST_SUITE(handler_watch_test)

namespace {

struct fixture {
    asio::io_context context;
    std::vector<std::string> lines;
    std::shared_ptr<es::detail::store_metrics> metrics = std::make_shared<es::detail::store_metrics>();

    std::shared_ptr<handler_watch> watch(std::chrono::milliseconds longest) {
        auto log = es::detail::logger::make(
            [this](es::log_level, std::string_view line) { lines.emplace_back(line); }, context.get_executor());
        return std::make_shared<handler_watch>(longest, std::move(log), metrics);
    }

    /// A coroutine that an operation resumes; then it does what `then` says.
    void resume(std::function<asio::awaitable<void>()> then) {
        const auto operation = std::make_shared<probe>();
        operation->on_start = [](probe& started) { started.end(ending::result); };
        const auto work = [](std::shared_ptr<probe> waited_for,
                              std::function<asio::awaitable<void>()> next) -> asio::awaitable<void> {
            co_await es::detail::suspend(waited_for, nullptr, no_deadline);
            co_await next();
        };
        asio::co_spawn(context, work(operation, std::move(then)), asio::detached);
        context.restart();
        context.run();
    }
};

void block(std::chrono::milliseconds time) { std::this_thread::sleep_for(time); } // it is what this is about

} // namespace

BOOST_FIXTURE_TEST_CASE(a_caller_that_blocks_is_logged_with_the_operation, fixture) {
    const auto watched = watch(50ms);
    resume([&]() -> asio::awaitable<void> {
        handler_watch::resumes(watched, "append");
        block(100ms);
        co_return;
    });
    BOOST_REQUIRE(lines.size() == 1u);
    BOOST_TEST(lines[0].find("after append") != std::string::npos, lines[0]);
    BOOST_TEST(metrics->blocked.latencies().count == 1u);
    BOOST_TEST((metrics->blocked.latencies().max >= 90ms));
}

BOOST_FIXTURE_TEST_CASE(one_that_does_not_block_is_silent, fixture) {
    const auto watched = watch(5s);
    resume([&]() -> asio::awaitable<void> {
        handler_watch::resumes(watched, "append");
        block(20ms);
        co_return;
    });
    BOOST_TEST(lines.empty());
    BOOST_TEST(metrics->blocked.latencies().count == 0u);
}

BOOST_FIXTURE_TEST_CASE(a_limit_of_0_watches_nothing, fixture) {
    const auto watched = watch(0ms);
    resume([&]() -> asio::awaitable<void> {
        handler_watch::resumes(watched, "append");
        block(20ms);
        co_return;
    });
    {
        const handler_watch::call called(*watched, "a selector");
        block(20ms);
    }
    context.restart();
    context.run();
    BOOST_TEST(lines.empty());
    BOOST_TEST(metrics->blocked.latencies().count == 0u);
}

// A loop over operations that are done at once never lets the thread go: no part of it is long, the whole is.
BOOST_FIXTURE_TEST_CASE(many_short_parts_without_a_suspension_are_one_long_handler, fixture) {
    const auto watched = watch(100ms);
    resume([&]() -> asio::awaitable<void> {
        for (int i = 0; i < 6; ++i) {
            handler_watch::resumes(watched, i == 3 ? "read" : "next");
            block(i == 3 ? 60ms : 20ms);
        }
        co_return;
    });
    BOOST_REQUIRE(lines.size() == 1u);
    BOOST_TEST(lines[0].find("after read") != std::string::npos, lines[0]); // which took the longest
}

BOOST_FIXTURE_TEST_CASE(what_happens_outside_of_a_resumption_is_not_measured, fixture) {
    const auto watched = watch(10ms);
    handler_watch::resumes(watched, "append");
    block(50ms);
    BOOST_TEST(metrics->blocked.latencies().count == 0u);
}

// A handler that runs another context inside: its resumptions are measured by themselves.
BOOST_FIXTURE_TEST_CASE(resumptions_within_a_handler_are_apart, fixture) {
    const auto watched = watch(50ms);
    resume([&]() -> asio::awaitable<void> {
        handler_watch::resumes(watched, "append");
        fixture inner;
        const auto silent = inner.watch(5s);
        inner.resume([&]() -> asio::awaitable<void> {
            handler_watch::resumes(silent, "read");
            block(100ms);
            co_return;
        });
        BOOST_TEST(inner.lines.empty());
        co_return;
    });
    BOOST_REQUIRE(lines.size() == 1u);
    BOOST_TEST(lines[0].find("after append") != std::string::npos, lines[0]);
}

BOOST_FIXTURE_TEST_CASE(the_watch_may_go_while_its_handler_runs, fixture) {
    auto watched = watch(20ms);
    resume([&]() -> asio::awaitable<void> {
        handler_watch::resumes(watched, "append");
        watched.reset();
        block(60ms);
        co_return;
    });
    BOOST_TEST(lines.size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_function_of_the_users_is_logged_by_its_name, fixture) {
    const auto watched = watch(20ms);
    {
        const handler_watch::call called(*watched, "the selector of a listener");
        block(60ms);
    }
    context.run();
    BOOST_REQUIRE(lines.size() == 1u);
    BOOST_TEST(lines[0].find("in the selector of a listener") != std::string::npos, lines[0]);
}

BOOST_FIXTURE_TEST_CASE(each_is_counted_and_few_are_logged, fixture) {
    const auto watched = watch(10ms);
    for (int i = 0; i < 3; ++i) {
        const handler_watch::call called(*watched, "a selector");
        block(30ms);
    }
    context.run();
    BOOST_TEST(lines.size() == 1u);
    BOOST_TEST(metrics->blocked.latencies().count == 3u);
}

BOOST_AUTO_TEST_CASE(news_come_once_a_minute_for_each_name) {
    const es::detail::steady_time begin(1h);
    news_of_a_minute news;
    BOOST_TEST((news.take("append", begin) == 1u));
    BOOST_TEST(!news.take("append", begin + 1s));
    BOOST_TEST((news.take("read", begin + 2s) == 1u));
    BOOST_TEST(!news.take("append", begin + 59s));
    BOOST_TEST((news.take("append", begin + 60s) == 3u)); // with those that were not told
    BOOST_TEST(!news.take("append", begin + 61s));
    BOOST_TEST((news.take("append", begin + 121s) == 2u));
}

BOOST_AUTO_TEST_SUITE_END()
