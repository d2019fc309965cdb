// Pages of the database model, as the reader makes them of answers.
#pragma once

#include "read/page.hpp"
#include "read/reader.hpp"
#include "simulation/database_model.hpp"

namespace eventstore::test::simulation {

/// \param of_log places are positions; else versions
inline read::reader::snapshot snapshot_of(const page_reply& answer, std::int64_t from, bool of_log) {
    const auto place = [&](const stored_event& event) { return of_log ? event.position : event.version; };
    read::reader::snapshot found;
    found.head = answer.head;
    found.timeline = database_model::timeline;
    found.stream_id = answer.stream_id;
    found.seen_event = answer.seen_event;
    found.end = {answer.head, answer.head_event};
    std::vector<eventstore::detail::page_row> rows;
    rows.reserve(answer.events.size());
    std::int64_t next = from;
    for (const stored_event* const event : answer.events) {
        eventstore::detail::page_row& row = rows.emplace_back();
        row.version = event->version;
        row.position = event->position;
        row.id = event->id;
        row.stream = event->stream;
        row.type = event->type;
        row.data = "{}";
        found.last = {place(*event), event->id};
        next = place(*event) + 1;
    }
    const bool is_complete = rows.empty() || next > answer.head;
    found.page = eventstore::detail::page::make(std::move(rows), {}, is_complete, next);
    return found;
}

} // namespace eventstore::test::simulation
