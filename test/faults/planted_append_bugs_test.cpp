// Bugs of appends and of the log, and of read models, one for each rule: the checker finds each.

#include "faults/planted.hpp"

#include <set>

BOOST_AUTO_TEST_SUITE(planted_append_bugs_test)

using namespace eventstore::test::faults;
using eventstore::uuid;

namespace {

using sentence_part = std::optional<std::string>;

log_facts& facts_of(planted_run& run) { return run.made.stores.front(); }

bool is_acknowledged(const planted_run& run, const uuid& id) {
    return std::any_of(run.records.appends.begin(), run.records.appends.end(), [&](const append_attempt& attempt) {
        return attempt.end == outcome::done && std::any_of(attempt.parts.begin(), attempt.parts.end(), [&](auto& part) {
            return std::find(part.ids.begin(), part.ids.end(), id) != part.ids.end();
        });
    });
}

std::vector<append_attempt*> attempts_of(planted_run& run, const uuid& first) {
    std::vector<append_attempt*> found;
    for (append_attempt& attempt : run.records.appends)
        if (attempt.parts.front().ids.front() == first) found.push_back(&attempt);
    return found;
}

stored_event* stored(planted_run& run, const uuid& id) {
    auto& events = facts_of(run).events;
    return choose(run.random, events, [&](const stored_event& event) { return event.id == id; });
}

/// Another event at the end of the log, at the end of a stream.
void add_event(planted_run& run, const std::string& stream, const uuid& id) {
    log_facts& facts = facts_of(run);
    auto found = std::find_if(
        facts.streams.begin(), facts.streams.end(), [&](const stored_stream& of) { return of.name == stream; });
    if (found == facts.streams.end()) found = facts.streams.insert(found, {1'000'000, stream, 0, false});
    const auto place = static_cast<std::size_t>(found - facts.streams.begin());
    const std::int64_t position = facts.events.empty() ? 1 : facts.events.back().position + 1;
    facts.events.push_back({position, ++found->version, id, place, "Made", true});
}

} // namespace

BOOST_AUTO_TEST_CASE(a_lost_event) {
    expect_found(rule::acknowledged_event_is_missing, [](planted_run& run) -> sentence_part {
        auto& events = facts_of(run).events;
        auto* lost =
            choose(run.random, events, [&](const stored_event& event) { return is_acknowledged(run, event.id); });
        if (lost == nullptr) return std::nullopt;
        const std::string id = eventstore::to_string(lost->id);
        events.erase(events.begin() + (lost - events.data()));
        return id;
    });
}

BOOST_AUTO_TEST_CASE(a_lost_end_of_the_log) {
    expect_found(rule::acknowledged_event_is_missing, [](planted_run& run) -> sentence_part {
        log_facts& facts = facts_of(run);
        if (facts.events.size() < 2 || !is_acknowledged(run, facts.events.back().id)) return std::nullopt;
        const std::string id = eventstore::to_string(facts.events.back().id);
        --facts.streams[facts.events.back().stream].version;
        facts.events.pop_back();
        return id;
    });
}

BOOST_AUTO_TEST_CASE(a_lost_event_in_spite_of_a_hard_delete_before_it) {
    expect_found(rule::acknowledged_event_is_missing, [](planted_run& run) -> sentence_part {
        auto& events = facts_of(run).events;
        auto* lost =
            choose(run.random, events, [&](const stored_event& event) { return is_acknowledged(run, event.id); });
        if (lost == nullptr) return std::nullopt;
        change_attempt change;
        change.store = run.number_of(facts_of(run).schema);
        change.stream = run.number_of(facts_of(run).streams[lost->stream].name);
        change.change = stream_change::hard_delete;
        change.end = outcome::done;
        change.ended = 1; // before everything
        run.records.changes.push_back(change);
        const std::string id = eventstore::to_string(lost->id);
        events.erase(events.begin() + (lost - events.data()));
        return id;
    });
}

