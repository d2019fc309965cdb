/// The inside of an event_batch.
#pragma once

#include "base/live_objects.hpp"
#include "subscription/shared_subscription.hpp"

#include <eventstore/tracing.hpp>

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace eventstore::detail {

/// Not looked at, it goes back to its subscription in the end.
class batch_state : private live_object {
public:
    batch_state() = default; // an empty one
    /// \param span null: it is not traced
    batch_state(std::shared_ptr<delivery::shared_subscription> owner, delivery::consumer_id consumer,
        delivery::subscription_state::hand_out batch, std::unique_ptr<trace_span> span)
        : owner_(std::move(owner)), consumer_(consumer), batch_(std::move(batch)), span_(std::move(span)) {}
    ~batch_state() {
        if (span_) end_span(is_with_transaction_ ? "transaction" : "none", result<void>());
        if (owner_ && !seen_ && !settled_) owner_->give_back(consumer_, batch_.first, batch_.count);
    }
    batch_state(const batch_state&) = delete;
    batch_state& operator=(const batch_state&) = delete;

    const recorded_event* begin() noexcept { return seen_ = true, batch_.events; }
    const recorded_event* end() noexcept { return seen_ = true, batch_.events + batch_.count; }
    int delivery() const noexcept { return batch_.delivery; }
    /// The same batch, to be acknowledged by a transaction; nothing if there is nothing to acknowledge.
    std::optional<delivery::batch_of> to_acknowledge() { return to_acknowledge(batch_.count); }
    /// The same for the events through this one. \throws error if it is none of the batch
    std::optional<delivery::batch_of> to_acknowledge(const recorded_event& last) {
        return to_acknowledge(index_of(last) + 1);
    }
    /// A transaction has it, or a part of it.
    void went_with_transaction() noexcept { is_with_transaction_ = true; }
    void acknowledge();
    void refuse(std::string_view reason);
    void refuse(const recorded_event& failed, std::string_view reason);

private:
    std::optional<delivery::batch_of> to_acknowledge(std::uint32_t count) {
        seen_ = true;
        if (!owner_ || settled_ || count == 0) return std::nullopt;
        return delivery::batch_of{owner_, consumer_, batch_.first, count};
    }
    std::uint32_t index_of(const recorded_event& event) const;
    void end_span(std::string_view outcome, const result<void>& done) noexcept;

    const std::shared_ptr<delivery::shared_subscription> owner_;
    const delivery::consumer_id consumer_ = 0;
    const delivery::subscription_state::hand_out batch_;
    bool seen_ = false;
    bool settled_ = false;
    bool is_with_transaction_ = false;
    std::unique_ptr<trace_span> span_;
};

} // namespace eventstore::detail
