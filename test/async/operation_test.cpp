#include "async/operation.hpp"

#include "async/probe_operation.hpp"
#include "async/timer_queue.hpp"
#include "support/coroutines.hpp"
#include "support/stepping.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <random>
#include <thread>
#include <vector>

BOOST_AUTO_TEST_SUITE(operation_test)

using namespace std::chrono_literals;
using namespace eventstore::test;
using eventstore::detail::live_objects;
using eventstore::detail::steady_time;
using eventstore::detail::suspend;
using eventstore::detail::timer_queue;

namespace {

asio::awaitable<void> wait_for(std::shared_ptr<probe> what, timer_queue* timers, steady_time deadline) {
    co_await suspend(what, timers, deadline);
}

asio::awaitable<void> wait_for(std::shared_ptr<probe> what) { co_await suspend(what, nullptr, no_deadline); }

/// What a store is to its callers: it holds their operations, and they hold it.
struct owner {
    std::vector<std::shared_ptr<probe>> queue;
};

asio::awaitable<void> wait_holding(std::shared_ptr<owner> held, std::shared_ptr<probe> what) {
    co_await suspend(what, nullptr, no_deadline);
    held->queue.clear();
}

} // namespace

BOOST_AUTO_TEST_CASE(the_claim_is_given_out_once_however_many_threads_ask) {
    constexpr std::size_t count = 10'000;
    std::vector<std::shared_ptr<probe>> operations(count);
    for (auto& each : operations) each = std::make_shared<probe>();
    std::array<std::vector<std::size_t>, 4> claimed;
    {
        std::atomic<bool> go = false;
        std::vector<std::jthread> threads;
        for (auto& own : claimed)
            threads.emplace_back([&] {
                while (!go) std::this_thread::yield();
                for (std::size_t i = 0; i < count; ++i)
                    if (operations[i]->claim()) own.push_back(i);
            });
        go = true;
    }
    std::vector<std::size_t> all;
    for (const auto& own : claimed) all.insert(all.end(), own.begin(), own.end());
    std::ranges::sort(all);
    BOOST_TEST(all.size() == count);
    BOOST_TEST((std::ranges::adjacent_find(all) == all.end()));
    BOOST_TEST(std::ranges::all_of(operations, [](const auto& each) { return each->is_claimed(); }));
}

BOOST_AUTO_TEST_CASE(a_caller_goes_on_when_its_operation_is_finished_and_not_before) {
    asio::io_context context(1);
    const auto what = std::make_shared<probe>();
    started<void> caller(context.get_executor(), wait_for(what));
    context.poll();
    BOOST_TEST(!caller.done());
    BOOST_TEST(!context.stopped()); // a caller that waits keeps its context running
    BOOST_TEST(what->waiting_in() == &context);
    BOOST_TEST(what->end(ending::result));
    BOOST_TEST(!caller.done()); // posted, not called
    context.run();
    BOOST_TEST(caller.done());
    BOOST_CHECK_NO_THROW(caller.value());
}

BOOST_AUTO_TEST_CASE(an_operation_may_finish_before_start_returns) {
    asio::io_context context(1);
    const auto what = std::make_shared<probe>();
    started<void>* seen = nullptr;
    bool done_inside = false;
    what->on_start = [&](probe& self) {
        self.end(ending::result);
        done_inside = seen && seen->done();
    };
    started<void> caller(context.get_executor(), wait_for(what));
    seen = &caller;
    context.run();
    BOOST_TEST(caller.done());
    BOOST_TEST(!done_inside);
}

BOOST_AUTO_TEST_CASE(an_operation_finished_by_another_thread_resumes_on_the_callers_strand) {
    asio::io_context context(1);
    const auto strand = asio::make_strand(context);
    const auto what = std::make_shared<probe>();
    std::jthread finisher;
    what->on_start = [&](probe&) { finisher = std::jthread([what] { what->end(ending::result); }); };
    bool on_strand = false;
    std::thread::id resumed_by;
    const auto body = [&]() -> asio::awaitable<void> {
        co_await wait_for(what);
        on_strand = strand.running_in_this_thread();
        resumed_by = std::this_thread::get_id();
    };
    asio::co_spawn(strand, body(), asio::detached);
    context.run();
    BOOST_TEST(on_strand);
    BOOST_TEST((resumed_by == std::this_thread::get_id()));
    BOOST_TEST(what->waiting_in() == &context);
}

