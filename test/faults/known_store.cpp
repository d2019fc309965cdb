#include "faults/known_store.hpp"

#include <algorithm>
#include <set>

namespace eventstore::test::faults {

std::uint64_t shape_of(const append_attempt& attempt) {
    const uuid_hash hash;
    std::uint64_t shape = 0;
    const auto mix = [&](std::uint64_t value) { shape = (shape ^ value) * 0x100000001b3ULL + 0x9e3779b97f4a7c15ULL; };
    for (const append_part& part : attempt.parts) {
        mix(part.stream);
        mix(part.ids.size());
        for (const uuid& id : part.ids) mix(hash(id));
    }
    return shape;
}

known_store::known_store(const history& of, name_table& table, const log_facts& found)
    : records(of), names(table), facts(found), store(table.number_of(found.schema)) {
    for (const stored_stream& stream : facts.streams) stream_names.push_back(table.number_of(stream.name));
    for (const change_attempt& change : records.changes)
        if (change.store == store && change.end != outcome::refused) changes_[change.stream].push_back(&change);
    note_appends();
    note_stored();
    note_removed();
}

void known_store::note_appends() {
    for (std::size_t number = 0; number < records.appends.size(); ++number) {
        const append_attempt& attempt = records.appends[number];
        if (attempt.store != store) continue;
        const std::uint64_t shape = shape_of(attempt);
        for (const append_part& part : attempt.parts) {
            for (std::size_t i = 0; i < part.ids.size(); ++i) {
                const auto [found, is_new] = appended.try_emplace(part.ids[i]);
                appended_event& event = found->second;
                if (is_new) {
                    event.stream = part.stream;
                    event.first_attempt = number;
                    event.shape = shape;
                }
                event.is_in_several_streams |= event.stream != part.stream;
                event.is_mixed |= event.shape != shape;
                event.is_refused &= attempt.end == outcome::refused;
                event.first_begun = std::min(event.first_begun, attempt.begun);
                ++event.attempts;
                if (attempt.end != outcome::done) continue;
                event.first_acknowledged = std::min(event.first_acknowledged, attempt.ended);
                if (event.is_acknowledged) continue;
                event.is_acknowledged = true;
                event.told_version = part.told.first_version + static_cast<std::int64_t>(i);
                event.told_position = part.told.first_position + static_cast<std::int64_t>(i);
            }
        }
    }
}

void known_store::note_stored() {
    events.reserve(facts.events.size());
    for (const stored_event& event : facts.events) {
        known_event& made = events.emplace_back();
        made.position = event.position;
        made.version = event.version;
        made.id = event.id;
        made.stream = stream_names[event.stream];
        made.stored = &event;
        const auto found = appended.find(event.id);
        if (found == appended.end()) continue;
        if (is_being_deleted(facts.streams[event.stream])) {
            made.stream = found->second.stream;
            made.stored = nullptr; // it may be gone at any moment
        }
        made.first_begun = found->second.first_begun;
        if (found->second.stored == nullptr) found->second.stored = &event;
    }
    std::sort(events.begin(), events.end(),
        [](const known_event& left, const known_event& right) { return left.position < right.position; });
}

void known_store::note_removed() {
    std::vector<known_event> removed;
    std::set<std::int64_t> positions;
    const auto note = [&](std::int64_t position, std::int64_t version, const uuid& id, const appended_event& event) {
        if (!may_be_removed(event.stream, event.first_begun) || at_position(position)) return;
        if (!positions.insert(position).second) return;
        removed.push_back({position, version, id, event.stream, event.first_begun, nullptr});
    };
    for (const append_attempt& attempt : records.appends) {
        if (attempt.store != store || attempt.end != outcome::done) continue;
        for (const append_part& part : attempt.parts) {
            if (changes_.find(part.stream) == changes_.end()) continue;
            for (const uuid& id : part.ids) {
                const appended_event& event = appended.find(id)->second;
                if (event.stored == nullptr) note(event.told_position, event.told_version, id, event);
            }
        }
    }
    for (const ownership& owner : records.ownerships) {
        if (owner.store != store) continue;
        for (const owner_step& step : owner.steps) {
            if (step.done != owner_step::kind::delivered || at_position(step.position)) continue;
            const auto found = appended.find(step.id);
            if (found != appended.end() && found->second.stream == step.stream)
                note(step.position, step.version, step.id, found->second);
        }
    }
    if (removed.empty()) return;
    events.insert(events.end(), removed.begin(), removed.end());
    std::sort(events.begin(), events.end(),
        [](const known_event& left, const known_event& right) { return left.position < right.position; });
}

std::optional<std::size_t> known_store::at_position(std::int64_t position) const {
    const std::int64_t guess = position - 1; // right where there are no gaps
    if (guess >= 0 && guess < static_cast<std::int64_t>(events.size()) &&
        events[static_cast<std::size_t>(guess)].position == position)
        return static_cast<std::size_t>(guess);
    const auto found = std::lower_bound(events.begin(), events.end(), position,
        [](const known_event& event, std::int64_t value) { return event.position < value; });
    if (found == events.end() || found->position != position) return std::nullopt;
    return static_cast<std::size_t>(found - events.begin());
}

const std::vector<const change_attempt*>& known_store::changes_of(name_number stream) const {
    static const std::vector<const change_attempt*> none;
    const auto found = changes_.find(stream);
    return found != changes_.end() ? found->second : none;
}

bool known_store::may_be_removed(name_number stream, instant since) const {
    const auto& changes = changes_of(stream);
    return std::any_of(changes.begin(), changes.end(), [&](const change_attempt* change) {
        return change->change == stream_change::hard_delete && latest_effect(*change) >= since;
    });
}

bool known_store::has_change(name_number stream, stream_change kind) const {
    const auto& changes = changes_of(stream);
    return std::any_of(
        changes.begin(), changes.end(), [&](const change_attempt* change) { return change->change == kind; });
}

std::string known_store::text_of(const stored_event& event) const {
    return "event " + eventstore::to_string(event.id) + " (stream '" + facts.streams[event.stream].name + "' version " +
        std::to_string(event.version) + ", position " + std::to_string(event.position) + ")";
}

std::string known_store::text_of(const known_event& event) const {
    return "event " + eventstore::to_string(event.id) + " (stream '" + names.name_of(event.stream) + "' version " +
        std::to_string(event.version) + ", position " + std::to_string(event.position) + ")";
}

} // namespace eventstore::test::faults
