#include "async/timer_queue.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <random>
#include <thread>
#include <vector>

namespace timer_queue_test {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using eventstore::detail::steady_time;
using eventstore::detail::timed;
using eventstore::detail::timer_queue;
using std::chrono::steady_clock;

namespace {

enum class ending { none, result, closed, expired };
constexpr auto no_deadline = steady_time::max();

/// Remembers who ended it, and how often it has expired.
class probe final : public timed {
public:
    /// Ends it, unless it has ended. True if this call did.
    bool end(ending why) {
        if (is_over_.exchange(true)) return false;
        how = why;
        ended_at = steady_clock::now();
        unwatch();
        return true;
    }
    bool is_over() const { return is_over_; }

    std::function<void(probe&)> on_expire;
    std::atomic<int> expiries{0};

    // For whoever knows that it has ended.
    ending how = ending::none;
    steady_time ended_at{};

private:
    void expire() noexcept override {
        ++expiries;
        if (end(ending::expired) && on_expire) on_expire(*this);
    }
    void close() noexcept override { end(ending::closed); }

    std::atomic<bool> is_over_{false};
};

struct fixture {
    asio::io_context context{1};
    std::shared_ptr<timer_queue> timers = std::make_shared<timer_queue>(context.get_executor());

    std::shared_ptr<probe> watched(steady_time deadline) {
        auto what = std::make_shared<probe>();
        what->watch(*timers, deadline);
        return what;
    }

    /// Runs until nothing is left to wait for.
    void run() {
        context.restart();
        context.run_for(20s);
        BOOST_TEST(context.stopped());
    }
};

} // namespace

} // namespace timer_queue_test

BOOST_FIXTURE_TEST_SUITE(timer_queue_test, fixture)

BOOST_AUTO_TEST_CASE(what_is_watched_expires_at_its_deadline_and_not_before) {
    const auto deadline = steady_clock::now() + 10ms;
    const auto what = watched(deadline);
    context.poll();
    BOOST_TEST(what->expiries == 0);
    run();
    BOOST_TEST(what->expiries == 1);
    BOOST_TEST((what->ended_at >= deadline));
}

BOOST_AUTO_TEST_CASE(an_operation_whose_deadline_is_past_expires_at_once) {
    const auto past = watched(steady_clock::now() - 1h);
    const auto never_began = watched(steady_time{});
    context.poll();
    run();
    BOOST_TEST(past->expiries == 1);
    BOOST_TEST(never_began->expiries == 1);
}

BOOST_AUTO_TEST_CASE(an_operation_that_has_ended_does_not_expire) {
    const auto what = watched(steady_clock::now() + 2ms);
    BOOST_TEST(what->end(ending::result));
    const auto other = watched(steady_clock::now() + 10ms);
    run();
    BOOST_TEST(what->expiries == 0);
    BOOST_TEST(other->expiries == 1);
}

BOOST_AUTO_TEST_CASE(no_alarm_is_set_while_nothing_is_pending) {
    const auto first = watched(steady_clock::now() + 1h);
    const auto second = watched(steady_clock::now() + 2h);
    context.poll();
    BOOST_TEST(!context.stopped());
    first->end(ending::result);
    context.poll();
    BOOST_TEST(!context.stopped());
    second->end(ending::result);
    context.poll();
    BOOST_TEST(context.stopped());
}

BOOST_AUTO_TEST_CASE(an_operation_without_a_deadline_keeps_no_timer_running) {
    const auto what = watched(no_deadline);
    context.poll();
    BOOST_TEST(context.stopped());
    BOOST_TEST(what->end(ending::result));
    run();
    BOOST_TEST(what->expiries == 0);
}

BOOST_AUTO_TEST_CASE(an_earlier_deadline_that_comes_later_is_kept) {
    const auto late = watched(steady_clock::now() + 1h);
    context.poll(); // the timer is armed for it
    const auto early = watched(steady_clock::now() + 5ms);
    early->on_expire = [&](probe&) { late->end(ending::result); };
    run();
    BOOST_TEST(early->expiries == 1);
    BOOST_TEST(late->expiries == 0);
}

BOOST_AUTO_TEST_CASE(a_later_deadline_is_kept_when_the_earlier_one_is_gone) {
    const auto early = watched(steady_clock::now() + 3ms);
    const auto deadline = steady_clock::now() + 12ms;
    const auto late = watched(deadline);
    context.poll();
    early->end(ending::result); // the timer fires for it all the same, and finds nothing due
    run();
    BOOST_TEST(early->expiries == 0);
    BOOST_TEST(late->expiries == 1);
    BOOST_TEST((late->ended_at >= deadline));
}

BOOST_AUTO_TEST_CASE(a_timer_that_was_disarmed_is_armed_again) {
    for (int round = 0; round < 3; ++round) {
        const auto forgotten = watched(steady_clock::now() + 1ms);
        context.restart();
        context.poll();
        forgotten->end(ending::result);
        const auto what = watched(steady_clock::now() + 3ms);
        run();
        BOOST_TEST(forgotten->expiries == 0);
        BOOST_TEST(what->expiries == 1);
    }
}

