#include "maintenance/event_line.hpp"

#include "base/crc32c.hpp"
#include "maintenance/line_text.hpp"
#include "maintenance/line_time.hpp"

namespace eventstore::maintenance {

void line_writer::begin_line(std::string_view name, std::string_view text) {
    ((text_ += "{\"") += name) += "\":";
    add_string(text_, text);
}

void line_writer::begin_line(std::string_view name, std::int64_t value) {
    ((text_ += "{\"") += name) += "\":";
    add_number(text_, value);
}

void line_writer::begin_member(std::string_view name) { ((text_ += ",\"") += name) += "\":"; }

void line_writer::add_member(std::string_view name, std::string_view text) {
    begin_member(name);
    add_string(text_, text);
}

void line_writer::add_member(std::string_view name, std::int64_t value) {
    begin_member(name);
    add_number(text_, value);
}

void line_writer::add_time_member(std::string_view name, microseconds_of_postgres time) {
    begin_member(name);
    add_time(text_, time);
}

void line_writer::add_id(std::string_view name, const uuid& id) {
    begin_member(name);
    text_ += '"';
    add_uuid(text_, id.data);
    text_ += '"';
}

void line_writer::add_payload(std::string_view name, std::string_view bytes) {
    if (bytes.empty()) return;
    (text_ += ",\"") += name;
    switch (kind_of(bytes)) {
    case payload_kind::json: (text_ += "\":") += bytes; break;
    case payload_kind::text:
        text_ += "_text\":";
        add_string(text_, bytes);
        break;
    case payload_kind::bytes:
        text_ += "_base64\":\"";
        add_base64(text_, bytes);
        text_ += '"';
        break;
    }
}

void line_writer::end_of_line() {
    checksum_ = detail::crc32c(checksum_, std::string_view(text_).substr(begin_));
    begin_ = text_.size();
    checksum_of_line_ = checksum_;
    text_ += ",\"crc\":\"";
    add_hex(text_, checksum_);
    text_ += "\"}\n";
    checksum_ = detail::crc32c(checksum_, std::string_view(text_).substr(begin_));
    begin_ = text_.size();
}

void line_writer::add(const header_line& line) {
    begin_line("eventstore", "events");
    add_member("format", file_format);
    add_member("payload", line.payload == payload_format::jsonb ? "jsonb" : "bytea");
    add_member("after_position", line.after_position);
    add_member("database", line.database);
    add_member("schema", line.schema);
    add_member("schema_version", line.schema_version);
    add_member("library", line.library);
    add_time_member("begun_at", line.begun_at);
    add_member("log_state", line.log_state);
    end_of_line();
}

void line_writer::add(const event_line& line, std::string_view stream) {
    begin_line("position", line.position);
    begin_member("stream");
    if (stream.empty())
        add_string(text_, line.stream);
    else
        text_ += stream;
    add_member("version", line.version);
    if (line.link_to != 0) add_member("link_to", line.link_to);
    add_id("id", line.id);
    if (line.link_to == 0) add_member("type", line.type);
    add_time_member("created_at", line.created_at);
    if (line.stream_created_at) add_time_member("stream_created_at", *line.stream_created_at);
    if (line.correlation_id) add_id("correlation_id", *line.correlation_id);
    if (line.causation_id) add_id("causation_id", *line.causation_id);
    if (line.link_to == 0) {
        add_payload("metadata", line.metadata);
        add_payload("data", line.data);
    }
    end_of_line();
}

void line_writer::add(const stream_line& line) {
    begin_line("stream", line.stream);
    add_member("version", line.version);
    add_time_member("created_at", line.created_at);
    if (line.deleted_at) add_time_member("deleted_at", *line.deleted_at);
    end_of_line();
}

void line_writer::add(const retention_line& line) {
    begin_line("retention", line.name);
    add_member("is_prefix", std::int64_t{line.is_prefix});
    add_member("truncate_before", line.truncate_before);
    add_member("max_count", line.max_count);
    add_member("max_age", line.max_age);
    add_time_member("changed_at", line.changed_at);
    end_of_line();
}

void line_writer::add(const snapshot_line& line) {
    begin_line("snapshot", line.source);
    add_member("version", line.version);
    add_member("type", line.type);
    add_time_member("recorded_at", line.recorded_at);
    add_payload("metadata", line.metadata);
    add_payload("data", line.data);
    end_of_line();
}

void line_writer::add(const projection_line& line) {
    begin_line("projection", line.name);
    add_member("version", line.version);
    add_member("consumers", line.consumers);
    add_time_member("started_at", line.started_at.value_or(0));
    add_member("position", line.position);
    add_member("live_after", line.live_after);
    add_member("live_until", line.live_until);
    if (line.switched_at) add_time_member("switched_at", *line.switched_at);
    end_of_line();
}

void line_writer::add(const subscription_line& line) {
    begin_line("subscription", line.name);
    add_member("stream", line.stream);
    add_time_member("created_at", line.created_at);
    add_member("checkpoint", line.position);
    add_member("version", line.version);
    if (line.event_id) add_id("event_id", *line.event_id);
    add_member("deliveries", line.deliveries);
    add_member("delivered", line.delivered);
    add_member("announced", line.announced);
    end_of_line();
}

void line_writer::add(const parked_line& line) {
    begin_line("parked", line.position);
    add_member("subscription", line.subscription);
    add_member("stream", line.stream);
    add_member("reason", line.reason);
    add_member("deliveries", line.deliveries);
    add_time_member("parked_at", line.parked_at);
    add_member("replay", std::int64_t{line.replay});
    end_of_line();
}

void line_writer::add(const end_line& line) {
    begin_line("end", line.events);
    add_member("links", line.links);
    add_member("through_position", line.through_position);
    add_member("streams", line.streams);
    add_member("snapshots", line.snapshots);
    add_member("subscriptions", line.subscriptions);
    add_member("parked", line.parked);
    add_member("retentions", line.retentions);
    add_member("projections", line.projections);
    add_member("floor", line.floor);
    end_of_line();
}

} // namespace eventstore::maintenance
