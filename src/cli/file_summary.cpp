#include "cli/file_summary.hpp"

namespace eventstore::cli {

void add_member(std::string& line, std::string_view name, std::int64_t value) {
    line += line.empty() ? "{\"" : ",\"";
    line += name;
    line += "\":" + std::to_string(value);
}

void add_members(std::string& line, const event_file_summary& made) {
    add_member(line, "events", made.events);
    add_member(line, "links", made.links);
    add_member(line, "after_position", made.after_position);
    add_member(line, "through_position", made.through_position);
    add_member(line, "streams", made.streams);
    add_member(line, "snapshots", made.snapshots);
    add_member(line, "subscriptions", made.subscriptions);
    add_member(line, "parked", made.parked);
    add_member(line, "retentions", made.retentions);
    add_member(line, "projections", made.projections);
    add_member(line, "bytes", static_cast<std::int64_t>(made.bytes));
}

void print_summary(const task& work, const event_file_summary& made, std::string_view new_events) {
    std::string line;
    if (work.given.format == style::json) {
        if (!new_events.empty()) add_member(line, new_events, made.new_events);
        add_members(line, made);
        line += "}\n";
    } else {
        line = std::to_string(made.events) + " events, positions " + std::to_string(made.after_position + 1) + " to " +
            std::to_string(made.through_position);
        if (!new_events.empty())
            line += ", of which " + std::to_string(made.new_events) + " were " + std::string(new_events) + " now";
        line += "; " + std::to_string(made.snapshots) + " snapshots, " + std::to_string(made.subscriptions) +
            " subscriptions\n";
    }
    work.out.put(line);
}

} // namespace eventstore::cli