BOOST_AUTO_TEST_CASE(operations_with_one_deadline_all_expire) {
    const auto deadline = steady_clock::now() + 5ms;
    std::vector<std::shared_ptr<probe>> all;
    for (int i = 0; i < 100; ++i) all.push_back(watched(deadline));
    run();
    for (const auto& each : all) BOOST_TEST(each->expiries == 1);
}

BOOST_AUTO_TEST_CASE(what_expires_may_begin_another_operation) {
    std::shared_ptr<probe> second;
    const auto first = watched(steady_clock::now() + 1ms);
    first->on_expire = [&](probe&) { second = watched(steady_clock::now() + 1ms); };
    run();
    BOOST_REQUIRE(second);
    BOOST_TEST(second->expiries == 1);
}

BOOST_AUTO_TEST_CASE(an_operation_that_is_destroyed_is_forgotten) {
    auto what = watched(steady_clock::now() + 1h);
    const auto other = watched(steady_clock::now() + 2h);
    context.poll();
    what.reset();
    other->end(ending::result);
    context.poll();
    BOOST_TEST(context.stopped());
}

BOOST_AUTO_TEST_CASE(what_is_pending_is_closed_when_the_context_goes) {
    const auto what = watched(steady_clock::now() + 1h);
    context.poll();
    timers->abandon();
    BOOST_TEST((what->how == ending::closed));
    const auto late = watched(steady_clock::now());
    timers.reset();
    context.poll();
    BOOST_TEST(context.stopped());
    BOOST_TEST(!late->is_over()); // which nobody may begin any more
}

BOOST_AUTO_TEST_CASE(many_operations_expire_in_the_order_of_their_deadlines) {
    std::mt19937 random(1);
    std::vector<std::shared_ptr<probe>> all;
    std::vector<steady_time> order;
    const auto now = steady_clock::now();
    for (int i = 0; i < 2000; ++i) {
        all.push_back(watched(now + std::chrono::microseconds(random() % 20'000)));
        all.back()->on_expire = [&](probe& self) { order.push_back(self.deadline()); };
        if (i % 3 == 0) all[random() % all.size()]->end(ending::result);
    }
    run();
    const auto expired = std::ranges::count_if(all, [](const auto& each) { return each->how == ending::expired; });
    BOOST_TEST(order.size() == static_cast<std::size_t>(expired));
    BOOST_TEST(std::ranges::is_sorted(order));
}

BOOST_AUTO_TEST_CASE(operations_that_come_and_go_while_others_expire_end_once_each) {
    for (const unsigned seed : {1u, 2u, 3u}) {
        std::mt19937 random(seed);
        std::vector<std::shared_ptr<probe>> all;
        for (int i = 0; i < 3000; ++i) {
            all.push_back(watched(steady_clock::now() + std::chrono::microseconds(random() % 2000)));
            if (random() % 2 == 0) all[random() % all.size()]->end(ending::result);
            if (random() % 50 == 0) {
                context.restart();
                context.poll();
            }
        }
        run();
        BOOST_TEST_CONTEXT("seed " << seed) {
            for (const auto& each : all) {
                BOOST_TEST((each->how == ending::result || each->how == ending::expired));
                BOOST_TEST(each->expiries == (each->how == ending::expired ? 1 : 0));
                BOOST_TEST((each->how == ending::result || each->ended_at >= each->deadline()));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(threads_may_begin_and_end_operations_while_others_expire) {
    constexpr std::size_t threads = 4;
    constexpr std::size_t each_thread = 500;
    std::vector<std::vector<std::shared_ptr<probe>>> begun(threads);
    {
        auto work = asio::make_work_guard(context);
        std::vector<std::jthread> runners;
        for (int i = 0; i < 2; ++i) runners.emplace_back([&] { context.run(); });
        {
            std::vector<std::jthread> callers;
            for (std::size_t t = 0; t < threads; ++t)
                callers.emplace_back([&, t] {
                    std::mt19937 random(static_cast<unsigned>(t + 1));
                    for (std::size_t i = 0; i < each_thread; ++i) {
                        const auto deadline = steady_clock::now() + std::chrono::microseconds(random() % 3000);
                        begun[t].push_back(watched(deadline));
                        if (random() % 2 == 0) begun[t][random() % begun[t].size()]->end(ending::result);
                    }
                });
        }
        work.reset();
    }
    std::size_t expired = 0;
    for (const auto& own : begun)
        for (const auto& each : own) {
            BOOST_TEST(each->is_over());
            BOOST_TEST((each->how != ending::none));
            BOOST_TEST((each->how == ending::result || each->ended_at >= each->deadline()));
            expired += each->how == ending::expired ? 1 : 0;
        }
    BOOST_TEST(expired > 0u);
}

BOOST_AUTO_TEST_SUITE_END()
