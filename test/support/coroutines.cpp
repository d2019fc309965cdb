#include "support/coroutines.hpp"

#include <boost/asio/post.hpp>

#include <atomic>
#include <mutex>
#include <stdexcept>
#include <thread>

namespace eventstore::test {

namespace detail {

void fail(const std::string& what, const std::source_location& where) {
    throw std::runtime_error("in '" + boost::unit_test::framework::current_test_unit().full_name() + "' at " +
        where.file_name() + ":" + std::to_string(where.line()) + ": " + what);
}

} // namespace detail

void run_threads(
    std::size_t threads, std::vector<asio::awaitable<void>> work, duration deadline, std::source_location where) {
    const auto end = std::chrono::steady_clock::now() + deadline;
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
                    context.run_until(end);
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

} // namespace eventstore::test
