#include "subscription/shared_subscription.hpp"

#include "base/text.hpp"
#include "subscription/keeper.hpp"

#include <boost/asio/co_spawn.hpp>

#include <algorithm>
#include <utility>

namespace eventstore::delivery {

namespace {

constexpr int filtered_is_late = 10; // progress over events that were left out is written that much later

subscription_state::settings settings_of(const subscription_options& options, bool of_log, ordering order) {
    subscription_state::settings how;
    how.of_log = of_log;
    how.by_stream = options.group_by() == grouping::stream;
    how.order = order;
    how.max_batch = options.max_batch();
    how.max_in_flight = options.max_in_flight();
    how.max_queued = options.max_queued();
    how.max_queued_bytes = options.max_queued_bytes();
    how.max_retries = options.max_retries();
    how.retry_after = options.retry_after();
    return how;
}

} // namespace

shared_subscription::shared_subscription(
    std::shared_ptr<const machinery> with, std::string stream_, std::string name_, subscription_options options_)
    : stream(std::move(stream_)),
      name(std::move(name_)),
      options(std::move(options_)),
      filter_(options),
      timers_(with->environment.timers),
      log_(with->environment.log),
      with_(std::move(with)),
      strand_(with_->environment.executor) {}

shared_subscription::~shared_subscription() = default;

std::shared_ptr<const machinery> shared_subscription::with() const {
    const std::lock_guard lock(mutex_);
    return with_;
}

// ---- its life

void shared_subscription::begin(const claim& what) {
    consequences todo;
    {
        const std::lock_guard lock(mutex_);
        id_ = what.id;
        epoch_ = what.epoch;
        beat_ = what.beat;
        lease_.emplace(options.lease(), what.sent);
        state_.emplace(settings_of(options, is_log(), filter_.order()), what.checkpoint);
        taken_at_ = written_ = what.checkpoint;
        timeline_ = what.timeline;
        stream_id_ = what.stream_id;
        row_position_ = what.checkpoint.position;
        state_->remember(what.handed_out);
        if (is_log()) note_seen(what.checkpoint, what.event);
        replay_wanted_ = what.replays;
        todo = changed();
        todo.due = renewal_due();
        wake_all(todo);
    }
    carry_out(std::move(todo));
}

void shared_subscription::refuse_all(const failure& why) { retire(why); }

void shared_subscription::end(std::optional<failure> why) {
    consequences todo;
    {
        const std::lock_guard lock(mutex_);
        if (std::exchange(ended_, true)) return;
        why_ended_ = std::move(why);
        wake_all(todo);
        todo.due = now();
    }
    carry_out(std::move(todo));
}

void shared_subscription::close() {
    {
        const std::lock_guard lock(mutex_);
        with_store_ = !ended_;
    }
    end(std::nullopt);
}

void shared_subscription::retire(const failure& why) {
    consequences todo;
    std::shared_ptr<const machinery> with;
    {
        const std::lock_guard lock(mutex_);
        if (!std::exchange(ended_, true)) why_ended_ = why;
        retired_ = true;
        wake_all(todo);
        with = std::exchange(with_, nullptr);
        strand_.reset();
    }
    if (with) with->feed->detach(this);
    carry_out(std::move(todo));
}

void shared_subscription::abandon() noexcept {
    consequences todo;
    {
        const std::lock_guard lock(mutex_);
        with_store_ = with_store_ || !ended_;
        ended_ = true;
        retired_ = true;
        with_.reset();
        strand_.reset();
        wake_all(todo);
    }
    carry_out(std::move(todo));
}

failure shared_subscription::ended_failure() const {
    if (why_ended_) return *why_ended_;
    return failure(with_store_ ? errc::store_closed : errc::subscription_ended,
        detail::message(with_store_ ? "the store of subscription " : "this consumer of subscription ",
            detail::quoted_for_message(name),
            " was closed: what was not acknowledged before is delivered again to whoever takes it next"));
}

bool shared_subscription::has_ended() const {
    const std::lock_guard lock(mutex_);
    return ended_;
}

std::int64_t shared_subscription::id() const {
    const std::lock_guard lock(mutex_);
    return id_;
}

std::int64_t shared_subscription::epoch() const {
    const std::lock_guard lock(mutex_);
    return epoch_;
}

std::optional<std::int64_t> shared_subscription::done_through() const {
    const std::lock_guard lock(mutex_);
    if (!state_ || retired_) return std::nullopt;
    return state_->done().where.position;
}

asio::awaitable<result<void>> shared_subscription::wait_begun(
    std::shared_ptr<shared_subscription> self, steady_time deadline) {
    const auto with = self->with();
    if (with) {
        stage_wait begun{[](const shared_subscription& which, std::uint64_t) { return which.state_ || which.ended_; },
            0, std::make_shared<detail::completion<void>>("subscribing")};
        auto waiting = wait_for(self, with, std::move(begun), deadline);
        const auto waited = co_await std::move(waiting);
        if (!waited) co_return waited;
    }
    const std::lock_guard lock(self->mutex_);
    if (self->ended_ && !self->state_) co_return self->ended_failure();
    co_return result<void>();
}

asio::awaitable<result<void>> shared_subscription::wait_retired(
    std::shared_ptr<shared_subscription> self, steady_time deadline) {
    const auto with = self->with();
    if (!with) co_return result<void>();
    stage_wait retired{[](const shared_subscription& which, std::uint64_t) { return which.retired_; }, 0,
        std::make_shared<detail::completion<void>>("letting go of the subscription")};
    auto waiting = wait_for(self, with, std::move(retired), deadline);
    co_return co_await std::move(waiting);
}

asio::awaitable<result<void>> shared_subscription::wait_durable(
    std::shared_ptr<shared_subscription> self, steady_time deadline) {
    std::shared_ptr<const machinery> with;
    std::uint64_t serial = 0;
    consequences todo;
    {
        const std::lock_guard lock(self->mutex_);
        with = self->with_;
        serial = self->serial_;
        if (self->durable_serial_ < serial && !self->ended_) {
            self->write_at_ = self->now();
            todo.due = self->write_at_;
        }
    }
    if (with) {
        self->carry_out(std::move(todo));
        stage_wait durable{[](const shared_subscription& which, std::uint64_t acknowledged) {
                               return which.durable_serial_ >= acknowledged || which.retired_;
                           },
            serial, std::make_shared<detail::completion<void>>("writing the checkpoint")};
        auto waiting = wait_for(self, with, std::move(durable), deadline);
        const auto waited = co_await std::move(waiting);
        if (!waited) co_return waited;
    }
    const std::lock_guard lock(self->mutex_);
    if (self->durable_serial_ < serial) co_return self->ended_failure();
    co_return result<void>();
}

detail::retry shared_subscription::new_retry(std::string_view what) const { return {detail::asking_again, what, log_}; }

asio::awaitable<void> shared_subscription::pause(
    std::shared_ptr<shared_subscription> self, std::shared_ptr<const machinery> with, std::chrono::milliseconds time) {
    stage_wait ended{[](const shared_subscription& which, std::uint64_t) { return which.ended_; }, 0,
        std::make_shared<detail::completion<void>>("trying again")};
    auto waiting = wait_for(self, with, std::move(ended), with->now() + time);
    co_await std::move(waiting);
}

asio::awaitable<result<void>> shared_subscription::wait_for(std::shared_ptr<shared_subscription> self,
    std::shared_ptr<const machinery> with, stage_wait stage, steady_time deadline) {
    const completion reached = stage.reached;
    {
        const std::lock_guard lock(self->mutex_);
        if (stage.is_reached(*self, stage.serial)) co_return result<void>();
        std::erase_if(self->waiting_for_stage_, [](const stage_wait& each) { return each.reached->is_claimed(); });
        self->waiting_for_stage_.push_back(std::move(stage));
    }
    auto waiting = detail::completion<void>::wait(reached, with->environment.timers.get(), deadline);
    co_return co_await std::move(waiting);
}

// ---- changes and what they lead to

shared_subscription::consequences shared_subscription::changed() {
    consequences todo;
    if (!state_ || ended_) return todo;
    todo.wish = state_->wish();
    todo.unpark = state_->take_replayed();
    todo.replays = replays_on();
    if (state_->queued() == 0 || waiting_.empty()) return todo;
    std::erase_if(waiting_, [&](next_wait& each) {
        if (state_->is_busy(each.who)) return false;
        todo.awake.push_back(std::move(each.woken));
        return true;
    });
    return todo;
}

void shared_subscription::wake_all(consequences& todo) {
    for (next_wait& each : std::exchange(waiting_, {})) todo.awake.push_back(std::move(each.woken));
    wake_for_stage(todo);
}

void shared_subscription::wake_for_stage(consequences& todo) {
    std::erase_if(waiting_for_stage_, [&](stage_wait& each) {
        if (!each.is_reached(*this, each.serial)) return false;
        todo.awake.push_back(std::move(each.reached));
        return true;
    });
}

void shared_subscription::carry_out(consequences what) {
    for (const completion& each : what.awake) each->complete();
    if (what.wish) read(*what.wish);
    if (!what.due && what.unpark.empty() && !what.replays) return;
    const auto with = this->with();
    if (with && what.replays)
        asio::co_spawn(with->environment.executor, replay(shared_from_this(), with), [](const std::exception_ptr&) {});
    if (with && !what.unpark.empty()) {
        asio::co_spawn(with->environment.executor, unpark(shared_from_this(), with, std::move(what.unpark)),
            [](const std::exception_ptr&) {});
    }
    if (!what.due) return;
    if (const auto leases = with ? with->leases.lock() : nullptr) leases->due(*what.due);
}

// After an acknowledgement, or events that were left out.
void shared_subscription::note_progress(steady_time now, consequences& todo) {
    if (writing_) return; // looked at again when that has its answer
    const auto done = state_->done();
    if (done.where.position == written_.position && done.where.version == written_.version) return;
    const std::uint64_t events = done.events - written_events_;
    steady_time when = now + options.checkpoint_after();
    if (events == 0) when = now + options.checkpoint_after() * filtered_is_late;
    if (options.checkpoint_every() && events >= *options.checkpoint_every()) when = now;
    if (when >= write_at_) return;
    write_at_ = when;
    todo.due = when;
}

} // namespace eventstore::delivery
