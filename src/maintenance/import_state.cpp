// What an import stores besides events.
#include "maintenance/importer.hpp"
#include "storage/sql.hpp"

namespace eventstore::maintenance {

namespace {

namespace sql = storage::sql;
using postgres::type_oid;

/// The parameters of a statement that takes an array for each column.
template <class Line>
class columns {
public:
    columns(std::string_view statement, const std::vector<Line>& lines) : lines_(lines) { made_.text = statement; }

    template <class Value>
    columns& add(const type_oid (&types)[2], Value value) { // of an element, and of the array
        made_.arguments.begin_array(types[0], lines_.size(), true);
        for (const Line& line : lines_) put(value(line));
        made_.types.push_back(types[1]);
        return *this;
    }
    import_statement take() { return std::move(made_); }

private:
    template <class T>
    void put(const std::optional<T>& value) {
        if (value)
            made_.arguments.add(*value);
        else
            made_.arguments.add_null();
    }
    template <class T>
    void put(const T& value) {
        made_.arguments.add(value);
    }

    const std::vector<Line>& lines_;
    import_statement made_;
};

constexpr type_oid of_text[] = {type_oid::text, type_oid::text_array};
constexpr type_oid of_number[] = {type_oid::int8, type_oid::int8_array};
constexpr type_oid of_time[] = {type_oid::timestamptz, type_oid::timestamptz_array};
constexpr type_oid of_id[] = {type_oid::uuid, type_oid::uuid_array};
constexpr type_oid of_bytes[] = {type_oid::bytea, type_oid::bytea_array};
constexpr type_oid of_count[] = {type_oid::int4, type_oid::int4_array};
constexpr type_oid of_truth[] = {type_oid::boolean, type_oid::boolean_array};

import_statement of_streams(const std::vector<stream_line>& lines) {
    return columns<stream_line>(sql::import_stream_states, lines)
        .add(of_text, [](const stream_line& line) { return std::string_view(line.stream); })
        .add(of_number, [](const stream_line& line) { return line.version; })
        .add(of_time, [](const stream_line& line) { return line.created_at; })
        .add(of_time, [](const stream_line& line) { return line.deleted_at; })
        .take();
}

import_statement of_retentions(const std::vector<retention_line>& lines) {
    return columns<retention_line>(sql::import_retentions, lines)
        .add(of_text, [](const retention_line& line) { return std::string_view(line.name); })
        .add(of_truth, [](const retention_line& line) { return line.is_prefix; })
        .add(of_number, [](const retention_line& line) { return line.truncate_before; })
        .add(of_number, [](const retention_line& line) { return line.max_count; })
        .add(of_number, [](const retention_line& line) { return line.max_age; })
        .add(of_time, [](const retention_line& line) { return line.changed_at; })
        .take();
}

import_statement of_projections(const std::vector<projection_line>& lines) {
    return columns<projection_line>(sql::import_projections, lines)
        .add(of_text, [](const projection_line& line) { return std::string_view(line.name); })
        .add(of_count, [](const projection_line& line) { return static_cast<std::int32_t>(line.version); })
        .add(of_count, [](const projection_line& line) { return static_cast<std::int32_t>(line.consumers); })
        .add(of_time, [](const projection_line& line) { return line.started_at; })
        .add(of_number, [](const projection_line& line) { return line.live_after; })
        .add(of_number, [](const projection_line& line) { return line.live_until; })
        .add(of_time, [](const projection_line& line) { return line.switched_at; })
        .take();
}

import_statement of_snapshots(const std::vector<snapshot_line>& lines) {
    return columns<snapshot_line>(sql::import_snapshots, lines)
        .add(of_text, [](const snapshot_line& line) { return std::string_view(line.source); })
        .add(of_number, [](const snapshot_line& line) { return line.version; })
        .add(of_text, [](const snapshot_line& line) { return std::string_view(line.type); })
        .add(of_bytes, [](const snapshot_line& line) { return std::string_view(line.data); })
        .add(of_bytes, [](const snapshot_line& line) { return std::string_view(line.metadata); })
        .add(of_time, [](const snapshot_line& line) { return line.recorded_at; })
        .take();
}

import_statement of_subscriptions(const std::vector<subscription_line>& lines) {
    return columns<subscription_line>(sql::import_subscriptions, lines)
        .add(of_text, [](const subscription_line& line) { return std::string_view(line.stream); })
        .add(of_text, [](const subscription_line& line) { return std::string_view(line.name); })
        .add(of_time, [](const subscription_line& line) { return line.created_at; })
        .add(of_number, [](const subscription_line& line) { return line.position; })
        .add(of_number, [](const subscription_line& line) { return line.version; })
        .add(of_id, [](const subscription_line& line) { return line.event_id; })
        .add(of_count, [](const subscription_line& line) { return static_cast<std::int32_t>(line.deliveries); })
        .add(of_number, [](const subscription_line& line) { return line.delivered; })
        .add(of_number, [](const subscription_line& line) { return line.announced; })
        .take();
}

import_statement of_parked(const std::vector<parked_line>& lines) {
    return columns<parked_line>(sql::import_parked, lines)
        .add(of_number, [](const parked_line& line) { return line.position; })
        .add(of_text, [](const parked_line& line) { return std::string_view(line.stream); })
        .add(of_text, [](const parked_line& line) { return std::string_view(line.subscription); })
        .add(of_text, [](const parked_line& line) { return std::string_view(line.reason); })
        .add(of_count, [](const parked_line& line) { return static_cast<std::int32_t>(line.deliveries); })
        .add(of_time, [](const parked_line& line) { return line.parked_at; })
        .add(of_truth, [](const parked_line& line) { return line.replay; })
        .take();
}

} // namespace

std::vector<import_statement> statements_of_state(const import_batch& batch) {
    std::vector<import_statement> all;
    if (!batch.states().empty()) all.push_back(of_streams(batch.states()));
    if (!batch.retentions().empty()) {
        all.push_back(of_retentions(batch.retentions()));
        for (const std::string_view text : {sql::import_retained_streams, sql::import_retained_names})
            all.emplace_back().text = text;
    }
    if (!batch.snapshots().empty()) all.push_back(of_snapshots(batch.snapshots()));
    if (!batch.subscriptions().empty()) all.push_back(of_subscriptions(batch.subscriptions()));
    if (!batch.parked().empty()) all.push_back(of_parked(batch.parked()));
    if (!batch.projections().empty()) all.push_back(of_projections(batch.projections()));
    return all;
}

} // namespace eventstore::maintenance
