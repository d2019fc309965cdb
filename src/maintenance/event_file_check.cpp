#include "maintenance/event_file_check.hpp"

#include "base/text.hpp"
#include "maintenance/line_file.hpp"

namespace eventstore::maintenance {

using detail::message;

file_rules::refusal file_rules::go_to(step next) {
    if (step_ == step::nothing && next != step::header) return "the first line of the file is missing";
    if (step_ == step::end) return "there is a line after the last one";
    if (next < step_ || (next == step::header && step_ != step::nothing)) return "the line does not belong here";
    step_ = next;
    return std::nullopt;
}

file_rules::refusal file_rules::take(const header_line& line) {
    summary_.payload = line.payload;
    summary_.after_position = line.after_position;
    return go_to(step::header);
}

file_rules::refusal file_rules::take(const event_line& line) {
    if (auto why = go_to(step::events)) return why;
    const std::int64_t before = summary_.events == 0 ? summary_.after_position : summary_.last_position;
    if (line.position <= before)
        return message("its position ", std::to_string(line.position), " is not after ", std::to_string(before));
    summary_.last_position = line.position;
    ++summary_.events;
    if (line.link_to != 0) ++summary_.links;
    return std::nullopt;
}

file_rules::refusal file_rules::take(const stream_line&) {
    ++summary_.streams;
    return go_to(step::streams);
}

file_rules::refusal file_rules::take(const retention_line&) {
    ++summary_.retentions;
    return go_to(step::retentions);
}

file_rules::refusal file_rules::take(const snapshot_line&) {
    ++summary_.snapshots;
    return go_to(step::snapshots);
}

file_rules::refusal file_rules::take(const projection_line&) {
    ++summary_.projections;
    return go_to(step::projections);
}

file_rules::refusal file_rules::take(const subscription_line&) {
    ++summary_.subscriptions;
    return go_to(step::subscriptions);
}

file_rules::refusal file_rules::take(const parked_line&) {
    ++summary_.parked;
    return go_to(step::parked);
}

file_rules::refusal file_rules::take(const end_line& line) {
    summary_.through_position = line.through_position;
    if (auto why = go_to(step::end)) return why;
    if (line.events != summary_.events || line.links != summary_.links || line.streams != summary_.streams ||
        line.snapshots != summary_.snapshots || line.subscriptions != summary_.subscriptions ||
        line.parked != summary_.parked || line.retentions != summary_.retentions ||
        line.projections != summary_.projections || line.floor > line.through_position ||
        line.through_position < summary_.last_position)
        return "the counts of the last line are not those of the file";
    return std::nullopt;
}

file_rules::refusal file_rules::at_end() const {
    if (is_complete()) return std::nullopt;
    return "the file ends before its last line: it is not complete; go on with the export, or make a new one";
}

namespace {

template <class Line>
file_rules::refusal read_as(line_cursor cursor, file_rules& rules) {
    Line line;
    if (!cursor.read(line)) return cursor.why();
    return rules.take(line);
}

} // namespace

file_rules::refusal read_any(std::string_view body, decoded_payloads& room, file_rules& rules) {
    const line_cursor cursor(body, room);
    switch (kind_of_line(body)) {
    case line_kind::header: return read_as<header_line>(cursor, rules);
    case line_kind::event: return read_as<event_line>(cursor, rules);
    case line_kind::stream: return read_as<stream_line>(cursor, rules);
    case line_kind::retention: return read_as<retention_line>(cursor, rules);
    case line_kind::snapshot: return read_as<snapshot_line>(cursor, rules);
    case line_kind::projection: return read_as<projection_line>(cursor, rules);
    case line_kind::subscription: return read_as<subscription_line>(cursor, rules);
    case line_kind::parked: return read_as<parked_line>(cursor, rules);
    case line_kind::end: return read_as<end_line>(cursor, rules);
    case line_kind::unknown: break;
    }
    return "no export of this version writes such a line";
}

result<event_file_summary> check_file(const std::string& path, detail::stop_question is_stopped) {
    auto opened = line_file::open(path, std::move(is_stopped));
    if (!opened) return opened.error();
    line_file& file = **opened;
    decoded_payloads room;
    file_rules rules;
    for (;;) {
        const auto line = file.next();
        if (!line) return line.error();
        if (!*line) break;
        if (const auto why = read_any(**line, room, rules)) return file.damaged(*why);
    }
    if (const auto why = rules.at_end()) return file.damaged_at(file.number() + 1, *why);
    event_file_summary found = rules.summary();
    found.bytes = file.offset();
    found.checksum = file.checksum_of_line();
    return found;
}

} // namespace eventstore::maintenance
