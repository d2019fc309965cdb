// Bugs of subscriptions and of their owners, one for each rule: the checker finds each.

#include "faults/planted.hpp"

#include <map>
#include <set>

BOOST_AUTO_TEST_SUITE(planted_delivery_bugs_test)

using namespace eventstore::test::faults;
using eventstore::uuid;

namespace {

using sentence_part = std::optional<std::string>;
using kind = owner_step::kind;

/// A subscription of a run, and its owners by epoch.
struct chosen_subscription {
    log_facts* facts = nullptr;
    const subscription_rules* rules = nullptr;
    std::vector<ownership*> owners;

    stored_subscription& row() const {
        return *std::find_if(facts->subscriptions.begin(), facts->subscriptions.end(),
            [&](const stored_subscription& of) { return of.stream == rules->stream && of.name == rules->name; });
    }
    bool delivers(const stored_event& event) const {
        const std::string& stream = facts->streams[event.stream].name;
        return (rules->stream == "$all" || rules->stream == stream) &&
            (!rules->selects || rules->selects(stream, event));
    }
    /// What it has to deliver.
    std::vector<const stored_event*> events() const {
        std::vector<const stored_event*> found;
        for (const stored_event& event : facts->events)
            if (delivers(event)) found.push_back(&event);
        return found;
    }
    bool has(kind step) const {
        return std::any_of(
            owners.begin(), owners.end(), [&](const ownership* owner) { return count(*owner, step) > 0; });
    }
    static std::size_t count(const ownership& owner, kind step) {
        return static_cast<std::size_t>(std::count_if(
            owner.steps.begin(), owner.steps.end(), [&](const owner_step& one) { return one.done == step; }));
    }
};

std::vector<chosen_subscription> subscriptions_of(planted_run& run) {
    std::vector<chosen_subscription> all;
    for (const subscription_rules& rules : run.made.subscriptions) {
        chosen_subscription& made = all.emplace_back();
        made.rules = &rules;
        for (log_facts& facts : run.made.stores)
            if (facts.schema == rules.store) made.facts = &facts;
        for (ownership& owner : run.records.ownerships)
            if (run.records.names.name_of(owner.store) == rules.store &&
                run.records.names.name_of(owner.stream) == rules.stream &&
                run.records.names.name_of(owner.subscription) == rules.name)
                made.owners.push_back(&owner);
        std::sort(
            made.owners.begin(), made.owners.end(), [](auto* left, auto* right) { return left->epoch < right->epoch; });
    }
    return all;
}

template <class Fits>
std::optional<chosen_subscription> choose_subscription(planted_run& run, const Fits& fits) {
    std::vector<chosen_subscription> all = subscriptions_of(run);
    auto* found =
        choose(run.random, all, [&](const chosen_subscription& of) { return !of.owners.empty() && fits(of); });
    if (found == nullptr) return std::nullopt;
    return *found;
}

/// What an owner has not acknowledged, no later one may pass over.
bool stops_and_has_several_owners(const chosen_subscription& one) {
    return one.owners.size() > 1 && one.rules->exhausted == refusals::stop;
}

bool is_settling(const owner_step& step) {
    return step.done == kind::acking || step.done == kind::acking_through || step.done == kind::nacking;
}

owner_step* choose_delivery(planted_run& run, ownership& owner) {
    return choose(run.random, owner.steps, [](const owner_step& step) { return step.done == kind::delivered; });
}

bool has_acknowledged(const ownership& owner, std::int64_t position) {
    std::set<std::uint32_t> batches;
    for (const owner_step& step : owner.steps) {
        if (step.done == kind::delivered && step.position == position) batches.insert(step.batch);
        if (batches.empty()) continue;
        if (step.done == kind::acking && batches.contains(step.batch)) return true;
        if (step.done == kind::acking_through && step.position >= position) return true;
        if (step.done == kind::nacking && batches.contains(step.batch) && step.position > position) return true;
    }
    return false;
}

/// By one of the owners up to this one, while it was the owner.
bool has_certainly_acknowledged(const chosen_subscription& of, std::size_t last, std::int64_t position) {
    for (std::size_t i = 0; i <= last && i + 1 < of.owners.size(); ++i)
        if (has_acknowledged(*of.owners[i], position) && of.owners[i]->steps.back().at < of.owners[i + 1]->begun)
            return true;
    return false;
}

constexpr made_shape quiet{.steps = 200, .has_changes = false};

} // namespace

