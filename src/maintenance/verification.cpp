#include "maintenance/verification.hpp"

#include "base/text.hpp"
#include "maintenance/advice.hpp"
#include "maintenance/number_text.hpp"
#include "storage/statements.hpp"

#include <algorithm>
#include <utility>

namespace eventstore::maintenance {

using detail::message;
using detail::quoted_for_message;

namespace {

/// "position 5 is", "positions 5 to 7 are"
std::string range(const char* noun, std::int64_t first, std::int64_t last) {
    if (first == last) return message(noun, " ", text(first), " is");
    return message(noun, "s ", text(first), " to ", text(last), " are");
}

constexpr const char* restore = "restore a backup into another schema (sql/README.md, \"Backup\") and compare; rows "
                                "that it has can be inserted by the "
                                "owner, with their positions, ids and versions";

finding about_stream(
    const std::string& stream, std::int64_t version, std::int64_t position, std::string message, std::string advice) {
    finding one;
    one.subject = stream;
    one.version = version;
    one.position = position;
    one.message = std::move(message);
    one.advice = std::move(advice);
    return one;
}

std::string shown(const subscription_row& subscription) {
    return message(
        "the subscription ", quoted_for_message(subscription.name), " to ", quoted_for_message(subscription.stream));
}

} // namespace

verification::verification(std::string schema, std::size_t max_findings)
    : schema_(std::move(schema)), quoted_(storage::quoted_identifier(schema_)), findings_(max_findings) {}

void verification::problem(std::string check, finding about) {
    about.severity = severity::problem;
    about.check = std::move(check);
    findings_.add(std::move(about));
}

void verification::missing_index(
    const log_row& log, const std::string& columns, const std::string& name, const std::string& why) {
    if (log.has_key(columns)) return;
    finding one;
    one.subject = name;
    one.message = message("the table events has no valid unique index by ", columns, ": ", why);
    one.advice = "make it anew, after what is there twice is put right";
    one.command = message("create unique index ", name, " on ", quoted_, ".events (", columns, ");");
    problem("missing_index", std::move(one));
}

void verification::take(const log_row& log) {
    floor_ = log.floor;
    report_.head = log.last_position;
    if (log.states != 1) {
        finding one;
        one.subject = "log_state";
        one.message =
            message("the table log_state has ", text(log.states), " rows and not one: nothing can be appended");
        one.advice = "insert the row, with the last position that was ever assigned as its floor";
        one.command = message(
            "insert into ", quoted_, ".log_state (floor) select coalesce(max(position), 0) from ", quoted_, ".events;");
        problem("log_state", std::move(one));
    }
    missing_index(log, "position", "events_pkey", "a position may be there twice, and reads are slow");
    missing_index(log, "stream_id,stream_version", "events_stream_version_key",
        "a version may be there twice; versions were not looked at, since that would take too long");
    missing_index(log, "event_id", "events_event_id_key", "an event may be appended twice");
    if (log.first_position < 1 && log.last_position != 0) {
        finding one;
        one.position = log.first_position;
        one.message =
            message("the first position of the log is ", text(log.first_position), ", but positions count from 1");
        one.advice = restore;
        problem("position", std::move(one));
    }
}

verification::events_page verification::take(const std::vector<event_row>& page, std::int64_t through) {
    events_page sum;
    for (const event_row& row : page) {
        if (row.kind == "page") {
            sum.rows = row.first;
            sum.links = row.second;
            sum.last = row.third;
            floor_ = row.fourth;
        } else if (row.kind == "next") {
            sum.next = row.first;
            if (older_ == 0 && row.second > 0) first_older_ = row.third;
            older_ += row.second;
        }
    }
    report_.events += sum.rows;
    report_.links += sum.links;

    std::vector<std::pair<std::int64_t, std::int64_t>> gaps;
    for (const event_row& row : page) {
        finding one;
        one.position = row.first;
        if (row.kind == "gap") {
            gaps.emplace_back(row.first, row.second);
        } else if (row.kind == "twice") {
            one.message = message("position ", text(row.first), " is there twice");
            one.advice =
                "the primary key of events is missing or damaged: remove the row that does not belong there, then "
                "make the key anew";
            problem("position", std::move(one));
        } else if (row.kind == "orphan") {
            one.message = message("the event at position ", text(row.first), " belongs to the stream with the id ",
                text(row.second), ", which does not exist");
            one.advice = "insert the row of the stream again, with its name and the version of its last event";
            one.command = message("insert into ", quoted_,
                ".streams (stream_id, name, version, created_at) overriding system value select stream_id, 'NAME', "
                "max(stream_version), min(created_at) from ",
                quoted_, ".events where stream_id = ", text(row.second), " group by stream_id;");
            problem("missing_stream", std::move(one));
        } else if (row.kind == "order") {
            one.subject = row.stream;
            one.version = row.second;
            one.message =
                message("version ", text(row.second), " of stream ", quoted_for_message(row.stream), " is at position ",
                    text(row.first), ", before version ", text(row.fourth), " at position ", text(row.third));
            one.advice = message("the version or the position of one of them was changed; ", restore);
            problem("version_order", std::move(one));
        }
    }
    // The last rows of the range may be gone, too.
    const std::int64_t last = std::max(sum.last, last_seen_);
    const std::int64_t end = sum.next > 0 ? std::min(through, report_.head) : 0;
    if (end > last) gaps.emplace_back(last + 1, end);
    std::sort(gaps.begin(), gaps.end());
    for (const auto& [first, last_missing] : gaps) {
        missing_.add(first, std::min(last_missing, floor_));
        const std::int64_t lost = std::max(first, floor_ + 1);
        if (lost > last_missing) continue;
        finding one;
        one.position = lost;
        one.message = message(range("position", lost, last_missing),
            " missing, and no hard delete or scavenging explains that: the last one that may have been deleted is ",
            text(floor_));
        one.advice = restore;
        problem("missing_event", std::move(one));
    }
    last_seen_ = std::max(last, end);
    return sum;
}

void verification::take(const link_row& link) {
    std::string what = message("the link at position ", text(link.position), " (version ", text(link.version),
        " of stream ", quoted_for_message(link.stream), ")");
    if (link.is_dangling) {
        problem("dangling_link",
            about_stream(link.stream, link.version, link.position,
                message(what, " is to position ", text(link.link_to), ", where no event is"), restore));
    } else if (link.is_of_link) {
        problem("link",
            about_stream(link.stream, link.version, link.position,
                message(what, " is to position ", text(link.link_to), ", which is a link itself"),
                "let it name the original, at the position that the other one links to"));
    } else {
        problem("link",
            about_stream(link.stream, link.version, link.position,
                message(what, " differs from its original at position ", text(link.link_to), " in ", link.differing),
                "one of the two was changed: compare both with a backup, and let the owner correct the row"));
    }
}

verification::streams_page verification::take(const std::vector<stream_row>& page) {
    streams_page sum;
    for (const stream_row& row : page) {
        if (row.kind == "page") {
            report_.streams += row.stream_id;
            sum.last_stream = row.version;
            floor_ = row.before_version;
        } else if (row.kind == "large") {
            sum.large.push_back(row);
        }
    }
    for (const stream_row& row : page) {
        const bool is_end = row.kind == "end";
        if ((!is_end && row.kind != "gap") || row.is_going) continue; // its events are being removed
        if (is_end && row.before_version == row.version) continue;    // empty, and says so
        if (is_end && row.before_version > row.version) {
            finding one = about_stream(row.name, row.version, row.before_position,
                message("stream ", quoted_for_message(row.name), " is at version ", text(row.version),
                    ", but its last event has version ", text(row.before_version), ": no append to it succeeds"),
                "set its version to that of its last event");
            one.command = under_log_lock(quoted_,
                message("update ", quoted_, ".streams set version = ", text(row.before_version),
                    " where stream_id = ", text(row.stream_id), " and version = ", text(row.version)));
            problem("stream_version", std::move(one));
            continue;
        }
        if (!is_end && row.at_version <= row.before_version) {
            problem("version",
                about_stream(row.name, row.at_version, row.at_position,
                    row.at_version < 1 ? message("stream ", quoted_for_message(row.name), " has an event with version ",
                                             text(row.at_version), ", but versions count from 1")
                                       : message("version ", text(row.at_version), " of stream ",
                                             quoted_for_message(row.name), " is there twice"),
                    restore));
            continue;
        }
        version_gap gap;
        gap.stream_id = row.stream_id;
        gap.stream = row.name;
        gap.stream_version = row.version;
        gap.is_at_end = is_end;
        gap.first = row.before_version + 1;
        gap.last = is_end ? row.version : row.at_version - 1;
        gap.from_position = row.before_position + 1;
        gap.to_position = is_end ? floor_ : std::min(row.at_position - 1, floor_);
        const std::int64_t missing = missing_.count_in(gap.from_position, gap.to_position);
        if (missing >= gap.count())
            judge(gap, missing);
        else
            sum.unexplained.push_back(std::move(gap));
    }
    return sum;
}

void verification::judge(const version_gap& gap, std::int64_t missing) {
    const std::string name = quoted_for_message(gap.stream);
    finding one = about_stream(gap.stream, gap.first, 0, "", restore);
    if (missing >= gap.count() && gap.first == 1) { // which is how scavenging leaves a stream
        ++late_streams_;
        missing_first_ += gap.count();
        return;
    }
    if (missing >= gap.count()) {
        missing_versions_ += gap.count();
        one.severity = severity::note;
        one.check = "missing_version";
        one.message = message(range("version", gap.first, gap.last), " missing in stream ", name,
            ": they were links to events that were removed, or are lost");
        one.advice = message("nothing, if there were links in this stream; else ", restore);
        findings_.add(std::move(one));
        return;
    }
    if (gap.is_at_end) {
        one.message =
            message("stream ", name, " is at version ", text(gap.stream_version), ", but its last event has version ",
                text(gap.first - 1), ": the last events are lost, or the version was changed");
        one.advice = message(restore, "; if there never were such events, set the version to that of the last one");
        one.command = under_log_lock(quoted_,
            message("update ", quoted_, ".streams set version = ", text(gap.first - 1),
                " where stream_id = ", text(gap.stream_id), " and version = ", text(gap.stream_version)));
        problem("stream_version", std::move(one));
        return;
    }
    one.message = message(range("version", gap.first, gap.last), " missing in stream ", name,
        ", and no hard delete or scavenging explains that: an event is lost, or its version was changed");
    problem("missing_version", std::move(one));
}

void verification::found_twice(const std::string& id, const std::string& positions) {
    finding one;
    one.subject = id;
    one.message = message("the event id ", id, " is there twice, at the positions ", positions);
    one.advice =
        "give the later event another id as the owner, with the triggers of events disabled; then make the unique "
        "index anew";
    problem("event_id", std::move(one));
}

void verification::take(const subscription_row& row) {
    ++report_.subscriptions;
    finding one;
    one.subject = row.name;
    one.position = row.position;
    const bool is_all = row.stream == "$all";
    const std::string reset =
        message("subscriptions reset ", quoted_for_shell(row.stream), " ", quoted_for_shell(row.name), " --to ");
    if (row.position > row.head || row.position < 0) {
        one.message = message(shown(row), " has its checkpoint at position ", text(row.position),
            ", but the log ends at ", text(row.head), ": it would not get the next events");
        one.advice = "set its checkpoint to the last event that it has done";
        one.command = program_command(
            message(reset, is_all ? text(row.head) : text(std::min(row.version, row.version_now))), schema_);
        problem("checkpoint", std::move(one));
    } else if (!is_all && row.stream_now != 0 && row.stream_id == row.stream_now && row.version > row.version_now) {
        one.version = row.version;
        one.message = message(shown(row), " has its checkpoint at version ", text(row.version),
            ", but the stream ends at ", text(row.version_now), ": it would not get the next events");
        one.advice = "set its checkpoint to the last event that it has done";
        one.command = program_command(message(reset, text(row.version_now)), schema_);
        problem("checkpoint", std::move(one));
    } else if (!row.event.empty() && !row.there.empty() && row.event != row.there) {
        one.message =
            message(shown(row), " has seen the event ", row.event, " at its checkpoint, position ", text(row.position),
                ", but the log holds the event ", row.there, " there: the log was cut back, and written anew");
        one.advice = "set its checkpoint to the last event that it has done of those that are there";
        one.command = program_command(message(reset, "N"), schema_);
        problem("checkpoint_event", std::move(one));
    } else if (!row.event.empty() && row.there.empty() && row.position > row.floor) {
        one.message = message(shown(row), " has seen the event ", row.event, " at its checkpoint, position ",
            text(row.position), ", which is missing, and no hard delete or scavenging explains that");
        one.advice = restore;
        problem("checkpoint_event", std::move(one));
    }
}

void verification::take(const parked_row& row) {
    if (row.kind == "page") {
        report_.parked_events += row.count;
        floor_ = row.floor;
        return;
    }
    finding one;
    one.subject = row.name;
    one.position = row.position;
    const std::string what = message("the event at position ", text(row.position), ", which the subscription ",
        quoted_for_message(row.name), " to ", quoted_for_message(row.stream), " has parked, ");
    one.command = program_command(message("subscriptions discard ", quoted_for_shell(row.stream), " ",
                                      quoted_for_shell(row.name), " --position ", text(row.position)),
        schema_);
    if (row.position <= floor_) {
        one.severity = severity::note;
        one.check = "parked_event";
        one.message = message(what, "is not there any more: it was removed by a hard delete or by scavenging");
        one.advice = "discard it";
        findings_.add(std::move(one));
    } else {
        one.message = message(what, "is not there, and no hard delete or scavenging explains that");
        one.advice = message(restore, "; or discard it");
        problem("parked_event", std::move(one));
    }
}

void verification::take(const std::vector<fork_row>& forks) {
    std::int64_t head = 0;
    for (const fork_row& row : forks) {
        finding one;
        one.subject = "forks";
        one.position = row.head;
        if (row.head > row.last || row.head < 0 || row.timeline < 1) {
            one.message = message("the promotion to timeline ", text(row.timeline), " is noted at position ",
                text(row.head), ", but the log ends at ", text(row.last));
            one.advice = message("the end of the log is lost: ", restore);
            problem("fork", std::move(one));
        } else if (row.head < head) {
            one.message = message("the promotion to timeline ", text(row.timeline), " is noted at position ",
                text(row.head), ", but an earlier one at ", text(head));
            one.advice = "rows of forks were changed: compare them with a backup";
            problem("fork", std::move(one));
        } else if (row.now > 0 && row.timeline > row.now) {
            one.severity = severity::note;
            one.check = "fork";
            one.message =
                message("a promotion to timeline ", text(row.timeline), " is noted, but the server is on timeline ",
                    text(row.now), ": the store was restored from another server");
            one.advice = "nothing: the next append after a promotion removes the note";
            findings_.add(std::move(one));
        }
        if (row.head <= row.last) head = std::max(head, row.head);
    }
}

verify_report verification::finish() {
    if (older_ > 0) {
        finding one;
        one.severity = severity::note;
        one.check = "created_at";
        one.position = first_older_;
        one.message = message(text(older_), older_ == 1 ? " event is" : " events are",
            " older than the event before, the first at position ", text(first_older_),
            ": writers set the time, as imports do, or the server's clock was set back by more than a minute");
        one.advice = "nothing: positions are the order, not times";
        findings_.add(std::move(one));
    }
    report_.missing = missing_.count();
    auto& unknown = report_.unknown;
    if (report_.missing > 0)
        unknown.push_back(
            message(text(report_.missing), report_.missing == 1 ? " position" : " positions", " at or below ",
                text(floor_), " are missing. Scavenging and hard deletes leave such gaps (the beginning of ",
                text(late_streams_), late_streams_ == 1 ? " stream: " : " streams: ", text(missing_first_),
                " versions; links, elsewhere in streams: ", text(missing_versions_),
                " versions), and no record of their own: an event that was lost there in another way "
                "cannot be told from them. Compare with a backup."));
    unknown.emplace_back(
        "The payload, type, metadata and time of an event: nothing in the schema attests them. Data checksums "
        "of the server guard its pages (show data_checksums).");
    unknown.emplace_back(
        "Events removed from the end of the log, if the versions of their streams were set back, too, and no "
        "checkpoint, link or promotion is behind the end.");
    unknown.emplace_back("Whether indexes and tables agree: pg_amcheck --heapallindexed looks at that.");
    report_.problems = findings_.problems();
    report_.left_out = findings_.left_out();
    report_.findings = findings_.take();
    return std::move(report_);
}

} // namespace eventstore::maintenance