BOOST_AUTO_TEST_CASE(a_doubled_event) {
    expect_found(rule::event_is_stored_twice, [](planted_run& run) -> sentence_part {
        const log_facts& facts = facts_of(run);
        if (facts.events.empty()) return std::nullopt;
        const stored_event doubled = facts.events[run.random.below(facts.events.size())];
        add_event(run, facts.streams[doubled.stream].name, doubled.id);
        return eventstore::to_string(doubled.id);
    });
}

BOOST_AUTO_TEST_CASE(an_event_of_nobody) {
    expect_found(rule::nobody_appended_it, [](planted_run& run) -> sentence_part {
        const uuid id = run.random.id();
        add_event(run, "s1", id);
        return eventstore::to_string(id);
    });
}

BOOST_AUTO_TEST_CASE(an_event_of_another_store) {
    expect_found(rule::nobody_appended_it, [](planted_run& run) -> sentence_part {
        if (run.made.stores.size() < 2 || run.made.stores[1].events.empty()) return std::nullopt;
        const uuid id = run.made.stores[1].events.front().id;
        add_event(run, "s1", id);
        return eventstore::to_string(id);
    });
}

BOOST_AUTO_TEST_CASE(an_event_in_another_stream) {
    expect_found(rule::nobody_appended_it, [](planted_run& run) -> sentence_part {
        log_facts& facts = facts_of(run);
        if (facts.streams.size() < 2 || facts.events.empty()) return std::nullopt;
        stored_event& moved = facts.events[run.random.below(facts.events.size())];
        moved.stream = (moved.stream + 1) % facts.streams.size();
        return eventstore::to_string(moved.id);
    });
}

BOOST_AUTO_TEST_CASE(a_refused_event_that_is_stored) {
    expect_found(rule::refused_event_is_stored, [](planted_run& run) -> sentence_part {
        const name_number store = run.number_of(facts_of(run).schema);
        auto* refused = choose(run.random, run.records.appends, [&](const append_attempt& attempt) {
            const auto all = attempts_of(run, attempt.parts.front().ids.front());
            return attempt.store == store &&
                std::all_of(all.begin(), all.end(), [](auto* one) { return one->end == outcome::refused; });
        });
        if (refused == nullptr) return std::nullopt;
        const append_part& part = refused->parts.front();
        add_event(run, run.records.names.name_of(part.stream), part.ids.front());
        return eventstore::to_string(part.ids.front());
    });
}

BOOST_AUTO_TEST_CASE(a_swapped_pair) {
    expect_found(rule::told_place_is_wrong, [](planted_run& run) -> sentence_part {
        auto& events = facts_of(run).events;
        auto* first = choose(run.random, events, [&](const stored_event& event) {
            return &event != &events.back() && is_acknowledged(run, event.id) && (&event)[1].stream == event.stream;
        });
        if (first == nullptr) return std::nullopt;
        std::swap(first[0].id, first[1].id);
        return eventstore::to_string(first[1].id);
    });
}

BOOST_AUTO_TEST_CASE(a_place_that_was_told_wrongly) {
    for (const bool is_version : {false, true})
        expect_found(rule::told_place_is_wrong, [&](planted_run& run) -> sentence_part {
            const name_number store = run.number_of(facts_of(run).schema);
            auto* told = choose(run.random, run.records.appends,
                [&](const append_attempt& attempt) { return attempt.store == store && attempt.end == outcome::done; });
            if (told == nullptr) return std::nullopt;
            told_place& place = told->parts.front().told;
            ++(is_version ? place.last_version : place.last_position);
            return run.records.names.name_of(told->parts.front().stream);
        });
}

