/// Consumers of a subscription that wait in next().
#pragma once

#include "async/completion.hpp"
#include "subscription/subscription_state.hpp"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace eventstore::delivery {

/// Each waits for one thing: that there may be a batch for it. Its owner locks, and completes what it is given back once
/// nothing is locked.
class waiting_consumers {
public:
    using completion = std::shared_ptr<detail::completion<void>>;

    /// False if this consumer waits already.
    bool may_wait(consumer_id consumer) {
        std::erase_if(all_, [](const wait& waiter) { return waiter.woken->is_claimed(); }); // cancelled, or out of time
        return std::ranges::find(all_, consumer, &wait::consumer) == all_.end();
    }
    completion add(consumer_id consumer) {
        return all_.emplace_back(wait{consumer, std::make_shared<detail::completion<void>>("next()")}).woken;
    }
    bool is_empty() const noexcept { return all_.empty(); }

    /// Takes those that the condition holds for.
    template <class Condition>
    void take_if(Condition is_wanted, std::vector<completion>& taken) {
        std::erase_if(all_, [&](wait& waiter) {
            if (!is_wanted(waiter.consumer)) return false;
            taken.push_back(std::move(waiter.woken));
            return true;
        });
    }

private:
    struct wait {
        consumer_id consumer = 0;
        completion woken;
    };
    std::vector<wait> all_;
};

} // namespace eventstore::delivery
