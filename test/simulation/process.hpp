// One life of a process: what is to run in it, and its clocks. It may be stopped for a while, or die.
#pragma once

#include "simulation/virtual_time.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace eventstore::test::simulation {

/// Outlives whatever it has put into the loop.
class process {
public:
    process(event_loop& loop, std::uint64_t seed) : random(seed), loop_(loop) {}
    process(const process&) = delete;
    process& operator=(const process&) = delete;

    random_source random;

    bool is_dead() const noexcept { return is_dead_; }
    bool is_paused() const noexcept { return loop_.now() < stopped_until_; }
    void kill() noexcept { is_dead_ = true; }
    /// Nothing runs in it for that long.
    void pause(duration length) { stopped_until_ = std::max(stopped_until_, loop_.now() + length); }
    /// The same with its machine: the clock of its timers stands still.
    void suspend(duration length) {
        if (is_paused()) return;
        pause(length);
        suspended_ += length;
    }

    /// Runs it as soon as anything runs here.
    void enter(moment when, task work) {
        loop_.at(when, [this, work = std::move(work)]() mutable {
            if (is_dead_) return;
            if (is_paused()) return enter(stopped_until_, std::move(work));
            work();
        });
    }
    void post(task work) { enter(loop_.now(), std::move(work)); }
    /// Of its own clock.
    void timer(eventstore::detail::steady_time due, task work) {
        if (due == eventstore::detail::steady_time::max()) return;
        enter(due + suspended_, [this, due, work = std::move(work)]() mutable {
            if (now() < due) return timer(due, std::move(work));
            work();
        });
    }

    eventstore::detail::steady_time now() const noexcept { return loop_.now() - suspended_; }
    eventstore::detail::lease_time lease_now() const noexcept {
        return eventstore::detail::lease_time(loop_.now().time_since_epoch());
    }
    eventstore::detail::instant both_now() const noexcept { return {now(), lease_now()}; }
    event_loop& loop() const noexcept { return loop_; }

private:
    event_loop& loop_;
    bool is_dead_ = false;
    moment stopped_until_{};
    duration suspended_{};
};

/// Runs something again whenever it may be due. More often than needed does no harm.
class wakeup {
public:
    wakeup(process& where, task work) : where_(where), work_(std::move(work)) {}

    void soon() {
        if (std::exchange(is_posted_, true)) return;
        where_.post([this] {
            is_posted_ = false;
            work_();
        });
    }
    void at(eventstore::detail::steady_time due) {
        if (due >= armed_) return;
        armed_ = due;
        where_.timer(due, [this, due] {
            if (armed_ == due) armed_ = eventstore::detail::steady_time::max();
            work_();
        });
    }

private:
    process& where_;
    const task work_;
    bool is_posted_ = false;
    eventstore::detail::steady_time armed_ = eventstore::detail::steady_time::max();
};

} // namespace eventstore::test::simulation
