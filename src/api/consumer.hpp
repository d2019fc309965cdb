/// The insides of the handles that subscribe calls return. Each keeps the store open.
#pragma once

#include "runtime/store_core.hpp"
#include "subscription/listener_queue.hpp"
#include "subscription/shared_subscription.hpp"

#include <memory>
#include <utility>

namespace eventstore::detail {

/// A place among the consumers of a subscription, given up in the end.
class consumer : private live_object {
public:
    consumer(std::shared_ptr<store_impl> store_, std::shared_ptr<delivery::shared_subscription> subscription_,
        delivery::consumer_id id_)
        : store(std::move(store_)), subscription(std::move(subscription_)), id(id_) {}
    ~consumer() { subscription->leave(id); }
    consumer(const consumer&) = delete;
    consumer& operator=(const consumer&) = delete;

    const std::shared_ptr<store_impl> store;
    const std::shared_ptr<delivery::shared_subscription> subscription;
    const delivery::consumer_id id;
};

class listener_impl : private live_object {
public:
    listener_impl(std::shared_ptr<store_impl> store_, std::shared_ptr<delivery::listener_queue> queue_)
        : store(std::move(store_)), queue(std::move(queue_)) {}
    ~listener_impl() { queue->end(std::nullopt); }
    listener_impl(const listener_impl&) = delete;
    listener_impl& operator=(const listener_impl&) = delete;

    const std::shared_ptr<store_impl> store;
    const std::shared_ptr<delivery::listener_queue> queue;
};

} // namespace eventstore::detail
