/// What a waiter has seen of a subscription that others have.
#pragma once

#include "async/clock.hpp"

#include <chrono>
#include <cstdint>
#include <optional>

namespace eventstore::delivery {

/// Tells when an owner may be called stalled, by the waiter's own clock alone. A beat was there at some moment between
/// the question and the answer. The watch begins at the later of the two, the answer: were it the question, then a claim
/// that is held up on its way for as long as the lease would take a beat of just now for one that stands still. For the
/// same reason the time of the next claim is the one at which it is sent.
class beat_watch {
public:
    using time = detail::lease_time;

    /// One beat of one owner.
    struct sight {
        std::int64_t id = 0;
        std::int64_t epoch = 0;
        std::int64_t beat = 0;

        friend bool operator==(const sight&, const sight&) = default;
    };

    /// An answer has shown it; its owner's lease is this long.
    void seen(const sight& shown, std::chrono::milliseconds lease, time answered) {
        if (last_ == shown) return;
        last_ = shown;
        lease_ = lease;
        since_ = answered;
    }

    /// What a claim that is sent then may call stalled.
    std::optional<sight> stalled(time sent) const {
        if (!last_ || sent - since_ < lease_) return std::nullopt;
        return last_;
    }

private:
    std::optional<sight> last_;
    std::chrono::milliseconds lease_{};
    time since_{};
};

} // namespace eventstore::delivery
