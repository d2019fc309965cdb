#include "faults/made_owner.hpp"

#include <algorithm>
#include <utility>

namespace eventstore::test::faults {

bool made_subscription::wants(const made_event& event) const {
    if (event.position <= rules.after || (rules.stream != "$all" && rules.stream != event.stream)) return false;
    stored_event stored;
    stored.id = event.id;
    return !rules.selects || rules.selects(event.stream, stored);
}

std::string made_subscription::key_of(const made_event& event) const {
    stored_event stored;
    stored.id = event.id;
    switch (rules.order) {
    case ordering::log: return "";
    case ordering::stream: return event.stream;
    case ordering::key: return rules.key(event.stream, stored);
    case ordering::none: break;
    }
    return std::to_string(event.position);
}

made_owner::made_owner(
    made_subscription& of, std::shared_ptr<made_process> process, made_random& random, std::size_t consumers)
    : of_(of),
      process_(std::move(process)),
      random_(random),
      deliveries_(of.deliveries),
      parked_(of.parked),
      looked_through_(static_cast<std::size_t>(of.checkpoint)) {
    ++of_.epoch;
    for (std::size_t i = 0; i < consumers; ++i) {
        ownership_ =
            process_->records.owns(of_.store->schema(), of_.rules.stream, of_.rules.name, of_.epoch, of_.checkpoint);
        consumers_.push_back(++last_consumer_);
    }
}

void made_owner::look() {
    const std::vector<made_event>& log = of_.store->log();
    for (; looked_through_ < log.size(); ++looked_through_) {
        const made_event& event = log[looked_through_];
        if (event.is_removed || !of_.wants(event) || parked_.contains(event.position)) continue;
        pending_[event.position] = {nullptr, state::waiting, 0, of_.key_of(event)};
    }
    for (auto& [position, pending] : pending_) pending.event = &log[static_cast<std::size_t>(position - 1)];
}

bool made_owner::is_due(const pending_event& event, unsigned consumer) const {
    for (const auto& [position, other] : pending_) {
        if (position >= event.event->position) return true;
        if (other.key != event.key || other.at == state::done) continue;
        if (other.at == state::waiting || other.consumer != consumer) return false;
    }
    return true;
}

std::vector<delivered_event> made_owner::hand_out(const std::vector<std::int64_t>& positions) {
    std::vector<delivered_event> events;
    for (const std::int64_t position : positions) {
        const made_event& event = of_.store->log()[static_cast<std::size_t>(position - 1)];
        events.push_back({event.position, event.version, event.stream, event.id});
        ++deliveries_[position];
        if (!is_fenced_) of_.deliveries[position] = deliveries_[position];
    }
    return events;
}

void made_owner::deliver(unsigned consumer, const std::vector<std::int64_t>& positions) {
    std::vector<delivered_event> events = hand_out(positions);
    if (of_.bug == made_bug::swapped_pair && events.size() > 1 && random_.one_in(4)) std::swap(events[0], events[1]);
    const std::uint64_t number = process_->records.delivered(ownership_, consumer, events);
    open_.push_back({number, consumer, positions});
}

std::vector<std::int64_t> made_owner::choose(unsigned consumer) {
    look();
    std::vector<std::int64_t> positions;
    const std::size_t most = 1 + random_.below(4);
    for (auto& [position, pending] : pending_) {
        if (positions.size() == most) break;
        if (pending.at != state::waiting || !is_due(pending, consumer)) continue;
        if (pending.event->is_removed && random_.one_in(2)) { // it was read before, perhaps
            pending.at = state::done;
            continue;
        }
        pending.at = state::in_flight;
        pending.consumer = consumer;
        positions.push_back(position);
    }
    return positions;
}

bool made_owner::take(unsigned consumer) {
    const std::vector<std::int64_t> positions = choose(consumer);
    if (positions.empty()) return false;
    deliver(consumer, positions);
    return true;
}

void made_owner::refuse(const open_batch& batch, std::optional<std::int64_t> position) {
    process_->records.nacking(ownership_, batch.number, position);
    for (const std::int64_t handed_out : batch.positions) {
        pending_event& pending = pending_[handed_out];
        if (pending.at == state::done) continue;
        pending.at = position && handed_out < *position ? state::done : state::waiting;
        const bool is_refused = !position || handed_out == *position;
        const bool is_exhausted = deliveries_[handed_out] > of_.rules.max_retries;
        if (!is_refused || !is_exhausted || of_.rules.exhausted == refusals::stop) continue;
        pending.at = state::done;
        if (of_.rules.exhausted == refusals::park && !is_fenced_) of_.parked[handed_out] = deliveries_[handed_out];
    }
}

void made_owner::settle(std::size_t number, bool may_refuse) {
    const open_batch batch = std::move(open_[number]);
    open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(number));
    if (may_refuse && random_.one_in(5)) {
        if (random_.one_in(2))
            refuse(batch, std::nullopt);
        else
            refuse(batch, batch.positions[random_.below(batch.positions.size())]);
        return;
    }
    process_->records.acking(ownership_, batch.number);
    for (const std::int64_t position : batch.positions) pending_[position].at = state::done;
}

