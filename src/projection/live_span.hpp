/// For which events a version of a projection has side effects, and how far it may go. Without I/O.
#pragma once

#include <eventstore/recorded_event.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace eventstore::projection {

/// What sql/functions/70_projections.sql tells at the beginning of a transaction.
struct live_span {
    std::optional<std::int64_t> live_after;     ///< nothing: it replays
    std::optional<std::int64_t> live_until;     ///< nothing: no later version has the side effects
    bool is_settled = false;                    ///< readers were sent to it, or to a later one
    std::optional<std::int64_t> replay_through; ///< where the version in use is; nothing: there is none

    bool is_live(std::int64_t position) const noexcept {
        return live_after && position > *live_after && (!live_until || position <= *live_until);
    }
    /// A version that replays does not pass the one in use.
    bool is_within(std::int64_t position) const noexcept {
        return live_after || !replay_through || position <= *replay_through;
    }

    /// So many events from the first one on may share a transaction: all of them live, or none. 0 = it is not its turn yet.
    std::size_t count_together(std::span<const recorded_event> events) const noexcept {
        std::size_t count = 0;
        while (count < events.size() && is_within(events[count].position()) &&
            is_live(events[count].position()) == is_live(events.front().position()))
            ++count;
        return count;
    }
};

} // namespace eventstore::projection
