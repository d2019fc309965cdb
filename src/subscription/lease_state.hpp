/// How long a lease may be trusted, on the owner's own clock.
#pragma once

#include "async/clock.hpp"

#include <algorithm>
#include <chrono>

namespace eventstore::delivery {

/// The owner renews at a third of the lease, but each second at least: what is done to a subscription is found out with
/// a renewal, should no notification tell. It stops handing out at two thirds after it *sent* its last successful
/// renewal: the server can only have renewed later than that, so nobody else can own the subscription yet.
class lease_state {
public:
    using time = detail::lease_time;

    lease_state(std::chrono::milliseconds length, time claim_sent) : length_(length), good_since_(claim_sent) {}

    /// When the next renewal is due.
    time renew_at() const noexcept { return good_since_ + renewal(length_); }
    static std::chrono::milliseconds renewal(std::chrono::milliseconds length) noexcept {
        return std::min<std::chrono::milliseconds>(length / 3, std::chrono::seconds(1));
    }
    /// From then on nothing is handed out, until a renewal succeeds.
    time trusted_until() const noexcept { return good_since_ + length_ / 3 * 2; }
    bool is_trusted(time now) const noexcept { return now < trusted_until(); }

    /// A renewal that was sent then has succeeded.
    void renewed(time sent) noexcept {
        if (sent > good_since_) good_since_ = sent;
    }

private:
    std::chrono::milliseconds length_;
    time good_since_;
};

} // namespace eventstore::delivery
