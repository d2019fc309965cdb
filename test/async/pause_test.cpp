#include "async/pause.hpp"

#include "support/concurrently.hpp"
#include "support/coroutines.hpp"
#include "support/manual_clock.hpp"

#include <memory>

namespace pause_test {

namespace es = eventstore;
using namespace std::chrono_literals;
using namespace eventstore::test;
using es::detail::timer_queue;

namespace {

struct fixture {
    asio::io_context context{1};
    std::shared_ptr<manual_clock> clock = std::make_shared<manual_clock>();
    std::shared_ptr<timer_queue> timers = std::make_shared<timer_queue>(context.get_executor(), clock);
    es::detail::pause pause{timers};

    started<bool> wait(std::chrono::milliseconds time) {
        return started<bool>(context.get_executor(), pause.until(clock->now() + time));
    }
    void run() {
        context.restart();
        context.poll();
    }
};

} // namespace

} // namespace pause_test

BOOST_FIXTURE_TEST_SUITE(pause_test, fixture)

BOOST_AUTO_TEST_CASE(it_lasts_as_long_as_it_was_told_to) {
    auto waiting = wait(2s);
    clock->pass(context, 1999ms);
    BOOST_TEST(!waiting.done());
    clock->pass(context, 1ms);
    BOOST_REQUIRE(waiting.done());
    BOOST_TEST(waiting.value());
}

BOOST_AUTO_TEST_CASE(it_can_be_ended_before) {
    auto waiting = wait(2s);
    run();
    pause.end();
    run();
    BOOST_REQUIRE(waiting.done());
    BOOST_TEST(!waiting.value());
}

BOOST_AUTO_TEST_CASE(an_end_that_nobody_waits_for_ends_no_later_one) {
    pause.end();
    auto waiting = wait(2s);
    clock->pass(context, 1s);
    BOOST_TEST(!waiting.done());
    clock->pass(context, 1s);
    BOOST_TEST(waiting.done());
}

BOOST_AUTO_TEST_CASE(another_one_ends_the_one_before) {
    auto first = wait(2s);
    run();
    auto second = wait(1s);
    run();
    BOOST_REQUIRE(first.done());
    BOOST_TEST(!first.value());
    clock->pass(context, 1s);
    BOOST_REQUIRE(second.done());
    BOOST_TEST(second.value());
}

BOOST_AUTO_TEST_SUITE_END()
