#include "async/blocking_calls.hpp"

#include "support/coroutines.hpp"
#include "support/stepping.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <future>
#include <memory>
#include <thread>
#include <vector>

BOOST_AUTO_TEST_SUITE(blocking_calls_test)

using namespace std::chrono_literals;
using namespace eventstore::test;
using eventstore::detail::run_blocking;

namespace {

/// Owned by a call or a coroutine, so that a test sees it go.
using token = std::shared_ptr<int>;

asio::awaitable<void> run_holding(std::function<void()> call, token held) {
    co_await run_blocking(std::move(call));
    held.reset();
}

} // namespace

BOOST_AUTO_TEST_CASE(a_call_runs_on_another_thread_and_the_caller_goes_on_on_its_strand) {
    asio::io_context context(1);
    const auto strand = asio::make_strand(context);
    std::thread::id ran_on;
    bool on_strand = false;
    const auto body = [&]() -> asio::awaitable<void> {
        co_await run_blocking([&] { ran_on = std::this_thread::get_id(); });
        on_strand = strand.running_in_this_thread();
    };
    asio::co_spawn(strand, body(), asio::detached);
    context.run(); // a call under way keeps it running
    BOOST_TEST((ran_on != std::thread::id()));
    BOOST_TEST((ran_on != std::this_thread::get_id()));
    BOOST_TEST(on_strand);
}

BOOST_AUTO_TEST_CASE(the_context_goes_on_while_a_call_blocks) {
    asio::io_context context(1);
    std::promise<void> release;
    started<void> caller(
        context.get_executor(), run_blocking([&, wait = release.get_future().share()] { wait.wait(); }));
    bool other_ran = false;
    asio::post(context, [&] { other_ran = true; });
    context.poll();
    BOOST_TEST(other_ran);
    BOOST_TEST(!caller.done());
    release.set_value();
    context.run();
    BOOST_TEST(caller.done());
}

// The helper thread may be late; by then the caller may have ended the context that what is held belongs to.
BOOST_AUTO_TEST_CASE(what_a_call_holds_is_let_go_of_before_its_caller_goes_on) {
    asio::io_context context(1);
    std::atomic<bool> is_gone = false;
    bool was_gone = false;
    const auto body = [&]() -> asio::awaitable<void> {
        std::shared_ptr<void> held(nullptr, [&](void*) {
            std::this_thread::sleep_for(50ms); // longer than the answer is on its way
            is_gone = true;
        });
        auto call = [held = std::move(held)] {};
        co_await run_blocking(std::move(call));
        was_gone = is_gone;
    };
    asio::co_spawn(context, body(), asio::detached);
    context.run();
    BOOST_TEST(was_gone);
}

BOOST_AUTO_TEST_CASE(calls_of_one_context_run_one_at_a_time_in_their_order) {
    asio::io_context context(1);
    std::vector<int> order; // written by one thread only, or a sanitizer objects
    std::vector<std::unique_ptr<started<void>>> callers;
    for (int i = 0; i < 50; ++i)
        callers.push_back(
            std::make_unique<started<void>>(context.get_executor(), run_blocking([&, i] { order.push_back(i); })));
    context.run();
    BOOST_TEST(order.size() == 50u);
    BOOST_TEST(std::ranges::is_sorted(order));
    for (const auto& each : callers) BOOST_TEST(each->done());
}

BOOST_AUTO_TEST_CASE(contexts_do_not_wait_for_each_others_calls) {
    asio::io_context slow(1);
    asio::io_context quick(1);
    std::promise<void> release;
    started<void> first(slow.get_executor(), run_blocking([&, wait = release.get_future().share()] { wait.wait(); }));
    slow.poll();
    started<void> second(quick.get_executor(), run_blocking([] {}));
    quick.run();
    BOOST_TEST(second.done());
    BOOST_TEST(!first.done());
    release.set_value();
    slow.run();
    BOOST_TEST(first.done());
}

