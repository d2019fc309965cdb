#include "store/ending.hpp"

#include <utility>

namespace eventstore::detail {

/// A close() that is waited for.
class ending::waiter final : public operation {
public:
    explicit waiter(std::weak_ptr<ending> owner) : owner_(std::move(owner)) {}

    void end() {
        if (claim()) finish();
    }
    result<void> outcome;

private:
    void start() override {
        if (const auto owner = owner_.lock()) {
            const std::lock_guard lock(owner->mutex_);
            if (!owner->is_over_) {
                owner->waiting_.push_back(std::static_pointer_cast<waiter>(shared_from_this()));
                return;
            }
        }
        end();
    }
    void cancel() noexcept override {
        if (!claim()) return;
        outcome = failure(errc::cancelled, "waiting for the store to close was cancelled; the closing goes on");
        finish();
    }
    void expire() noexcept override {}

    const std::weak_ptr<ending> owner_;
};

void ending::come() {
    std::vector<std::shared_ptr<waiter>> waiting;
    {
        const std::lock_guard lock(mutex_);
        is_over_ = true;
        waiting = std::exchange(waiting_, {});
    }
    for (const auto& each : waiting) each->end();
}

asio::awaitable<result<void>> ending::wait(std::shared_ptr<ending> self) {
    const auto waiting = std::make_shared<waiter>(self);
    co_await suspend(waiting, nullptr, steady_time::max());
    co_return waiting->outcome;
}

} // namespace eventstore::detail
