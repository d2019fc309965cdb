// A log made by hand, for state machines that are tested without a database.
#pragma once

#include "read/page.hpp"
#include "subscription/subscription_state.hpp"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace eventstore::test {

/// Events of many streams, some of them missing, as hard deletes leave them.
class made_log {
public:
    struct made {
        std::int64_t position = 0;
        std::int64_t version = 0;
        std::string stream;
        bool is_deleted = false;
    };

    const made& append(const std::string& stream) {
        std::int64_t version = 1;
        for (const made& each : events_) version += each.stream == stream && !each.is_deleted ? 1 : 0;
        events_.push_back({++head_, version, stream});
        return events_.back();
    }
    /// The stream is deleted for good; the next append makes it anew.
    void remove(const std::string& stream) {
        for (made& each : events_) each.is_deleted |= each.stream == stream;
        removed_.push_back(head_);
    }
    /// Which life of the one stream that is ever removed a position belongs to.
    std::size_t life_at(std::int64_t position) const {
        return static_cast<std::size_t>(std::ranges::count_if(removed_, [&](auto at) { return at < position; }));
    }
    bool has(const std::string& stream) const {
        return std::ranges::any_of(
            events_, [&](const made& each) { return each.stream == stream && !each.is_deleted; });
    }
    /// A position that nothing will ever stand at.
    void leave_a_gap() { ++head_; }

    std::int64_t head() const noexcept { return head_; }
    const std::deque<made>& events() const noexcept { return events_; }

    /// The events after one position, through another, of one stream or (empty) of all.
    event_page page(std::int64_t after, std::int64_t through, const std::string& stream = {},
        std::size_t most = std::size_t(-1)) const {
        std::vector<eventstore::detail::page_row> found;
        std::int64_t next = through + 1;
        bool complete = true;
        for (const made& each : events_) {
            if (each.position <= after || each.position > through) continue;
            if (each.is_deleted || (!stream.empty() && each.stream != stream)) continue;
            if (found.size() == most) {
                complete = false;
                next = found.back().position + 1;
                break;
            }
            eventstore::detail::page_row row;
            row.position = each.position;
            row.version = each.version;
            row.stream = each.stream; // a deque does not move what it holds
            row.type = "Made";
            row.data = "{}";
            row.id.data[0] = static_cast<std::uint8_t>(each.position);
            found.push_back(row);
        }
        return eventstore::detail::page::make(std::move(found), {}, complete, next);
    }

private:
    std::deque<made> events_;
    std::vector<std::int64_t> removed_; // the head at each removal
    std::int64_t head_ = 0;
};

inline std::vector<delivery::arrival> all_of(const event_page& page) {
    std::vector<delivery::arrival> all;
    for (std::uint32_t i = 0; i < page.size(); ++i) all.push_back({i, std::hash<std::string_view>()(page[i].stream())});
    return all;
}

} // namespace eventstore::test
