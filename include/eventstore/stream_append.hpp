/// \file
/// Appending to several streams at once.
#pragma once

#include <eventstore/event_data.hpp>
#include <eventstore/expected_version.hpp>
#include <eventstore/typed_event.hpp>

#include <string>
#include <utility>
#include <vector>

namespace eventstore {

/// The part of an atomic append to several streams that is for one stream.
///
///     const auto taken = es::stream_append("account-1", 7, withdrawn);
///     const auto given = es::stream_append("account-2", 3, deposited);
///     co_await store.append(es::appends(taken, given));
class stream_append {
public:
    stream_append(std::string stream, expected_version expected, std::vector<event_data> events)
        : stream_(std::move(stream)), expected_(expected), events_(std::move(events)) {}
    stream_append(std::string stream, expected_version expected, event_data event)
        : stream_(std::move(stream)), expected_(expected) {
        events_.push_back(std::move(event));
    }
    /// A typed event.
    template <typed_event Event>
    stream_append(std::string stream, expected_version expected, Event&& event)
        : stream_append(std::move(stream), expected, to_event_data(std::forward<Event>(event))) {}

    const std::string& stream() const noexcept { return stream_; }
    eventstore::expected_version expected() const noexcept { return expected_; }
    const std::vector<event_data>& events() const& noexcept { return events_; }
    std::vector<event_data>&& events() && noexcept { return std::move(events_); }

private:
    std::string stream_;
    eventstore::expected_version expected_;
    std::vector<event_data> events_;
};

/// A list of them. (A braced list inside `co_await` does not compile on g++ 12.)
template <class... Appends>
std::vector<stream_append> appends(Appends&&... part) {
    std::vector<stream_append> list;
    list.reserve(sizeof...(part));
    (list.push_back(std::forward<Appends>(part)), ...);
    return list;
}

} // namespace eventstore
