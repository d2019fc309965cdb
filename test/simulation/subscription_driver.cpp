#include "simulation/subscription_driver.hpp"

#include <algorithm>

namespace eventstore::test::simulation {

using namespace delivery;

namespace {

subscription_options options_of(const subscription_plan& plan) {
    subscription_options options;
    options.concurrency_limit(static_cast<std::size_t>(plan.consumers));
    options.group_by(plan.by_stream ? grouping::stream : grouping::none);
    options.partition_by(plan.by_stream ? partition::stream : partition::none);
    return options;
}

subscription_state::settings settings_of(const subscription_plan& plan, ordering order) {
    subscription_state::settings settings;
    settings.of_log = plan.stream < 0;
    settings.by_stream = plan.by_stream;
    settings.order = order;
    settings.max_batch = plan.max_batch;
    settings.max_in_flight = plan.max_in_flight;
    settings.max_queued = plan.max_queued;
    settings.max_retries = plan.max_retries;
    settings.retry_after = plan.retry_after;
    return settings;
}

} // namespace

subscription_driver::subscription_driver(subscription_parts parts)
    : parts_(std::move(parts)),
      options_(options_of(parts_.plan)),
      filter_(options_),
      stream_(is_log() ? "$all" : stream_name(parts_.plan.stream)),
      history_(is_log()) {}

void subscription_driver::begin(const claim_reply& acquired, lease_time sent) {
    if (is_retired_) return;
    id_ = acquired.there.id;
    epoch_ = acquired.there.epoch;
    lease_ = checker::lease_of(id_, epoch_);
    claimed_at_ = moment(sent.time_since_epoch());
    parts_.observer.begun(parts_.number, lease_, acquired.checkpoint);
    state_.emplace(settings_of(parts_.plan, filter_.order()), acquired.checkpoint);
    history_.begin(acquired.checkpoint, database_model::timeline, is_log() ? 0 : acquired.stream_id, acquired.event);
    state_->remember(acquired.handed_out);
    if (acquired.replays) replays_.want();
    lease_table::lease lease{id_, epoch_, acquired.there.beat, acquired.checkpoint, sent, parts_.plan.lease,
        parts_.plan.checkpoint_after, parts_.plan.checkpoint_every};
    parts_.leases.add(lease, [this](const lease_write& row, write_result outcome, bool is_trusted_again) {
        on_written(row, outcome, is_trusted_again);
    });
    report(ended_ ? write_by::release : write_by::terms);
    carry_out(changed());
    parts_.on_trusted();
    for (int i = 0; i < parts_.plan.consumers && !ended_; ++i) {
        const consumer_id joined = state_->join();
        consumers_.insert(joined);
        parts_.where.post([this, joined] { take(joined); });
    }
}

void subscription_driver::leave() {
    if (!state_ || ended_) return;
    for (const consumer_id consumer : consumers_) {
        state_->leave(consumer);
        parts_.observer.consumer_left(parts_.number, lease_, consumer);
        carry_out(changed());
    }
    consumers_.clear();
    end();
}

void subscription_driver::exchange_consumer() {
    if (!state_ || ended_ || consumers_.size() < 2) return;
    const consumer_id gone = *consumers_.begin();
    if (committing_.contains(gone)) return; // or its events would be done, and due again
    consumers_.erase(gone);
    waiting_.erase(gone);
    state_->leave(gone);
    parts_.observer.consumer_left(parts_.number, lease_, gone);
    carry_out(changed());
    const consumer_id joined = state_->join();
    consumers_.insert(joined);
    parts_.where.post([this, joined] { take(joined); });
}

void subscription_driver::end() {
    if (std::exchange(ended_, true)) return;
    report(write_by::release);
    waiting_.clear();
}

void subscription_driver::retire() {
    end();
    if (std::exchange(is_retired_, true)) return;
    parts_.leases.remove(id_, epoch_);
    parts_.feed.detach(this);
    parts_.on_retired();
}

void subscription_driver::on_feed_failed(const failure&) { end(); }

void subscription_driver::report(write_by when) {
    if (is_retired_ || !state_) return;
    parts_.leases.report(id_, epoch_, progress_now(), when);
}

progress subscription_driver::progress_now() {
    progress now;
    now.checkpoint = state_->done();
    now.handed_out = state_->announce();
    now.timeline = history_.timeline();
    now.received = state_->received().position;
    now.received_event = history_.event_at(state_->received());
    now.serial = serial_;
    if (parts_.planted == bug::checkpoint_before_ack) {
        now.checkpoint.where = state_->received();
        now.checkpoint.event.reset();
    }
    return now;
}

void subscription_driver::on_written(const lease_write& row, write_result outcome, bool is_trusted_again) {
    if (outcome != write_result::done && outcome != write_result::replays) return retire();
    if (outcome == write_result::replays) replays_.want();
    const bool was_waited_for = state_->announced(row.progress.handed_out);
    if (!was_waited_for) report(write_by::terms);
    consequences todo;
    if (is_trusted_again || was_waited_for || replays_.is_wanted()) todo = changed();
    carry_out(todo);
    parts_.on_trusted();
    if (row.releases) retire();
}

subscription_driver::consequences subscription_driver::changed() {
    consequences todo;
    if (!state_ || ended_) return todo;
    todo.wish = state_->wish();
    todo.unpark = state_->take_replayed();
    todo.replays = replays_.begin_reading(state_->has_room());
    if (state_->queued() > 0)
        std::ranges::copy_if(
            waiting_, std::back_inserter(todo.awake), [&](consumer_id one) { return !state_->is_busy(one); });
    for (const consumer_id consumer : todo.awake) waiting_.erase(consumer);
    return todo;
}

void subscription_driver::carry_out(const consequences& todo) {
    for (const consumer_id consumer : todo.awake) parts_.where.post([this, consumer] { take(consumer); });
    if (todo.wish) read(*todo.wish);
    if (todo.replays) parts_.where.post([this] { replay({}); });
    if (!todo.unpark.empty()) unpark(todo.unpark);
}

} // namespace eventstore::test::simulation
