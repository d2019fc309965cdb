#include "async/operation.hpp"

#include "async/handler_watch.hpp"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/intrusive/list.hpp>

#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace eventstore::detail {

/// Knows every operation that a coroutine of its context waits for. The operations hang on queues of the store, the
/// coroutines hold handles to the store: a cycle, which only the context can break when it goes.
class operation_service final : public asio::execution_context::service {
public:
    using key_type = operation_service;
    static asio::execution_context::id id;

    explicit operation_service(asio::execution_context& context) : service(context) {}
    ~operation_service() override { waiting_.clear(); }

    void add(operation& pending) {
        const std::lock_guard lock(mutex_);
        waiting_.push_back(pending);
    }

    void remove(operation& pending) noexcept {
        const std::lock_guard lock(mutex_);
        if (pending.service_hook.is_linked()) waiting_.erase(waiting_.iterator_to(pending));
    }

    void shutdown() override {
        std::vector<std::shared_ptr<operation>> orphans;
        {
            const std::lock_guard lock(mutex_);
            for (auto pending = waiting_.begin(); pending != waiting_.end();) {
                // Null where its last owner is just letting go of it; then that one unlinks it.
                auto owned = std::static_pointer_cast<operation>(pending->weak_from_this().lock());
                if (!owned) {
                    ++pending;
                    continue;
                }
                pending = waiting_.erase(pending);
                orphans.push_back(std::move(owned));
            }
        }
        for (const auto& orphan : orphans) orphan->abandon();
    }

private:
    std::mutex mutex_;
    boost::intrusive::list<operation,
        boost::intrusive::member_hook<operation, boost::intrusive::list_member_hook<>, &operation::service_hook>>
        waiting_;
};

asio::execution_context::id operation_service::id;

/// Once it is posted, the caller may go on, and end its io_context: the thread that posts must have let go of it by then.
/// So the handler waits, for less than a microsecond as a rule, until that thread has returned from Asio's post().
template <class Handler>
class resumption_of final : public resumption {
public:
    explicit resumption_of(Handler&& handler)
        : handler_(std::move(handler)),
          executor_(asio::prefer(asio::get_associated_executor(handler_), asio::execution::outstanding_work.tracked)) {}

    ~resumption_of() override { wait_for_poster(); }

    void post() noexcept override {
        is_posting_.store(true, std::memory_order_relaxed);
        {
            const auto to = asio::prefer(executor_, asio::execution::outstanding_work.untracked);
            asio::post(to, [self = std::unique_ptr<resumption_of>(this)] { self->resume(); });
        }
        is_posting_.store(false, std::memory_order_release); // the last that this thread does with it
    }

private:
    void resume() {
        wait_for_poster();
        // The slot must not reach the operation any more: cleared on the caller's executor.
        asio::get_associated_cancellation_slot(handler_).clear();
        const handler_watch::frame watched;
        std::move(handler_)();
    }

    void wait_for_poster() const noexcept {
        while (is_posting_.load(std::memory_order_acquire)) std::this_thread::yield();
    }

    Handler handler_;
    asio::associated_executor_t<Handler> executor_; // keeps the caller's io_context running
    std::atomic<bool> is_posting_{false};
};

operation::~operation() {
    if (service_hook.is_linked()) service_->remove(*this); // dropped by a queue that went with its store
}

void operation::finish() noexcept {
    if (stage_.exchange(stage::finished, std::memory_order_acq_rel) == stage::suspended) resume();
}

void operation::suspended() noexcept {
    stage expected = stage::begun;
    if (!stage_.compare_exchange_strong(expected, stage::suspended, std::memory_order_acq_rel)) resume();
}

void operation::resume() noexcept {
    unwatch();
    service_->remove(*this);
    // Last: once the caller goes on, what this refers to may go.
    if (auto* const waiting = resumption_.release()) waiting->post();
}

void operation::abandon_all_in(asio::execution_context& context) {
    if (asio::has_service<operation_service>(context)) asio::use_service<operation_service>(context).shutdown();
}

void operation::abandon() noexcept {
    if (!claim()) return; // its result is on the way: the context destroys what was posted
    unwatch();
    resumption_.reset();
}

asio::awaitable<void> suspend(std::shared_ptr<operation> awaited, timer_queue* timers, steady_time deadline) {
    return asio::async_initiate<const asio::use_awaitable_t<>, void()>(
        [argument = std::move(awaited), timers, deadline](auto handler) mutable {
            // The caller may be resumed, and this object gone, before this returns: everything is kept here.
            const auto pending = std::move(argument);
            auto* const clock = timers;
            const steady_time until = deadline;
            using handler_type = decltype(handler);
            auto& context = asio::query(asio::get_associated_executor(handler), asio::execution::context);
            auto slot = asio::get_associated_cancellation_slot(handler);
            if (slot.is_connected()) {
                slot.assign([weak = std::weak_ptr<operation>(pending)](asio::cancellation_type) {
                    if (const auto alive = weak.lock()) alive->cancel();
                });
            }
            pending->resumption_ = std::make_unique<resumption_of<handler_type>>(std::move(handler));
            pending->service_ = &asio::use_service<operation_service>(context);
            pending->context_ = &context;
            pending->service_->add(*pending);
            const bool is_closed = clock && !pending->watch(*clock, until);
            pending->start();
            if (is_closed) pending->close(); // whatever start() has given it to
            pending->suspended();
        },
        asio::use_awaitable);
}

} // namespace eventstore::detail
