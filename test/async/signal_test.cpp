#include "async/signal.hpp"

#include "support/concurrently.hpp"
#include "support/coroutines.hpp"

#include <atomic>
#include <memory>
#include <thread>

namespace es = eventstore;
using namespace eventstore::test;
using es::detail::signal;

namespace {

struct fixture {
    asio::io_context context{1};
    std::shared_ptr<signal> what = std::make_shared<signal>();

    started<void> wait() { return started<void>(context.get_executor(), signal::wait(what)); }
    void run() {
        context.restart();
        context.poll();
    }
};

} // namespace

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
