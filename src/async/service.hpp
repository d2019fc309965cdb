/// What runs until it is stopped.
#pragma once

#include "async/latch.hpp"

#include <eventstore/error.hpp>

#include <boost/asio/awaitable.hpp>

#include <memory>

namespace eventstore::detail {

/// Why a part of a store refuses what is new, and ends what waits, once it was stopped.
inline failure store_closed() { return failure(errc::store_closed, "the store is closed"); }

/// A part of a store that has something under way. It ends in one of two ways: in order, by stop(), or with its execution
/// context, by abandon(). Thread safe.
class service {
public:
    virtual ~service() = default;

    /// Refuses what is new from this call on, and ends what is under way; at the deadline, at once. What is returned waits
    /// until nothing is left.
    static asio::awaitable<void> stop(
        const std::shared_ptr<service>& self, std::shared_ptr<timer_queue> timers, steady_time deadline);

    /// The execution context is going: lets go of what cannot outlive it, and fails what waits, before it returns.
    virtual void abandon() noexcept = 0;

protected:
    /// Refuses what is new, and has what is under way end: stopped() is called then, perhaps from within.
    virtual void begin_stop() = 0;
    /// The time is over: ends what is left. stopped() is called soon.
    virtual void drop() = 0;
    /// Nothing is left; may be said more than once. Resumes nobody from within.
    void stopped() { stopped_->open(); }

private:
    static asio::awaitable<void> wait(
        std::shared_ptr<service> self, std::shared_ptr<timer_queue> timers, steady_time deadline);

    const std::shared_ptr<latch> stopped_ = std::make_shared<latch>();
};

} // namespace eventstore::detail
