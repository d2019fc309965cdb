/// A place in the log, with what proves later that the log still holds it.
#pragma once

#include <eventstore/error.hpp>
#include <eventstore/uuid.hpp>

#include <cstdint>
#include <optional>

namespace eventstore::storage {

/// What was seen: a position, the history that it was read in, and the event there. Positions are given out again when the
/// end of a log is lost (a fail-over, a restored backup), and a restored backup has the timeline of its original: the id
/// is the proof, the timeline the fallback.
struct log_mark {
    std::int32_t timeline = 0; ///< 0 = not known: a standby cannot tell
    std::int64_t position = 0; ///< 0 = nothing was seen
    std::optional<uuid> event; ///< at that position, if it is known

    friend bool operator==(const log_mark&, const log_mark&) = default;
};

/// The server is not the one that was seen, or has lost what was seen of it.
failure not_held(const log_mark& seen);

} // namespace eventstore::storage
