// Calls and answers as text.
#include "simulation/database_call.hpp"

#include <sstream>

namespace eventstore::test::simulation {

namespace {

std::string text_of_id(const std::optional<uuid>& id) { return id ? eventstore::to_string(*id) : "none"; }

template <class List>
std::string text_of_list(const List& list) {
    std::ostringstream out;
    for (const auto& one : list) out << one << ' ';
    return out.str();
}

struct call_text {
    std::ostringstream out;

    void operator()(const append_call& call) {
        out << (call.is_lone ? "append_event" : "append_events") << " care " << static_cast<int>(call.care) << " seen "
            << call.seen.position << ":";
        for (std::size_t i = 0; i < call.appends.size(); ++i) {
            for (const append::append_part& part : call.appends[i]->parts) {
                out << " [" << part.stream << " expects " << part.expected << (call.retries[i] ? " again" : "");
                for (const event_data& event : part.events) out << ' ' << eventstore::to_string(event.id());
                out << ']';
            }
        }
    }
    void operator()(const claim_call& call) {
        out << "claim " << call.stream << ' ' << call.name << " by " << text_of_id(call.owner);
        if (call.stalled) out << ", stalled at epoch " << call.stalled->epoch << " beat " << call.stalled->beat;
    }
    void operator()(const settle_call& call) {
        out << "settle by " << text_of_id(call.owner) << ':';
        for (const delivery::lease_write& row : call.rows) write(row);
    }
    void operator()(const checkpoint_call& call) {
        out << "checkpoint_or_fail from " << call.row.first << " by " << text_of_id(call.owner) << ':';
        write(call.row);
    }
    void operator()(const park_call& call) {
        out << "park " << call.id << " epoch " << call.epoch << ": " << text_of_list(call.positions);
    }
    void operator()(const unpark_call& call) {
        out << "unpark " << call.id << " epoch " << call.epoch << ": " << text_of_list(call.positions);
    }
    void operator()(const release_call& call) { out << "release_parked " << call.stream << ' ' << call.name; }
    void operator()(const replays_call& call) { out << "parked_to_replay " << call.id; }
    void operator()(const page_call& call) {
        out << "read " << call.stream << " from " << call.from << " count " << call.count << " seen " << call.seen;
    }
    void operator()(const look_call& call) { out << "look " << call.seen.position; }
    void operator()(const administer_call& call) {
        out << (call.checkpoint ? "reset " : "delete ") << call.stream << ' ' << call.name;
    }

    void write(const delivery::lease_write& row) {
        const auto& reached = row.progress.checkpoint;
        out << " [" << row.id << " epoch " << row.epoch << " beat " << row.beat << " from " << row.from;
        if (row.is_moved) out << " to " << reached.where.position << '/' << reached.where.version;
        out << " seen " << row.progress.received << (row.releases ? " releases" : "") << ']';
    }
};

} // namespace

std::string text_of(const append_reply& answer) {
    if (!answer.sqlstate.empty()) return "SQLSTATE " + answer.sqlstate;
    std::ostringstream out;
    const bool is_careful = !answer.is_of_lone && answer.values[0] == 1;
    for (std::size_t i = 0; i < answer.values.size(); ++i) {
        const bool is_time = answer.is_of_lone ? i >= 3 : i == 2 || i == 3 || (is_careful && i > 3 && i % 6 == 2);
        if (is_time)
            out << "- ";
        else if (answer.values[i])
            out << *answer.values[i] << ' ';
        else
            out << "null ";
    }
    return out.str();
}

std::string text_of(const claim_reply& answer) {
    std::ostringstream out;
    out << (answer.is_taken              ? "taken"
                   : answer.is_truncated ? "truncated"
                                         : "not taken")
        << ": id " << answer.there.id << " epoch " << answer.there.epoch << " beat " << answer.there.beat;
    if (!answer.is_taken) {
        out << " lease " << answer.owners_lease.count();
        return out.str();
    }
    out << " checkpoint " << answer.checkpoint.position << '/' << answer.checkpoint.version << ' '
        << text_of_id(answer.event) << (answer.replays ? " replays" : "")
        << (answer.stream_id != 0 ? " of a stream" : "") << " handed out " << answer.handed_out.deliveries << ' '
        << answer.handed_out.delivered << ' ' << answer.handed_out.through;
    return out.str();
}

std::string text_of(const std::vector<std::int64_t>& codes) { return text_of_list(codes); }
std::string text_of(bool answer) { return answer ? "true" : "false"; }
std::string text_of(const std::string& sqlstate) { return sqlstate.empty() ? "done" : "SQLSTATE " + sqlstate; }
std::string text_of(const std::optional<std::int64_t>& count) { return count ? std::to_string(*count) : "null"; }

std::string text_of(const replay_list& answer) {
    std::ostringstream out;
    for (const auto& [position, deliveries] : answer) out << position << " had " << deliveries << "; ";
    return out.str();
}

std::string text_of(const page_reply& answer) {
    if (answer.is_missing) return "no such stream";
    std::ostringstream out;
    out << "head " << answer.head << ' ' << text_of_id(answer.head_event) << " seen " << text_of_id(answer.seen_event)
        << ':';
    for (const stored_event* const event : answer.events)
        out << ' ' << event->position << '/' << event->stream << '/' << event->version << '/' << event->type << '/'
            << eventstore::to_string(event->id);
    return out.str();
}

std::string text_of(const look_reply& answer) {
    return std::to_string(answer.head.position) + ' ' + text_of_id(answer.head.event) +
        (answer.is_held ? " is held" : " is not held");
}

std::string text_of(const database_call& call) {
    call_text text;
    std::visit(text, call);
    return text.out.str();
}

} // namespace eventstore::test::simulation
