#include "embedded/start_operation.hpp"

#include "async/completion.hpp"
#include "base/home_process.hpp"

#include <eventstore/error.hpp>

#include <boost/asio/execution_context.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/this_coro.hpp>

#include <atomic>
#include <exception>
#include <list>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace eventstore::embedded {

namespace {

class start_operation;

/// The threads of a context's starts. They end with the context, however far the starts are.
class start_threads final : public asio::execution_context::service {
public:
    using key_type = start_threads;
    static asio::execution_context::id id;

    explicit start_threads(asio::execution_context& context) : service(context) {}

    /// Throws std::system_error when there can be no more threads.
    void run(std::shared_ptr<start_operation> operation);

private:
    struct worker {
        std::atomic<bool> done = false;
        std::jthread thread; // its end requests a stop, and waits
    };

    void shutdown() override {
        std::list<worker> going;
        {
            const std::lock_guard lock(mutex_);
            ended_ = true;
            going.swap(workers_);
        }
        if (!home_.is_here()) return detail::keep_for_ever(std::make_shared<std::list<worker>>(std::move(going)));
        for (worker& started : going) started.thread.request_stop(); // all at once, then one waits for each
    }

    const detail::home_process home_;
    std::mutex mutex_;
    bool ended_ = false;
    std::list<worker> workers_;
};

asio::execution_context::id start_threads::id;

class start_operation final : public detail::completion<std::unique_ptr<detail::embedded_server>> {
public:
    start_operation(embedded_postgres_options options, start_threads& threads)
        : completion("starting the embedded PostgreSQL"), options_(std::move(options)), threads_(threads) {}

    /// On the helper thread.
    void work(std::stop_token context_stop) {
        const std::stop_callback pass_on(context_stop, [this] { stop_.request_stop(); });
        try {
            decide(detail::embedded_server::start(options_, stop_.get_token())); // if nobody waits, it is stopped here
        } catch (const error& refused) {
            fail(refused.why());
        } catch (const std::exception& thrown) {
            fail(failure(errc::embedded_server_failed, doing() + " failed: " + thrown.what()));
        }
    }

private:
    void start() override {
        try {
            threads_.run(std::static_pointer_cast<start_operation>(shared_from_this()));
        } catch (const std::system_error& e) {
            fail(failure(errc::embedded_server_failed,
                std::string("the embedded PostgreSQL cannot be started: no thread can be made: ") + e.what()));
        }
    }
    void cancel() noexcept override { stop_.request_stop(); } // the thread undoes what it did, then ends the operation

    embedded_postgres_options options_;
    start_threads& threads_;
    std::stop_source stop_;
};

void start_threads::run(std::shared_ptr<start_operation> operation) {
    const std::lock_guard lock(mutex_);
    if (ended_) return;
    workers_.remove_if([](const worker& started) { return started.done.load(); });
    worker& fresh = workers_.emplace_back();
    try {
        fresh.thread = std::jthread([operation = std::move(operation), &fresh](std::stop_token stop) mutable {
            operation->work(std::move(stop));
            operation.reset();
            fresh.done = true;
        });
    } catch (...) {
        workers_.pop_back();
        throw;
    }
}

} // namespace

asio::awaitable<std::unique_ptr<detail::embedded_server>> start_server(embedded_postgres_options options) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    start_threads& threads = asio::use_service<start_threads>(asio::query(executor, asio::execution::context));
    const auto starting = std::make_shared<start_operation>(std::move(options), threads);
    auto waiting = start_operation::wait(starting);
    auto started = co_await std::move(waiting);
    co_return std::move(started).value();
}

} // namespace eventstore::embedded
