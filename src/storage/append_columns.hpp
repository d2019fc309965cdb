/// What the append functions take: one table, from which the types of their statements and the encoding come.
#pragma once

#include "postgres/parameters.hpp"
#include "storage/log_mark.hpp"

#include <eventstore/event_data.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace eventstore::storage {

/// What one transaction of appends has for the functions; see sql/functions/21_append_events.sql for the terms.
struct append_rows {
    struct group { ///< what one stream gets
        std::string_view stream;
        std::int64_t expected = -1;
        std::int32_t events = 0;
        std::optional<timestamp> created_at;
    };
    struct part {                ///< one append of SQL
        std::int32_t group = 0;  ///< from 1
        std::int32_t offset = 0; ///< events of the group before this part
        std::int32_t unit = 0;
        std::int64_t expected = -1;
        std::optional<uuid> after; ///< the last event that the stream must have; nothing = any
        bool is_retry = false;
        std::span<const event_data> events;
        std::span<const uuid> originals;
    };
    std::span<const group> groups;
    std::span<const part> parts;
    std::size_t new_streams = 0; ///< the first so many groups
    std::size_t events = 0;
    std::size_t bytes = 0; ///< of names, types and payloads
    bool has_units = false;
    bool has_links = false;
    bool is_plain = false;          ///< one new event for each stream, in order: what follows from that is left out
    std::optional<bool> is_careful; ///< nothing: ids that are stored already are looked for
    log_mark seen;                  ///< what the log must hold, or nothing is appended; position 0 = anything
};

/// Of append_events, and of append_events_or_fail.
std::vector<postgres::type_oid> append_types();
postgres::parameters encode(const append_rows& rows);

/// Of append_event, which takes one event.
std::vector<postgres::type_oid> lone_append_types();
postgres::parameters encode_lone(const append_rows& rows);

} // namespace eventstore::storage