BOOST_AUTO_TEST_CASE(work_on_files_holds_up_no_other_call) {
    asio::io_context context(1);
    std::promise<void> release;
    started<void> slow(context.get_executor(),
        run_blocking<eventstore::detail::file_calls>([&, wait = release.get_future().share()] { wait.wait(); }));
    context.poll();
    started<void> quick(context.get_executor(), run_blocking([] {}));
    while (!quick.done()) context.run_one();
    BOOST_TEST(!slow.done());
    release.set_value();
    context.run();
    BOOST_TEST(slow.done());
}

BOOST_AUTO_TEST_CASE(work_on_files_hears_that_the_context_ends) {
    std::atomic<bool> has_begun = false;
    bool was_told = false;
    {
        asio::io_context context(1);
        const auto has_ended = asio::use_service<eventstore::detail::file_calls>(context).has_ended();
        const std::function<void()> work = [&, has_ended] {
            has_begun = true;
            while (!*has_ended) std::this_thread::sleep_for(1ms); // as it would between two lines
            was_told = true;
        };
        auto working = run_blocking<eventstore::detail::file_calls>(work);
        asio::co_spawn(context, std::move(working), asio::detached);
        context.poll();
        while (!has_begun) std::this_thread::yield();
    }
    BOOST_TEST(was_told);
}

BOOST_AUTO_TEST_CASE(a_cancellation_does_not_interrupt_a_call) {
    asio::io_context context(1);
    std::promise<void> release;
    std::atomic<bool> ended = false;
    cancellable<void> caller(context, run_blocking([&, wait = release.get_future().share()] {
        wait.wait();
        ended = true;
    }));
    context.poll();
    caller.cancel();
    context.poll();
    BOOST_TEST(!caller.done());
    release.set_value();
    context.run();
    BOOST_TEST(caller.done());
    BOOST_TEST(ended);
}

BOOST_AUTO_TEST_CASE(a_context_that_goes_waits_for_the_call_that_runs_and_drops_the_others) {
    const auto held = std::make_shared<int>();
    std::atomic<bool> ended = false;
    std::atomic<bool> other_ran = false;
    {
        asio::io_context context(1);
        std::promise<void> began;
        std::function<void()> slow = [&, held] {
            began.set_value();
            std::this_thread::sleep_for(20ms); // it blocks, as calls of its kind do
            ended = true;
        };
        std::function<void()> next = [&, held] { other_ran = true; };
        asio::co_spawn(context, run_holding(slow, held), asio::detached);
        asio::co_spawn(context, run_holding(next, held), asio::detached);
        slow = nullptr;
        next = nullptr;
        context.poll();
        began.get_future().wait();
    }
    BOOST_TEST(ended);
    BOOST_TEST(!other_ran);
    BOOST_TEST(held.use_count() == 1);
}

BOOST_AUTO_TEST_CASE(a_context_that_goes_with_a_caller_about_to_go_on_leaks_nothing) {
    const auto held = std::make_shared<int>();
    {
        asio::io_context context(1);
        std::promise<void> ended;
        const std::function<void()> quick = [&, held] { ended.set_value(); };
        asio::co_spawn(context, run_holding(quick, held), asio::detached);
        context.poll();
        ended.get_future().wait();
    }
    BOOST_TEST(held.use_count() == 1);
}

BOOST_AUTO_TEST_CASE(a_forked_child_does_not_wait_for_a_thread_that_it_does_not_have) {
    auto context = std::make_unique<asio::io_context>(1);
    started<void> caller(context->get_executor(), run_blocking([] {}));
    context->run(); // the thread waits for more
    const pid_t child = ::fork();
    if (child == 0) {
        ::signal(SIGALRM, SIG_DFL);
        ::alarm(20);
        context.reset();
        ::_exit(0);
    }
    int how = -1;
    BOOST_REQUIRE(::waitpid(child, &how, 0) == child);
    BOOST_TEST(how == 0);
    context.reset(); // and its parent still does
}

BOOST_AUTO_TEST_SUITE_END()
