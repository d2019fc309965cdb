// The span of a batch.
#include "subscription/shared_subscription.hpp"
#include "typed/traceparent.hpp"

#include <algorithm>
#include <utility>

namespace eventstore::delivery {

namespace {

constexpr std::size_t most_links = 128; // what OpenTelemetry keeps

/// The spans of the appends of these events, each once.
std::vector<std::string> links_of(const subscription_state::hand_out& batch) {
    std::vector<std::string> links;
    for (std::uint32_t i = 0; i < batch.count && links.size() < most_links; ++i) {
        std::string found = detail::find_traceparent(batch.events[i].metadata());
        if (!found.empty() && std::ranges::find(links, found) == links.end()) links.push_back(std::move(found));
    }
    return links;
}

} // namespace

std::unique_ptr<trace_span> shared_subscription::begin_span(const subscription_state::hand_out& batch) const {
    if (!tracing_) return nullptr;
    const recorded_event& first = batch.events[0];
    const recorded_event& last = batch.events[batch.count - 1];
    detail::attribute_list attributes;
    attributes.add_text("eventstore.stream", stream);
    attributes.add_text("eventstore.subscription", name);
    attributes.add("eventstore.event.count", batch.count);
    attributes.add("eventstore.position.first", first.link_position());
    attributes.add("eventstore.position.last", last.link_position());
    attributes.add("eventstore.batch.delivery", batch.delivery);
    return tracing_->begin("next", span_kind::consumer, std::move(attributes), links_of(batch));
}

} // namespace eventstore::delivery
