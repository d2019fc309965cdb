/// What a caller waits for.
///
/// A public call makes an operation, suspends its coroutine on it, and gives it to a queue. Whoever claims the operation
/// first decides how it ends: the one that has the result, the caller's cancellation, its deadline, or the death of the
/// caller's io_context. Only the claimer may touch the result.
#pragma once

#include "base/live_objects.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/intrusive/list_hook.hpp>
#include <boost/intrusive/set_hook.hpp>

#include <atomic>
#include <chrono>
#include <memory>

namespace eventstore::detail {

namespace asio = boost::asio;
using steady_time = std::chrono::steady_clock::time_point;

class operation_service;
class deadlines;

/// The coroutine that waits, as something that can be posted or destroyed.
class resumption {
public:
    virtual ~resumption() = default;
    /// Posts the coroutine to its executor. The object belongs to the posted handler from then on.
    virtual void post() noexcept = 0;
};

class operation : public std::enable_shared_from_this<operation>, private live_object {
public:
    operation() = default;
    operation(const operation&) = delete;
    operation& operator=(const operation&) = delete;
    virtual ~operation();

    /// The right to end the operation; given out once.
    bool claim() noexcept { return !claimed_.exchange(true, std::memory_order_acq_rel); }
    bool is_claimed() const noexcept { return claimed_.load(std::memory_order_acquire); }

    /// Resumes the caller. For the claimer, after it has set the result.
    void finish() noexcept;

    /// Has `timers` expire it at `deadline`, though no coroutine is suspended on it. Ended by finish(). False if they are gone
    /// with their context.
    bool watch(deadlines& timers, steady_time deadline);

    /// Destroys the coroutines of a context that is going, as far as they wait for operations.
    static void abandon_all_in(asio::execution_context& context);

    /// The context of the coroutine that waits; null if none does.
    const void* waiting_in() const noexcept { return context_; }

    /// The time by which it must end; see deadlines.
    steady_time deadline() const noexcept { return deadline_; }

protected:
    /// Begins the work, once the caller is suspended. May finish before it returns.
    virtual void start() = 0;
    /// The caller's slot was triggered. Called on the caller's executor, perhaps after the end.
    virtual void cancel() noexcept = 0;
    /// The deadline is over. Called on any thread, perhaps after the end.
    virtual void expire() noexcept = 0;
    /// The context of the store is going, and what would have carried it out is gone. Perhaps after the end.
    virtual void close() noexcept { cancel(); }

private:
    friend asio::awaitable<void> suspend(std::shared_ptr<operation>, deadlines*, steady_time);
    friend class operation_service;
    friend class deadlines;
    template <class Handler>
    friend class resumption_of;

    void abandon() noexcept; // the caller's context is going: destroys the coroutine

    std::atomic<bool> claimed_{false};
    std::unique_ptr<resumption> resumption_;
    operation_service* service_ = nullptr;
    const void* context_ = nullptr;
    std::shared_ptr<deadlines> deadlines_; // of a store, which may be gone before its callers
    steady_time deadline_{steady_time::max()};

public:
    boost::intrusive::list_member_hook<> service_hook; // used by operation_service, under its mutex
    boost::intrusive::set_member_hook<> deadline_hook; // used by deadlines, under its mutex
};

/// Suspends the coroutine until the operation is finished; `timers` (null = no deadline) expires it at `deadline`.
/// An operation is awaited once, and no more than once.
asio::awaitable<void> suspend(std::shared_ptr<operation> what, deadlines* timers, steady_time deadline);

} // namespace eventstore::detail
