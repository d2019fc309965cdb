/// What an archive may do, by what its file and the log hold. No I/O.
#pragma once

#include <eventstore/error.hpp>
#include <eventstore/event_file.hpp>
#include <eventstore/uuid.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace eventstore::maintenance {

struct placed_event {
    std::int64_t position = 0;
    uuid id{};
};

/// What the log holds in a range; see archive_range.sql.
struct held_range {
    std::int64_t events = 0;
    std::optional<placed_event> first, last;
};

/// What a file holds that was read to its end, beside its summary.
struct checked_archive {
    event_file_summary summary;
    std::string database, schema;    ///< of its header
    std::int64_t first_position = 0; ///< of its first event; 0 = it has none
    std::int64_t events_of_log = 0;  ///< from the first position that the log holds on
    bool has_first = false;          ///< it has the first event that the log holds, with its id,
    bool has_last = false;           ///< and the last one
};

/// Why a file cannot be that of an archive of all events before a position, if it cannot.
/// \param log what the log holds before the position
std::optional<failure> refuse_range(const std::string& path, std::int64_t before, std::int64_t after_position,
    std::optional<std::int64_t> through_position, const held_range& log);

/// Why nothing may be removed from the log, if nothing may.
/// \param log what the log held in the range of the file when its check began
/// \param database where the log is, and its schema
std::optional<failure> refuse_removal(const std::string& path, const checked_archive& file, const held_range& log,
    const std::string& database, const std::string& schema);

/// After the removal: why not all went, if not all did.
std::optional<failure> refuse_rest(const std::string& path, const held_range& left);

} // namespace eventstore::maintenance