BOOST_AUTO_TEST_CASE(the_callers_cancellation_reaches_the_operation) {
    asio::io_context context(1);
    const auto what = std::make_shared<probe>();
    cancellable<void> caller(context, wait_for(what));
    context.poll();
    caller.cancel();
    context.run();
    BOOST_TEST(caller.done());
    BOOST_TEST(what->cancels == 1);
    BOOST_TEST((what->how == ending::cancelled));
}

BOOST_AUTO_TEST_CASE(a_cancellation_that_the_operation_does_not_act_on_changes_nothing) {
    asio::io_context context(1);
    const auto what = std::make_shared<probe>();
    cancellable<void> caller(context, wait_for(what));
    context.poll();
    BOOST_TEST(what->claim()); // the one that has the result is just about to set it
    caller.cancel();
    context.poll();
    BOOST_TEST(what->cancels == 1);
    BOOST_TEST(!caller.done());
    what->how = ending::result;
    what->finish();
    context.run();
    BOOST_TEST(caller.done());
    BOOST_TEST((what->how == ending::result));
}

BOOST_AUTO_TEST_CASE(a_cancellation_after_the_end_reaches_nobody) {
    asio::io_context context(1);
    const auto first = std::make_shared<probe>();
    const auto second = std::make_shared<probe>();
    const auto body = [&]() -> asio::awaitable<void> {
        co_await wait_for(first);
        co_await wait_for(second);
    };
    cancellable<void> caller(context, body());
    context.poll();
    first->end(ending::result);
    context.poll();
    caller.cancel();
    context.run();
    BOOST_TEST(first->cancels == 0);
    BOOST_TEST(second->cancels == 1);
}

BOOST_AUTO_TEST_CASE(an_operation_whose_time_is_over_expires) {
    asio::io_context context(1);
    const auto timers = std::make_shared<timer_queue>(context.get_executor());
    const auto what = std::make_shared<probe>();
    const auto deadline = std::chrono::steady_clock::now() + 5ms;
    started<void> caller(context.get_executor(), wait_for(what, timers.get(), deadline));
    context.run();
    BOOST_TEST(caller.done());
    BOOST_TEST((what->how == ending::expired));
    BOOST_TEST((what->ended_at >= deadline));
    BOOST_TEST((what->deadline() == deadline));
}

BOOST_AUTO_TEST_CASE(an_operation_that_ends_in_time_does_not_expire) {
    asio::io_context context(1);
    const auto timers = std::make_shared<timer_queue>(context.get_executor());
    const auto what = std::make_shared<probe>();
    started<void> caller(
        context.get_executor(), wait_for(what, timers.get(), std::chrono::steady_clock::now() + std::chrono::hours(1)));
    context.poll();
    what->end(ending::result);
    context.run(); // returns at once: no timer keeps it
    BOOST_TEST(caller.done());
    BOOST_TEST(what->expiries == 0);
}

