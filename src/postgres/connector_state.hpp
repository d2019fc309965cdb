/// When a connection is tried again, and for how long those who need one wait: decisions without I/O.
#pragma once

#include "async/retry.hpp"

#include <eventstore/error.hpp>

#include <chrono>
#include <cstdint>
#include <optional>

namespace eventstore::postgres {

/// The failures of one kind of connections. Time is a parameter.
class connector_state {
public:
    using time = std::chrono::steady_clock::time_point;

    /// Whether a failure to connect does not pass by itself.
    static bool is_final(const failure& why) noexcept;

    /// It was made. It may be lost again and again before it is of use: the delays go on growing until proven().
    void connected() noexcept;
    /// Its server has answered: what fails from here on is no reason to stay away for long, but for a little.
    void answered() noexcept {
        delays_.succeeded();
        (void)delays_.failed(0);
    }
    /// It is of use.
    void proven() noexcept { delays_.succeeded(); }
    /// \param random any number; the delay is drawn by it
    void failed(const failure& why, time now, std::uint64_t random);
    /// One that was made has ended by itself.
    void lost(time now, std::uint64_t random) { not_before_ = now + delays_.failed(random); }

    /// The next try begins then at the earliest.
    time not_before() const noexcept { return not_before_; }
    /// Of the last try; nothing if it succeeded.
    const std::optional<failure>& last_failure() const noexcept { return last_failure_; }
    /// It does not pass by itself: who waits for a connection is told now. A standby may be about to be promoted, and a
    /// setting about to be mended: that is waited for, a little.
    bool is_hopeless(time now) const noexcept;
    /// How often it has failed, or was lost, since it was of use.
    int failures() const noexcept { return delays_.failures(); }

private:
    detail::backoff delays_{detail::connecting_again};
    time not_before_{};
    std::optional<failure> last_failure_;
    std::optional<time> unusable_since_;
};

} // namespace eventstore::postgres