BOOST_AUTO_TEST_CASE(an_event_that_was_never_delivered) {
    expect_found(rule::event_was_not_delivered, [](planted_run& run) -> sentence_part {
        const auto of = choose_subscription(run, [](const auto& one) { return !one.events().empty(); });
        if (!of) return std::nullopt;
        const auto events = of->events();
        const uuid lost = events[run.random.below(events.size())]->id;
        for (ownership* owner : of->owners)
            std::erase_if(
                owner->steps, [&](const owner_step& step) { return step.done == kind::delivered && step.id == lost; });
        return eventstore::to_string(lost);
    });
}

BOOST_AUTO_TEST_CASE(an_event_that_was_left_out_by_one_owner) {
    expect_found(rule::delivered_out_of_order, [](planted_run& run) -> sentence_part {
        const auto of = choose_subscription(
            run, [](const auto& one) { return one.rules->order == ordering::log && !one.has(kind::nacking); });
        if (!of) return std::nullopt;
        ownership& owner = *of->owners[run.random.below(of->owners.size())];
        std::map<uuid, int> counts;
        for (const owner_step& step : owner.steps)
            if (step.done == kind::delivered) ++counts[step.id];
        std::int64_t last = 0;
        for (const owner_step& step : owner.steps)
            if (step.done == kind::delivered) last = std::max(last, step.position);
        auto* lost = choose(run.random, owner.steps, [&](const owner_step& step) {
            return step.done == kind::delivered && counts[step.id] == 1 && step.position < last;
        });
        if (lost == nullptr) return std::nullopt;
        const std::string id = "before event " + eventstore::to_string(lost->id);
        owner.steps.erase(owner.steps.begin() + (lost - owner.steps.data()));
        return id;
    });
}

BOOST_AUTO_TEST_CASE(a_doubled_delivery) {
    expect_found(rule::delivered_again, [](planted_run& run) -> sentence_part {
        const auto of = choose_subscription(run, [](const auto& one) { return !one.rules->replays_parked; });
        if (!of) return std::nullopt;
        ownership& owner = *of->owners[run.random.below(of->owners.size())];
        owner_step* step = choose_delivery(run, owner);
        if (step == nullptr) return std::nullopt;
        const owner_step doubled = *step;
        owner.steps.insert(owner.steps.begin() + (step - owner.steps.data()), doubled);
        return eventstore::to_string(doubled.id);
    });
}

BOOST_AUTO_TEST_CASE(a_delivery_from_before_the_checkpoint) {
    expect_found(rule::delivered_again, [](planted_run& run) -> sentence_part {
        const auto of = choose_subscription(run, [](const auto& one) {
            return !one.rules->replays_parked && one.owners.size() > 1 && one.owners.back()->from > 0 &&
                !one.events().empty();
        });
        if (!of || of->events().front()->position > of->owners.back()->from) return std::nullopt;
        const stored_event& old = *of->events().front();
        owner_step again;
        again.batch = 1'000'000;
        again.at = of->owners.back()->begun + 1;
        again.stream = run.number_of(of->facts->streams[old.stream].name);
        again.position = old.position;
        again.version = old.version;
        again.id = old.id;
        of->owners.back()->steps.insert(of->owners.back()->steps.begin(), again);
        return "began after position " + std::to_string(of->owners.back()->from) + ", was given event " +
            eventstore::to_string(old.id);
    });
}

BOOST_AUTO_TEST_CASE(a_swapped_pair) {
    for (const ordering order : {ordering::log, ordering::stream})
        expect_found(rule::delivered_out_of_order, [&](planted_run& run) -> sentence_part {
            const auto of = choose_subscription(
                run, [&](const auto& one) { return one.rules->order == order && !one.has(kind::nacking); });
            if (!of) return std::nullopt;
            ownership& owner = *of->owners[run.random.below(of->owners.size())];
            auto* first = choose(run.random, owner.steps, [&](const owner_step& step) {
                return &step != &owner.steps.back() && step.done == kind::delivered &&
                    (&step)[1].done == kind::delivered && step.stream == (&step)[1].stream &&
                    step.position < (&step)[1].position;
            });
            if (first == nullptr) return std::nullopt;
            std::swap(first[0], first[1]);
            return eventstore::to_string(first[0].id) + " (stream '" + run.records.names.name_of(first[0].stream) + "'";
        });
}

