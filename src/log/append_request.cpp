#include "log/append_request.hpp"

#include "log/appender.hpp"

namespace eventstore::log {

namespace {

std::size_t bytes_of(const std::string& stream, const std::vector<event_data>& events) {
    std::size_t bytes = stream.size() + 64;
    for (const event_data& each : events)
        bytes += each.type().size() + each.data().size() + each.metadata().size() + 64;
    return bytes;
}

} // namespace

append_request::append_request(
    std::weak_ptr<appender> owner, std::string stream_, std::int64_t expected_, std::vector<event_data> events_)
    : stream(std::move(stream_)),
      expected(expected_),
      events(std::move(events_)),
      bytes(bytes_of(stream, events)),
      owner_(std::move(owner)) {}

void append_request::succeed(const append_result& how) {
    if (!claim()) return;
    outcome = how;
    finish();
}

void append_request::fail(const failure& why) {
    if (!claim()) return;
    outcome = why;
    finish();
}

void append_request::start() {
    if (const auto owner = owner_.lock()) owner->submit(std::static_pointer_cast<append_request>(shared_from_this()));
}

void append_request::cancel() noexcept {
    if (const auto owner = owner_.lock()) owner->give_up(*this, errc::cancelled);
}

void append_request::expire() noexcept {
    if (const auto owner = owner_.lock()) owner->give_up(*this, errc::timeout);
}

} // namespace eventstore::log
