#include "subscription/shared_subscription.hpp"

#include "base/text.hpp"

#include <boost/asio/co_spawn.hpp>

#include <algorithm>
#include <utility>

namespace eventstore::delivery {

namespace {

subscription_state::settings settings_of(const subscription_options& options, bool of_log, ordering order) {
    subscription_state::settings settings;
    settings.of_log = of_log;
    settings.by_stream = options.group_by() == grouping::stream;
    settings.order = order;
    settings.max_batch = options.max_batch();
    settings.max_in_flight = options.max_in_flight();
    settings.max_queued = options.max_queued();
    settings.max_queued_bytes = options.max_queued_bytes();
    settings.max_retries = options.max_retries();
    settings.retry_after = options.retry_after();
    return settings;
}

} // namespace

shared_subscription::shared_subscription(std::shared_ptr<const store_parts> store, std::string stream_,
    std::string name_, subscription_options options_, std::function<void(const shared_subscription*)> on_retired)
    : stream(std::move(stream_)),
      name(std::move(name_)),
      options(std::move(options_)),
      filter_(options),
      timers_(store->environment.timers),
      logger_(store->environment.logger),
      handlers_(store->environment.handlers),
      tracing_(store->tracing),
      functions_(
          detail::message("the selector or partition function of subscription ", detail::quoted_for_message(name))),
      store_(std::move(store)),
      strand_(store_->environment.executor),
      history_(is_log()),
      on_retired_(std::move(on_retired)) {}

shared_subscription::~shared_subscription() = default;

std::shared_ptr<const store_parts> shared_subscription::parts() const {
    const std::lock_guard lock(mutex_);
    return store_;
}

// ---- its life

void shared_subscription::begin(const claim& acquired) {
    consequences todo;
    {
        const std::lock_guard lock(mutex_);
        if (!store_) return;
        id_ = acquired.id;
        epoch_ = acquired.epoch;
        state_.emplace(settings_of(options, is_log(), filter_.order()), acquired.checkpoint);
        history_.begin(acquired.checkpoint, acquired.timeline, acquired.stream_id, acquired.event);
        state_->remember(acquired.handed_out);
        if (acquired.replays) replays_.want();
        note_parked(acquired.parked, acquired.oldest_parked);
        store_->checkpoints->add({id_, epoch_, acquired.beat, acquired.checkpoint, acquired.sent, options.lease(),
                                     options.checkpoint_after(), options.checkpoint_every()},
            weak_from_this());
        report(ended_ ? write_by::release : write_by::terms);
        todo = changed();
    }
    carry_out(std::move(todo));
    begun_->open();
}

bool shared_subscription::end_now(std::optional<failure> why) {
    if (std::exchange(ended_, true)) return false;
    why_ended_ = std::move(why);
    report(write_by::release);
    return true;
}

void shared_subscription::end(std::optional<failure> why) {
    consequences todo;
    {
        const std::lock_guard lock(mutex_);
        if (!end_now(std::move(why))) return;
        wake_all(todo);
    }
    carry_out(std::move(todo));
    begun_->open();
    end_->open();
}

void shared_subscription::close() {
    {
        const std::lock_guard lock(mutex_);
        with_store_ = !ended_;
    }
    end(std::nullopt);
}

void shared_subscription::retire(const failure& why) {
    const auto self = shared_from_this(); // whoever keeps it may let go of it meanwhile
    end(why);
    consequences todo;
    std::shared_ptr<const store_parts> store;
    {
        const std::lock_guard lock(mutex_);
        store = std::exchange(store_, nullptr);
        strand_.reset();
        wake_all(todo);
    }
    carry_out(std::move(todo));
    if (!store) return;
    store->checkpoints->remove(id_, epoch_);
    store->feed->detach(this);
    retired_->open();
    on_retired_(this);
}

void shared_subscription::abandon() noexcept {
    consequences todo;
    {
        const std::lock_guard lock(mutex_);
        with_store_ = with_store_ || !ended_;
        ended_ = true;
        store_.reset();
        strand_.reset();
        wake_all(todo);
    }
    carry_out(std::move(todo));
    for (const auto& latch : {begun_, end_, retired_}) latch->open();
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

failure shared_subscription::why_over() const {
    const std::lock_guard lock(mutex_);
    return why_ended_ ? *why_ended_ : detail::store_closed();
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
    if (!state_ || !store_) return std::nullopt;
    return state_->done().where.position;
}

std::int64_t shared_subscription::position() const {
    const std::lock_guard lock(mutex_);
    return state_ ? state_->done().where.position : 0;
}

asio::awaitable<result<void>> shared_subscription::wait_begun(
    std::shared_ptr<shared_subscription> self, steady_time deadline) {
    auto beginning = detail::latch::wait(self->begun_, "subscribing", self->timers_.get(), deadline);
    const auto begun = co_await std::move(beginning);
    if (!begun) co_return begun;
    const std::lock_guard lock(self->mutex_);
    if (self->ended_ && !self->state_) co_return self->ended_failure();
    co_return result<void>();
}

asio::awaitable<result<void>> shared_subscription::wait_retired(
    std::shared_ptr<shared_subscription> self, steady_time deadline) {
    return detail::latch::wait(self->retired_, "releasing the subscription", self->timers_.get(), deadline);
}

asio::awaitable<result<void>> shared_subscription::wait_durable(
    std::shared_ptr<shared_subscription> self, steady_time deadline) {
    const auto written = std::make_shared<detail::completion<void>>("writing the checkpoint");
    std::uint64_t serial = 0;
    bool waits = false;
    {
        const std::lock_guard lock(self->mutex_);
        serial = self->serial_;
        waits = self->durable_serial_ < serial && self->store_;
        std::erase_if(self->waiting_durable_, [](const durable_wait& waiter) { return waiter.written->is_claimed(); });
        if (waits) self->waiting_durable_.push_back({serial, written});
        if (waits && !self->ended_) self->report(write_by::now);
    }
    if (waits) {
        auto waiting = detail::completion<void>::wait(written, self->timers_.get(), deadline);
        const auto waited = co_await std::move(waiting);
        if (!waited) co_return waited;
    }
    const std::lock_guard lock(self->mutex_);
    if (self->durable_serial_ < serial) co_return self->ended_failure();
    co_return result<void>();
}

detail::retry shared_subscription::new_retry(std::string_view operation) const {
    return {detail::asking_again, operation, logger_};
}

asio::awaitable<void> shared_subscription::pause(
    std::shared_ptr<shared_subscription> self, std::chrono::milliseconds time) {
    auto waiting = detail::latch::wait(self->end_, "trying again", self->timers_.get(), self->now() + time);
    co_await std::move(waiting);
}

// ---- its lease

void shared_subscription::report(write_by when) {
    if (!store_ || !state_) return;
    note_lag();
    store_->checkpoints->report(id_, epoch_, progress_now(), when);
}

progress shared_subscription::progress_now() {
    progress now;
    now.checkpoint = state_->done();
    now.handed_out = state_->announce();
    now.timeline = history_.timeline();
    now.received = state_->received().position;
    now.received_event = history_.event_at(state_->received());
    now.serial = serial_;
    return now;
}

void shared_subscription::renew_now() {
    const std::lock_guard lock(mutex_);
    if (store_ && state_) store_->checkpoints->renew_now(id_);
}

void shared_subscription::on_written(const lease_write& row, write_result outcome, bool is_trusted_again) {
    const auto quoted = detail::quoted_for_message(name);
    const auto gone = [&](errc code, std::string_view reason) {
        return failure(code, detail::message("subscription ", quoted, reason));
    };
    switch (outcome) {
    case write_result::done:
    case write_result::replays: break;
    case write_result::lost:
        return retire(gone(errc::subscription_lost, " has another owner by now; subscribe again to share it or wait"));
    case write_result::deleted: return retire(gone(errc::subscription_deleted, " was deleted"));
    case write_result::truncated:
        return retire(truncated(std::max(row.progress.received, row.progress.checkpoint.where.position)));
    }
    consequences todo;
    {
        const std::lock_guard lock(mutex_);
        durable_serial_ = std::max(durable_serial_, row.progress.serial);
        if (outcome == write_result::replays) replays_.want();
        const bool was_waited_for = state_->announced(row.progress.handed_out);
        if (!was_waited_for) report(write_by::terms); // whoever has waited takes what was announced, and reports then
        if (is_trusted_again || was_waited_for || replays_.is_wanted()) todo = changed();
        std::erase_if(waiting_durable_, [&](durable_wait& waiter) {
            if (waiter.serial > durable_serial_) return false;
            todo.awake.push_back(std::move(waiter.written));
            return true;
        });
    }
    carry_out(std::move(todo));
    if (row.releases) retire(gone(errc::subscription_lost, " was released"));
}

// ---- changes and what they lead to

shared_subscription::consequences shared_subscription::changed() {
    consequences todo;
    if (!state_ || ended_) return todo;
    todo.wish = state_->wish();
    todo.unpark = state_->take_replayed();
    todo.replays = replays_.begin_reading(state_->has_room());
    if (state_->queued() > 0)
        waiting_.take_if([&](consumer_id consumer) { return !state_->is_busy(consumer); }, todo.awake);
    return todo;
}

void shared_subscription::wake_all(consequences& todo) {
    waiting_.take_if([](consumer_id) { return true; }, todo.awake);
    if (store_) return; // what is acknowledged is still written
    for (durable_wait& waiter : std::exchange(waiting_durable_, {})) todo.awake.push_back(std::move(waiter.written));
}

void shared_subscription::carry_out(consequences todo) {
    for (const completion& waiter : todo.awake) waiter->complete();
    if (todo.wish) read(*todo.wish);
    const auto store = parts();
    if (store && todo.replays)
        asio::co_spawn(
            store->environment.executor, replay(shared_from_this(), store), [](const std::exception_ptr&) {});
    if (store && !todo.unpark.empty()) {
        asio::co_spawn(store->environment.executor, unpark(shared_from_this(), store, std::move(todo.unpark)),
            [](const std::exception_ptr&) {});
    }
}

} // namespace eventstore::delivery
