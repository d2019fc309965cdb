#include "log/event_rows.hpp"

#include <string_view>

namespace eventstore::log {

namespace {

/// A payload that is kept as jsonb comes with a byte that tells the version of its format; null is an empty one.
std::string_view payload(const postgres::rows& rows, int row, int column) {
    std::string_view bytes = rows.bytes(row, column);
    if (!bytes.empty() && rows.type(column) == postgres::type_oid::jsonb) bytes.remove_prefix(1);
    return bytes;
}

} // namespace

detail::page_row decode_event(const postgres::rows& rows, int row) {
    detail::page_row event;
    event.version = rows.int8(row, column::version);
    event.position = rows.int8(row, column::position);
    event.created_at = rows.time(row, column::created_at);
    event.id = rows.id(row, column::id);
    event.correlation_id = rows.optional_id(row, column::correlation_id);
    event.causation_id = rows.optional_id(row, column::causation_id);
    event.type = rows.bytes(row, column::type);
    event.data = payload(rows, row, column::data);
    event.metadata = payload(rows, row, column::metadata);
    return event;
}

} // namespace eventstore::log
