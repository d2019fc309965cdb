/// \file
/// Deleting streams.
#pragma once

#include <cstdint>

namespace eventstore {

/// How a stream is deleted.
enum class deletion {
    /// Hides the stream: reading it and appending to it fail with `stream_deleted`. Its events stay in `$all` and
    /// readable through links; `restore_stream` undoes it.
    soft,
    /// Removes the stream's events permanently, and the links to them in other streams. Events that it links to stay.
    /// Its name is free for a new stream. Needs `store_options::allow_hard_delete`.
    hard,
};

/// What a hard delete would remove.
struct deletion_preview {
    std::int64_t events = 0;      ///< of the stream itself
    std::int64_t links = 0;       ///< in the stream, to events elsewhere, which stay
    std::int64_t links_to_it = 0; ///< in other streams, to its events
    std::int64_t subscriptions =
        0; ///< to the stream; they are kept, and deliver a new stream of that name from its first event
};

} // namespace eventstore
