/// The deadlines of all operations of a store, on one alarm.
#pragma once

#include "async/clock.hpp"

#include <boost/asio/strand.hpp>
#include <boost/intrusive/set.hpp>
#include <boost/intrusive/set_hook.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace eventstore::detail {

class timer_queue;

/// What has a deadline. Owned by shared pointers; leaves its queue when it goes.
class timed : public std::enable_shared_from_this<timed> {
public:
    timed(const timed&) = delete;
    timed& operator=(const timed&) = delete;

    /// The time by which it must have ended.
    steady_time deadline() const noexcept { return deadline_; }

    /// Has `queue` expire it at `deadline`. False if the queue's context has gone.
    bool watch(timer_queue& queue, steady_time deadline);
    void unwatch() noexcept;

protected:
    timed() = default;
    virtual ~timed();

    /// The deadline is over. Called on any thread, perhaps after unwatch().
    virtual void expire() noexcept = 0;
    /// The context of the queue is going: nothing expires any more. Perhaps after unwatch().
    virtual void close() noexcept = 0;

private:
    friend class timer_queue;
    std::shared_ptr<timer_queue> queue_;
    steady_time deadline_{steady_time::max()};

public:
    boost::intrusive::set_member_hook<> queue_hook; // used by timer_queue, under its mutex
};

/// Expires what has not ended in time.
///
/// The alarm is set only while something is pending, so that it does not keep an io_context from ending. Thread safe.
class timer_queue : public std::enable_shared_from_this<timer_queue> {
public:
    explicit timer_queue(const asio::any_io_executor& executor, std::shared_ptr<clock> time = clock::of_machine());
    ~timer_queue();

    steady_time now() const noexcept { return clock_->now(); }
    const std::shared_ptr<clock>& time() const noexcept { return clock_; }

    /// The context of the alarm is going: nothing expires any more, and what is pending is closed.
    void abandon() noexcept;

private:
    friend class timed;
    struct by_deadline {
        bool operator()(const timed& left, const timed& right) const noexcept {
            return left.deadline() < right.deadline();
        }
    };
    using ordered = boost::intrusive::multiset<timed,
        boost::intrusive::member_hook<timed, boost::intrusive::set_member_hook<>, &timed::queue_hook>,
        boost::intrusive::compare<by_deadline>>;

    bool add(timed& entry);
    void remove(timed& entry) noexcept;
    template <class Condition>
    std::vector<std::shared_ptr<timed>> take_while(Condition is_wanted); // with the mutex held, in order
    void arm_soon();                                                     // with the mutex held
    void arm();                                                          // on the strand
    void expire_due();                                                   // on the strand

    const std::shared_ptr<clock> clock_;
    std::optional<asio::strand<asio::any_io_executor>> strand_; // none once abandoned, as the alarm
    std::unique_ptr<alarm> alarm_;                              // touched on the strand only
    steady_time armed_for_ = steady_time::max();
    bool is_idle_ = false; // nothing was pending when it was last armed

    std::mutex mutex_;
    ordered pending_;
    bool arming_ = false; // an arm() is posted
    bool is_abandoned_ = false;
};

/// Has `callback` called once, at that time, on any thread; not if what is returned goes before.
std::shared_ptr<timed> call_at(timer_queue& timers, steady_time when, std::function<void()> callback);

} // namespace eventstore::detail
