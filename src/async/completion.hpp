/// What a coroutine waits for, and another part of the library completes.
#pragma once

#include "async/operation.hpp"
#include "base/text.hpp"

#include <eventstore/error.hpp>

#include <memory>
#include <string>
#include <type_traits>
#include <utility>

namespace eventstore::detail {

/// A value, or why there is none. Decided once: by complete() or fail(), by the caller's cancellation, by the deadline, or by
/// the end of the store's context; it may be decided before it is waited for. Thread safe.
template <class T>
class completion : public operation {
public:
    /// \param doing what is waited for, as messages say it: "closing the store"
    explicit completion(std::string doing) : doing_(std::move(doing)) {}

    /// False if it was decided before.
    bool decide(result<T> outcome) noexcept {
        if (!claim()) return false;
        settle(std::move(outcome));
        return true;
    }
    bool complete() noexcept requires std::is_void_v<T> { return decide(result<void>()); }
    bool fail(failure why) noexcept { return decide(std::move(why)); }

    /// For the claimer: decides it.
    void settle(result<T> outcome) noexcept {
        outcome_ = std::move(outcome);
        finish();
    }
    /// For the one who has waited, once.
    result<T> take() noexcept { return std::move(outcome_); }

    /// Once; `timers` may be null if there is no deadline.
    static asio::awaitable<result<T>> wait(
        std::shared_ptr<completion> self, timer_queue* timers = nullptr, steady_time deadline = steady_time::max()) {
        co_await suspend(self, timers, deadline);
        co_return std::move(self->outcome_);
    }

protected:
    const std::string& doing() const noexcept { return doing_; }

    void cancel() noexcept override { fail(failure(errc::cancelled, message(doing_, " was cancelled"))); }
    void close() noexcept override { fail(failure(errc::store_closed, message(doing_, ": the store is closed"))); }
    void expire() noexcept override {
        fail(failure(errc::timeout,
            {.message = message(doing_, " took too long: PostgreSQL does not answer"), .retry_helps = true}));
    }

private:
    const std::string doing_;
    result<T> outcome_{failure()};
};

} // namespace eventstore::detail
