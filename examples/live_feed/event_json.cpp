#include "event_json.hpp"

#include "refusal.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_to.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <utility>

namespace live_feed {

namespace json = boost::json;

namespace {

constexpr std::size_t most_events = 1000;

[[noreturn]] void refuse(const std::string& why) { throw refusal(http::status::bad_request, why); }

bool is_json(std::string_view text) {
    json::error_code failed;
    json::parse(json::string_view(text.data(), text.size()), failed);
    return !failed;
}

/// Where the value that begins here ends; the text is known to be JSON.
std::size_t end_of_value(std::string_view text, std::size_t at) {
    bool in_string = false;
    for (int depth = 0; at < text.size(); ++at) {
        const char c = text[at];
        if (in_string) {
            if (c == '\\') ++at;
            if (c != '"') continue;
            in_string = false;
            if (depth == 0) return at + 1;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            ++depth;
        } else if (c == '}' || c == ']') {
            if (depth <= 1) return at + std::size_t(depth); // its own end, or that of what it is a part of
            --depth;
        } else if (depth == 0 && std::string_view(", \t\r\n").find(c) != std::string_view::npos) {
            return at;
        }
    }
    return at;
}

/// The values of an array, or names and values of an object in turn, as they were written. A parsed value would not do:
/// it gives back 1.0 as 1E0, and rounds long numbers.
std::vector<std::string_view> parts_of(std::string_view text) {
    std::vector<std::string_view> parts;
    for (std::size_t at = text.find_first_of("[{") + 1;;) {
        at = text.find_first_not_of(" \t\r\n,:", at);
        if (text[at] == ']' || text[at] == '}') return parts;
        const std::size_t end = end_of_value(text, at);
        parts.push_back(text.substr(at, end - at));
        at = end;
    }
}

std::string text_of(std::string_view value, const char* name) {
    if (!value.starts_with('"')) refuse(std::string("\"") + name + "\" is a string");
    return json::value_to<std::string>(json::parse(json::string_view(value.data(), value.size())));
}

es::event_data parse_event(std::string_view text) {
    if (!text.starts_with('{')) refuse(R"(an event is an object such as {"type":"Said","data":{"words":"Hello"}})");
    const std::vector<std::string_view> parts = parts_of(text);
    std::optional<std::string> type, data, metadata;
    std::optional<es::uuid> id;
    for (std::size_t i = 0; i < parts.size(); i += 2) {
        const std::string name = text_of(parts[i], "a name");
        if (name == "type")
            type = text_of(parts[i + 1], "type");
        else if (name == "data")
            data = parts[i + 1];
        else if (name == "metadata")
            metadata = parts[i + 1];
        else if (name != "id")
            refuse("an event has no member " + json_string(name) + "; it has type, data, and perhaps metadata and id");
        else if (id = es::parse_uuid(text_of(parts[i + 1], "id")); !id)
            refuse("\"id\" is a UUID");
    }
    if (!type) refuse("the event's \"type\" is missing");
    if (!data) refuse("the event's \"data\" is missing");
    es::event_data event(std::move(*type), std::move(*data));
    if (metadata) event.metadata(std::move(*metadata));
    if (id) event.id(*id);
    return event;
}

std::string time_text(es::timestamp when) {
    const auto day = std::chrono::floor<std::chrono::days>(when);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss<std::chrono::microseconds> time(when - day);
    char text[64];
    std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ", int(date.year()), unsigned(date.month()),
        unsigned(date.day()), int(time.hours().count()), int(time.minutes().count()), int(time.seconds().count()),
        int(time.subseconds().count()));
    return text;
}

void add_bytes(std::string& line, const std::string& name, std::string_view bytes) {
    if (is_json(bytes)) {
        // In JSON a line break is white space between values; in an event stream it would end the event.
        const std::size_t begin = line.append(",\"" + name + "\":").size();
        line += bytes;
        std::replace_if(
            line.begin() + std::ptrdiff_t(begin), line.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
    } else if (const std::string text = json_string(bytes); is_json(text)) { // no JSON if it is not UTF-8
        line += ",\"" + name + "_text\":" + text;
    } else {
        line += ",\"" + name + "_bytes\":" + std::to_string(bytes.size());
    }
}

} // namespace

std::string json_string(std::string_view text) { return json::serialize(json::string_view(text.data(), text.size())); }

std::vector<es::event_data> parse_events(std::string_view body) {
    if (!is_json(body)) refuse("the body is not JSON");
    body.remove_prefix(body.find_first_not_of(" \t\r\n"));
    std::vector<es::event_data> events;
    if (!body.starts_with('[')) {
        events.push_back(parse_event(body));
        return events;
    }
    const std::vector<std::string_view> parts = parts_of(body);
    if (parts.empty() || parts.size() > most_events)
        refuse("an array holds 1 to " + std::to_string(most_events) + " events, not " + std::to_string(parts.size()));
    for (const std::string_view part : parts) events.push_back(parse_event(part));
    return events;
}

std::string to_json(const es::recorded_event& event) {
    std::string line = "{\"position\":" + std::to_string(event.position());
    line += ",\"stream\":" + json_string(event.stream());
    line += ",\"version\":" + std::to_string(event.version());
    line += ",\"id\":\"" + es::to_string(event.id());
    line += "\",\"type\":" + json_string(event.type());
    line += ",\"created_at\":\"" + time_text(event.created_at()) + '"';
    add_bytes(line, "data", event.data());
    if (!event.metadata().empty()) add_bytes(line, "metadata", event.metadata());
    return line += '}';
}

std::string to_json(std::string_view stream, const es::append_result& result) {
    return "{\"stream\":" + json_string(stream) + ",\"first_version\":" + std::to_string(result.first_version) +
        ",\"last_version\":" + std::to_string(result.last_version) +
        ",\"first_position\":" + std::to_string(result.first_position) +
        ",\"last_position\":" + std::to_string(result.last_position) +
        ",\"already_appended\":" + (result.already_appended ? "true}" : "false}");
}

} // namespace live_feed
