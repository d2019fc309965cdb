/// Calls that block (name look-ups, files), kept away from the threads of an io_context.
#pragma once

#include "async/asio_calls.hpp"
#include "base/home_process.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace eventstore::detail {

namespace asio = boost::asio;

/// One thread for each execution context that needs it, ended with the context; in a forked child it is not there.
class blocking_thread : public asio::execution_context::service {
public:
    /// Runs `call` on the thread, then posts `handler` to its executor.
    template <class Call, class Handler>
    EVENTSTORE_NOT_INTO_COROUTINES void run(Call call, Handler handler) {
        auto executor = asio::prefer(asio::get_associated_executor(handler), asio::execution::outstanding_work.tracked);
        const std::lock_guard lock(mutex_);
        if (*has_ended_) return; // the context is going, and the handler with it
        if (!thread_) thread_ = std::make_unique<asio::thread_pool>(1);
        asio::post(
            *thread_, [call = std::optional<Call>(std::move(call)), handler = std::move(handler), executor]() mutable {
                (*call)();
                call.reset(); // what it holds must not be let go of here once the caller goes on, and may end its context
                const auto to = asio::prefer(executor, asio::execution::outstanding_work.untracked);
                asio::post(to, [handler = std::move(handler), work = std::move(executor)]() mutable {
                    std::move(handler)(); // with the work at hand: this thread would let go of it late
                });
            });
    }

    /// The context is going, and waits for the call that runs: one that may last long looks at this. Any thread.
    std::shared_ptr<const std::atomic<bool>> has_ended() const noexcept { return has_ended_; }

protected:
    explicit blocking_thread(asio::execution_context& context) : service(context) {}

private:
    void shutdown() override {
        std::unique_ptr<asio::thread_pool> thread;
        {
            const std::lock_guard lock(mutex_);
            *has_ended_ = true;
            thread = std::move(thread_);
        }
        if (thread && !home_.is_here()) {
            keep_for_ever(
                std::shared_ptr<asio::thread_pool>(std::move(thread))); // not even its mutexes can be destroyed
        } else if (thread) {
            thread->stop(); // what has not begun is destroyed, what runs is waited for
            thread->join();
        }
    }

    const home_process home_;
    const std::shared_ptr<std::atomic<bool>> has_ended_ = std::make_shared<std::atomic<bool>>(false);
    std::mutex mutex_;
    std::unique_ptr<asio::thread_pool> thread_;
};

/// Short calls, which every connect waits for.
class blocking_calls final : public blocking_thread {
public:
    using key_type = blocking_calls;
    static asio::execution_context::id id;

    explicit blocking_calls(asio::execution_context& context) : blocking_thread(context) {}
};

/// Work on files of any size, and on pipes that may stay silent: nothing else waits behind it.
class file_calls final : public blocking_thread {
public:
    using key_type = file_calls;
    static asio::execution_context::id id;

    explicit file_calls(asio::execution_context& context) : blocking_thread(context) {}
};

/// Runs `call()` away from the io_context, and resumes the coroutine on its own executor. The caller's cancellation does
/// not interrupt it. `call` must own what it uses, or be waited for.
template <class Thread = blocking_calls, class Call>
asio::awaitable<void> run_blocking(Call call) {
    return asio::async_initiate<const asio::use_awaitable_t<>, void()>(
        [call = std::move(call)](auto handler) mutable {
            auto& context = asio::query(asio::get_associated_executor(handler), asio::execution::context);
            asio::use_service<Thread>(context).run(std::move(call), std::move(handler));
        },
        asio::use_awaitable);
}

} // namespace eventstore::detail
