/// How long to wait before what has failed is tried again.
#pragma once

#include "async/logger.hpp"

#include <eventstore/error.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>

namespace eventstore::detail {

/// The delays double from `first` to `longest`, each drawn from the upper half of its step, so that those who failed
/// together do not come back together.
struct retry_policy {
    std::chrono::milliseconds first;
    std::chrono::milliseconds longest;
    bool begins_at_once = false;          ///< the first try after a success waits for nothing
    bool is_steady_if_connecting = false; ///< who makes connections backs off already: `first`, if that was the failure
};

/// Of what makes connections.
constexpr retry_policy connecting_again{std::chrono::milliseconds(20), std::chrono::seconds(2), true, false};
/// Of what asks over connections that others make. What the server refuses, because a schema was dropped or a privilege
/// revoked, may stay so for ever.
constexpr retry_policy asking_again{std::chrono::milliseconds(100), std::chrono::seconds(5), false, true};

/// Any number, for a delay.
std::uint64_t random_number();

/// The delays of one thing that fails again and again.
class backoff {
public:
    using duration = std::chrono::milliseconds;

    explicit backoff(const retry_policy& policy) noexcept : policy_(policy) {}

    /// \param random any number; the delay is drawn by it
    duration failed(errc why, std::uint64_t random) noexcept {
        ++failures_;
        if (policy_.is_steady_if_connecting && passes_by_itself(why)) {
            steps_ = 0;
            return policy_.first;
        }
        return draw(random);
    }
    /// The same, whatever the reason is.
    duration failed(std::uint64_t random) noexcept { return ++failures_, draw(random); }

    void succeeded() noexcept { failures_ = steps_ = 0; }
    /// In a row.
    int failures() const noexcept { return failures_; }

    /// A connection that was lost may be back soon; a refusal stays until somebody does something about it.
    static bool passes_by_itself(errc why) noexcept {
        return why == errc::connection_lost || why == errc::timeout || why == errc::cancelled ||
            why == errc::store_closed;
    }

private:
    duration draw(std::uint64_t random) noexcept {
        const int step = std::min(steps_++, 17) - (policy_.begins_at_once ? 1 : 0);
        if (step < 0) return duration(0);
        const auto longest = std::min(policy_.longest, policy_.first * (std::int64_t{1} << step));
        const auto half = longest / 2;
        return half + duration(static_cast<std::int64_t>(random % static_cast<std::uint64_t>(half.count() + 1)));
    }

    retry_policy policy_;
    int failures_ = 0;
    int steps_ = 0;
};

/// What is tried again until it succeeds: its delays, and its failures' way into the log.
class retry {
public:
    /// \param task its name, as the logger tells causes apart; lives as long as the program
    retry(const retry_policy& policy, std::string_view task, std::shared_ptr<logger> logger)
        : delays_(policy), task_(task), logger_(std::move(logger)) {}

    /// Returns how long to wait.
    backoff::duration failed(const failure& why) {
        logger_->report(task_, why);
        has_failed_ = true;
        return delays_.failed(why.code(), random_number());
    }
    void succeeded() {
        delays_.succeeded();
        if (std::exchange(has_failed_, false)) logger_->passed(task_);
    }
    int failures() const noexcept { return delays_.failures(); }

private:
    backoff delays_;
    std::string_view task_;
    std::shared_ptr<logger> logger_;
    bool has_failed_ = false;
};

} // namespace eventstore::detail
