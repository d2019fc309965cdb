/// How fast events are removed.
#pragma once

#include <eventstore/retention.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace eventstore::maintenance {

/// Decides how many events the next transaction may remove, and when the one after it may begin. No I/O.
///
/// What a slow portion has lost is not caught up: the server is busy then.
class scavenge_pace {
public:
    using time_point = std::chrono::steady_clock::time_point;

    explicit scavenge_pace(const scavenge_options& options)
        : events_per_second_(options.events_per_second()),
          portion_(options.events_per_second() == 0
                  ? options.portion()
                  : static_cast<std::int32_t>(std::min<std::int64_t>(options.portion(), options.events_per_second()))) {
    }

    /// No more than those of a second, so that no pause is longer.
    std::int32_t portion() const noexcept { return portion_; }

    /// When the next portion may begin, after one that has begun then and removed so many.
    time_point next_after(time_point begun, std::int64_t events) const noexcept {
        if (events_per_second_ == 0) return begun;
        const auto microseconds = std::chrono::microseconds(events * 1'000'000 / events_per_second_);
        return begun + microseconds;
    }

private:
    const std::int64_t events_per_second_;
    const std::int32_t portion_;
};

} // namespace eventstore::maintenance