BOOST_AUTO_TEST_CASE(a_retry_that_was_told_another_place) {
    expect_found(rule::answers_differ,
        [](planted_run& run) -> sentence_part {
            std::set<uuid> seen;
            for (append_attempt& attempt : run.records.appends) {
                if (attempt.end != outcome::done || attempt.store != run.number_of(facts_of(run).schema)) continue;
                const uuid& id = attempt.parts.front().ids.front();
                if (seen.insert(id).second) continue;
                told_place& place = attempt.parts.front().told;
                ++place.first_version;
                ++place.last_version;
                return eventstore::to_string(id);
            }
            return std::nullopt;
        },
        {.steps = 600, .has_changes = false});
}

BOOST_AUTO_TEST_CASE(a_position_that_was_told_twice) {
    expect_found(rule::answers_differ, [](planted_run& run) -> sentence_part {
        std::vector<append_attempt*> done;
        for (append_attempt& attempt : run.records.appends)
            if (attempt.end == outcome::done && attempt.store == run.number_of(facts_of(run).schema) &&
                attempts_of(run, attempt.parts.front().ids.front()).size() == 1)
                done.push_back(&attempt);
        if (done.size() < 2) return std::nullopt;
        done[1]->parts.front().told = done[0]->parts.front().told;
        return eventstore::to_string(done[1]->parts.front().ids.front());
    });
}

BOOST_AUTO_TEST_CASE(a_damaged_payload) {
    expect_found(rule::payload_is_damaged, [](planted_run& run) -> sentence_part {
        auto& events = facts_of(run).events;
        if (events.empty()) return std::nullopt;
        stored_event& damaged = events[run.random.below(events.size())];
        damaged.has_own_payload = false;
        return eventstore::to_string(damaged.id);
    });
}

BOOST_AUTO_TEST_CASE(a_part_of_an_append) {
    for (const bool of_several_streams : {false, true})
        expect_found(rule::append_is_torn, [&](planted_run& run) -> sentence_part {
            auto* torn = choose(run.random, run.records.appends, [&](const append_attempt& attempt) {
                const append_part& last = attempt.parts.back();
                return stored(run, last.ids.back()) != nullptr &&
                    (of_several_streams ? attempt.parts.size() > 1 && last.ids.size() == 1 : last.ids.size() > 1);
            });
            if (torn == nullptr) return std::nullopt;
            const uuid id = torn->parts.back().ids.back();
            auto& events = facts_of(run).events;
            events.erase(events.begin() + (stored(run, id) - events.data()));
            return eventstore::to_string(id);
        });
}

BOOST_AUTO_TEST_CASE(an_append_that_is_not_in_a_row) {
    expect_found(rule::append_is_torn, [](planted_run& run) -> sentence_part {
        auto* torn = choose(run.random, run.records.appends, [&](const append_attempt& attempt) {
            return attempt.parts.front().ids.size() > 2 && stored(run, attempt.parts.front().ids.front()) != nullptr;
        });
        if (torn == nullptr) return std::nullopt;
        const std::vector<uuid>& ids = torn->parts.front().ids;
        std::swap(stored(run, ids[1])->id, stored(run, ids[2])->id);
        return eventstore::to_string(ids[1]);
    });
}

