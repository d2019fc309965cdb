/// What waits for a subscription: for a batch, or for a stage of its life.
#pragma once

#include "base/text.hpp"
#include "subscription/shared_subscription.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace eventstore::delivery {

/// A next() without a batch.
class shared_subscription::next_wait final : public detail::operation {
public:
    next_wait(std::weak_ptr<shared_subscription> owner, consumer_id who_, std::uint64_t seen)
        : who(who_), owner_(std::move(owner)), seen_(seen) {}

    const consumer_id who;
    bool was_cancelled = false;

private:
    void start() override {
        if (const auto owner = owner_.lock()) {
            const std::lock_guard lock(owner->mutex_);
            if (owner->changes_ == seen_) {
                owner->waiting_.push_back(std::static_pointer_cast<next_wait>(shared_from_this()));
                return;
            }
        }
        if (claim()) finish();
    }
    void cancel() noexcept override {
        if (!claim()) return;
        was_cancelled = true;
        finish();
    }
    void expire() noexcept override {
        if (claim()) finish();
    }

    const std::weak_ptr<shared_subscription> owner_; // which holds this in a list
    const std::uint64_t seen_;
};

/// Waits for a stage of the subscription's life.
class shared_subscription::end_wait final : public detail::operation {
public:
    using condition = bool (*)(const shared_subscription&, std::uint64_t serial);
    end_wait(std::weak_ptr<shared_subscription> owner, condition over_, std::uint64_t serial_, std::string doing)
        : over(over_), serial(serial_), owner_(std::move(owner)), doing_(std::move(doing)) {}

    const condition over;
    const std::uint64_t serial;
    result<void> outcome;

private:
    void start() override {
        if (const auto owner = owner_.lock()) {
            const std::lock_guard lock(owner->mutex_);
            if (!over(*owner, serial)) {
                owner->waiting_for_end_.push_back(std::static_pointer_cast<end_wait>(shared_from_this()));
                return;
            }
        }
        if (claim()) finish();
    }
    void cancel() noexcept override { give_up(errc::cancelled, " was cancelled"); }
    void expire() noexcept override { give_up(errc::timeout, " took too long: PostgreSQL does not answer"); }
    void give_up(errc code, std::string_view why) noexcept {
        if (!claim()) return;
        failure::facts facts;
        facts.message = detail::message(doing_, why);
        facts.retry_helps = true;
        outcome = failure(code, std::move(facts));
        finish();
    }

    const std::weak_ptr<shared_subscription> owner_;
    const std::string doing_;
};

} // namespace eventstore::delivery
