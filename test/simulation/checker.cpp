#include "simulation/checker.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace eventstore::test::simulation {

namespace {

constexpr std::array rule_names{"none", "stored_event_is_missing", "refused_event_is_stored", "event_is_stored_twice",
    "log_has_a_gap", "delivered_event_differs", "delivered_again", "delivered_out_of_order",
    "checkpoint_passes_an_event", "checkpoint_went_back", "written_by_another_owner", "two_owners", "effect_is_doubled",
    "hand_out_is_not_counted", "was_not_delivered", "checkpoint_is_behind", "does_not_settle"};

std::string at_position(std::int64_t position) { return "the event at position " + std::to_string(position); }

std::string named(int number) { return "subscription " + std::to_string(number) + ": "; }

} // namespace

std::string_view name_of(rule broken) noexcept { return rule_names[static_cast<std::size_t>(broken)]; }

checker::checker(const schedule& plan, const database_model& database, const event_loop& loop)
    : plan_(plan), database_(database), loop_(loop), subscriptions_(plan.subscriptions.size()) {}

void checker::add(rule broken, const std::string& text) {
    if (found_) return;
    const auto time = std::chrono::duration_cast<std::chrono::microseconds>(loop_.now() - event_loop::begin());
    found_ = violation{broken, "after " + std::to_string(time.count()) + " us: " + text};
}

// ---- appends

std::size_t checker::appending(std::vector<part> parts) {
    operations_.emplace_back().parts = std::move(parts);
    return operations_.size() - 1;
}

void checker::stored(std::size_t number, std::span<const append_result> results) {
    operation& of = operations_[number];
    of.is_stored = true;
    for (std::size_t i = 0; i < of.parts.size(); ++i) {
        const part& one = of.parts[i];
        const append_result& told = results[i];
        for (std::size_t event = 0; event < one.ids.size(); ++event) {
            const auto offset = static_cast<std::int64_t>(event);
            const stored_event* const there = database_.find(one.ids[event]);
            const bool is_first = event == 0;
            const bool is_there = there && there->stream == one.stream &&
                there->version == told.first_version + offset &&
                (!is_first || there->position == told.first_position) &&
                (told.already_appended || there->position == told.first_position + offset);
            if (!is_there)
                add(rule::stored_event_is_missing,
                    "an append to " + one.stream + " was told version " + std::to_string(told.first_version + offset) +
                        " and position " + std::to_string(told.first_position + offset) + ", where it is not");
        }
    }
}

void checker::refused(std::size_t number) {
    ++counts_.refused_appends;
    operations_[number].is_refused = true;
}

// ---- what is due

void checker::refresh() {
    for (; seen_ < database_.log().size(); ++seen_) {
        const stored_event& event = database_.log()[seen_];
        for (std::size_t i = 0; i < subscriptions_.size(); ++i) {
            const int stream = plan_.subscriptions[i].stream;
            if (stream >= 0 && event.stream != stream_name(stream)) continue;
            subscriptions_[i].all.push_back(event.position);
            subscriptions_[i].due[line_of(static_cast<int>(i), event.position)].push_back(event.position);
        }
    }
}

// Of a subscription to a stream versions count.
std::int64_t checker::count_of(int number, std::int64_t position) const {
    return plan_.subscriptions[static_cast<std::size_t>(number)].stream < 0 ? position : at(position).version;
}

std::int64_t checker::line_of(int number, std::int64_t position) const {
    const subscription_plan& plan = plan_.subscriptions[static_cast<std::size_t>(number)];
    if (plan.consumers == 1) return 0;
    return plan.by_stream ? at(position).stream_id : -position; // without an order each is a line of its own
}

checker::ownership* checker::owner(int number, std::int64_t lease) {
    auto& owners = subscriptions_[static_cast<std::size_t>(number)].owners;
    const auto found = owners.find(lease);
    return found == owners.end() ? nullptr : &found->second;
}

checker::line& checker::line_at(int number, ownership& of, std::int64_t position) {
    const std::int64_t key = line_of(number, position);
    const auto [found, is_new] = of.lines.try_emplace(key);
    if (is_new) {
        for (const std::int64_t due : subscriptions_[static_cast<std::size_t>(number)].due[key])
            if (count_of(number, due) <= of.from) ++found->second.next;
    }
    return found->second;
}

// ---- deliveries

void checker::begun(int number, std::int64_t lease, const delivery::place& from) {
    ++counts_.takeovers;
    const bool is_log = plan_.subscriptions[static_cast<std::size_t>(number)].stream < 0;
    subscriptions_[static_cast<std::size_t>(number)].owners[lease].from = is_log ? from.position : from.version;
}

