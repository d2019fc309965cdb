#include "async/signal.hpp"

#include "support/concurrently.hpp"
#include "support/coroutines.hpp"
#include "support/manual_clock.hpp"

#include <atomic>
#include <memory>
#include <thread>

namespace signal_test {

namespace es = eventstore;
using namespace std::chrono_literals;
using namespace eventstore::test;
using es::detail::signal;

namespace {

struct fixture {
    asio::io_context context{1};
    std::shared_ptr<signal> what = std::make_shared<signal>();

    std::shared_ptr<manual_clock> clock = std::make_shared<manual_clock>();
    std::shared_ptr<es::detail::timer_queue> timers =
        std::make_shared<es::detail::timer_queue>(context.get_executor(), clock);

    started<void> wait() { return started<void>(context.get_executor(), signal::wait(what)); }
    void run() {
        context.restart();
        context.poll();
    }
};

} // namespace

} // namespace signal_test

BOOST_FIXTURE_TEST_SUITE(signal_test, fixture)

BOOST_AUTO_TEST_CASE(it_wakes_who_waits) {
    auto waiting = wait();
    run();
    BOOST_TEST(!waiting.done());
    what->raise();
    run();
    BOOST_TEST(waiting.done());
}

BOOST_AUTO_TEST_CASE(raised_before_it_is_kept_for_one_wait) {
    what->raise();
    what->raise();
    auto first = wait();
    run();
    BOOST_TEST(first.done());
    auto second = wait();
    run();
    BOOST_TEST(!second.done());
}

BOOST_AUTO_TEST_CASE(a_wait_ends_with_its_time_and_takes_no_later_raise_along) {
    auto first = started<void>(context.get_executor(), signal::wait_until(what, timers, clock->now() + 1s));
    clock->pass(context, 999ms);
    BOOST_TEST(!first.done());
    clock->pass(context, 1ms);
    BOOST_TEST(first.done());
    what->raise();
    auto second = wait();
    run();
    BOOST_TEST(second.done());
}

BOOST_AUTO_TEST_CASE(no_raise_of_another_thread_is_missed) {
    constexpr int rounds = 20'000;
    std::atomic<int> raised{0};
    std::jthread other([&] {
        for (int i = 0; i < rounds; ++i) {
            ++raised;
            what->raise();
        }
    });
    const auto follow = [&]() -> asio::awaitable<void> {
        for (;;) {
            if (raised == rounds) co_return;
            auto waiting = signal::wait(what);
            co_await std::move(waiting);
        }
    };
    es::test::run(context, follow());
    BOOST_TEST(raised == rounds);
}

BOOST_AUTO_TEST_SUITE_END()
