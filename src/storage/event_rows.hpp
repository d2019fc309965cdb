/// The rows of the statements that return events.
#pragma once

#include "postgres/answer.hpp"
#include <eventstore/recorded_event.hpp>

#include <cstdint>

namespace eventstore::storage {

/// The columns of every statement that returns events.
namespace column {
inline constexpr int version = 0, position = 1, created_at = 2, id = 3, correlation_id = 4, causation_id = 5, type = 6,
                     data = 7, metadata = 8, link_to = 9;
// Of those that do not read one stream alone.
inline constexpr int stream = 10;
// Of read_stream for a stream with links: of the event that a link stands for.
inline constexpr int original_stream = 10, original_version = 11, original_id = 12, original_created_at = 13;
// Of the row about the stream, or the log, that a page begins with.
inline constexpr int head = version, stream_id = position, timeline = link_to, seen_event = id,
                     end_event = correlation_id, anchor_event = causation_id, first_version = type;
} // namespace column

/// The event of a row, without the name of its stream. Its views point into the answer.
detail::page_row decode_event(const postgres::answer& from, int row);

/// Of its payloads: what max_bytes counts.
inline std::int64_t size_of(const detail::page_row& row) noexcept {
    return static_cast<std::int64_t>(row.data.size() + row.metadata.size());
}

} // namespace eventstore::storage
