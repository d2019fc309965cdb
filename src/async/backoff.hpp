/// How long to wait before the next try.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace eventstore::detail {

/// Delays that double from 20 ms to 2 s, each drawn from the upper half of its step, so that the clients of a server
/// that comes back do not all come at once. The first try after a success is immediate.
class backoff {
public:
    using duration = std::chrono::milliseconds;

    /// \param random any number; the jitter is taken from it
    duration next(std::uint64_t random) noexcept {
        if (failures_++ == 0) return duration(0);
        const auto step = std::min(longest, first * (std::int64_t{1} << std::min(failures_ - 2, 16)));
        const auto half = step / 2;
        return half + duration(static_cast<std::int64_t>(random % static_cast<std::uint64_t>(half.count() + 1)));
    }

    void succeeded() noexcept { failures_ = 0; }
    int failures() const noexcept { return failures_; }

    static constexpr duration first{20};
    static constexpr duration longest{2000};

private:
    int failures_ = 0;
};

} // namespace eventstore::detail