void checker::delivered(
    int number, std::int64_t lease, std::uint32_t consumer, const recorded_event& event, int delivery) {
    refresh();
    const std::int64_t position = event.position();
    ++counts_.deliveries;
    const bool is_there = position > 0 && position <= database_.head() && at(position).id == event.id() &&
        at(position).version == event.version() && at(position).stream == event.stream();
    if (!is_there)
        return add(rule::delivered_event_differs, named(number) + at_position(position) + " is not in the log");
    subscription& of = subscriptions_[static_cast<std::size_t>(number)];
    const int earlier = of.handed_out[position]++;
    counts_.redeliveries += earlier > 0 ? 1 : 0;
    if (earlier > 0 && delivery == 1 && !of.was_set_anew)
        add(rule::hand_out_is_not_counted,
            named(number) + at_position(position) + " is told as new, and was handed out before");
    ownership& own = *owner(number, lease);
    line& along = line_at(number, own, position);
    const auto& due = of.due[line_of(number, position)];
    std::int64_t next = 0;
    if (!along.returned.empty())
        next = *along.returned.begin();
    else if (along.next < due.size())
        next = due[along.next];
    const auto known = own.events.find(position);
    if (position == next) {
        if (along.returned.empty())
            ++along.next;
        else
            along.returned.erase(position);
        own.events[position] = {status::in_flight, consumer, true};
        return;
    }
    const bool is_out = known != own.events.end() && known->second.is_out;
    if (own.replays.contains(position) && !is_out) {
        own.events[position] = {status::replayed, consumer, true};
        return;
    }
    const bool was_there = known != own.events.end() || count_of(number, position) <= own.from;
    add(was_there ? rule::delivered_again : rule::delivered_out_of_order,
        named(number) + at_position(position) + " was delivered, and the one at " + std::to_string(next) + " is due");
}

void checker::acknowledged(int number, std::int64_t lease, std::int64_t position) {
    ownership& own = *owner(number, lease);
    delivered_event& event = own.events[position];
    event.is_out = false;
    if (event.now == status::in_flight) event.now = status::done;
    if (event.now == status::replayed) own.replays.erase(position);
    subscriptions_[static_cast<std::size_t>(number)].done.insert(position);
}

void checker::given_back(int number, std::int64_t lease, std::int64_t position) {
    --subscriptions_[static_cast<std::size_t>(number)].handed_out[position];
    returned(number, lease, position);
}

void checker::returned(int number, std::int64_t lease, std::int64_t position) {
    ownership& own = *owner(number, lease);
    delivered_event& event = own.events[position];
    event.is_out = false;
    if (event.now != status::in_flight) return; // one that was parked has no place in the line
    event.now = status::returned;
    line_at(number, own, position).returned.insert(position);
}

void checker::consumer_left(int number, std::int64_t lease, std::uint32_t consumer) {
    std::vector<std::int64_t> held;
    for (const auto& [position, event] : owner(number, lease)->events)
        if (event.is_out && event.consumer == consumer) held.push_back(position);
    for (const std::int64_t position : held) returned(number, lease, position);
}

void checker::exhausted(int number, std::int64_t lease, std::int64_t position) {
    ownership& own = *owner(number, lease);
    delivered_event& event = own.events[position];
    ++counts_.exhausted;
    subscriptions_[static_cast<std::size_t>(number)].done.insert(position);
    event.is_out = false;
    if (event.now == status::replayed) own.replays.erase(position);
    if (event.now != status::returned) return;
    event.now = status::done;
    line_at(number, own, position).returned.erase(position);
}

void checker::released(int number) {
    subscription& of = subscriptions_[static_cast<std::size_t>(number)];
    const subscription_plan& plan = plan_.subscriptions[static_cast<std::size_t>(number)];
    const subscription_row* const row =
        database_.find_subscription(plan.stream < 0 ? "$all" : stream_name(plan.stream), "n" + std::to_string(number));
    if (!row) return;
    for (const auto& [place, parked] : database_.parked())
        if (place.first == row->id) of.released.insert(place.second);
}

void checker::replayable(int number, std::int64_t lease, const std::vector<std::int64_t>& positions) {
    const auto& released = subscriptions_[static_cast<std::size_t>(number)].released;
    for (const std::int64_t position : positions)
        if (released.contains(position)) owner(number, lease)->replays.insert(position);
}

