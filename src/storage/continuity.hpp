/// Whether a log still holds what was seen of it.
#pragma once

#include "storage/log_mark.hpp"

#include <cstdint>
#include <optional>

namespace eventstore::storage {

enum class continuity {
    held,
    lost,
    unknown, ///< the forks of the log tell; of a standby: it has not got there yet
};

/// What a server says in one snapshot: the history that it is on (0 = it cannot tell: a standby), how far its log goes,
/// and which event stands at the position of the mark, if one does.
inline continuity continuity_of(
    const log_mark& seen, std::int32_t timeline, std::int64_t head, const std::optional<uuid>& event_there) noexcept {
    if (seen.position == 0) return continuity::held;
    if (seen.event && event_there) return *seen.event == *event_there ? continuity::held : continuity::lost;
    // One that can be written to is never behind what was seen; a standby may be behind another one.
    if (head < seen.position) return timeline == 0 ? continuity::unknown : continuity::lost;
    if (timeline == 0 || seen.timeline == 0 || timeline == seen.timeline) return continuity::held;
    return continuity::unknown;
}

} // namespace eventstore::storage
