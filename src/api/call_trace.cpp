#include "api/call_trace.hpp"

#include <utility>

namespace eventstore::detail {

namespace {

constexpr std::size_t room_for_traceparent = 80; // bytes: the member, with its name and a comma

void carry(std::string_view traceparent, const store_options& options, event_data& event) {
    if (event.data().size() + event.metadata().size() + room_for_traceparent > options.max_event_bytes()) return;
    if (auto changed = with_traceparent(event.metadata(), traceparent)) event.metadata(std::move(*changed));
}

} // namespace

// ---- arguments

void call_attributes::argument(const std::string& text) {
    list.add_text(std::exchange(has_text_, true) ? "eventstore.subscription" : first_, text);
}
void call_attributes::argument(const expected_version& expected) {
    list.add("eventstore.expected_version", expected.value());
}
void call_attributes::add_events(std::size_t count) {
    list.add("eventstore.event.count", static_cast<std::int64_t>(count));
}
void call_attributes::add_batch(std::size_t count) {
    add_events(count);
    if (count > 1) list.add("db.operation.batch.size", static_cast<std::int64_t>(count));
}
void call_attributes::argument(const append::event_list& events) { add_batch(events.size()); }
void call_attributes::argument(const std::vector<stream_append>& streams) {
    std::size_t events = 0;
    for (const stream_append& each : streams) events += each.events().size();
    list.add("eventstore.stream.count", static_cast<std::int64_t>(streams.size()));
    add_batch(events);
}
void call_attributes::argument(const std::vector<uuid>& ids) { add_batch(ids.size()); }
void call_attributes::argument(const uuid& id) { list.add_own("eventstore.event.id", to_string(id)); }
void call_attributes::argument(const read_options& options) {
    if (options.from()) list.add("eventstore.read.from", *options.from());
    list.add_flag("eventstore.read.backward", options.is_backward());
}
void call_attributes::argument(const eventstore::snapshot& recorded) {
    list.add_text("eventstore.snapshot", recorded.source());
    list.add("eventstore.version.last", recorded.version());
}

// ---- outcomes

void call_attributes::outcome(const append_result& result) {
    list.add("eventstore.version.first", result.first_version);
    list.add("eventstore.version.last", result.last_version);
    list.add("eventstore.position.first", result.first_position);
    list.add("eventstore.position.last", result.last_position);
    if (result.already_appended) list.add_flag("eventstore.already_appended", true);
}
void call_attributes::outcome(const std::vector<append_result>& results) {
    std::int64_t first = 0;
    std::int64_t last = 0;
    for (const append_result& each : results) {
        if (each.first_position != 0) first = first == 0 ? each.first_position : std::min(first, each.first_position);
        last = std::max(last, each.last_position);
    }
    list.add("eventstore.position.first", first);
    list.add("eventstore.position.last", last);
}
void call_attributes::outcome(const event_page& page) {
    add_events(page.size());
    if (page.empty()) return;
    list.add("eventstore.version.first", page.front().link_version());
    list.add("eventstore.version.last", page.back().link_version());
    list.add("eventstore.position.first", page.front().link_position());
    list.add("eventstore.position.last", page.back().link_position());
}
void call_attributes::outcome(const recorded_event& event) {
    list.add_own("eventstore.stream", std::string(event.stream()));
    list.add("eventstore.version.first", event.version());
    list.add("eventstore.position.first", event.position());
}
void call_attributes::outcome(const eventstore::stream_info& info) {
    list.add("eventstore.version.last", info.version);
}
void call_attributes::outcome(const eventstore::snapshot& found) {
    list.add("eventstore.version.last", found.version());
}

// ---- the span

std::string checked_traceparent(const trace_span& span) noexcept {
    try {
        std::string text = span.traceparent();
        if (is_traceparent(text)) return text;
    } catch (...) { // of the user's span: the append goes on without it
    }
    return std::string();
}

void carry_traceparent(const std::string& traceparent, const store_options& options, append::event_list& events) {
    if (traceparent.empty()) return;
    events.change([&](event_data& event) { carry(traceparent, options, event); });
}

void carry_traceparent(
    const std::string& traceparent, const store_options& options, std::vector<stream_append>& streams) {
    if (traceparent.empty()) return;
    for (stream_append& each : streams) {
        std::vector<event_data> events = std::move(each).events();
        for (event_data& event : events) carry(traceparent, options, event);
        each = stream_append(each.stream(), each.expected(), std::move(events));
    }
}

void call_trace::begin(const trace_source& from, const operation_kind& of, attribute_list attributes) noexcept {
    span_ = from.begin(of.name, span_kind::client, std::move(attributes));
}

} // namespace eventstore::detail