BOOST_AUTO_TEST_CASE(a_checkpoint_that_is_too_far_at_the_end) {
    expect_found(rule::checkpoint_leads, [](planted_run& run) -> sentence_part {
        const auto of = choose_subscription(run, [](const auto& one) {
            return one.rules->exhausted == refusals::stop && !one.events().empty() &&
                one.owners.back()->from < one.events().back()->position;
        });
        if (!of) return std::nullopt;
        std::erase_if(of->owners.back()->steps, is_settling);
        return "the checkpoint at the end";
    });
}

BOOST_AUTO_TEST_CASE(a_checkpoint_behind_the_end_of_the_log) {
    expect_found(rule::checkpoint_leads, [](planted_run& run) -> sentence_part {
        const auto of = choose_subscription(run, [](const auto& one) { return one.rules->stream == "$all"; });
        if (!of) return std::nullopt;
        of->row().position += 1'000;
        return "and the log ends at";
    });
}

BOOST_AUTO_TEST_CASE(a_checkpoint_that_is_one_too_far_for_the_next_owner) {
    expect_found(rule::checkpoint_leads, [](planted_run& run) -> sentence_part {
        const auto of = choose_subscription(run, stops_and_has_several_owners);
        if (!of) return std::nullopt;
        const std::size_t next = 1 + run.random.below(of->owners.size() - 1);
        ownership& before = *of->owners[next - 1];
        for (const stored_event* event : of->events()) {
            if (event->position <= before.from) continue;
            // The first event after its checkpoint: it was not acknowledged.
            std::erase_if(before.steps, is_settling);
            of->owners[next]->from = event->position;
            return eventstore::to_string(event->id);
        }
        return std::nullopt;
    });
}

BOOST_AUTO_TEST_CASE(an_ack_of_an_owner_that_has_lost_the_lease) {
    expect_found(rule::checkpoint_leads, [](planted_run& run) -> sentence_part {
        const auto of = choose_subscription(run, stops_and_has_several_owners);
        if (!of) return std::nullopt;
        // It acknowledges all that it was given, and the checkpoint that the next one has is behind that; but too late.
        const std::size_t next = 1 + run.random.below(of->owners.size() - 1);
        ownership& before = *of->owners[next - 1];
        if (of->owners[next]->from <= before.from) return std::nullopt;
        const auto events = of->events();
        const bool has_any = std::any_of(events.begin(), events.end(), [&](const stored_event* event) {
            return event->position > before.from && event->position <= of->owners[next]->from;
        });
        if (!has_any) return std::nullopt;
        for (owner_step& step : before.steps)
            if (is_settling(step)) step.at = of->owners[next]->begun + 1;
        return "epoch " + std::to_string(of->owners[next]->epoch);
    });
}

BOOST_AUTO_TEST_CASE(a_checkpoint_that_went_back) {
    for (const bool is_durable : {false, true})
        expect_found(rule::checkpoint_went_back, [&](planted_run& run) -> sentence_part {
            const auto of = choose_subscription(
                run, [](const auto& one) { return one.owners.size() > 1 && !one.has(kind::nacking); });
            if (!of) return std::nullopt;
            for (std::size_t i = 0; i + 1 < of->owners.size(); ++i) {
                std::int64_t least = of->owners[i]->from;
                if (is_durable) {
                    least = 0;
                    for (const owner_step& step : of->owners[i]->steps)
                        if (step.done == kind::durable) least = std::max(least, step.position);
                }
                std::int64_t delivered = 0; // the last event that the checkpoint is behind
                for (const stored_event* event : of->events())
                    if (event->position <= least && has_certainly_acknowledged(*of, i, event->position))
                        delivered = event->position;
                if (delivered == 0) continue;
                of->owners[i + 1]->from = delivered - 1;
                return "epoch " + std::to_string(of->owners[i + 1]->epoch) + ") began after position " +
                    std::to_string(delivered - 1);
            }
            return std::nullopt;
        });
}

