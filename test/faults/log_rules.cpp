// The log by itself: positions, versions, and the rows of the streams; and its order against the time of the appends.

#include "faults/known_store.hpp"

#include <algorithm>
#include <vector>

namespace eventstore::test::faults {

namespace {

struct told_position {
    std::int64_t position = 0;
    uuid id{};
};

void check_told_positions(const known_store& known, report& out) {
    std::vector<told_position> told;
    for (const auto& [id, event] : known.appended)
        if (event.is_acknowledged) told.push_back({event.told_position, id});
    std::sort(told.begin(), told.end(), [](const told_position& left, const told_position& right) {
        return left.position != right.position ? left.position < right.position : left.id < right.id;
    });
    for (std::size_t i = 1; i < told.size(); ++i)
        if (told[i].position == told[i - 1].position)
            out.add(known.schema(), rule::answers_differ, "position ", told[i].position, " was told for event ",
                told[i - 1].id, " and for event ", told[i].id);
}

/// An event by the time in which it was appended.
struct timed_event {
    instant begun = 0;
    instant acknowledged = never;
    std::int64_t position = 0;
    const uuid* id = nullptr;
};

/// Positions are given out once and only upwards: an event that may have been stored there, and is gone, explains a gap
/// below the floor.
void check_positions(const known_store& known, report& out) {
    const bool may_have_gaps =
        std::any_of(known.records.changes.begin(), known.records.changes.end(), [&](const change_attempt& change) {
            return change.store == known.store && change.change == stream_change::hard_delete &&
                change.end != outcome::refused;
        });
    std::int64_t last = 0;
    const stored_event* before = nullptr;
    for (const stored_event& event : known.facts.events) {
        if (event.position <= last)
            out.add(known.schema(), rule::positions_have_a_gap, known.text_of(event), " comes after position ", last);
        else if (event.position > last + 1 && (!may_have_gaps || event.position - 1 > known.facts.floor))
            out.add(known.schema(), rule::positions_have_a_gap, "positions ", last + 1, " to ", event.position - 1,
                " are missing before ", known.text_of(event), "; the floor is ", known.facts.floor);
        if (before != nullptr && before->stream == event.stream && before->version >= event.version)
            out.add(known.schema(), rule::versions_have_a_gap, known.text_of(event), " comes after ",
                known.text_of(*before));
        before = &event;
        last = event.position;
    }
}

/// Gaps are explained by what may have been stored and is gone: of each attempt, as the ids are forgotten with a stream.
void count_gaps(const known_store& known, report& out) {
    if (known.facts.events.empty()) return;
    std::int64_t explained = 0;
    for (const auto& [id, event] : known.appended)
        if (!event.is_refused && known.may_be_removed(event.stream))
            explained += std::int64_t{event.attempts} - (event.stored != nullptr ? 1 : 0);
    std::int64_t missing = 0;
    std::int64_t last = 0;
    for (const stored_event& event : known.facts.events) {
        missing += std::max<std::int64_t>(0, event.position - last - 1);
        last = event.position;
    }
    if (missing > explained)
        out.add(known.schema(), rule::positions_have_a_gap, missing, " positions up to ", last,
            " are missing, but hard deletes can have removed ", explained, " events at most");
}

void check_versions(const known_store& known, report& out) {
    struct stream_end {
        std::int64_t version = 0;
        std::int64_t position = 0;
    };
    std::vector<stream_end> ends(known.facts.streams.size());
    for (const stored_event& event : known.facts.events) {
        stream_end& end = ends[event.stream];
        if (event.version != end.version + 1 && !is_being_deleted(known.facts.streams[event.stream]))
            out.add(known.schema(), rule::versions_have_a_gap, known.text_of(event), " comes after version ",
                end.version, " at position ", end.position);
        end = {event.version, event.position};
    }
    for (std::size_t i = 0; i < ends.size(); ++i) {
        const stored_stream& stream = known.facts.streams[i];
        if (stream.version != ends[i].version && !is_being_deleted(stream))
            out.add(known.schema(), rule::stream_row_is_wrong, "stream '", stream.name, "' is at version ",
                stream.version, " by its row, but its last event has version ", ends[i].version);
    }
}

/// Whether this change was the last of its stream for certain: those that undo it were over before it began.
bool was_the_last(const known_store& known, const change_attempt& change) {
    if (change.end != outcome::done) return false;
    const auto& others = known.changes_of(change.stream);
    return std::all_of(others.begin(), others.end(), [&](const change_attempt* other) {
        return other->change == change.change || latest_effect(*other) < change.begun;
    });
}

void check_deletion(const known_store& known, const stored_stream& stream, name_number number, report& out) {
    if (stream.is_deleted && !known.has_change(number, stream_change::soft_delete))
        out.add(known.schema(), rule::stream_row_is_wrong, "stream '", stream.name,
            "' is deleted, and nobody has asked for that");
    for (const change_attempt* change : known.changes_of(number)) {
        if (change->change == stream_change::hard_delete || !was_the_last(known, *change)) continue;
        const bool should_be = change->change == stream_change::soft_delete;
        if (stream.is_deleted == should_be) continue;
        out.add(known.schema(), rule::stream_row_is_wrong, "stream '", stream.name, "' is ",
            should_be ? "not deleted, but a soft delete" : "deleted, but a restore",
            " was acknowledged, and nothing has undone it");
        return;
    }
}

/// While a stream is deleted for certain, an append that stores something is refused.
void check_refusal(const known_store& known, const append_attempt& attempt, report& out) {
    if (attempt.end != outcome::done) return;
    for (const append_part& part : attempt.parts) {
        const auto& changes = known.changes_of(part.stream);
        if (changes.empty() || part.ids.empty() || known.appended.find(part.ids.front())->second.attempts > 1) continue;
        const auto is_undone = [&](const change_attempt& deletion) {
            return std::any_of(changes.begin(), changes.end(), [&](const change_attempt* other) {
                return other->change != stream_change::soft_delete && latest_effect(*other) >= deletion.begun &&
                    other->begun <= attempt.ended;
            });
        };
        const auto found = std::find_if(changes.begin(), changes.end(), [&](const change_attempt* change) {
            return change->change == stream_change::soft_delete && change->end == outcome::done &&
                change->ended < attempt.begun && !is_undone(*change);
        });
        if (found != changes.end())
            out.add(known.schema(), rule::appended_to_a_deleted_stream, "event ", part.ids.front(), " (stream '",
                known.names.name_of(part.stream), "' version ", part.told.first_version, ", position ",
                part.told.first_position, ") was acknowledged, but its stream was deleted before its append began");
    }
}

} // namespace

void check_log(const known_store& known, report& out) {
    check_positions(known, out);
    count_gaps(known, out);
    check_versions(known, out);
}

void check_streams(const known_store& known, report& out) {
    for (std::size_t i = 0; i < known.facts.streams.size(); ++i)
        check_deletion(known, known.facts.streams[i], known.stream_names[i], out);
    for (const append_attempt& attempt : known.records.appends)
        if (attempt.store == known.store) check_refusal(known, attempt, out);
}

// An append that began after another was acknowledged is stored behind it.
void check_append_order(const known_store& known, report& out) {
    check_told_positions(known, out);
    std::vector<timed_event> begins;
    for (const auto& [id, event] : known.appended) {
        if (event.attempts > 1 && known.may_be_removed(event.stream)) continue; // it may have been stored twice
        if (event.stored == nullptr && !event.is_acknowledged) continue;
        const std::int64_t position = event.stored != nullptr ? event.stored->position : event.told_position;
        begins.push_back({event.first_begun, event.first_acknowledged, position, &id});
    }
    const auto by_begin = [](const timed_event& left, const timed_event& right) {
        return left.begun != right.begun ? left.begun < right.begun : left.position < right.position;
    };
    const auto by_end = [](const timed_event& left, const timed_event& right) {
        return left.acknowledged != right.acknowledged ? left.acknowledged < right.acknowledged
                                                       : left.position < right.position;
    };
    std::vector<timed_event> ends = begins;
    std::sort(begins.begin(), begins.end(), by_begin);
    std::sort(ends.begin(), ends.end(), by_end);
    std::size_t over = 0;
    const timed_event* highest = nullptr;
    for (const timed_event& event : begins) {
        for (; over < ends.size() && ends[over].acknowledged < event.begun; ++over)
            if (highest == nullptr || ends[over].position > highest->position) highest = &ends[over];
        if (highest != nullptr && highest->position > event.position)
            out.add(known.schema(), rule::positions_contradict_time, "event ", *event.id, " is at position ",
                event.position, ", but its append began after event ", *highest->id, " was acknowledged, at position ",
                highest->position);
    }
}

} // namespace eventstore::test::faults
