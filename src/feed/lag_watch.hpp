/// Whether what follows a log moves, or only lags.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace eventstore::feed {

/// Behind, and for how long, and since when nothing was reached. No clock: time is a parameter.
class lag_watch {
public:
    using time = std::chrono::steady_clock::time_point;
    using duration = std::chrono::steady_clock::duration;

    /// \param reached everything up to here is done
    /// \param is_behind there is more
    void note(std::int64_t reached, bool is_behind, time now) noexcept {
        if (!is_behind) {
            behind_since_.reset();
        } else if (!behind_since_) {
            behind_since_ = moved_at_ = now;
        }
        if (reached != reached_) moved_at_ = now;
        reached_ = reached;
    }

    bool is_behind() const noexcept { return behind_since_.has_value(); }
    /// For how long without a break; 0 if it is not.
    duration lag(time now) const noexcept { return behind_since_ ? now - *behind_since_ : duration(); }
    /// It is behind, and has not moved for this long. However far behind one is that moves, it is not stalled.
    bool is_stalled(time now, duration time_to_move) const noexcept {
        return behind_since_ && now - moved_at_ >= time_to_move;
    }

private:
    std::int64_t reached_ = 0;
    time moved_at_{};
    std::optional<time> behind_since_;
};

} // namespace eventstore::feed
