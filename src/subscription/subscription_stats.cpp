// What a shared_subscription tells of itself.
#include "subscription/shared_subscription.hpp"

#include <boost/asio/co_spawn.hpp>

#include <algorithm>
#include <utility>

namespace eventstore::delivery {

void shared_subscription::note_lag() {
    const place done = state_->done().where;
    lag_.note(is_log() ? done.position : done.version, state_->is_behind(), now());
}

std::optional<subscription_stats> shared_subscription::stats(
    std::int64_t head, std::chrono::milliseconds stalled_after) const {
    using std::chrono::milliseconds;
    const std::lock_guard lock(mutex_);
    if (!state_ || !store_ || ended_) return std::nullopt;
    const steady_time at = now();
    const place done = state_->done().where;
    subscription_stats told;
    told.stream = stream;
    told.name = name;
    told.position = done.position;
    told.lag_events = std::max<std::int64_t>(
        0, is_log() ? head - done.position : std::max(last_version_, state_->received().version) - done.version);
    if (told.lag_events > 0) {
        auto lag = std::chrono::duration_cast<milliseconds>(lag_.lag(at));
        if (const recorded_event* const oldest = state_->oldest())
            lag = std::chrono::duration_cast<milliseconds>(timers_->time()->time_of_day() - oldest->created_at());
        told.lag = std::max(lag, milliseconds(0)); // the clocks may differ
        told.stalled = lag_.is_stalled(at, stalled_after);
    }
    told.is_live = state_->is_live();
    told.consumers = state_->consumers();
    told.queued = state_->queued();
    told.in_flight = state_->handed_out();
    told.delivered = delivered_;
    told.redelivered = redelivered_;
    told.parked = parked_;
    if (parked_ > 0) told.oldest_parked = std::chrono::duration_cast<milliseconds>(at - oldest_parked_at_);
    return told;
}

// ---- what is parked

void shared_subscription::note_parked(std::int64_t count, std::chrono::milliseconds oldest) {
    parked_ = static_cast<std::uint64_t>(count);
    oldest_parked_at_ = now() - oldest;
}

void shared_subscription::count_parked() {
    std::shared_ptr<const store_parts> store;
    {
        const std::lock_guard lock(mutex_);
        parked_changed_ = true;
        if (!store_ || !state_ || ended_ || std::exchange(counts_parked_, true)) return;
        store = store_;
    }
    asio::co_spawn(store->environment.executor, read_parked(shared_from_this(), store),
        [self = shared_from_this()](const std::exception_ptr& thrown) {
            const std::lock_guard lock(self->mutex_);
            if (thrown) self->counts_parked_ = false;
        });
}

// Once more if something was changed meanwhile.
asio::awaitable<void> shared_subscription::read_parked(
    std::shared_ptr<shared_subscription> self, std::shared_ptr<const store_parts> store) {
    for (;;) {
        postgres::parameters arguments;
        {
            const std::lock_guard lock(self->mutex_);
            if (self->ended_ || !std::exchange(self->parked_changed_, false)) {
                self->counts_parked_ = false;
                co_return;
            }
            arguments.add(self->id_);
        }
        auto asking = postgres::pool::execute(
            store->pool, store->statements->parked_summary, std::move(arguments), store->deadline());
        const auto answer = co_await std::move(asking);
        const std::lock_guard lock(self->mutex_);
        if (answer) // else the next change counts them
            self->note_parked(answer->int8(0, 0), std::chrono::milliseconds(answer->int8(0, 1)));
    }
}

} // namespace eventstore::delivery
