// Stores and their callers on executors of all kinds, the same one or different ones.
#include "api/open_on.hpp"
#include "support/concurrently.hpp"
#include "support/store_fixture.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <atomic>
#include <future>
#include <thread>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;

BOOST_AUTO_TEST_SUITE(executors_test)

BOOST_FIXTURE_TEST_CASE(a_completion_runs_on_the_callers_executor, store_fixture) {
    // The store works on one thread, its caller lives on another.
    asio::io_context home(1);
    auto keep = asio::make_work_guard(home);
    std::thread home_thread([&] { home.run(); });
    asio::io_context away(1);
    const auto body = [&]() -> asio::awaitable<void> {
        const auto me = std::this_thread::get_id();
        bool always_here = true;
        const auto check = [&] { always_here = always_here && std::this_thread::get_id() == me; };
        const es::store store = co_await es::open(options().executor(home.get_executor()));
        check();
        for (int i = 0; i < 20; ++i) {
            co_await store.append("a", i, counted_one("x"));
            check();
            const es::event_page page = co_await store.read("a");
            check();
            BOOST_TEST(page.size() == static_cast<std::size_t>(i) + 1);
            co_await store.try_append("a", 99, counted_one("x"));
            check();
            co_await store.stream_info("a");
            check();
        }
        es::event_scan scan = store.scan("a", es::read_options().count(3));
        while (const std::optional<es::recorded_event> event = co_await scan.next()) check();
        std::vector<asio::awaitable<es::append_result>> many;
        for (int i = 0; i < 50; ++i) many.push_back(store.append("b", es::any_version, counted_one("x")));
        co_await concurrently(std::move(many));
        check();
        {
            blocker tables = hold_tables();
            co_await expect_error(es::errc::timeout, store.within(50ms).read("a"));
            check();
            tables.release();
        }
        co_await store.close();
        check();
        BOOST_TEST(always_here);
    };
    run(away, body());
    away.restart();
    away.run_for(default_deadline);
    BOOST_TEST(away.stopped());
    keep.reset();
    home_thread.join();
}

using strand = asio::strand<asio::io_context::executor_type>;

// Asks from outside the coroutine: inlined there, clang++ keeps the address of a thread-local variable over a
// suspension, after which it is the one of another thread.
[[gnu::noinline]] bool is_here(const strand& which) { return which.running_in_this_thread(); }

BOOST_FIXTURE_TEST_CASE(every_handle_tells_the_executor_of_its_store, store_fixture) {
    asio::io_context home(1);
    auto keep = asio::make_work_guard(home);
    std::thread home_thread([&] { home.run(); });
    const auto body = [&]() -> asio::awaitable<void> {
        const asio::any_io_executor executor = home.get_executor();
        const es::store store = co_await es::open(options().executor(executor));
        es::transaction transaction = co_await store.begin();
        es::event_scan scan = store.scan("a");
        es::event_listener listener = co_await store.listen_to_all();
        es::subscription subscription = co_await store.subscribe_to_all("all");
        BOOST_TEST((store.get_executor() == executor));
        BOOST_TEST((transaction.get_executor() == executor));
        BOOST_TEST((scan.get_executor() == executor));
        BOOST_TEST((listener.get_executor() == executor));
        BOOST_TEST((subscription.get_executor() == executor));
        BOOST_CHECK_THROW(es::store().get_executor(), es::error);
        BOOST_CHECK_THROW(es::store().scan("a").get_executor(), es::error);
        const es::event_scan moved = std::move(scan);
        BOOST_CHECK_THROW(scan.get_executor(), es::error);
        co_await transaction.rollback();
        co_await store.close();
    };
    run(body(), default_deadline);
    keep.reset();
    home_thread.join();
}

