/// \file
/// The result of a successful append.
#pragma once

#include <eventstore/event_data.hpp>

#include <cstdint>

namespace eventstore {

/// Where the events of one append were stored. Versions and positions start at 1 and are contiguous. For an append of
/// no events, which stores nothing, all of them are 0.
struct append_result {
    std::int64_t first_version = 0;
    std::int64_t last_version = 0; ///< the version of the stream after the append; the next append can expect it
    std::int64_t first_position = 0;
    std::int64_t last_position = 0;
    timestamp created_at{}; ///< of the last event
    /// The events were already stored: by an earlier call with the same ids, or by an earlier attempt of this call
    /// whose answer was lost with the connection. Versions and positions are the original ones.
    bool already_appended = false;
};

} // namespace eventstore