BOOST_AUTO_TEST_CASE(an_expected_version_that_was_ignored) {
    for (const std::int64_t expected : {std::int64_t{1'000}, std::int64_t{-2}})
        expect_found(rule::expected_version_was_ignored, [&](planted_run& run) -> sentence_part {
            auto* ignored = choose(run.random, run.records.appends, [&](const append_attempt& attempt) {
                const stored_event* event = stored(run, attempt.parts.front().ids.front());
                return event != nullptr && (expected != -2 || event->version == 1);
            });
            if (ignored == nullptr) return std::nullopt;
            const uuid id = ignored->parts.front().ids.front();
            for (append_attempt* attempt : attempts_of(run, id)) attempt->parts.front().expected = expected;
            return eventstore::to_string(id);
        });
}

BOOST_AUTO_TEST_CASE(a_position_before_one_that_was_acknowledged_before) {
    expect_found(rule::positions_contradict_time, [](planted_run& run) -> sentence_part {
        auto& events = facts_of(run).events;
        if (events.size() < 4 || !is_acknowledged(run, events.back().id)) return std::nullopt;
        instant end = 0;
        for (const append_attempt& attempt : run.records.appends)
            if (attempt.end == outcome::done) end = std::max(end, attempt.ended);
        for (append_attempt& attempt : run.records.appends) // as if it had been begun at the end
            for (const append_part& part : attempt.parts)
                if (std::find(part.ids.begin(), part.ids.end(), events.front().id) != part.ids.end())
                    attempt.begun = end + 1, attempt.ended = end + 2;
        return eventstore::to_string(events.front().id);
    });
}

BOOST_AUTO_TEST_CASE(a_gap_in_the_positions) {
    expect_found(rule::positions_have_a_gap, [](planted_run& run) -> sentence_part {
        auto& events = facts_of(run).events;
        if (events.size() < 3) return std::nullopt;
        const std::size_t at = run.random.below(events.size() - 1);
        const std::string position = std::to_string(events[at].position);
        events.erase(events.begin() + static_cast<std::ptrdiff_t>(at));
        facts_of(run).floor = 1'000'000; // which explains nothing where nothing was hard-deleted
        return "positions " + position + " to " + position + " are missing";
    });
}

BOOST_AUTO_TEST_CASE(a_gap_above_the_floor) {
    expect_found(rule::positions_have_a_gap,
        [](planted_run& run) -> sentence_part {
            auto& events = facts_of(run).events;
            const std::int64_t floor = facts_of(run).floor;
            auto* lost = choose(run.random, events,
                [&](const stored_event& event) { return event.position > floor && &event != &events.back(); });
            if (lost == nullptr) return std::nullopt;
            const std::string position = std::to_string(lost->position);
            events.erase(events.begin() + (lost - events.data()));
            return " to " + position + " are missing";
        },
        {.steps = 300});
}

BOOST_AUTO_TEST_CASE(a_gap_in_the_versions) {
    expect_found(rule::versions_have_a_gap, [](planted_run& run) -> sentence_part {
        auto& events = facts_of(run).events;
        if (events.empty()) return std::nullopt;
        stored_event& moved = events[run.random.below(events.size())];
        ++moved.version;
        return eventstore::to_string(moved.id);
    });
}

BOOST_AUTO_TEST_CASE(a_stream_whose_row_is_wrong) {
    for (const bool is_version : {false, true})
        expect_found(rule::stream_row_is_wrong, [&](planted_run& run) -> sentence_part {
            auto& streams = facts_of(run).streams;
            if (streams.empty()) return std::nullopt;
            stored_stream& wrong = streams[run.random.below(streams.size())];
            if (is_version)
                ++wrong.version;
            else
                wrong.is_deleted = true;
            return "stream '" + wrong.name + "'";
        });
}

BOOST_AUTO_TEST_CASE(a_soft_delete_that_was_lost) {
    expect_found(rule::stream_row_is_wrong, [](planted_run& run) -> sentence_part {
        auto& streams = facts_of(run).streams;
        if (streams.empty()) return std::nullopt;
        change_attempt change;
        change.store = run.number_of(facts_of(run).schema);
        change.stream = run.number_of(streams.front().name);
        change.end = outcome::done;
        change.begun = 1'000'000;
        change.ended = 1'000'001;
        run.records.changes.push_back(change);
        return "stream '" + streams.front().name + "' is not deleted";
    });
}

BOOST_AUTO_TEST_CASE(an_append_to_a_deleted_stream) {
    expect_found(rule::appended_to_a_deleted_stream, [](planted_run& run) -> sentence_part {
        const name_number store = run.number_of(facts_of(run).schema);
        auto* appended = choose(run.random, run.records.appends, [&](const append_attempt& attempt) {
            return attempt.store == store && attempt.end == outcome::done &&
                attempts_of(run, attempt.parts.front().ids.front()).size() == 1;
        });
        if (appended == nullptr) return std::nullopt;
        change_attempt change;
        change.store = store;
        change.stream = appended->parts.front().stream;
        change.end = outcome::done;
        change.ended = appended->begun - 1;
        run.records.changes.push_back(change);
        return eventstore::to_string(appended->parts.front().ids.front());
    });
}

BOOST_AUTO_TEST_CASE(an_event_that_outlived_a_hard_delete) {
    expect_found(rule::deleted_event_is_stored, [](planted_run& run) -> sentence_part {
        auto& events = facts_of(run).events;
        auto* left = choose(run.random, events, [&](const stored_event& event) {
            std::size_t attempts = 0;
            for (const append_attempt& attempt : run.records.appends)
                for (const append_part& part : attempt.parts)
                    attempts += static_cast<std::size_t>(std::count(part.ids.begin(), part.ids.end(), event.id));
            return attempts == 1 && is_acknowledged(run, event.id);
        });
        if (left == nullptr) return std::nullopt;
        change_attempt change;
        change.store = run.number_of(facts_of(run).schema);
        change.stream = run.number_of(facts_of(run).streams[left->stream].name);
        change.change = stream_change::hard_delete;
        change.end = outcome::done;
        change.begun = 1'000'000;
        change.ended = 1'000'001;
        run.records.changes.push_back(change);
        return eventstore::to_string(left->id);
    });
}

// Whether the handler's refusals are missing, or those of statements, or come too late, or are too few.
BOOST_AUTO_TEST_CASE(an_event_that_a_projection_has_parked_without_a_refusal) {
    enum class kind { no_rejection, no_statement, late_statement, too_few };
    for (const kind of : {kind::no_rejection, kind::no_statement, kind::late_statement, kind::too_few})
        expect_found(rule::parked_without_refusals, [&](planted_run& run) -> sentence_part {
            const name_number store = run.number_of(facts_of(run).schema);
            const auto is_rejected = [&](std::int64_t position) {
                return std::any_of(run.records.handler_rejections.begin(), run.records.handler_rejections.end(),
                    [&](const handler_rejection& one) { return one.store == store && one.position == position; });
            };
            const auto is_passed = [&](std::int64_t position) {
                return std::any_of(run.records.handler_calls.begin(), run.records.handler_calls.end(),
                    [&](const handler_call& call) { return call.store == store && call.first > position; });
            };
            auto* parked = choose(run.random, facts_of(run).parked, [&](const parked_event& event) {
                if (event.subscription != "totals@1") return false;
                if (of == kind::no_rejection) return is_rejected(event.position);
                if (of == kind::too_few) return true;
                return !is_rejected(event.position) && is_passed(event.position);
            });
            if (parked == nullptr) return std::nullopt;
            const std::string event = "position " + std::to_string(parked->position) + ")";
            if (of == kind::too_few) {
                parked->deliveries = facts_of(run).projections.front().max_retries;
                return event + " was parked after";
            }
            if (of == kind::late_statement)
                for (refused_statement& one : run.records.refused_statements) one.at = 1'000'000;
            else
                run.records.refused_statements.clear();
            if (of == kind::no_rejection) run.records.handler_rejections.clear();
            return event + " is parked, and nobody has refused it";
        });
}

BOOST_AUTO_TEST_CASE(a_read_model_that_is_wrong) {
    for (const int kind : {0, 1, 2, 3, 4})
        expect_found(rule::projection_is_wrong, [&](planted_run& run) -> sentence_part {
            auto& all = facts_of(run).projections.front().rows;
            if (all.empty()) return std::nullopt;
            projected_stream& row = all[run.random.below(all.size())];
            const std::string stream = "stream '" + row.stream + "'";
            switch (kind) {
            case 0: ++row.events; break;
            case 1: --row.events; break;
            case 2: ++row.versions; break;
            case 3: ++row.misordered; break;
            default: all.erase(all.begin() + (&row - all.data())); break;
            }
            return stream;
        });
}

BOOST_AUTO_TEST_SUITE_END()
