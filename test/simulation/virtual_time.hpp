// Time and chance of a simulation: nothing happens but what this queue holds, and the same seed makes the same run.
#pragma once

#include "async/clock.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace eventstore::test::simulation {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using moment = eventstore::detail::steady_time; ///< on the clock of the world
using duration = moment::duration;
using task = std::function<void()>;

/// Numbers that depend on nothing but the seed (splitmix64).
class random_source {
public:
    explicit random_source(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() noexcept {
        std::uint64_t value = (state_ += 0x9e3779b97f4a7c15U);
        value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9U;
        value = (value ^ (value >> 27)) * 0x94d049bb133111ebU;
        return value ^ (value >> 31);
    }
    std::uint64_t below(std::uint64_t end) noexcept { return next() % end; }
    int number(int first, int last) noexcept {
        return first + static_cast<int>(below(static_cast<std::uint64_t>(last - first + 1)));
    }
    /// True once in so many times.
    bool chance(std::uint64_t in) noexcept { return below(in) == 0; }
    duration up_to(duration most) noexcept {
        return duration(static_cast<duration::rep>(below(static_cast<std::uint64_t>(most.count()) + 1)));
    }

private:
    std::uint64_t state_;
};

/// What is to happen, in its order; what is due at the same time comes in any order.
class event_loop {
public:
    explicit event_loop(std::uint64_t seed) : order_(seed) {}

    static constexpr moment begin() { return moment(1h); }
    moment now() const noexcept { return now_; }
    std::uint64_t steps() const noexcept { return steps_; }

    void at(moment when, task work) {
        waiting_.push_back({std::max(when, now_), order_.next(), std::move(work)});
        std::push_heap(waiting_.begin(), waiting_.end(), later);
    }
    /// False if nothing is left.
    bool run_one() {
        if (waiting_.empty()) return false;
        std::pop_heap(waiting_.begin(), waiting_.end(), later);
        const entry next = std::move(waiting_.back());
        waiting_.pop_back();
        now_ = next.when;
        ++steps_;
        next.work();
        return true;
    }

private:
    struct entry {
        moment when;
        std::uint64_t order = 0;
        task work;
    };
    static bool later(const entry& left, const entry& right) noexcept {
        return left.when != right.when ? left.when > right.when : left.order > right.order;
    }

    moment now_ = begin();
    std::uint64_t steps_ = 0;
    random_source order_;
    std::vector<entry> waiting_; // a heap
};

} // namespace eventstore::test::simulation
