/// Work that goes on after its caller.
#pragma once

#include <atomic>
#include <memory>

namespace eventstore::detail {

/// Tells the work of a call that nobody waits for it any more.
class stop_at_end {
public:
    stop_at_end() = default;
    stop_at_end(const stop_at_end&) = delete;
    stop_at_end& operator=(const stop_at_end&) = delete;
    ~stop_at_end() { *is_stopped_ = true; }

    std::shared_ptr<const std::atomic<bool>> flag() const noexcept { return is_stopped_; }

private:
    std::shared_ptr<std::atomic<bool>> is_stopped_ = std::make_shared<std::atomic<bool>>(false);
};

} // namespace eventstore::detail
