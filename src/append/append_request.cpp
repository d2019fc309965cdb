#include "append/append_request.hpp"

namespace eventstore::append {

namespace {

std::size_t bytes_of(const part_list& parts) {
    std::size_t bytes = 0;
    for (const append_part& part : parts) {
        bytes += part.stream.size() + 64 + part.originals.size() * sizeof(uuid);
        for (const event_data& event : part.events)
            bytes += event.type().size() + event.data().size() + event.metadata().size() + 64;
    }
    return bytes;
}

std::size_t count_events(const part_list& parts) {
    std::size_t count = 0;
    for (const append_part& part : parts) count += part.events.size();
    return count;
}

} // namespace

part_list parts_of(std::vector<stream_append> streams) {
    part_list parts;
    parts.reserve(streams.size());
    for (stream_append& stream : streams) {
        append_part& part = parts.emplace_back();
        part.stream = stream.stream();
        part.expected = stream.expected().value();
        part.after = stream.expected().last_event();
        part.events = std::move(stream).events();
    }
    return parts;
}

append_part link_part(std::string stream, const expected_version& expected, std::vector<uuid> event_ids) {
    append_part part;
    part.stream = std::move(stream);
    part.expected = expected.value();
    part.after = expected.last_event();
    part.originals = std::move(event_ids);
    std::vector<event_data> links;
    links.reserve(part.originals.size());
    for (std::size_t i = 0; i < part.originals.size(); ++i) links.emplace_back(std::string(), std::string());
    part.events = std::move(links);
    return part;
}

append_request::append_request(std::weak_ptr<appender> by, part_list parts_)
    : completion("appending"),
      parts(std::move(parts_)),
      bytes(bytes_of(parts)),
      events(count_events(parts)),
      by_(std::move(by)) {}

void append_request::start() {
    if (const auto by = by_.lock()) by->submit(std::static_pointer_cast<append_request>(shared_from_this()));
}

void append_request::cancel() noexcept {
    if (const auto by = by_.lock()) by->cancelled(*this);
}

void append_request::close() noexcept {
    if (const auto by = by_.lock()) by->closed(*this);
}

void append_request::expire() noexcept {
    if (const auto by = by_.lock()) by->overdue(std::static_pointer_cast<append_request>(shared_from_this()));
}

} // namespace eventstore::append
