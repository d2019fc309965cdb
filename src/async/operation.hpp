/// What a caller waits for.
///
/// A public call makes an operation, suspends its coroutine on it, and gives it to a queue. Whoever claims the operation
/// first decides how it ends: the one that has the result, the caller's cancellation, its deadline, or the death of the
/// caller's io_context. Only the claimer may touch the result.
#pragma once

#include "async/timer_queue.hpp"
#include "base/live_objects.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/intrusive/list_hook.hpp>

#include <atomic>
#include <memory>

namespace eventstore::detail {

class operation_service;

/// The coroutine that waits, as something that can be posted or destroyed.
class resumption {
public:
    virtual ~resumption() = default;
    /// Posts the coroutine to its executor. The object belongs to the posted handler from then on.
    virtual void post() noexcept = 0;
};

class operation : public timed, private live_object {
public:
    operation() = default;
    ~operation() override;

    /// The right to end the operation; given out once.
    bool claim() noexcept { return !claimed_.exchange(true, std::memory_order_acq_rel); }
    bool is_claimed() const noexcept { return claimed_.load(std::memory_order_acquire); }

    /// Resumes the caller, now or as soon as it is suspended. For the claimer, after it has set the result.
    void finish() noexcept;

    /// Destroys the coroutines of a context that is going, as far as they wait for operations.
    static void abandon_all_in(asio::execution_context& context);

    /// The context of the coroutine that waits; null if none does.
    const void* waiting_in() const noexcept { return context_; }

protected:
    /// Begins the work, once the caller waits. May finish before it returns.
    virtual void start() {}
    /// The caller's slot was triggered. Called on the caller's executor, perhaps after the end.
    virtual void cancel() noexcept = 0;
    /// The context of the store is going, and what would have carried it out is gone. Perhaps after the end.
    void close() noexcept override { cancel(); }

private:
    friend asio::awaitable<void> suspend(std::shared_ptr<operation>, timer_queue*, steady_time);
    friend class operation_service;
    template <class Handler>
    friend class resumption_of;

    enum class stage { begun, suspended, finished };

    void suspended() noexcept;
    void resume() noexcept;
    void abandon() noexcept; // the caller's context is going: destroys the coroutine

    std::atomic<bool> claimed_{false};
    std::atomic<stage> stage_{stage::begun}; // who comes second, of suspended() and finish(), resumes the caller
    std::unique_ptr<resumption> resumption_;
    operation_service* service_ = nullptr;
    const void* context_ = nullptr;

public:
    boost::intrusive::list_member_hook<> service_hook; // used by operation_service, under its mutex
};

/// Suspends the coroutine until the operation is finished, which it may be already; `timers` (null = no deadline) expires
/// it at `deadline`. An operation is awaited once, and no more than once.
asio::awaitable<void> suspend(std::shared_ptr<operation> awaited, timer_queue* timers, steady_time deadline);

} // namespace eventstore::detail
