#include "subscription/batch_state.hpp"

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

} // namespace eventstore
