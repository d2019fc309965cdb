/// \file
/// What a successful append tells.
#pragma once

#include <eventstore/event_data.hpp>

#include <cstdint>

namespace eventstore {

/// Where the events of one append were stored. Versions and positions count from 1 and have no gap in between. An append
/// of no events has all of them 0 and stores nothing.
struct append_result {
    std::int64_t first_version = 0;
    std::int64_t last_version = 0; ///< the version of the stream after the append: what the next one expects
    std::int64_t first_position = 0;
    std::int64_t last_position = 0;
    timestamp created_at{}; ///< of the last event
    /// The events were stored before: by an earlier call with the same ids, or by an earlier attempt of this call whose
    /// answer was lost with its connection. Versions and positions are those of then.
    bool already_appended = false;
};

} // namespace eventstore