BOOST_AUTO_TEST_CASE(whoever_comes_first_ends_it_and_nobody_else_does) {
    constexpr std::size_t count = 600;
    std::array<int, 4> ended{};
    for (const unsigned seed : {1u, 2u}) {
        std::mt19937 random(seed);
        std::vector<std::shared_ptr<probe>> operations(count);
        std::vector<std::atomic<bool>> begun(count);
        std::vector<std::atomic<int>> resumed(count);
        asio::io_context context(2);
        std::vector<asio::strand<asio::any_io_executor>> strands;
        std::vector<asio::cancellation_signal> signals(count); // they hold executors of the context
        const auto timers = std::make_shared<timer_queue>(context.get_executor());
        for (std::size_t i = 0; i < count; ++i) {
            operations[i] = std::make_shared<probe>();
            operations[i]->on_start = [&begun, i](probe&) { begun[i] = true; };
            strands.emplace_back(asio::make_strand(context.get_executor()));
            const auto deadline = std::chrono::steady_clock::now() + std::chrono::microseconds(random() % 20'000);
            asio::co_spawn(strands[i], wait_for(operations[i], timers.get(), deadline),
                asio::bind_cancellation_slot(signals[i].slot(), [&resumed, i](std::exception_ptr) { ++resumed[i]; }));
        }
        {
            std::jthread first([&] { context.run(); });
            std::jthread second([&] { context.run(); });
            for (std::size_t i = 0; i < count; ++i) {
                // A signal belongs to its coroutine's strand; and nobody can end an operation that he has not got.
                if (random() % 2 == 0)
                    asio::post(strands[i], [&signals, i] { signals[i].emit(asio::cancellation_type::terminal); });
                while (!begun[i]) std::this_thread::yield();
                if (random() % 3 != 0) operations[i]->end(ending::result);
            }
        }
        BOOST_TEST_CONTEXT("seed " << seed) {
            for (std::size_t i = 0; i < count; ++i) {
                BOOST_TEST(resumed[i] == 1);
                BOOST_TEST((operations[i]->how != ending::none));
                ++ended[static_cast<std::size_t>(operations[i]->how)];
            }
        }
    }
    BOOST_TEST_MESSAGE("by result " << ended[1] << ", cancelled " << ended[2] << ", expired " << ended[3]);
}

BOOST_AUTO_TEST_CASE(a_context_that_goes_takes_its_waiting_callers_with_it) {
    const long before = live_objects();
    const auto what = std::make_shared<probe>();
    {
        asio::io_context context(1);
        asio::co_spawn(context, wait_for(what), asio::detached);
        context.poll();
        BOOST_TEST(what.use_count() > 1);
    }
    BOOST_TEST(what.use_count() == 1); // the coroutine is gone
    BOOST_TEST(what->is_claimed());    // and whoever comes with a result is too late
    BOOST_TEST(!what->end(ending::result));
    BOOST_TEST(live_objects() == before + 1);
}

BOOST_AUTO_TEST_CASE(a_context_that_goes_breaks_the_cycle_of_owners_and_callers) {
    const long before = live_objects();
    std::weak_ptr<owner> watch;
    {
        asio::io_context context(1);
        const auto held = std::make_shared<owner>();
        watch = held;
        for (int i = 0; i < 1000; ++i) {
            const auto what = std::make_shared<probe>();
            what->on_start = [queue = &held->queue](probe& self) {
                queue->push_back(std::static_pointer_cast<probe>(self.shared_from_this()));
            };
            asio::co_spawn(context, wait_holding(held, what), asio::detached);
        }
        context.poll();
        BOOST_TEST(held->queue.size() == 1000u);
        BOOST_TEST(live_objects() == before + 1000);
    }
    BOOST_TEST(watch.expired());
    BOOST_TEST(live_objects() == before);
}

BOOST_AUTO_TEST_CASE(a_context_that_goes_with_a_caller_about_to_go_on_leaks_nothing) {
    const long before = live_objects();
    {
        asio::io_context context(1);
        const auto timers = std::make_shared<timer_queue>(context.get_executor());
        const auto what = std::make_shared<probe>();
        asio::co_spawn(context, wait_for(what, timers.get(), no_deadline), asio::detached);
        context.poll();
        what->end(ending::result); // posted, and never run
    }
    BOOST_TEST(live_objects() == before);
}

BOOST_AUTO_TEST_CASE(a_context_that_goes_with_deadlines_pending_leaks_nothing) {
    const long before = live_objects();
    {
        asio::io_context context(1);
        const auto timers = std::make_shared<timer_queue>(context.get_executor());
        const auto soon = std::chrono::steady_clock::now() + std::chrono::hours(1);
        for (int i = 0; i < 100; ++i)
            asio::co_spawn(context, wait_for(std::make_shared<probe>(), timers.get(), soon), asio::detached);
        context.poll();
        BOOST_TEST(live_objects() == before + 100);
    }
    BOOST_TEST(live_objects() == before);
}

BOOST_AUTO_TEST_CASE(a_caller_on_another_context_than_the_timers_may_go_first) {
    const long before = live_objects();
    asio::io_context own(1);
    const auto timers = std::make_shared<timer_queue>(own.get_executor());
    {
        asio::io_context callers(1);
        const auto soon = std::chrono::steady_clock::now() + std::chrono::hours(1);
        asio::co_spawn(callers, wait_for(std::make_shared<probe>(), timers.get(), soon), asio::detached);
        callers.poll();
        own.poll();
    }
    BOOST_TEST(live_objects() == before);
    own.restart();
    own.run(); // no deadline is left to wait for
    BOOST_TEST(own.stopped());
}

BOOST_AUTO_TEST_CASE(an_operation_that_nobody_waits_for_may_be_dropped) {
    const long before = live_objects();
    {
        asio::io_context context(1);
        const auto timers = std::make_shared<timer_queue>(context.get_executor());
        const auto what = std::make_shared<probe>();
        BOOST_TEST(what->waiting_in() == nullptr);
        what->watch(*timers, std::chrono::steady_clock::now() + std::chrono::hours(1));
    }
    BOOST_TEST(live_objects() == before);
}

BOOST_AUTO_TEST_SUITE_END()
