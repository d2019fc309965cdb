// Subscriptions of the database: their rows, and what they have parked.
#include "simulation/database_model.hpp"

#include <algorithm>

namespace eventstore::test::simulation {

const subscription_row* database_model::find_subscription(std::string_view stream, std::string_view name) const {
    const auto found = std::ranges::find_if(
        subscriptions_, [&](const auto& known) { return known.second.stream == stream && known.second.name == name; });
    return found == subscriptions_.end() ? nullptr : &found->second;
}

bool database_model::has_replays(std::int64_t id) const {
    return std::ranges::any_of(
        parked_, [&](const auto& known) { return known.first.first == id && known.second.replay; });
}

subscription_row database_model::make_subscription(const claim_call& call) {
    subscription_row made;
    made.id = ++last_subscription_;
    made.stream = call.stream;
    made.name = call.name;
    if (call.stream == "$all") {
        made.position = call.start.value_or(head());
        return made;
    }
    const stream_row* const here = find_stream(call.stream);
    made.version = call.start.value_or(here ? here->version : 0);
    if (!here) return made;
    made.stream_id = here->id;
    for (const stored_event& event : log_)
        if (event.stream_id == here->id && event.version == made.version) made.position = event.position;
    return made;
}

// claim_subscription
claim_reply database_model::claim(const claim_call& call, moment clock) { return told(call, take(call, clock)); }

claim_reply database_model::take(const claim_call& call, moment clock) {
    claim_reply reply;
    const subscription_row* found = find_subscription(call.stream, call.name);
    if (found) {
        const milliseconds held_for = planted_ == bug::claims_too_early ? found->lease / 3 : found->lease;
        reply.there = {found->id, found->epoch, found->beat};
        reply.owners_lease = found->lease;
        const bool is_others = found->owner && *found->owner != call.owner;
        if (is_others)
            closest_claim_ = std::min(closest_claim_, std::chrono::abs(clock - (*found->renewed_at + held_for)));
        if (is_others && clock <= *found->renewed_at + held_for && call.stalled != reply.there) return reply;
    } else {
        const subscription_row made = make_subscription(call);
        found = &subscriptions_.emplace(made.id, made).first->second;
    }
    subscription_row& row = subscriptions_.at(found->id);
    const stream_row* const here = find_stream(call.stream);
    reply.stream_id = here ? here->id : 0;
    reply.checkpoint.position = row.position;
    reply.event = row.event;
    reply.there = {row.id, row.epoch, row.beat};
    if (row.event && !is_held(row.position, row.event)) {
        reply.is_truncated = true;
        return reply;
    }
    // The checkpoint may be of a stream that did not exist then.
    if (!row.stream_id && here && row.version > 0 && row.position > 0) {
        const auto first = std::ranges::find(log_, here->id, &stored_event::stream_id);
        if (first != log_.end() && first->version <= row.version && first->position > row.position) row.version = 0;
    }
    ++row.epoch;
    ++row.beat;
    row.owner = call.owner;
    row.renewed_at = clock;
    row.lease = call.lease;
    if (here) row.stream_id = here->id;
    reply.is_taken = true;
    reply.there = {row.id, row.epoch, row.beat};
    reply.checkpoint = {row.position, row.version};
    reply.handed_out = {row.delivered, row.deliveries, row.announced};
    reply.replays = has_replays(row.id);
    return reply;
}

// settle_subscriptions
std::vector<std::int64_t> database_model::settle(const settle_call& call, moment clock) {
    return told(call, settle_rows(call, clock));
}

std::vector<std::int64_t> database_model::settle_rows(const settle_call& call, moment clock) {
    std::vector<std::int64_t> codes;
    for (const delivery::lease_write& write : call.rows) {
        codes.push_back(0);
        const auto& reached = write.progress.checkpoint;
        const bool has_position = write.is_moved;
        const stored_event* there = nullptr;
        if (has_position && reached.where.position > 0 && reached.where.position <= head())
            there = &log_[static_cast<std::size_t>(reached.where.position - 1)];
        if (!is_held(write.progress.received, write.progress.received_event) ||
            (there && reached.event && there->id != *reached.event)) {
            codes.back() = 3;
            continue;
        }
        const auto found = subscriptions_.find(write.id);
        if (found == subscriptions_.end()) {
            codes.back() = 2;
            continue;
        }
        subscription_row& row = found->second;
        const bool is_beat = write.beat != 0; // null in a transaction of the owner's
        const bool is_owners = row.epoch == write.epoch && row.position >= write.from &&
            (!is_beat || (write.beat >= row.beat && write.beat <= row.beat + 1'000'000'000)) &&
            (row.owner == call.owner || (!row.owner && write.releases));
        if (!is_owners && (planted_ != bug::writes_without_epoch || write.releases || !has_position)) {
            codes.back() = 1;
            continue;
        }
        const subscription_row before = row;
        if (is_beat) row.beat = write.beat;
        if (is_beat) row.renewed_at = clock;
        if (write.releases) {
            row.renewed_at.reset();
            row.owner.reset();
        }
        if (has_position) {
            const std::int64_t position = reached.where.position;
            if (position >= before.position) row.version = reached.where.version;
            if (position > before.position) {
                row.position = position;
                row.event.reset();
                if (there) row.event = there->id;
                if (there && row.stream != "$all") row.stream_id = there->stream_id;
            }
        }
        if (is_beat && planted_ != bug::forgets_hand_outs) {
            row.deliveries = write.progress.handed_out.deliveries;
            row.delivered = write.progress.handed_out.delivered;
            row.announced = write.progress.handed_out.through;
        }
        if (on_settled) on_settled(before, row, write.epoch);
        if (write.releases)
            say("free", row.id);
        else if (has_replays(row.id))
            codes.back() = 4;
    }
    return codes;
}

subscription_row* database_model::owned(std::int64_t id, std::int64_t epoch) {
    const auto found = subscriptions_.find(id);
    return found == subscriptions_.end() || found->second.epoch != epoch ? nullptr : &found->second;
}

// park_events
bool database_model::park(
    std::int64_t id, std::int64_t epoch, std::span<const std::int64_t> positions, std::span<const int> counts) {
    const bool is_done = owned(id, epoch);
    for (std::size_t i = 0; is_done && i < positions.size(); ++i) parked_[{id, positions[i]}] = {counts[i], false};
    park_call call{id, epoch, {positions.begin(), positions.end()}, {counts.begin(), counts.end()}};
    return told(std::move(call), is_done);
}

// unpark_events
bool database_model::unpark(std::int64_t id, std::int64_t epoch, std::span<const std::int64_t> positions) {
    const bool is_done = owned(id, epoch);
    if (is_done) take_out(id, positions);
    return told(unpark_call{id, epoch, {positions.begin(), positions.end()}, false}, is_done);
}

void database_model::take_out(std::int64_t id, std::span<const std::int64_t> positions) {
    for (const std::int64_t position : positions) {
        const auto found = parked_.find({id, position});
        if (found != parked_.end() && found->second.replay) parked_.erase(found);
    }
}

// unpark_or_fail
std::string database_model::unpark_or_fail(
    std::int64_t id, std::int64_t epoch, std::span<const std::int64_t> positions) {
    const bool is_done = owned(id, epoch) && std::ranges::all_of(positions, [&](std::int64_t position) {
        const auto found = parked_.find({id, position});
        return found != parked_.end() && found->second.replay;
    });
    if (is_done) take_out(id, positions);
    unpark_call call{id, epoch, {positions.begin(), positions.end()}, true};
    return told(std::move(call), std::string(is_done ? "" : "ES004"));
}

// release_parked
std::optional<std::int64_t> database_model::release_parked(const std::string& stream, const std::string& name) {
    const subscription_row* const row = find_subscription(stream, name);
    std::optional<std::int64_t> released;
    if (row) {
        released = 0;
        for (auto& [place, parked] : parked_) {
            if (place.first != row->id) continue;
            ++*released;
            parked.replay = true;
        }
        say("replay", row->id);
    }
    return told(release_call{stream, name}, released);
}

// parked_to_replay.sql
std::vector<std::pair<std::int64_t, int>> database_model::parked_to_replay(
    std::int64_t id, std::span<const std::int64_t> known, std::size_t most) const {
    std::vector<std::pair<std::int64_t, int>> found;
    const auto row = subscriptions_.find(id);
    for (const auto& [place, parked] : parked_) {
        if (row == subscriptions_.end() || place.first != id || !parked.replay || place.second > row->second.position)
            continue;
        if (std::ranges::find(known, place.second) != known.end()) continue;
        if (found.size() < most) found.emplace_back(place.second, parked.deliveries);
    }
    replays_call call{id, {known.begin(), known.end()}, static_cast<std::int64_t>(most)};
    return told(std::move(call), found);
}

bool database_model::delete_subscription(const std::string& stream, const std::string& name) {
    const administer_call call{stream, name, std::nullopt};
    const subscription_row* const row = find_subscription(stream, name);
    if (!row) return told(call, false);
    const std::int64_t id = row->id;
    subscriptions_.erase(id);
    std::erase_if(parked_, [&](const auto& entry) { return entry.first.first == id; });
    say("gone", id);
    return told(call, true);
}

bool database_model::reset_subscription(const std::string& stream, const std::string& name, std::int64_t checkpoint) {
    const administer_call call{stream, name, checkpoint};
    const subscription_row* const found = find_subscription(stream, name);
    if (!found) return told(call, false);
    subscription_row& row = subscriptions_.at(found->id);
    const stream_row* const here = find_stream(stream);
    ++row.epoch;
    row.owner.reset();
    row.renewed_at.reset();
    row.deliveries = 0;
    row.delivered = row.announced = 0;
    row.event.reset();
    row.stream_id.reset();
    if (here) row.stream_id = here->id;
    row.version = stream == "$all" ? 0 : checkpoint;
    row.position = stream == "$all" ? checkpoint : 0;
    if (stream != "$all" && here) {
        for (const stored_event& event : log_)
            if (event.stream_id == here->id && event.version == checkpoint) row.position = event.position;
    }
    say("gone", row.id);
    return told(call, true);
}

// checkpoint_or_fail: `first` of the row is the first event that is acknowledged
std::string database_model::checkpoint_or_fail(const delivery::lease_write& row, const uuid& owner, moment clock) {
    return told(checkpoint_call{row, owner}, write_checkpoint(row, owner, clock));
}

std::string database_model::write_checkpoint(const delivery::lease_write& row, const uuid& owner, moment clock) {
    const auto found = subscriptions_.find(row.id);
    if (found != subscriptions_.end() && found->second.position >= row.first) return "ES004";
    settle_call call;
    call.rows.push_back(row);
    call.rows.front().beat = 0;
    call.rows.front().is_moved = true;
    call.rows.front().releases = false;
    call.owner = owner;
    switch (settle_rows(call, clock).front()) {
    case 1: return "ES004";
    case 2: return "ES005";
    case 3: return "ES002";
    default: break;
    }
    std::erase_if(parked_, [&](const auto& entry) {
        return entry.first.first == row.id && entry.first.second >= row.first &&
            entry.first.second <= row.progress.checkpoint.where.position;
    });
    return {};
}

} // namespace eventstore::test::simulation
