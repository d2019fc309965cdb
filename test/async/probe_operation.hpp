// An operation for tests: it remembers who ended it, and how often it was asked to end.
#pragma once

#include "async/operation.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>

namespace eventstore::test {

enum class ending { none, result, cancelled, expired };

class probe final : public eventstore::detail::operation {
public:
    /// Ends it, unless it has ended. True if this call did.
    bool end(ending why) {
        if (!claim()) return false;
        how = why;
        ended_at = std::chrono::steady_clock::now();
        finish();
        return true;
    }

    std::function<void(probe&)> on_start;
    std::function<void(probe&)> on_expire;
    std::atomic<int> cancels{0};
    std::atomic<int> expiries{0};

    // For whoever knows that it has ended.
    ending how = ending::none;
    eventstore::detail::steady_time ended_at{};

private:
    void start() override {
        if (on_start) on_start(*this);
    }
    void cancel() noexcept override {
        ++cancels;
        end(ending::cancelled);
    }
    void expire() noexcept override {
        ++expiries;
        if (end(ending::expired) && on_expire) on_expire(*this);
    }
};

inline constexpr auto no_deadline = eventstore::detail::steady_time::max();

} // namespace eventstore::test
