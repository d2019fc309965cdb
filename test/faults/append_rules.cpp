// What was told to writers, against what is stored.

#include "faults/known_store.hpp"

#include <algorithm>

namespace eventstore::test::faults {

namespace {

/// Of a stream that was hard-deleted a retry may have stored the same events again, at another place.
bool may_have_moved(const known_store& known, const appended_event& event) {
    return event.attempts > 1 && known.may_be_removed(event.stream);
}

std::string told_text(const known_store& known, const uuid& id, const appended_event& event) {
    return "event " + eventstore::to_string(id) + " (stream '" + known.names.name_of(event.stream) +
        "', told version " + std::to_string(event.told_version) + " and position " +
        std::to_string(event.told_position) + ")";
}

void check_answers(const known_store& known, const append_attempt& attempt, report& out) {
    for (const append_part& part : attempt.parts) {
        const auto count = static_cast<std::int64_t>(part.ids.size());
        const told_place& told = part.told;
        const std::string& stream = known.names.name_of(part.stream);
        if (count == 0) continue;
        if (told.last_version - told.first_version + 1 != count ||
            told.last_position - told.first_position + 1 != count)
            out.add(known.schema(), rule::told_place_is_wrong, "an append of ", count, " events to stream '", stream,
                "' was told versions ", told.first_version, " to ", told.last_version, " and positions ",
                told.first_position, " to ", told.last_position, ": not so many");
        for (std::int64_t i = 0; i < count; ++i) {
            const uuid& id = part.ids[static_cast<std::size_t>(i)];
            const appended_event& event = known.appended.find(id)->second;
            if (event.told_version == told.first_version + i && event.told_position == told.first_position + i)
                continue;
            if (may_have_moved(known, event)) continue;
            out.add(known.schema(), rule::answers_differ, told_text(known, id, event), " was told version ",
                told.first_version + i, " and position ", told.first_position + i, " by another attempt");
        }
    }
}

void check_stored(const known_store& known, const stored_event& event, report& out) {
    const auto found = known.appended.find(event.id);
    if (found == known.appended.end()) {
        out.add(known.schema(), rule::nobody_appended_it, known.text_of(event),
            " is stored, and no writer of this store "
            "has appended it");
        return;
    }
    const appended_event& appended = found->second;
    const std::string& stream = known.facts.streams[event.stream].name;
    if (appended.stored != &event)
        out.add(known.schema(), rule::event_is_stored_twice, known.text_of(event), " is stored at position ",
            appended.stored->position, ", too");
    if (!is_being_deleted(known.facts.streams[event.stream]) && !appended.is_in_several_streams &&
        known.names.name_of(appended.stream) != stream)
        out.add(known.schema(), rule::nobody_appended_it, known.text_of(event), " was appended to stream '",
            known.names.name_of(appended.stream), "'");
    if (!event.has_own_payload)
        out.add(known.schema(), rule::payload_is_damaged, known.text_of(event), " has other data than was appended");
    if (appended.is_refused)
        out.add(known.schema(), rule::refused_event_is_stored, known.text_of(event), " is stored, but all ",
            std::size_t{appended.attempts}, " attempts to append it were refused");
    if (appended.is_acknowledged && !may_have_moved(known, appended) &&
        (appended.told_version != event.version || appended.told_position != event.position))
        out.add(known.schema(), rule::told_place_is_wrong, known.text_of(event), " was told version ",
            appended.told_version, " and position ", appended.told_position);
}

/// An acknowledged event is there, unless its stream was hard-deleted after its append had begun; and it is gone if that
/// was acknowledged, and had begun after the event was.
void check_acknowledged(const known_store& known, const uuid& id, const appended_event& event, report& out) {
    if (event.stored == nullptr) {
        if (event.is_acknowledged && !known.may_be_removed(event.stream, event.first_begun))
            out.add(known.schema(), rule::acknowledged_event_is_missing, told_text(known, id, event),
                " was acknowledged and is not stored");
        return;
    }
    if (!event.is_acknowledged || event.attempts > 1) return;
    for (const change_attempt* change : known.changes_of(event.stream)) {
        if (change->change != stream_change::hard_delete || change->end != outcome::done) continue;
        if (change->begun <= event.first_acknowledged) continue;
        out.add(known.schema(), rule::deleted_event_is_stored, known.text_of(*event.stored),
            " is stored, but its stream was hard-deleted after the append");
        return;
    }
}

bool allows(std::int64_t expected, std::int64_t first_version) {
    if (expected >= 0) return first_version == expected + 1;
    return expected != -2 || first_version > 1; // -2: the stream exists
}

/// All or nothing, and each part in a row. What is gone with a stream that was hard-deleted does not count.
void check_whole(const known_store& known, const append_attempt& attempt, report& out) {
    const uuid* there = nullptr;
    const uuid* missing = nullptr;
    for (const append_part& part : attempt.parts) {
        const stored_event* before = nullptr;
        for (const uuid& id : part.ids) {
            const appended_event& event = known.appended.find(id)->second;
            if (event.is_mixed) return;
            if (event.stored == nullptr) {
                if (!known.may_be_removed(part.stream, event.first_begun)) missing = &id;
                before = nullptr;
                continue;
            }
            there = &id;
            if (before != nullptr &&
                (event.stored->version != before->version + 1 || event.stored->position != before->position + 1))
                out.add(known.schema(), rule::append_is_torn, known.text_of(*event.stored), " follows ",
                    known.text_of(*before), " in one append, but not in the log");
            before = event.stored;
        }
    }
    if (there == nullptr || missing == nullptr) return;
    const appended_event& stored = known.appended.find(*there)->second;
    const appended_event& lost = known.appended.find(*missing)->second;
    out.add(known.schema(), rule::append_is_torn, known.text_of(*stored.stored), " is stored, but event ", *missing,
        " of the same append (stream '", known.names.name_of(lost.stream), "') is not");
}

/// What is stored at a version fits what one of its attempts expected.
void check_expected_versions(const known_store& known, report& out) {
    std::unordered_map<uuid, const append_part*, uuid_hash> not_yet; // by the first event of a part
    for (const bool counts : {false, true}) {
        for (const append_attempt& attempt : known.records.appends) {
            if (attempt.store != known.store || attempt.end == outcome::refused) continue;
            for (const append_part& part : attempt.parts) {
                if (part.ids.empty()) continue;
                const appended_event& first = known.appended.find(part.ids.front())->second;
                if (first.stored == nullptr || first.is_mixed) continue;
                const bool fits = allows(part.expected, first.stored->version);
                if (fits && counts) not_yet.erase(part.ids.front());
                if (!fits && !counts) not_yet.try_emplace(part.ids.front(), &part);
            }
        }
    }
    std::vector<const append_part*> bad;
    for (const auto& [id, part] : not_yet) bad.push_back(part);
    const auto position = [&](const append_part* part) {
        return known.appended.find(part->ids.front())->second.stored->position;
    };
    std::sort(bad.begin(), bad.end(), [&](auto* left, auto* right) { return position(left) < position(right); });
    for (const append_part* part : bad) {
        const stored_event& event = *known.appended.find(part->ids.front())->second.stored;
        out.add(known.schema(), rule::expected_version_was_ignored, known.text_of(event),
            " is stored, but its append expected the stream at ",
            part->expected >= 0 ? "version " + std::to_string(part->expected) : "a version of 1 or more", ", not ",
            event.version - 1);
    }
}

} // namespace

void check_appends(const known_store& known, report& out) {
    for (const stored_event& event : known.facts.events) check_stored(known, event, out);
    for (std::size_t number = 0; number < known.records.appends.size(); ++number) {
        const append_attempt& attempt = known.records.appends[number];
        if (attempt.store != known.store) continue;
        if (attempt.end == outcome::done) check_answers(known, attempt, out);
        bool is_first = false;
        for (const append_part& part : attempt.parts) {
            for (const uuid& id : part.ids) {
                const appended_event& event = known.appended.find(id)->second;
                if (event.first_attempt != number) continue;
                is_first = true;
                check_acknowledged(known, id, event, out);
            }
        }
        if (is_first) check_whole(known, attempt, out);
    }
    check_expected_versions(known, out);
    check_append_order(known, out);
}

} // namespace eventstore::test::faults
