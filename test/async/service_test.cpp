#include "async/service.hpp"

#include "support/concurrently.hpp"
#include "support/coroutines.hpp"
#include "support/manual_clock.hpp"

#include <memory>

namespace service_test {

namespace es = eventstore;
using namespace std::chrono_literals;
using namespace eventstore::test;
using es::detail::service;
using es::detail::timer_queue;

namespace {

class probe final : public service {
public:
    using service::stopped;
    void abandon() noexcept override {}

    bool ends_at_once = false;
    int begun = 0;
    int dropped = 0;

private:
    void begin_stop() override {
        ++begun;
        if (ends_at_once) stopped();
    }
    void drop() override { ++dropped; }
};

struct fixture {
    asio::io_context context{1};
    std::shared_ptr<manual_clock> clock = std::make_shared<manual_clock>();
    std::shared_ptr<timer_queue> timers = std::make_shared<timer_queue>(context.get_executor(), clock);
    std::shared_ptr<probe> what = std::make_shared<probe>();

    asio::awaitable<void> stop() { return service::stop(what, timers, clock->now() + 5s); }
    started<void> stopping(asio::awaitable<void> work) {
        return started<void>(context.get_executor(), std::move(work));
    }
};

} // namespace

} // namespace service_test

BOOST_FIXTURE_TEST_SUITE(service_test, fixture)

BOOST_AUTO_TEST_CASE(it_begins_to_end_at_the_call_and_before_anybody_waits) {
    auto work = stop();
    BOOST_TEST(what->begun == 1);
    auto end = stopping(std::move(work));
    clock->pass(context, 4s);
    BOOST_TEST(!end.done());
    what->stopped();
    clock->pass(context, 0s);
    BOOST_TEST(end.done());
    BOOST_TEST(what->dropped == 0);
}

BOOST_AUTO_TEST_CASE(what_has_ended_already_is_not_waited_for) {
    what->ends_at_once = true;
    auto end = stopping(stop());
    clock->pass(context, 0s);
    BOOST_TEST(end.done());
}

BOOST_AUTO_TEST_CASE(at_the_deadline_the_rest_is_dropped_and_its_end_awaited) {
    auto end = stopping(stop());
    clock->pass(context, 5s);
    BOOST_TEST(what->dropped == 1);
    BOOST_TEST(!end.done());
    what->stopped();
    what->stopped(); // again, changes nothing
    clock->pass(context, 0s);
    BOOST_TEST(end.done());
    BOOST_TEST(what->dropped == 1);
}

BOOST_AUTO_TEST_CASE(two_who_stop_it_both_go_on) {
    auto first = stopping(stop());
    auto second = stopping(stop());
    clock->pass(context, 1s);
    what->stopped();
    clock->pass(context, 0s);
    BOOST_TEST((first.done() && second.done()));
}

BOOST_AUTO_TEST_SUITE_END()
