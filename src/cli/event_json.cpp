#include "cli/event_json.hpp"

#include "cli/json_text.hpp"
#include "cli/time_text.hpp"
#include "cli/usage_error.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace eventstore::cli {

namespace {

[[noreturn]] void refuse(const std::string& name, const std::string& why) {
    throw usage_error("the member " + json_string(name) + " " + why);
}

std::string required_text(const json_member& member) {
    std::optional<std::string> text = text_of(member.value);
    if (!text) refuse(member.name, "is not a string");
    return std::move(*text);
}

uuid required_uuid(const json_member& member) {
    const std::optional<uuid> id = parse_uuid(required_text(member));
    if (!id) refuse(member.name, "is not a UUID");
    if (id->is_nil() && member.name == "id") refuse(member.name, "is nil, which is no id");
    return *id;
}

timestamp required_time(const json_member& member) {
    const std::optional<timestamp> when = parse_time(required_text(member));
    if (!when) refuse(member.name, "is not a time such as \"2025-06-24T14:36:25.5Z\"");
    return *when;
}

std::string decoded(const json_member& member) {
    std::optional<std::string> bytes = from_base64(required_text(member));
    if (!bytes) refuse(member.name, "is not base64");
    return std::move(*bytes);
}

/// The data, or the metadata, of an event: JSON as it was written, or a text, or bytes; or JSON, and beside it the text
/// that has white space which a line cannot hold.
class payload {
public:
    explicit payload(std::string name) : name_(std::move(name)) {}

    /// False if the member is none of its own.
    bool take(const json_member& member) {
        if (member.name == name_) {
            if (json_ || is_base64_) refuse(member.name, "is there twice");
            json_ = std::string(member.value);
        } else if (member.name == name_ + "_text") {
            if (exact_) refuse(member.name, "is there twice");
            exact_ = required_text(member);
        } else if (member.name == name_ + "_base64") {
            if (json_ || exact_) refuse(member.name, "is there twice");
            exact_ = decoded(member);
            is_base64_ = true;
        } else {
            return false;
        }
        return true;
    }

    std::optional<std::string> bytes() {
        if (json_ && exact_ && (!is_json(*exact_) || without_space(*json_) != without_space(*exact_)))
            refuse(name_ + "_text", "is another JSON than \"" + name_ + "\"; leave one of them out");
        return exact_ ? std::move(exact_) : std::move(json_);
    }

private:
    std::string name_;
    std::optional<std::string> json_;
    std::optional<std::string> exact_;
    bool is_base64_ = false;
};

void add(std::string& line, std::string_view name, std::string_view value) {
    line += line.empty() ? '{' : ',';
    (((line += '"') += name) += "\":") += value;
}

/// JSON on one line.
std::string on_one_line(std::string_view json) {
    const std::size_t first = json.find_first_not_of(" \t\r\n");
    std::string line(json.substr(first, json.find_last_not_of(" \t\r\n") + 1 - first));
    std::replace_if(
        line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
    return line;
}

void add_bytes(std::string& line, const std::string& name, std::string_view bytes) {
    if (is_json(bytes)) {
        const std::string value = on_one_line(bytes);
        add(line, name, value);
        if (value == bytes) return;
    }
    if (const std::string text = json_string(bytes); is_json(text))
        add(line, name + "_text", text);
    else
        add(line, name + "_base64", json_string(to_base64(bytes)));
}

} // namespace

input_event parse_event(std::string_view line) {
    std::optional<std::string> stream, type;
    payload data("data"), metadata("metadata");
    std::optional<uuid> id, correlation_id, causation_id;
    std::optional<timestamp> created_at;

    std::set<std::string> seen;
    for (const json_member& member : json_members(line)) {
        const std::string& name = member.name;
        if (!seen.insert(name).second) refuse(name, "is there twice");
        if (data.take(member) || metadata.take(member)) continue;
        if (name == "stream")
            stream = required_text(member);
        else if (name == "type")
            type = required_text(member);
        else if (name == "id")
            id = required_uuid(member);
        else if (name == "correlation_id")
            correlation_id = required_uuid(member);
        else if (name == "causation_id")
            causation_id = required_uuid(member);
        else if (name == "created_at")
            created_at = required_time(member);
        else if (name != "version" && name != "position" && name != "link_version" && name != "link_position")
            refuse(name, "is not known");
    }
    if (!type) throw usage_error("the member \"type\" is missing");
    std::optional<std::string> bytes = data.bytes();
    if (!bytes) throw usage_error("the member \"data\" is missing");

    event_data event(std::move(*type), std::move(*bytes));
    if (std::optional<std::string> more = metadata.bytes()) event.metadata(std::move(*more));
    if (id) event.id(*id);
    if (correlation_id) event.correlation_id(*correlation_id);
    if (causation_id) event.causation_id(*causation_id);
    if (created_at) event.created_at(*created_at);
    return {std::move(stream), std::move(event)};
}

std::string to_json(const recorded_event& event) {
    std::string line;
    line.reserve(300 + event.data().size() + event.metadata().size());
    add(line, "position", std::to_string(event.position()));
    add(line, "stream", json_string(event.stream()));
    add(line, "version", std::to_string(event.version()));
    if (event.is_linked()) {
        add(line, "link_version", std::to_string(event.link_version()));
        add(line, "link_position", std::to_string(event.link_position()));
    }
    add(line, "id", json_string(to_string(event.id())));
    add(line, "type", json_string(event.type()));
    add(line, "created_at", json_string(to_text(event.created_at())));
    if (event.correlation_id()) add(line, "correlation_id", json_string(to_string(*event.correlation_id())));
    if (event.causation_id()) add(line, "causation_id", json_string(to_string(*event.causation_id())));
    if (!event.metadata().empty()) add_bytes(line, "metadata", event.metadata());
    add_bytes(line, "data", event.data());
    return line += '}';
}

std::string to_json(std::string_view stream, const append_result& result) {
    std::string line;
    add(line, "stream", json_string(stream));
    add(line, "first_version", std::to_string(result.first_version));
    add(line, "last_version", std::to_string(result.last_version));
    add(line, "first_position", std::to_string(result.first_position));
    add(line, "last_position", std::to_string(result.last_position));
    add(line, "created_at", json_string(to_text(result.created_at)));
    add(line, "already_appended", result.already_appended ? "true" : "false");
    return line += '}';
}

std::string to_json(const snapshot& snapshot) {
    std::string line;
    add(line, "source", json_string(snapshot.source()));
    add(line, "version", std::to_string(snapshot.version()));
    add(line, "type", json_string(snapshot.type()));
    add(line, "recorded_at", json_string(to_text(snapshot.recorded_at())));
    if (!snapshot.metadata().empty()) add_bytes(line, "metadata", snapshot.metadata());
    add_bytes(line, "data", snapshot.data());
    return line += '}';
}

std::string shown(std::string_view data) {
    if (is_utf8(data)) return std::string(data);
    return std::to_string(data.size()) + " bytes, not text";
}

} // namespace eventstore::cli