BOOST_AUTO_TEST_CASE(a_checkpoint_that_was_lost_at_the_end) {
    for (const rule broken : {rule::checkpoint_went_back, rule::checkpoint_stayed_behind})
        expect_found(broken, [&](planted_run& run) -> sentence_part {
            const auto of = choose_subscription(run, [](const auto& one) {
                return !one.events().empty() && !one.has(kind::nacking) &&
                    one.owners.back()->from >= one.events().front()->position &&
                    has_certainly_acknowledged(one, one.owners.size(), one.events().front()->position);
            });
            if (!of) return std::nullopt;
            of->row().version = 0;
            of->row().position = 0;
            return "the checkpoint at the end is position 0";
        });
}

BOOST_AUTO_TEST_CASE(an_event_that_is_not_in_the_log) {
    expect_found(rule::delivered_event_is_not_stored, [](planted_run& run) -> sentence_part {
        const auto of = choose_subscription(run, [](const auto&) { return true; });
        owner_step* step = of ? choose_delivery(run, *of->owners.front()) : nullptr;
        if (step == nullptr) return std::nullopt;
        step->position += 1'000;
        return "position " + std::to_string(step->position);
    });
}

BOOST_AUTO_TEST_CASE(an_event_that_is_another_one_in_the_log) {
    for (const int part : {0, 1, 2})
        expect_found(rule::delivered_event_differs, [&](planted_run& run) -> sentence_part {
            const auto of = choose_subscription(run, [](const auto&) { return true; });
            owner_step* step = of ? choose_delivery(run, *of->owners.front()) : nullptr;
            if (step == nullptr) return std::nullopt;
            if (part == 0)
                step->id = run.random.id();
            else if (part == 1)
                ++step->version;
            else
                step->stream = run.number_of("another");
            return eventstore::to_string(step->id);
        });
}

BOOST_AUTO_TEST_CASE(an_event_of_another_stream) {
    expect_found(rule::delivered_to_the_wrong_subscription, [](planted_run& run) -> sentence_part {
        const auto of = choose_subscription(run, [](const auto& one) {
            return std::any_of(one.facts->events.begin(), one.facts->events.end(),
                [&](const stored_event& event) { return !one.delivers(event); });
        });
        if (!of) return std::nullopt;
        const auto* foreign =
            choose(run.random, of->facts->events, [&](const stored_event& event) { return !of->delivers(event); });
        owner_step step;
        step.batch = 1'000'000;
        step.at = 1'000'000;
        step.stream = run.number_of(of->facts->streams[foreign->stream].name);
        step.position = foreign->position;
        step.version = foreign->version;
        step.id = foreign->id;
        of->owners.back()->steps.push_back(step);
        return eventstore::to_string(foreign->id);
    });
}

BOOST_AUTO_TEST_CASE(an_event_before_its_append) {
    expect_found(rule::delivered_too_early, [](planted_run& run) -> sentence_part {
        const auto of = choose_subscription(run, [](const auto&) { return true; });
        owner_step* step = of ? choose_delivery(run, *of->owners.front()) : nullptr;
        if (step == nullptr) return std::nullopt;
        step->at = 1;
        return eventstore::to_string(step->id);
    });
}

BOOST_AUTO_TEST_CASE(an_event_that_was_parked_without_a_refusal) {
    for (const bool is_counted : {false, true})
        expect_found(rule::parked_without_refusals, [&](planted_run& run) -> sentence_part {
            const auto of = choose_subscription(
                run, [](const auto& one) { return !one.events().empty() && !one.has(kind::nacking); });
            if (!of) return std::nullopt;
            const stored_event& event = *of->events().front();
            of->facts->parked.push_back({of->rules->stream, of->rules->name, event.position, is_counted ? 100 : 0});
            return eventstore::to_string(event.id) + " (stream '" + of->facts->streams[event.stream].name +
                "' version " + std::to_string(event.version) + ", position " + std::to_string(event.position) + ")" +
                (is_counted ? " is parked, and nobody" : " was parked after 0 deliveries");
        });
}

