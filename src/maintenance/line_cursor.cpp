#include "maintenance/line_cursor.hpp"

#include "base/text.hpp"
#include "maintenance/line_text.hpp"
#include "maintenance/line_time.hpp"

#include <charconv>
#include <cstdint>
#include <limits>

namespace eventstore::maintenance {

std::optional<checked_line> split_checksum(std::string_view line) noexcept {
    constexpr std::string_view before = ",\"crc\":\"";
    constexpr std::string_view after = "\"}";
    constexpr std::size_t digits = 8;
    if (line.size() < before.size() + digits + after.size() || !line.ends_with(after)) return std::nullopt;
    const std::size_t at = line.size() - before.size() - digits - after.size();
    if (line.substr(at, before.size()) != before) return std::nullopt;
    const auto value = from_hex(line.substr(at + before.size(), digits));
    if (!value) return std::nullopt;
    return checked_line{line.substr(0, at), *value};
}

line_kind kind_of_line(std::string_view body) noexcept {
    if (body.starts_with("{\"position\":")) return line_kind::event;
    if (body.starts_with("{\"eventstore\":")) return line_kind::header;
    if (body.starts_with("{\"stream\":")) return line_kind::stream;
    if (body.starts_with("{\"retention\":")) return line_kind::retention;
    if (body.starts_with("{\"snapshot\":")) return line_kind::snapshot;
    if (body.starts_with("{\"projection\":")) return line_kind::projection;
    if (body.starts_with("{\"subscription\":")) return line_kind::subscription;
    if (body.starts_with("{\"parked\":")) return line_kind::parked;
    if (body.starts_with("{\"end\":")) return line_kind::end;
    return line_kind::unknown;
}

std::string line_cursor::why() const {
    if (member_.empty()) return std::string(why_);
    return detail::message("the member \"", member_, "\" ", why_);
}

bool line_cursor::fail(std::string_view why) {
    why_ = why;
    return false;
}

bool line_cursor::skip(std::string_view text) noexcept {
    if (!starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
}

// ,"name": but the first member of a line has a brace before it.
bool line_cursor::optional_member(std::string_view name) noexcept {
    const std::size_t size = name.size() + 4;
    if (rest_.size() < size || (rest_[0] != ',' && rest_[0] != '{') || rest_[1] != '"' ||
        rest_.substr(2, name.size()) != name || rest_[name.size() + 2] != '"' || rest_[name.size() + 3] != ':')
        return false;
    member_ = name;
    rest_.remove_prefix(size);
    return true;
}

bool line_cursor::member(std::string_view name) {
    if (optional_member(name)) return true;
    member_ = name;
    return fail("is missing, or does not stand in its place");
}

bool line_cursor::number_value(std::int64_t& value, std::int64_t least) {
    const auto [end, failed] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (failed != std::errc() || value < least) return fail("is no number, or out of bounds");
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return true;
}

bool line_cursor::number(std::string_view name, std::int64_t& value, std::int64_t least) {
    return member(name) && number_value(value, least);
}

bool line_cursor::optional_number(std::string_view name, std::optional<std::int64_t>& value, std::int64_t least) {
    value.reset();
    return !optional_member(name) || number_value(value.emplace(), least);
}

bool line_cursor::text_value(std::string& room, std::string_view& value) {
    const std::size_t length = rest_.starts_with('"') ? json_length(rest_) : 0;
    if (length == 0) return fail("is no string");
    value = rest_.substr(1, length - 2);
    rest_.remove_prefix(length);
    std::size_t escape = value.find('\\');
    if (escape == value.npos) return true;
    room.clear();
    for (std::string_view left = value;; escape = left.find('\\')) {
        room += left.substr(0, escape);
        if (escape == left.npos) break;
        const char kind = left[escape + 1];
        left.remove_prefix(escape + 2);
        switch (kind) {
        case 'n': room += '\n'; break;
        case 'r': room += '\r'; break;
        case 't': room += '\t'; break;
        case 'u': {
            const auto code = from_hex(std::string("0000").append(left.substr(0, 4)));
            if (!code || *code >= 0x20) return fail("has an escape that no export writes");
            room += static_cast<char>(*code);
            left.remove_prefix(4);
            break;
        }
        case '"':
        case '\\': room += kind; break;
        default: return fail("has an escape that no export writes");
        }
    }
    value = room;
    return true;
}

bool line_cursor::text(std::string_view name, std::string& room, std::string_view& value) {
    return member(name) && text_value(room, value);
}

bool line_cursor::own_text(std::string_view name, std::string& value) {
    std::string_view read;
    std::string decoded;
    if (!text(name, decoded, read)) return false;
    value = read;
    return true;
}

bool line_cursor::time_value(std::int64_t& value) {
    const std::size_t end = rest_.starts_with('"') ? rest_.find('"', 1) : rest_.npos;
    const auto read = end == rest_.npos ? std::nullopt : time_of(rest_.substr(1, end - 1));
    if (!read) return fail("is no time");
    value = *read;
    rest_.remove_prefix(end + 1);
    return true;
}

bool line_cursor::time(std::string_view name, std::int64_t& value) { return member(name) && time_value(value); }

bool line_cursor::optional_time(std::string_view name, std::optional<std::int64_t>& value) {
    value.reset();
    return !optional_member(name) || time_value(value.emplace());
}

bool line_cursor::id_value(uuid& value) {
    constexpr std::size_t length = 36;
    const auto read = rest_.starts_with('"') ? uuid_of(rest_.substr(1, length)) : std::nullopt;
    if (!read || rest_.size() < length + 2 || rest_[length + 1] != '"') return fail("is no UUID");
    value = *read;
    rest_.remove_prefix(length + 2);
    return true;
}

bool line_cursor::optional_id(std::string_view name, std::optional<uuid>& value) {
    value.reset();
    return !optional_member(name) || id_value(value.emplace());
}

bool line_cursor::payload(std::string_view name, std::string& room, std::string_view& value) {
    value = {};
    if (optional_member(name)) {
        const std::size_t length = json_length(rest_);
        if (length == 0) return fail("is no JSON");
        value = rest_.substr(0, length);
        rest_.remove_prefix(length);
        return true;
    }
    const auto has_suffix = [&](std::string_view suffix) {
        return rest_.size() > name.size() + 2 && rest_.substr(0, 2) == ",\"" && rest_.substr(2, name.size()) == name &&
            rest_.substr(2 + name.size()).starts_with(suffix);
    };
    constexpr std::string_view as_text = "_text\":";
    constexpr std::string_view as_base64 = "_base64\":";
    if (has_suffix(as_text)) {
        member_ = name;
        rest_.remove_prefix(2 + name.size() + as_text.size());
        return text_value(room, value);
    }
    if (has_suffix(as_base64)) {
        member_ = name;
        rest_.remove_prefix(2 + name.size() + as_base64.size());
        std::string unused;
        std::string_view coded;
        if (!text_value(unused, coded)) return false;
        room.clear();
        if (!add_from_base64(room, coded)) return fail("is no base64");
        value = room;
    }
    return true;
}

bool line_cursor::end() {
    member_ = {};
    return rest_.empty() || fail("there is more in the line than there should be");
}

bool line_cursor::read(header_line& line) {
    std::string kind, payload;
    std::int64_t format = 0;
    if (!own_text("eventstore", kind) || !number("format", format, 1)) return false;
    if (kind != "events" || format != file_format) return fail("is of another format than this library reads");
    if (!own_text("payload", payload)) return false;
    if (payload != "bytea" && payload != "jsonb") return fail("is neither bytea nor jsonb");
    line.payload = payload == "jsonb" ? payload_format::jsonb : payload_format::bytea;
    return number("after_position", line.after_position, 0) && own_text("database", line.database) &&
        own_text("schema", line.schema) && number("schema_version", line.schema_version, 0) &&
        own_text("library", line.library) && time("begun_at", line.begun_at) && own_text("log_state", line.log_state) &&
        end();
}

bool line_cursor::read(event_line& line) {
    if (!number("position", line.position, 1) || !text("stream", room_.stream, line.stream) ||
        !number("version", line.version, 1))
        return false;
    line.link_to = 0;
    if (optional_member("link_to")) {
        if (!number_value(line.link_to, 1)) return false;
        if (line.link_to >= line.position) return fail("is not before the link");
    }
    if (!member("id") || !id_value(line.id)) return false;
    if (line.id.is_nil()) return fail("is nil, which is no id");
    line.type = {};
    if (line.link_to == 0) {
        if (!text("type", room_.type, line.type)) return false;
        constexpr std::size_t longest = 512;
        if (line.type.empty() || line.type.size() > longest) return fail("has not 1 to 512 bytes");
    }
    if (!time("created_at", line.created_at)) return false;
    if (!optional_time("stream_created_at", line.stream_created_at) ||
        !optional_id("correlation_id", line.correlation_id) || !optional_id("causation_id", line.causation_id))
        return false;
    line.metadata = line.data = {};
    return (line.link_to != 0 ||
               (payload("metadata", room_.metadata, line.metadata) && payload("data", room_.data, line.data))) &&
        end();
}

bool line_cursor::read(stream_line& line) {
    return own_text("stream", line.stream) && number("version", line.version, 0) &&
        time("created_at", line.created_at) && optional_time("deleted_at", line.deleted_at) && end();
}

bool line_cursor::read(retention_line& line) {
    std::int64_t is_prefix = 0;
    if (!own_text("retention", line.name) || !number("is_prefix", is_prefix, 0)) return false;
    line.is_prefix = is_prefix != 0;
    if (!optional_number("truncate_before", line.truncate_before, 1) ||
        !optional_number("max_count", line.max_count, 1) || !optional_number("max_age", line.max_age, 1))
        return false;
    if (!line.truncate_before && !line.max_count && !line.max_age) {
        member_ = "retention";
        return fail("has no setting");
    }
    return time("changed_at", line.changed_at) && end();
}

bool line_cursor::read(snapshot_line& line) {
    std::string_view metadata, data;
    if (!own_text("snapshot", line.source) || !number("version", line.version, 1) || !own_text("type", line.type) ||
        !time("recorded_at", line.recorded_at) || !payload("metadata", room_.metadata, metadata) ||
        !payload("data", room_.data, data))
        return false;
    line.metadata = metadata;
    line.data = data;
    return end();
}

bool line_cursor::read(projection_line& line) {
    constexpr std::int64_t highest_version = std::numeric_limits<std::int32_t>::max(); // as the table has it
    constexpr std::int64_t most_consumers = 1'000;                                     // more than any has
    if (!own_text("projection", line.name) || !number("version", line.version, 1)) return false;
    if (line.version > highest_version) return fail("is no number, or out of bounds");
    if (!number("consumers", line.consumers, 1)) return false;
    if (line.consumers > most_consumers) return fail("is no number, or out of bounds");
    return time("started_at", line.started_at.emplace()) && number("position", line.position, 0) &&
        optional_number("live_after", line.live_after, 0) && optional_number("live_until", line.live_until, 0) &&
        optional_time("switched_at", line.switched_at) && end();
}

bool line_cursor::read(subscription_line& line) {
    return own_text("subscription", line.name) && own_text("stream", line.stream) &&
        time("created_at", line.created_at) && number("checkpoint", line.position, 0) &&
        number("version", line.version, 0) && optional_id("event_id", line.event_id) &&
        number("deliveries", line.deliveries, 0) && number("delivered", line.delivered, 0) &&
        number("announced", line.announced, 0) && end();
}

bool line_cursor::read(parked_line& line) {
    std::int64_t replay = 0;
    const bool is_good = number("parked", line.position, 1) && own_text("subscription", line.subscription) &&
        own_text("stream", line.stream) && own_text("reason", line.reason) &&
        number("deliveries", line.deliveries, 0) && time("parked_at", line.parked_at) && number("replay", replay, 0) &&
        end();
    line.replay = replay != 0;
    return is_good;
}

bool line_cursor::read(end_line& line) {
    std::optional<std::int64_t> retentions, projections, floor;
    const bool is_good = number("end", line.events, 0) && number("links", line.links, 0) &&
        number("through_position", line.through_position, 0) && number("streams", line.streams, 0) &&
        number("snapshots", line.snapshots, 0) && number("subscriptions", line.subscriptions, 0) &&
        number("parked", line.parked, 0) && optional_number("retentions", retentions, 0) &&
        optional_number("projections", projections, 0) && optional_number("floor", floor, 0) && end();
    line.retentions = retentions.value_or(0);
    line.projections = projections.value_or(0);
    line.floor = floor.value_or(0);
    return is_good;
}

} // namespace eventstore::maintenance
