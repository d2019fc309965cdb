#include "storage/event_rows.hpp"

#include <string_view>

namespace eventstore::storage {

namespace {

/// A payload that is kept as jsonb comes with a byte that tells the version of its format; null is an empty one.
std::string_view payload(const postgres::answer& from, int row, int column) {
    std::string_view bytes = from.bytes(row, column);
    if (!bytes.empty() && from.type(column) == postgres::type_oid::jsonb) bytes.remove_prefix(1);
    return bytes;
}

} // namespace

detail::page_row decode_event(const postgres::answer& from, int row) {
    detail::page_row event;
    event.version = from.int8(row, column::version);
    event.position = from.int8(row, column::position);
    event.created_at = from.time(row, column::created_at);
    event.id = from.id(row, column::id);
    event.correlation_id = from.optional_id(row, column::correlation_id);
    event.causation_id = from.optional_id(row, column::causation_id);
    event.type = from.bytes(row, column::type);
    event.data = payload(from, row, column::data);
    event.metadata = payload(from, row, column::metadata);
    return event;
}

} // namespace eventstore::storage