void checker::committed(int number, std::int64_t lease) {
    subscription& of = subscriptions_[static_cast<std::size_t>(number)];
    for (const std::int64_t position : std::exchange(committing_, {})) {
        ++counts_.effects;
        acknowledged(number, lease, position);
        if (!of.effects.insert(position).second)
            add(rule::effect_is_doubled, named(number) + at_position(position) + " had its effect twice");
    }
}

int checker::number_of(const subscription_row& row) const { return std::stoi(row.name.substr(1)); }

void checker::settled(const subscription_row& before, const subscription_row& now, std::int64_t writers_epoch) {
    refresh();
    const int number = number_of(now);
    const bool is_log = now.stream == "$all";
    const std::int64_t from = is_log ? before.position : before.version;
    const std::int64_t through = is_log ? now.position : now.version;
    if (now.epoch != writers_epoch)
        add(rule::written_by_another_owner,
            named(number) + "the row has epoch " + std::to_string(now.epoch) + ", and was written with epoch " +
                std::to_string(writers_epoch));
    if (through < from) add(rule::checkpoint_went_back, named(number) + "the checkpoint is " + std::to_string(through));
    if (through <= from) return;
    const ownership* const own = owner(number, lease_of(now.id, writers_epoch));
    const auto& all = subscriptions_[static_cast<std::size_t>(number)].all;
    auto due = std::ranges::partition_point(all, [&](std::int64_t each) { return count_of(number, each) <= from; });
    for (; due != all.end() && count_of(number, *due) <= through; ++due) {
        const auto event = own ? own->events.find(*due) : decltype(own->events.find(*due))();
        if (own && event != own->events.end() &&
            (event->second.now == status::done || event->second.now == status::replayed))
            continue;
        if (committing_.contains(*due)) continue;
        return add(rule::checkpoint_passes_an_event,
            named(number) + "the checkpoint is " + std::to_string(through) + ", and its owner has not done " +
                at_position(*due));
    }
}

void checker::trusted_by(int number, int stores) {
    if (stores > 1) add(rule::two_owners, named(number) + std::to_string(stores) + " stores trust their lease");
}

// ---- the end

bool checker::is_settled(int number) {
    refresh();
    subscription& of = subscriptions_[static_cast<std::size_t>(number)];
    while (of.settled < of.all.size() && of.done.contains(of.all[of.settled])) ++of.settled;
    if (of.settled < of.all.size()) return false;
    const subscription_plan& plan = plan_.subscriptions[static_cast<std::size_t>(number)];
    const subscription_row* const row =
        database_.find_subscription(plan.stream < 0 ? "$all" : stream_name(plan.stream), "n" + std::to_string(number));
    if (!row) return false;
    const bool is_there =
        of.all.empty() || (plan.stream < 0 ? row->position : row->version) >= count_of(number, of.all.back());
    const bool has_replays = std::ranges::any_of(
        database_.parked(), [&](const auto& entry) { return entry.first.first == row->id && entry.second.replay; });
    return is_there && !has_replays;
}

void checker::check_log() {
    std::map<uuid, int> times;
    std::map<std::int64_t, std::int64_t> versions;
    std::int64_t position = 0;
    for (const stored_event& event : database_.log()) {
        ++times[event.id];
        if (event.position != ++position || event.version != ++versions[event.stream_id])
            add(rule::log_has_a_gap, at_position(event.position) + " has version " + std::to_string(event.version));
        if (times[event.id] > 1) add(rule::event_is_stored_twice, at_position(event.position) + " is stored twice");
    }
    for (const operation& of : operations_) {
        for (const part& one : of.parts) {
            for (const uuid& id : one.ids) {
                const bool is_there = times.contains(id);
                if (of.is_stored && !is_there)
                    add(rule::stored_event_is_missing, "an event of " + one.stream + " is not there at the end");
                if (of.is_refused && !of.is_unknown && !of.is_stored && is_there)
                    add(rule::refused_event_is_stored, "an append to " + one.stream + " was refused, and is stored");
            }
        }
    }
}

void checker::finish(const std::set<std::size_t>& under_way) {
    refresh();
    check_log();
    for (const std::size_t number : under_way)
        add(rule::does_not_settle, "an append to " + operations_[number].parts.front().stream + " is not answered");
    for (int number = 0; number < static_cast<int>(subscriptions_.size()); ++number) {
        if (is_settled(number)) continue;
        subscription& of = subscriptions_[static_cast<std::size_t>(number)];
        if (of.settled < of.all.size())
            add(rule::was_not_delivered, named(number) + at_position(of.all[of.settled]) + " was never done");
        else
            add(rule::checkpoint_is_behind, named(number) + "the checkpoint or what is parked stays behind");
    }
}

} // namespace eventstore::test::simulation
