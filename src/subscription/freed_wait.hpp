/// What waits for a subscription that others have.
#pragma once

#include "subscription/keeper.hpp"

namespace eventstore::delivery {

/// Waits until some subscription is let go of.
class keeper::freed_wait final : public detail::operation {
public:
    void end() {
        if (claim()) finish();
    }

private:
    void start() override {}
    void cancel() noexcept override { end(); }
    void expire() noexcept override { end(); }
};

} // namespace eventstore::delivery