BOOST_FIXTURE_TEST_CASE(a_completion_runs_on_the_callers_strand, store_fixture) {
    bool on_the_strand = true;
    int running = 0;
    bool alone = true;
    const auto body = [&]() -> asio::awaitable<void> {
        const auto here = co_await asio::this_coro::executor;
        const auto* const mine = here.target<strand>();
        const auto check = [&] { on_the_strand = on_the_strand && mine && is_here(*mine); };
        const es::store store = co_await es::open(options());
        check();
        const auto one = [&](int number) -> asio::awaitable<void> {
            for (int i = 0; i < 30; ++i) {
                co_await store.append("s-" + std::to_string(number), i, counted_one("x"));
                alone = alone && ++running == 1;
                check();
                --running;
                co_await store.read("s-" + std::to_string(number));
                alone = alone && ++running == 1;
                check();
                --running;
            }
        };
        int left = 8;
        for (int i = 0; i < 8; ++i) asio::co_spawn(here, one(i), [&](std::exception_ptr e) { left -= e ? 100 : 1; });
        asio::steady_timer timer(here);
        while (left > 0) {
            timer.expires_after(1ms);
            co_await timer.async_wait(asio::use_awaitable);
        }
        if (left < 0) throw std::runtime_error("one of them failed");
    };
    run_threads(4, body());
    BOOST_TEST(on_the_strand);
    BOOST_TEST(alone);
    BOOST_TEST(events_stored() == 240);
}

BOOST_FIXTURE_TEST_CASE(a_store_works_on_a_thread_pool, store_fixture) {
    asio::thread_pool pool(4);
    const auto body = [&](int number) -> asio::awaitable<std::size_t> {
        const es::store store = co_await es::open(options());
        const std::string name = "s-" + std::to_string(number);
        for (int i = 0; i < 20; ++i) co_await store.append(name, i, counted_one("x"));
        const es::event_page page = co_await store.read(name);
        co_return page.size();
    };
    std::vector<std::future<std::size_t>> all;
    for (int i = 0; i < 6; ++i) all.push_back(asio::co_spawn(pool, body(i), asio::use_future));
    for (auto& each : all) BOOST_TEST(each.get() == 20u);
    pool.join();
}

BOOST_FIXTURE_TEST_CASE(one_store_serves_callers_of_many_contexts, store_fixture) {
    asio::thread_pool home(2);
    const es::store store = open_on(home, options());
    std::vector<std::thread> threads;
    std::atomic<int> failures = 0;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&, i] {
            asio::io_context own(1);
            for (int round = 0; round < 3; ++round) // run() returns in between, with the store still there
                try {
                    run(own, store.append("s-" + std::to_string(i), round, counted_one("x")));
                    const es::event_page page = run(own, store.read("s-" + std::to_string(i)));
                    if (page.size() != static_cast<std::size_t>(round) + 1) ++failures;
                } catch (const std::exception&) {
                    ++failures;
                }
        });
    for (std::thread& each : threads) each.join();
    BOOST_TEST(failures == 0);
    asio::co_spawn(home, store.close(), asio::use_future).get();
    home.join();
}

BOOST_FIXTURE_TEST_CASE(a_callers_context_may_go_as_soon_as_it_has_its_answer, store_fixture) {
    asio::thread_pool home(2);
    const es::store store = open_on(home, options());
    asio::co_spawn(home, store.append("a", es::no_stream, counted(3)), asio::use_future).get();
    std::vector<std::thread> threads;
    std::atomic<int> answers = 0;
    for (int i = 0; i < 3; ++i)
        threads.emplace_back([&] {
            for (int round = 0; round < 60; ++round) {
                asio::io_context own(1);
                try {
                    if (round % 3 == 0)
                        run(own, store.append("b", es::any_version, counted_one("x")));
                    else if (round % 3 == 1)
                        run(own, store.read("a"));
                    else
                        run(own, store.within(1ms).stream_info("a"));
                    ++answers;
                } catch (const es::error& e) {
                    if (e.why().code() == es::errc::timeout) ++answers;
                }
            }
        });
    for (std::thread& each : threads) each.join();
    BOOST_TEST(answers == 180);
    asio::co_spawn(home, store.close(), asio::use_future).get();
    home.join();
}

BOOST_AUTO_TEST_SUITE_END()
