#include "append/append_request.hpp"

#include "append/group_commit.hpp"

namespace eventstore::append {

namespace {

std::size_t bytes_of(const std::vector<append_part>& parts) {
    std::size_t bytes = 0;
    for (const append_part& part : parts) {
        bytes += part.stream.size() + 64 + part.originals.size() * sizeof(uuid);
        for (const event_data& each : part.events)
            bytes += each.type().size() + each.data().size() + each.metadata().size() + 64;
    }
    return bytes;
}

std::size_t count_events(const std::vector<append_part>& parts) {
    std::size_t count = 0;
    for (const append_part& part : parts) count += part.events.size();
    return count;
}

} // namespace

std::vector<append_part> parts_of(std::vector<stream_append> streams) {
    std::vector<append_part> parts;
    parts.reserve(streams.size());
    for (stream_append& each : streams) {
        append_part& part = parts.emplace_back();
        part.stream = each.stream();
        part.expected = each.expected().value();
        part.events = std::move(each).events();
    }
    return parts;
}

append_part link_part(std::string stream, std::int64_t expected, std::vector<uuid> event_ids) {
    append_part part;
    part.stream = std::move(stream);
    part.expected = expected;
    part.originals = std::move(event_ids);
    part.events.reserve(part.originals.size());
    for (std::size_t i = 0; i < part.originals.size(); ++i) part.events.emplace_back(std::string(), std::string());
    return part;
}

append_request::append_request(std::weak_ptr<group_commit> owner, std::vector<append_part> parts_)
    : completion("appending"),
      parts(std::move(parts_)),
      bytes(bytes_of(parts)),
      events(count_events(parts)),
      owner_(std::move(owner)) {}

void append_request::start() {
    if (const auto owner = owner_.lock()) owner->submit(std::static_pointer_cast<append_request>(shared_from_this()));
}

void append_request::cancel() noexcept {
    if (const auto owner = owner_.lock()) owner->give_up(*this, errc::cancelled);
}

void append_request::close() noexcept {
    if (const auto owner = owner_.lock()) owner->closed(*this);
}

void append_request::expire() noexcept {
    if (const auto owner = owner_.lock()) owner->overdue(std::static_pointer_cast<append_request>(shared_from_this()));
}

} // namespace eventstore::append