BOOST_AUTO_TEST_CASE(a_refused_event_that_was_dropped) {
    expect_found(rule::refused_event_was_dropped,
        [](planted_run& run) -> sentence_part {
            const auto of = choose_subscription(run,
                [&](const auto& one) { return one.rules->exhausted == refusals::park && !one.rules->replays_parked; });
            if (!of) return std::nullopt;
            auto* parked = choose(run.random, of->facts->parked, [&](const parked_event& event) {
                return event.stream == of->rules->stream && event.subscription == of->rules->name &&
                    std::none_of(of->owners.begin(), of->owners.end(),
                        [&](const ownership* owner) { return has_acknowledged(*owner, event.position); });
            });
            if (parked == nullptr) return std::nullopt;
            const std::int64_t position = parked->position;
            of->facts->parked.erase(of->facts->parked.begin() + (parked - of->facts->parked.data()));
            return "position " + std::to_string(position) + ") was refused";
        },
        {.steps = 120, .has_changes = false});
}

BOOST_AUTO_TEST_CASE(two_owners_with_one_epoch) {
    expect_found(rule::owners_share_an_epoch, [](planted_run& run) -> sentence_part {
        const auto of = choose_subscription(run, [](const auto& one) { return one.owners.size() > 1; });
        if (!of) return std::nullopt;
        of->owners[1]->epoch = of->owners[0]->epoch;
        return "subscription '" + of->rules->name + "'";
    });
}

BOOST_AUTO_TEST_CASE(a_second_owner) {
    expect_found(rule::owners_overlap, [](planted_run& run) -> sentence_part {
        const auto of = choose_subscription(run, [](const auto& one) {
            return one.owners.size() > 1 && chosen_subscription::count(*one.owners[0], kind::delivered) > 0;
        });
        if (!of) return std::nullopt;
        const name_number process = of->owners[0]->process;
        std::erase_if(run.records.pauses, [&](const process_pause& stop) { return stop.process == process; });
        owner_step late = *choose_delivery(run, *of->owners[0]);
        late.at = of->owners[1]->begun + of->rules->lease.count() + 1;
        of->owners[0]->steps.push_back(late);
        return run.records.names.name_of(process) + "' (epoch " + std::to_string(of->owners[0]->epoch) + ") was given";
    });
}

BOOST_AUTO_TEST_CASE(a_second_owner_is_none_while_its_lease_allows_or_its_process_was_paused) {
    int overlaps = 0;
    for (unsigned seed = 1; seed <= 80; ++seed)
        for (const bool is_paused : {false, true}) {
            planted_run run(seed, quiet);
            const auto of = choose_subscription(run, [](const auto& one) {
                return one.owners.size() > 1 && chosen_subscription::count(*one.owners[0], kind::delivered) > 0;
            });
            if (!of) continue;
            ++overlaps;
            owner_step late = *choose_delivery(run, *of->owners[0]);
            late.at = of->owners[1]->begun + of->rules->lease.count();
            if (is_paused) {
                late.at += 10'000;
                run.records.pauses.push_back(
                    {of->owners[0]->process, of->owners[1]->begun, of->owners[1]->begun + 10'000});
            }
            of->owners[0]->steps.push_back(late);
            BOOST_TEST(!names(run.check(), rule::owners_overlap, ""));
        }
    BOOST_TEST(overlaps >= 10);
}

BOOST_AUTO_TEST_CASE(records_that_nobody_can_have_written) {
    expect_found(rule::records_do_not_fit, [](planted_run& run) -> sentence_part {
        const auto of = choose_subscription(run, [](const auto&) { return true; });
        owner_step step;
        step.done = kind::acking;
        step.batch = 1'000'000;
        of->owners.front()->steps.push_back(step);
        return "settles batch 1000000, which it was not given";
    });
    expect_found(rule::records_do_not_fit, [](planted_run& run) -> sentence_part {
        run.made.subscriptions.erase(run.made.subscriptions.begin());
        return "has owners, and no rules";
    });
    expect_found(rule::records_do_not_fit, [](planted_run& run) -> sentence_part {
        const std::string schema = run.made.stores.front().schema;
        run.made.stores.erase(run.made.stores.begin());
        return "store '" + schema + "': there are records of this store";
    });
    expect_found(rule::records_do_not_fit, [](planted_run& run) -> sentence_part {
        const auto of = choose_subscription(run, [](const auto&) { return true; });
        std::erase_if(of->facts->subscriptions, [&](const stored_subscription& row) {
            return row.stream == of->rules->stream && row.name == of->rules->name;
        });
        return "the database has no such subscription";
    });
}

BOOST_AUTO_TEST_SUITE_END()
