#include "maintenance/exported_state.hpp"

#include "storage/sql.hpp"

namespace eventstore::maintenance {

namespace {

namespace sql = storage::sql;

void add_stream(line_writer& lines, end_line& end, copied_row& row) {
    stream_line line;
    line.stream = row.text();
    line.version = row.number();
    line.created_at = row.number();
    line.deleted_at = row.next_number();
    lines.add(line);
    ++end.streams;
}

void add_retention(line_writer& lines, end_line& end, copied_row& row) {
    retention_line line;
    line.name = row.text();
    line.is_prefix = row.boolean();
    line.truncate_before = row.next_number();
    line.max_count = row.next_number();
    line.max_age = row.next_number();
    line.changed_at = row.number();
    lines.add(line);
    ++end.retentions;
}

void add_snapshot(line_writer& lines, end_line& end, copied_row& row) {
    snapshot_line line;
    line.source = row.text();
    line.version = row.number();
    line.type = row.text();
    line.recorded_at = row.number();
    line.metadata = row.text();
    line.data = row.text();
    lines.add(line);
    ++end.snapshots;
}

void add_projection(line_writer& lines, end_line& end, copied_row& row) {
    projection_line line;
    line.name = row.text();
    line.version = row.number();
    line.consumers = row.number();
    line.started_at = row.number();
    line.position = row.number();
    line.live_after = row.next_number();
    line.live_until = row.next_number();
    line.switched_at = row.next_number();
    lines.add(line);
    ++end.projections;
}

void add_subscription(line_writer& lines, end_line& end, copied_row& row) {
    subscription_line line;
    line.name = row.text();
    line.stream = row.text();
    line.created_at = row.number();
    line.position = row.number();
    line.version = row.number();
    line.event_id = row.next_id();
    line.deliveries = row.number();
    line.delivered = row.number();
    line.announced = row.number();
    lines.add(line);
    ++end.subscriptions;
}

void add_parked(line_writer& lines, end_line& end, copied_row& row) {
    parked_line line;
    line.position = row.number();
    line.subscription = row.text();
    line.stream = row.text();
    line.reason = row.text();
    line.deliveries = row.number();
    line.parked_at = row.number();
    line.replay = row.boolean();
    lines.add(line);
    ++end.parked;
}

const state_part all_parts[] = {{sql::export_streams, add_stream}, {sql::export_retentions, add_retention},
    {sql::export_snapshots, add_snapshot}, {sql::export_projections, add_projection},
    {sql::export_subscriptions, add_subscription}, {sql::export_parked, add_parked}};

} // namespace

std::span<const state_part> state_parts() noexcept { return all_parts; }

} // namespace eventstore::maintenance
