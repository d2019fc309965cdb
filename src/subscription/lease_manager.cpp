#include "subscription/lease_manager.hpp"

#include "subscription/checkpoint_writer.hpp"

#include <algorithm>

namespace eventstore::delivery {

lease_manager::lease_manager(
    std::shared_ptr<const store_parts> store, std::shared_ptr<feed::listener> listener, std::string schema)
    : listener_(std::move(listener)), schema_(std::move(schema)), store_(std::move(store)) {}

lease_manager::~lease_manager() = default;

lease_manager::subscription_ptr lease_manager::find(const std::string& stream, const std::string& name) const {
    const std::lock_guard lock(mutex_);
    const auto known = all_.find(key(stream, name));
    return known == all_.end() ? nullptr : known->second;
}

std::vector<lease_manager::subscription_ptr> lease_manager::all() const {
    std::vector<subscription_ptr> list;
    const std::lock_guard lock(mutex_);
    for (const auto& [of, subscription] : all_) list.push_back(subscription);
    return list;
}

lease_manager::found lease_manager::find_or_make(const key& of, const subscription_options& options) {
    const std::lock_guard lock(mutex_);
    if (closing_ || !store_) return {};
    if (all_.empty() && listener_) listener_->join(schema_, weak_from_this());
    const auto known = all_.find(of);
    if (known != all_.end() && !known->second->is_retired()) return {known->second, false};
    auto made = std::make_shared<shared_subscription>(
        store_, of.first, of.second, options, [weak = weak_from_this()](const shared_subscription* subscription) {
            if (const auto self = weak.lock()) self->forget(subscription);
        });
    all_.insert_or_assign(of, made);
    return {std::move(made), true};
}

// It is retired, and another may have its place already.
void lease_manager::forget(const shared_subscription* subscription) {
    bool is_stopped = false;
    {
        const std::lock_guard lock(mutex_);
        const auto known = all_.find(key(subscription->stream, subscription->name));
        if (known != all_.end() && known->second.get() == subscription) all_.erase(known);
        if (all_.empty() && listener_) listener_->leave(schema_, this);
        is_stopped = all_.empty() && closing_;
    }
    wake_waiting();
    if (is_stopped) stopped();
}

void lease_manager::wake_waiting() {
    std::vector<std::weak_ptr<detail::completion<void>>> waiting;
    {
        const std::lock_guard lock(mutex_);
        waiting = std::exchange(waiting_, {});
    }
    for (const auto& waiter : waiting) {
        if (const auto completion = waiter.lock()) completion->complete();
    }
}

// Of what other processes have done: a lease was released, a subscription deleted or reset, parked events marked.
void lease_manager::on_notification(const feed::notification& notification) {
    if (notification.kind == "free") return wake_waiting();
    if (notification.kind != "gone" && notification.kind != "replay") return;
    std::vector<subscription_ptr> of_it;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [of, subscription] : all_) {
            if (subscription->id() == notification.first) of_it.push_back(subscription);
        }
    }
    for (const auto& subscription : of_it) {
        if (notification.kind == "replay")
            subscription->replay_parked();
        else
            subscription->renew_now();
    }
}

// ---- the end

std::vector<lease_manager::subscription_ptr> lease_manager::close_all() noexcept {
    std::vector<subscription_ptr> all;
    const std::lock_guard lock(mutex_);
    closing_ = true;
    for (const auto& [of, subscription] : all_) all.push_back(subscription);
    return all;
}

void lease_manager::begin_stop() {
    const auto all = close_all();
    for (const auto& subscription : all) subscription->close();
    if (all.empty()) stopped();
}

void lease_manager::drop() {
    for (const auto& subscription : close_all())
        subscription->retire(failure(errc::store_closed, "the store is closed"));
    stopped();
}

void lease_manager::abandon() noexcept {
    const auto all = close_all();
    std::shared_ptr<const store_parts> store;
    {
        const std::lock_guard lock(mutex_);
        all_.clear();
        store = std::exchange(store_, nullptr);
    }
    if (store) store->checkpoints->abandon();
    for (const auto& subscription : all) subscription->abandon();
}

} // namespace eventstore::delivery