/// Through an event in the middle: what comes behind it is in flight still.
void made_owner::acknowledge_through(std::size_t number) {
    const unsigned consumer = open_[number].consumer;
    const std::int64_t through = open_[number].positions[random_.below(open_[number].positions.size())];
    process_->records.acking_through(ownership_, consumer, through);
    for (open_batch& batch : open_) {
        if (batch.consumer != consumer) continue;
        for (const std::int64_t position : batch.positions)
            if (position <= through) pending_[position].at = state::done;
    }
    std::erase_if(open_, [&](const open_batch& batch) {
        return std::all_of(batch.positions.begin(), batch.positions.end(),
            [&](std::int64_t position) { return pending_[position].at == state::done; });
    });
}

void made_owner::lose_consumer() {
    const std::size_t index = random_.below(consumers_.size());
    const unsigned consumer = consumers_[index];
    process_->records.leaving(ownership_, consumer);
    for (const open_batch& batch : open_)
        if (batch.consumer == consumer)
            for (const std::int64_t position : batch.positions)
                if (pending_[position].at == state::in_flight) pending_[position].at = state::waiting;
    std::erase_if(open_, [&](const open_batch& batch) { return batch.consumer == consumer; });
    consumers_[index] = ++last_consumer_;
}

/// An operator has released what was parked.
void made_owner::replay() {
    if (!of_.rules.replays_parked || of_.parked.empty() || is_fenced_) return;
    const std::int64_t position = of_.parked.begin()->first;
    of_.parked.erase(of_.parked.begin());
    deliver(consumers_.front(), {position});
    process_->records.acking(ownership_, open_.back().number);
    open_.pop_back();
}

std::int64_t made_owner::done_through() const {
    for (const auto& [position, pending] : pending_)
        if (pending.at != state::done) return position - 1;
    return static_cast<std::int64_t>(looked_through_);
}

void made_owner::write_checkpoint() {
    if (is_fenced_) return;
    std::int64_t position = std::max(of_.checkpoint, done_through());
    if (of_.bug == made_bug::checkpoint_too_far && position < static_cast<std::int64_t>(looked_through_)) ++position;
    if (random_.one_in(2)) {
        of_.checkpoint = position;
    } else { // to the last event alone: what is left out behind it need not be written
        for (const auto& [last, pending] : pending_)
            if (last <= position) of_.checkpoint = std::max(of_.checkpoint, last);
    }
    if (random_.one_in(3)) process_->records.durable(ownership_, position);
}

void made_owner::step() {
    switch (random_.below(12)) {
    case 0: write_checkpoint(); break;
    case 1: {
        if (random_.one_in(4)) lose_consumer();
        break;
    }
    case 2: replay(); break;
    case 3:
        if (!open_.empty()) acknowledge_through(random_.below(open_.size()));
        break;
    case 4:
    case 5:
    case 6:
    case 7:
        if (!open_.empty()) settle(random_.below(open_.size()), true);
        break;
    default:
        if (open_.size() < 2 * consumers_.size()) take(consumers_[random_.below(consumers_.size())]);
        break;
    }
}

void made_owner::drain() {
    for (;;) {
        while (!open_.empty()) settle(0, random_.one_in(2));
        if (!take(consumers_[random_.below(consumers_.size())])) break;
    }
    write_checkpoint();
}

void made_owner::release() {
    for (const unsigned consumer : consumers_) process_->records.leaving(ownership_, consumer);
    write_checkpoint();
    process_->records.ended(ownership_);
}

void made_owner::kill() {
    // What it was about to do next has not happened; what it was given has.
    const std::vector<std::int64_t> positions =
        random_.one_in(2) ? choose(consumers_.front()) : std::vector<std::int64_t>();
    const std::vector<delivered_event> events = hand_out(positions);
    process_->kill_while(random_, [&](recorder& records) {
        if (!events.empty())
            records.delivered(ownership_, consumers_.front(), events);
        else if (!open_.empty())
            records.acking(ownership_, open_.front().number);
        else
            records.leaving(ownership_, consumers_.front());
    });
}

} // namespace eventstore::test::faults
