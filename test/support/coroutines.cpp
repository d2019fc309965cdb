#include "support/coroutines.hpp"

#include "support/concurrently.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <stdexcept>
#include <thread>

namespace eventstore::test {

namespace detail {

void fail(const std::string& what, const std::source_location& where) {
    throw std::runtime_error("in '" + boost::unit_test::framework::current_test_unit().full_name() + "' at " +
        where.file_name() + ":" + std::to_string(where.line()) + ": " + what);
}

void spawn(const asio::any_io_executor& on, asio::awaitable<void> work, std::shared_ptr<ending> how,
    asio::cancellation_slot canceller) {
    auto ended = [how = std::move(how)](std::exception_ptr e) {
        how->done = true;
        how->exception = e;
    };
    if (canceller.is_connected())
        asio::co_spawn(on, std::move(work), asio::bind_cancellation_slot(canceller, std::move(ended)));
    else
        asio::co_spawn(on, std::move(work), std::move(ended));
}

namespace {

void finish(const ending& how, const asio::io_context& context, const std::source_location& where) {
    if (!how.done)
        fail(context.stopped() ? "the coroutine waits for something that cannot come any more"
                               : "the coroutine did not end in time",
            where);
    if (how.exception) std::rethrow_exception(how.exception);
}

template <class Handler>
struct gathering {
    gathering(std::size_t count, Handler h) : left(count), handler(std::move(h)) {}

    std::mutex mutex;
    std::size_t left;
    std::exception_ptr first;
    Handler handler;

    void one_ended(std::exception_ptr e) {
        {
            const std::lock_guard lock(mutex);
            if (e && !first) first = e;
            if (--left > 0) return;
        }
        const auto executor = asio::get_associated_executor(handler);
        asio::post(executor, [h = std::move(handler), e = first]() mutable { std::move(h)(e); });
    }
};

} // namespace

} // namespace detail

duration patient(duration limit) {
    static const char* const given = std::getenv("EVENTSTORE_TEST_PATIENCE");
    constexpr double least = 1;
    constexpr double most = 8;
    double factor = given != nullptr ? std::strtod(given, nullptr) : least;
    if (double load = 0; getloadavg(&load, 1) == 1)
        factor = std::max(factor, load / std::max(1U, std::thread::hardware_concurrency()));
    return std::chrono::duration_cast<duration>(limit * std::clamp(factor, least, most));
}

bool patience::is_over() const {
    const auto spent = std::chrono::steady_clock::now() - begin_;
    return spent >= limit_ && spent >= patient(limit_); // the load is read seldom
}

void run(asio::io_context& context, asio::awaitable<void> work, duration deadline, std::source_location where) {
    const patience limit(deadline);
    context.restart();
    const auto how = std::make_shared<detail::ending>();
    detail::spawn(context.get_executor(), std::move(work), how);
    while (!how->done)
        if (context.run_one_until(limit.end()) == 0 && (context.stopped() || limit.is_over())) break;
    detail::finish(*how, context, where);
}

void run(asio::awaitable<void> work, duration deadline, std::source_location where) {
    const patience limit(deadline);
    asio::io_context context(1);
    const auto how = std::make_shared<detail::ending>();
    detail::spawn(context.get_executor(), std::move(work), how);
    limit.run(context);
    if (how->done && !how->exception && !context.stopped())
        detail::fail("the coroutine ended, but left work behind on its io_context", where);
    detail::finish(*how, context, where);
}

asio::awaitable<void> concurrently(std::vector<asio::awaitable<void>> work) {
    auto& context =
        static_cast<asio::io_context&>(asio::query(co_await asio::this_coro::executor, asio::execution::context));
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void(std::exception_ptr)>(
        [&](auto handler) {
            using all = detail::gathering<decltype(handler)>;
            const auto state = std::make_shared<all>(work.size(), std::move(handler));
            for (auto& each : work)
                asio::co_spawn(asio::make_strand(context), std::move(each),
                    [state](std::exception_ptr e) { state->one_ended(e); });
        },
        asio::use_awaitable);
}

asio::awaitable<void> eventually(std::function<bool()> predicate, duration deadline, std::source_location where) {
    asio::steady_timer timer(co_await asio::this_coro::executor);
    const patience limit(deadline);
    while (!predicate()) {
        if (limit.is_over()) detail::fail("what should have come did not come", where);
        timer.expires_after(std::chrono::milliseconds(1));
        co_await timer.async_wait(asio::use_awaitable);
    }
}

void run_threads(
    std::size_t threads, std::vector<asio::awaitable<void>> work, duration deadline, std::source_location where) {
    const patience limit(deadline);
    std::mutex mutex;
    std::exception_ptr first;
    std::atomic<std::size_t> running = work.size();
    const auto keep = [&](std::exception_ptr e) {
        const std::lock_guard lock(mutex);
        if (e && !first) first = e;
    };

    asio::io_context context(static_cast<int>(threads));
    for (asio::awaitable<void>& one : work)
        asio::co_spawn(asio::make_strand(context), std::move(one), [&](std::exception_ptr e) {
            keep(e);
            --running;
        });
    {
        std::vector<std::jthread> pool;
        for (std::size_t i = 0; i < threads; ++i)
            pool.emplace_back([&] {
                try {
                    limit.run(context);
                } catch (...) { // thrown by a handler, not by a coroutine
                    keep(std::current_exception());
                    context.stop();
                }
            });
    }
    if (first) std::rethrow_exception(first);
    if (running != 0) detail::fail(std::to_string(running) + " coroutines did not end in time", where);
    if (!context.stopped()) detail::fail("the coroutines ended, but left work behind on the io_context", where);
}

asio::awaitable<void> let_others_run(int rounds) {
    for (int i = 0; i < rounds; ++i) co_await asio::post(asio::use_awaitable);
}

asio::awaitable<void> let_pass(duration time) {
    asio::steady_timer timer(co_await asio::this_coro::executor, time);
    co_await timer.async_wait(asio::use_awaitable);
}

} // namespace eventstore::test
