// The consumers of a simulated subscription: what they take, acknowledge and refuse, and what is parked.
#include "simulation/made_page.hpp"
#include "simulation/subscription_driver.hpp"

#include <algorithm>
#include <utility>

namespace eventstore::test::simulation {

using namespace delivery;

// next()
void subscription_driver::take(consumer_id consumer) {
    if (ended_ || !state_->has(consumer) || waiting_.contains(consumer)) return;
    const auto now = parts_.where.now();
    const bool is_trusted = !is_retired_ && parts_.leases.is_trusted(id_, epoch_);
    std::optional<hand_out> taken;
    auto deadline = eventstore::detail::steady_time::max();
    if (is_trusted) {
        taken = state_->take(consumer, now);
        deadline = state_->next_retry();
    } else {
        parts_.leases.renew_now(id_);
    }
    if (!taken) {
        if (state_->wants_announcement()) report(write_by::now);
        return wait(consumer, deadline);
    }
    consequences todo;
    todo.wish = state_->wish();
    todo.replays = replays_.begin_reading(state_->has_room());
    report(taken->delivery > 1 ? write_by::soon : write_by::terms);
    parts_.on_trusted();
    for (std::uint32_t i = 0; i < taken->count; ++i)
        parts_.observer.delivered(parts_.number, lease_, consumer, taken->events[i], taken->delivery);
    carry_out(todo);
    handle(consumer, *taken);
}

void subscription_driver::wait(consumer_id consumer, eventstore::detail::steady_time deadline) {
    waiting_.insert(consumer);
    parts_.where.timer(deadline, [this, consumer] { wake(consumer); });
}

void subscription_driver::wake(consumer_id consumer) {
    if (waiting_.erase(consumer) == 1) take(consumer);
}

void subscription_driver::handle(consumer_id consumer, const hand_out& batch) {
    process& where = parts_.where;
    duration time = 100us + where.random.up_to(where.random.chance(20) ? duration(100ms) : duration(2ms));
    time += std::exchange(slow_, duration());
    where.timer(where.now() + time, [this, consumer, batch] { handled(consumer, batch); });
    if (!state_->is_busy(consumer)) where.post([this, consumer] { take(consumer); });
}

void subscription_driver::handled(consumer_id consumer, const hand_out& batch) {
    if (ended_ || !state_->has(consumer)) return;
    std::uint32_t bad = 0;
    while (bad < batch.count && !parts_.refused.refuses(batch.events[bad])) ++bad;
    if (bad == batch.count) {
        const bool is_looked_at = !parts_.where.random.chance(30);
        if (is_looked_at && parts_.where.random.chance(6)) return commit(consumer, batch);
        if (is_looked_at)
            acknowledge(consumer, batch, 0, batch.count);
        else
            give_back(consumer, batch, 0, batch.count);
    } else if (parts_.where.random.chance(2)) {
        refuse(consumer, batch, 0, batch.count);
    } else { // that one of them
        if (bad > 0) acknowledge(consumer, batch, 0, bad);
        if (bad + 1 < batch.count) give_back(consumer, batch, bad + 1, batch.count - bad - 1);
        refuse(consumer, batch, bad, 1);
    }
    parts_.where.post([this, consumer] { take(consumer); });
}

void subscription_driver::acknowledge(
    consumer_id consumer, const hand_out& batch, std::uint32_t first, std::uint32_t count) {
    if (ended_ || !state_->acknowledge(consumer, batch.first + first, count)) return;
    for (std::uint32_t i = first; i < first + count; ++i)
        parts_.observer.acknowledged(parts_.number, lease_, batch.events[i].position());
    ++serial_;
    const consequences todo = changed();
    report(write_by::terms);
    carry_out(todo);
}

// A transaction of the handler's acknowledges the batch: write_for, and commit_step
void subscription_driver::commit(consumer_id consumer, const hand_out& batch) {
    const auto first = std::max(batch.first, state_->first_kept());
    const auto last = batch.first + batch.count;
    const auto count = static_cast<std::uint32_t>(last > first ? last - first : 0);
    progress now = progress_now();
    const auto replayed = state_->replayed_in(consumer, first, count);
    const auto reached = state_->done_with(consumer, first, count);
    if (reached) now.checkpoint = *reached;
    auto row = parts_.leases.row_for(id_, epoch_, now);
    if (!row || (replayed.empty() && !reached)) { // something before it is not done: another way
        acknowledge(consumer, batch, 0, batch.count);
        return parts_.where.post([this, consumer] { take(consumer); });
    }
    row->first = state_->event(first).link_position();
    std::set<std::int64_t> positions;
    for (auto number = first; number < last; ++number) positions.insert(state_->event(number).link_position());
    committing_.insert(consumer);
    parts_.pool.ask_for(
        pool_driver::kind::write,
        [this, positions, row = *row, replayed] {
            parts_.observer.committing(positions);
            const std::string state = replayed.empty()
                ? parts_.database.checkpoint_or_fail(row, parts_.leases.owner(), parts_.leases.server_now())
                : parts_.database.unpark_or_fail(id_, epoch_, replayed);
            if (state.empty())
                parts_.observer.committed(parts_.number, lease_);
            else
                parts_.observer.committing({});
            return state;
        },
        [this, consumer, batch, row = *row, is_replay = !replayed.empty()](const std::optional<std::string>& state) {
            committing_.erase(consumer);
            if (!state || !state->empty()) return end(); // the outcome is not known, or it has another owner
            committed(consumer, batch, row, is_replay);
        },
        false);
}

void subscription_driver::committed(
    consumer_id consumer, const hand_out& batch, const lease_write& row, bool is_replay) {
    if (is_retired_) return;
    if (!is_replay) parts_.leases.written_elsewhere(row);
    if (ended_) return;
    if (!state_->acknowledge(consumer, batch.first, batch.count)) return end();
    ++serial_;
    const consequences todo = changed();
    report(write_by::terms);
    carry_out(todo);
    parts_.where.post([this, consumer] { take(consumer); });
}

void subscription_driver::give_back(
    consumer_id consumer, const hand_out& batch, std::uint32_t first, std::uint32_t count) {
    if (ended_) return;
    for (std::uint32_t i = first; i < first + count; ++i)
        parts_.observer.given_back(parts_.number, lease_, batch.events[i].position());
    state_->give_back(consumer, batch.first + first, count);
    carry_out(changed());
}

void subscription_driver::refuse(
    consumer_id consumer, const hand_out& batch, std::uint32_t first, std::uint32_t count) {
    if (ended_) return;
    for (std::uint32_t i = first; i < first + count; ++i)
        parts_.observer.returned(parts_.number, lease_, batch.events[i].position());
    const auto refusal = state_->refuse(consumer, batch.first + first, count, parts_.where.now());
    if (refusal.is_gone) return;
    std::vector<std::int64_t> positions;
    std::vector<int> counts;
    for (auto number = refusal.first; number < refusal.first + refusal.count; ++number) {
        if (!state_->is_exhausted(number)) continue;
        positions.push_back(state_->event(number).link_position());
        counts.push_back(state_->deliveries(number));
    }
    if (refusal.count > 0 && !parts_.plan.parks) exhausted(refusal);
    ++serial_;
    const consequences todo = changed();
    report(write_by::soon);
    carry_out(todo);
    if (!positions.empty() && parts_.plan.parks)
        park(refusal, positions, counts, eventstore::detail::backoff(eventstore::detail::asking_again));
}

void subscription_driver::exhausted(const subscription_state::refusal& refusal) {
    std::vector<std::int64_t> positions;
    for (auto number = std::max(refusal.first, state_->first_kept()); number < refusal.first + refusal.count; ++number)
        if (state_->is_exhausted(number)) positions.push_back(state_->event(number).link_position());
    for (const std::int64_t position : positions) parts_.observer.exhausted(parts_.number, lease_, position);
    state_->exhausted(refusal.first, refusal.count);
}

void subscription_driver::park(const subscription_state::refusal& refusal, const std::vector<std::int64_t>& positions,
    const std::vector<int>& counts, eventstore::detail::backoff again) {
    if (ended_) return;
    parts_.pool.ask_for(
        pool_driver::kind::write,
        [this, positions, counts] { return parts_.database.park(id_, epoch_, positions, counts); },
        [this, refusal, positions, counts, again](const std::optional<bool>& is_parked) mutable {
            if (!is_parked) {
                const auto pause = again.failed(errc::connection_lost, parts_.where.random.next());
                parts_.where.timer(parts_.where.now() + pause,
                    [this, refusal, positions, counts, again] { park(refusal, positions, counts, again); });
                return;
            }
            if (!*is_parked || ended_) return;
            exhausted(refusal);
            for (const std::int64_t position : positions) replays_.remove(position);
            ++serial_;
            const consequences todo = changed();
            report(write_by::terms);
            carry_out(todo);
        });
}

void subscription_driver::unpark(const std::vector<std::int64_t>& positions) {
    parts_.pool.ask_for(
        pool_driver::kind::write, [this, positions] { return parts_.database.unpark(id_, epoch_, positions); },
        [this, positions](const std::optional<bool>&) {
            for (const std::int64_t position : positions) replays_.remove(position);
        });
}

void subscription_driver::replay_parked() {
    if (!state_ || ended_) return;
    replays_.want();
    carry_out(changed());
}

// The list of what is to be delivered again, and then one after the other.
void subscription_driver::replay(std::vector<std::pair<std::int64_t, int>> next) {
    if (ended_ || !state_->has_room()) return replays_.end_reading();
    if (!next.empty()) return read_parked(std::move(next));
    replays_.begin_list();
    const std::vector<std::int64_t> known(replays_.positions().begin(), replays_.positions().end());
    parts_.pool.ask_for(
        pool_driver::kind::read, [this, known] { return parts_.database.parked_to_replay(id_, known, 100); },
        [this](const std::optional<std::vector<std::pair<std::int64_t, int>>>& found) {
            if (!found) {
                const auto pause = replay_reads_.failed(errc::connection_lost, parts_.where.random.next());
                return parts_.where.timer(parts_.where.now() + pause, [this] { replay({}); });
            }
            if (found->empty()) {
                if (replays_.is_wanted()) return replay({});
                return replays_.end_reading();
            }
            std::vector<std::int64_t> listed;
            for (const auto& [position, deliveries] : *found) listed.push_back(position);
            parts_.observer.replayable(parts_.number, lease_, listed);
            replays_.want();
            replay(*found);
        });
}

void subscription_driver::read_parked(std::vector<std::pair<std::int64_t, int>> next) {
    const auto [position, deliveries] = next.front();
    parts_.pool.ask_for(
        pool_driver::kind::read, [this, at = position] { return parts_.database.read_all(at, 1, 0); },
        [this, next = std::move(next)](const std::optional<page_reply>& reply) mutable {
            if (!reply) {
                const auto pause = replay_reads_.failed(errc::connection_lost, parts_.where.random.next());
                return parts_.where.timer(parts_.where.now() + pause, [this, next = std::move(next)] { replay(next); });
            }
            replay_reads_.succeeded();
            const auto [at, earlier] = next.front();
            next.erase(next.begin());
            if (!ended_ && replays_.add(at)) {
                const event_page page = snapshot_of(*reply, at, true).page;
                state_->replay(page, earlier);
                if (parts_.planted == bug::replays_twice) state_->replay(page, earlier);
                carry_out(changed());
            }
            replay(std::move(next));
        });
}

} // namespace eventstore::test::simulation
