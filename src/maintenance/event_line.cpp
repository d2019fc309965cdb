#include "maintenance/event_line.hpp"

#include "base/crc32c.hpp"
#include "maintenance/line_text.hpp"
#include "maintenance/line_time.hpp"

namespace eventstore::maintenance {

void line_writer::add_member(std::string_view name, std::string_view text) {
    ((text_ += ",\"") += name) += "\":";
    add_string(text_, text);
}

void line_writer::add_member(std::string_view name, std::int64_t value) {
    ((text_ += ",\"") += name) += "\":";
    add_number(text_, value);
}

void line_writer::add_time_member(std::string_view name, microseconds_of_postgres time) {
    ((text_ += ",\"") += name) += "\":";
    add_time(text_, time);
}

void line_writer::add_id(std::string_view name, const uuid& id) {
    ((text_ += ",\"") += name) += "\":\"";
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
    text_ += "{\"eventstore\":\"events\"";
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
    text_ += "{\"position\":";
    add_number(text_, line.position);
    text_ += ",\"stream\":";
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
    text_ += "{\"stream\":";
    add_string(text_, line.stream);
    add_member("version", line.version);
    add_time_member("created_at", line.created_at);
    if (line.deleted_at) add_time_member("deleted_at", *line.deleted_at);
    end_of_line();
}

void line_writer::add(const snapshot_line& line) {
    text_ += "{\"snapshot\":";
    add_string(text_, line.source);
    add_member("version", line.version);
    add_member("type", line.type);
    add_time_member("recorded_at", line.recorded_at);
    add_payload("metadata", line.metadata);
    add_payload("data", line.data);
    end_of_line();
}

void line_writer::add(const subscription_line& line) {
    text_ += "{\"subscription\":";
    add_string(text_, line.name);
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
    text_ += "{\"parked\":";
    add_number(text_, line.position);
    add_member("subscription", line.subscription);
    add_member("stream", line.stream);
    add_member("reason", line.reason);
    add_member("deliveries", line.deliveries);
    add_time_member("parked_at", line.parked_at);
    add_member("replay", line.replay ? 1 : 0);
    end_of_line();
}

void line_writer::add(const end_line& line) {
    text_ += "{\"end\":";
    add_number(text_, line.events);
    add_member("links", line.links);
    add_member("through_position", line.through_position);
    add_member("streams", line.streams);
    add_member("snapshots", line.snapshots);
    add_member("subscriptions", line.subscriptions);
    add_member("parked", line.parked);
    end_of_line();
}

} // namespace eventstore::maintenance
