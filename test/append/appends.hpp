// Appends as a flush gets them, without a store.
#pragma once

#include "append/append_request.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace eventstore::test {

using append_ptr = std::shared_ptr<append::append_request>;

inline append_ptr append_of(std::string stream, std::int64_t expected, std::vector<event_data> events) {
    append::part_list parts(1);
    parts.front().stream = std::move(stream);
    parts.front().expected = expected;
    parts.front().events = std::move(events);
    return std::make_shared<append::append_request>(std::weak_ptr<append::appender>(), std::move(parts));
}

inline append_ptr append_of(std::string stream, std::int64_t expected, std::size_t count) {
    return append_of(std::move(stream), expected, std::vector<event_data>(count, event_data("Counted", "{}")));
}

inline constexpr std::int64_t any = -1;
inline constexpr std::int64_t exists = -2;

/// What the server would do with an append by itself: moves `version` on if it passes.
inline bool passes(const append::append_request& append, std::int64_t& version) {
    const std::int64_t expected = append.parts.front().expected;
    const bool fits = expected == any || (expected == exists ? version > 0 : expected == version);
    if (fits) version += static_cast<std::int64_t>(append.events);
    return fits;
}

/// The server's rule for a whole group, where nothing needs care.
inline bool group_passes(std::int64_t expected, std::int64_t version) {
    return expected == any || (expected == exists ? version > 0 : expected == version);
}

} // namespace eventstore::test
