#include "async/completion.hpp"

#include "async/latch.hpp"
#include "support/coroutines.hpp"
#include "support/manual_clock.hpp"
#include "support/stepping.hpp"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace completion_test {

namespace es = eventstore;
using namespace std::chrono_literals;
using namespace eventstore::test;
using es::errc;
using es::failure;
using es::detail::completion;
using es::detail::latch;
using es::detail::live_objects;
using es::detail::steady_time;
using es::detail::timer_queue;

namespace {

using number = completion<int>;
using waiting = started<es::result<int>>;

std::shared_ptr<number> make() { return std::make_shared<number>("counting"); }

struct fixture {
    asio::io_context context{1};
    std::shared_ptr<manual_clock> clock = std::make_shared<manual_clock>();
    std::shared_ptr<timer_queue> timers = std::make_shared<timer_queue>(context.get_executor(), clock);

    waiting wait(const std::shared_ptr<number>& what, steady_time deadline = steady_time::max()) {
        return waiting(context.get_executor(), number::wait(what, timers.get(), deadline));
    }
    void run() {
        context.restart();
        context.poll();
    }
};

} // namespace

} // namespace completion_test

BOOST_FIXTURE_TEST_SUITE(completion_test, fixture)

BOOST_AUTO_TEST_CASE(a_value_resumes_who_waits) {
    const auto what = make();
    auto caller = wait(what);
    run();
    BOOST_TEST(!caller.done());
    BOOST_TEST(what->decide(7));
    BOOST_TEST(!caller.done()); // posted, not called
    run();
    BOOST_REQUIRE(caller.done());
    BOOST_TEST(caller.value().value() == 7);
}

BOOST_AUTO_TEST_CASE(what_is_decided_before_it_is_waited_for_is_there_at_once) {
    const auto what = make();
    BOOST_TEST(what->decide(7));
    auto caller = wait(what);
    run();
    BOOST_REQUIRE(caller.done());
    BOOST_TEST(caller.value().value() == 7);
}

BOOST_AUTO_TEST_CASE(only_the_first_decision_counts) {
    const auto what = make();
    BOOST_TEST(what->fail(failure(errc::store_closed, "first")));
    BOOST_TEST(!what->decide(7));
    BOOST_TEST(!what->fail(failure(errc::timeout, "third")));
    auto caller = wait(what);
    run();
    BOOST_TEST((caller.value().error().code() == errc::store_closed));
}

BOOST_AUTO_TEST_CASE(the_deadline_decides_when_it_comes_and_not_before) {
    const auto what = make();
    auto caller = wait(what, clock->now() + 10s);
    clock->pass(context, 10s - 1ns);
    BOOST_TEST(!caller.done());
    clock->pass(context, 1ns);
    BOOST_REQUIRE(caller.done());
    BOOST_TEST((caller.value().error().code() == errc::timeout));
    BOOST_TEST(caller.value().error().message().find("counting") != std::string::npos);
    BOOST_TEST(!what->decide(7));
}

BOOST_AUTO_TEST_CASE(cancellation_decides) {
    const auto what = make();
    cancellable<es::result<int>> caller(context, number::wait(what));
    run();
    inside(context, [&] { caller.cancel(); });
    run();
    BOOST_REQUIRE(caller.done());
    BOOST_TEST((caller.value().error().code() == errc::cancelled));
    BOOST_TEST(what->is_claimed());
}

BOOST_AUTO_TEST_CASE(cancelled_after_it_was_decided_it_keeps_what_was_decided) {
    const auto what = make();
    cancellable<es::result<int>> caller(context, number::wait(what));
    run();
    inside(context, [&] {
        BOOST_TEST(what->decide(7));
        caller.cancel();
    });
    run();
    BOOST_REQUIRE(caller.done());
    BOOST_TEST(caller.value().value() == 7);
}

BOOST_AUTO_TEST_CASE(a_context_that_goes_takes_the_caller_along) {
    const long before = live_objects();
    {
        const auto what = make();
        {
            asio::io_context goes(1);
            const waiting caller(goes.get_executor(), number::wait(what));
            goes.poll();
            BOOST_TEST(!caller.done());
        }
        BOOST_TEST(!what->decide(7)); // it was decided by the end
    }
    BOOST_TEST(live_objects() == before);
}

BOOST_AUTO_TEST_CASE(the_end_of_the_timers_context_decides_for_callers_elsewhere) {
    const auto what = make();
    auto caller = wait(what, clock->now() + 10s);
    run();
    timers->abandon();
    run();
    BOOST_REQUIRE(caller.done());
    BOOST_TEST(!caller.value().has_value());
}

BOOST_AUTO_TEST_CASE(threads_that_decide_at_once_decide_once) {
    for (int round = 0; round < 200; ++round) {
        const auto what = make();
        auto caller = wait(what);
        std::atomic<int> decided{0};
        std::vector<std::jthread> threads;
        for (int i = 0; i < 3; ++i)
            threads.emplace_back([&, i] {
                if (what->decide(i)) decided = 100 + i;
            });
        while (!caller.done()) run(); // is suspended and resumed meanwhile
        threads.clear();
        BOOST_TEST_REQUIRE(caller.value().value() == decided - 100);
    }
}

BOOST_AUTO_TEST_CASE(all_who_wait_for_a_latch_go_on_when_it_opens) {
    const auto door = std::make_shared<latch>();
    started<es::result<void>> first(context.get_executor(), latch::wait(door, "waiting"));
    started<es::result<void>> second(context.get_executor(), latch::wait(door, "waiting"));
    run();
    BOOST_TEST((!first.done() && !second.done() && !door->is_open()));
    door->open();
    door->open();
    started<es::result<void>> late(context.get_executor(), latch::wait(door, "waiting"));
    run();
    BOOST_TEST((first.done() && second.done() && late.done() && door->is_open()));
    BOOST_TEST((first.value().has_value() && late.value().has_value()));
}

BOOST_AUTO_TEST_CASE(who_waits_for_a_latch_too_long_is_told_and_the_others_wait_on) {
    const auto door = std::make_shared<latch>();
    started<es::result<void>> first(
        context.get_executor(), latch::wait(door, "waiting", timers.get(), clock->now() + 5s));
    started<es::result<void>> second(context.get_executor(), latch::wait(door, "waiting"));
    clock->pass(context, 5s);
    BOOST_TEST((first.done() && !second.done()));
    BOOST_TEST((first.value().error().code() == errc::timeout));
    door->open();
    run();
    BOOST_TEST(second.done());
}

BOOST_AUTO_TEST_SUITE_END()
