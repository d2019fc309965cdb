#include "subscription/batch_state.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace eventstore::detail {

void batch_state::acknowledge() {
    seen_ = true;
    if (!owner_ || settled_) return;
    const auto done = owner_->acknowledge(consumer_, batch_.first, batch_.count);
    if (span_) end_span("ack", done);
    done.value();
    settled_ = true;
}

void batch_state::end_span(std::string_view outcome, const result<void>& done) noexcept {
    attribute_list attributes;
    attributes.add_text("eventstore.batch.outcome", outcome);
    const failure why = done ? failure() : done.error();
    trace_source::end(span_, std::move(attributes), done ? nullptr : &why);
}

void batch_state::refuse(std::string_view reason) {
    seen_ = true;
    if (!owner_ || settled_) return;
    const auto done = owner_->refuse(consumer_, batch_.first, batch_.count, reason);
    if (span_) end_span("nack", done ? result<void>(failure(errc::handler_failed, std::string(reason))) : done);
    done.value();
    settled_ = true;
}

// The events before it are done, those behind it as if they had not been handed out.
void batch_state::refuse(const recorded_event& failed, std::string_view reason) {
    seen_ = true;
    const std::uint32_t index = index_of(failed);
    if (!owner_ || settled_) return;
    if (index > 0) owner_->acknowledge(consumer_, batch_.first, index).value();
    const auto done = owner_->refuse(consumer_, batch_.first + index, 1, reason);
    if (span_) end_span("nack", done ? result<void>(failure(errc::handler_failed, std::string(reason))) : done);
    done.value();
    owner_->give_back(consumer_, batch_.first + index + 1, batch_.count - index - 1);
    settled_ = true;
}

// A copy of an event of the batch is as good as the event.
std::uint32_t batch_state::index_of(const recorded_event& event) const {
    const auto* const end = batch_.events + batch_.count;
    const auto* const found = std::find_if(batch_.events, end,
        [&](const recorded_event& other) { return other.link_position() == event.link_position(); });
    if (found == end)
        throw error(failure(errc::unexpected_ack,
            message("the event at position ", std::to_string(event.link_position()), " is none of this batch")));
    return static_cast<std::uint32_t>(found - batch_.events);
}

} // namespace eventstore::detail

namespace eventstore {

event_batch::event_batch(std::unique_ptr<detail::batch_state> state) noexcept : state_(std::move(state)) {}
event_batch::event_batch(event_batch&&) noexcept = default;
event_batch& event_batch::operator=(event_batch&&) noexcept = default;
event_batch::~event_batch() = default;

const recorded_event* event_batch::begin() const noexcept { return state_ ? state_->begin() : nullptr; }
const recorded_event* event_batch::end() const noexcept { return state_ ? state_->end() : nullptr; }
int event_batch::delivery() const noexcept { return state_ ? state_->delivery() : 0; }
void event_batch::ack() const {
    if (state_) state_->acknowledge();
}
void event_batch::nack(std::string_view reason) const {
    if (state_) state_->refuse(reason);
}
void event_batch::nack(const recorded_event& failed, std::string_view reason) const {
    if (state_) state_->refuse(failed, reason);
}

} // namespace eventstore
