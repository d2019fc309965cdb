/// \file
/// Deleting streams.
#pragma once

#include <cstdint>

namespace eventstore {

/// How a stream is deleted.
enum class deletion {
    /// It is hidden: reading it and appending to it fail with `stream_deleted`. Its events stay in `$all` and behind
    /// links, and `restore_stream` brings it back.
    soft,
    /// Its events are removed for good, and with them the links to them in other streams. What it links to stays. Its
    /// name is free for a new stream. Only with `store_options::allow_hard_delete`.
    hard,
};

/// What a hard delete would remove.
struct deletion_preview {
    std::int64_t events = 0;      ///< of the stream itself
    std::int64_t links = 0;       ///< in the stream, to events elsewhere, which stay
    std::int64_t links_to_it = 0; ///< in other streams, to its events
    std::int64_t subscriptions =
        0; ///< to the stream; they are kept, and deliver a new stream of that name from its start
};

} // namespace eventstore
