// A shared_subscription's consumers: what they take, acknowledge and refuse.
#include "base/text.hpp"
#include "subscription/batch_state.hpp"

#include <boost/asio/co_spawn.hpp>

#include <utility>

namespace eventstore::delivery {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t longest_reason = 10'000; // bytes

} // namespace

std::optional<consumer_id> shared_subscription::join() {
    const std::lock_guard lock(mutex_);
    if (ended_ || !state_ || state_->consumers() >= options.concurrency_limit()) return std::nullopt;
    return state_->join();
}

bool shared_subscription::is_full() const {
    const std::lock_guard lock(mutex_);
    return state_ && state_->consumers() >= options.concurrency_limit();
}

void shared_subscription::leave(consumer_id consumer) {
    bool is_last = false;
    consequences todo;
    {
        const std::lock_guard lock(mutex_);
        if (!state_) return;
        state_->leave(consumer);
        todo = changed();
        waiting_.take_if(
            [&](consumer_id waiting) { return waiting == consumer; }, todo.awake); // it is told that it has ended
        // At once: whoever joined in between would be ended with it, as if the store were closed.
        is_last = state_->consumers() == 0 && end_now(std::nullopt);
        if (is_last) wake_all(todo);
    }
    carry_out(std::move(todo));
    if (!is_last) return;
    begun_->open();
    end_->open();
}

asio::awaitable<result<std::optional<event_batch>>> shared_subscription::next(
    std::shared_ptr<shared_subscription> self, consumer_id consumer, std::optional<milliseconds> wait) {
    using outcome = result<std::optional<event_batch>>;
    const auto begun = self->now();
    const steady_time until = wait ? begun + std::min<milliseconds>(*wait, 24h * 365) : steady_time::max();
    for (steady_time now = begun;; now = self->now()) {
        std::optional<subscription_state::hand_out> taken;
        completion woken;
        consequences todo;
        steady_time deadline = until;
        {
            const std::lock_guard lock(self->mutex_);
            if (!self->waiting_.may_wait(consumer))
                co_return failure(errc::next_pending, "another next() of this consumer is waiting");
            if (self->ended_ && self->why_ended_) co_return *self->why_ended_;
            if (self->ended_ || !self->state_->has(consumer)) co_return outcome(std::nullopt);
            const bool is_trusted = self->store_ && self->store_->checkpoints->is_trusted(self->id_, self->epoch_);
            if (is_trusted) {
                taken = self->state_->take(consumer, now);
                // One that is due already waits for something else, which wakes its consumer.
                if (const steady_time retry = self->state_->next_retry(); retry > now)
                    deadline = std::min(deadline, retry);
            } else if (self->store_) {
                self->store_->checkpoints->renew_now(self->id_); // however long the machine was suspended
            }
            if (taken) {
                self->delivered_ += taken->count;
                if (taken->delivery > 1) self->redelivered_ += taken->count;
                todo.wish = self->state_->wish();
                todo.replays = self->replays_.begin_reading(self->state_->has_room());
                // How often it was handed out is known soon, should its handler not survive it.
                self->report(taken->delivery > 1 ? write_by::soon : write_by::terms);
            } else if (self->state_->wants_announcement()) {
                self->report(write_by::now);
            }
            if (!taken && now < until) woken = self->waiting_.add(consumer);
        }
        if (taken) {
            self->carry_out(std::move(todo));
            auto span = self->begin_span(*taken);
            co_return outcome(
                event_batch(std::make_unique<detail::batch_state>(self, consumer, std::move(*taken), std::move(span))));
        }
        if (now >= until) co_return outcome(event_batch(std::make_unique<detail::batch_state>()));
        auto waiting = detail::completion<void>::wait(woken, self->timers_.get(), deadline);
        const auto waited = co_await std::move(waiting);
        if (!waited && waited.error().code() == errc::cancelled) co_return waited.error(); // nothing was taken
    }
}

result<void> shared_subscription::acknowledge(consumer_id consumer, sequence_number first, std::uint32_t count) {
    consequences todo;
    {
        const std::lock_guard lock(mutex_);
        if (ended_ || !state_->acknowledge(consumer, first, count)) return ended_failure();
        ++serial_;
        todo = changed();
        report(write_by::terms);
    }
    carry_out(std::move(todo));
    return {};
}

result<void> shared_subscription::acknowledge_through(consumer_id consumer, std::int64_t where, bool is_position) {
    consequences todo;
    {
        const std::lock_guard lock(mutex_);
        if (ended_) return ended_failure();
        switch (state_->acknowledge_through(consumer, where, is_position)) {
        case subscription_state::through_result::gone: return ended_failure();
        case subscription_state::through_result::never_handed_out:
            return failure(errc::unexpected_ack,
                detail::message("subscription ", detail::quoted_for_message(name), ": nothing at ",
                    is_position ? "position " : "version ", std::to_string(where),
                    " was handed out to this consumer; acknowledge events that next() returned"));
        case subscription_state::through_result::ok: break;
        }
        ++serial_;
        todo = changed();
        report(write_by::terms);
    }
    carry_out(std::move(todo));
    return {};
}

result<shared_subscription::transaction_write> shared_subscription::write_for(const batch_of& batch) {
    const std::lock_guard lock(mutex_);
    if (ended_ || !store_ || !state_->has(batch.consumer)) return ended_failure();
    const auto first = std::max(batch.first, state_->first_kept()); // earlier transactions have acknowledged the others
    const auto end = batch.first + batch.count;
    const auto count = static_cast<std::uint32_t>(end > first ? end - first : 0);
    progress now = progress_now();
    auto replayed = state_->replayed_in(batch.consumer, first, count);
    if (replayed.empty()) {
        const auto checkpoint = state_->done_with(batch.consumer, first, count);
        if (!checkpoint)
            return failure(errc::invalid_argument,
                detail::message("subscription ", detail::quoted_for_message(name),
                    ": a transaction can acknowledge events of a batch that are not acknowledged yet, if nothing lies "
                    "before them that is not acknowledged"));
        now.checkpoint = *checkpoint;
    }
    auto row = store_->checkpoints->row_for(id_, epoch_, now);
    if (!row) return ended_failure();
    row->first = state_->event(first).link_position();
    return transaction_write{*row, std::move(replayed)};
}

void shared_subscription::committed(const batch_of& batch, const transaction_write& write) {
    consequences todo;
    bool is_kept = false;
    {
        const std::lock_guard lock(mutex_);
        if (!store_ || !state_) return;
        if (write.replayed.empty()) store_->checkpoints->written_elsewhere(write.row);
        if (ended_) return;
        is_kept = state_->acknowledge(batch.consumer, batch.first, batch.count);
        if (is_kept) {
            ++serial_;
            todo = changed();
            report(write_by::terms);
        }
    }
    carry_out(std::move(todo));
    if (!is_kept) // its consumer has left meanwhile, and the events are in the queue again
        end(failure(errc::subscription_lost,
            detail::message("subscription ", detail::quoted_for_message(name),
                ": a transaction has acknowledged events of a consumer that has left; subscribe again")));
}

void shared_subscription::give_back(consumer_id consumer, sequence_number first, std::uint32_t count) {
    consequences todo;
    {
        const std::lock_guard lock(mutex_);
        if (ended_ || !state_) return;
        state_->give_back(consumer, first, count);
        todo = changed();
    }
    carry_out(std::move(todo));
}

result<void> shared_subscription::refuse(
    consumer_id consumer, sequence_number first, std::uint32_t count, std::string_view reason) {
    consequences todo;
    std::shared_ptr<const store_parts> store;
    subscription_state::refusal refusal;
    std::vector<std::int64_t> positions;
    std::vector<std::int32_t> deliveries;
    {
        const std::lock_guard lock(mutex_);
        if (ended_) return ended_failure();
        refusal = state_->refuse(consumer, first, count, now());
        if (refusal.is_gone) return ended_failure();
        if (refusal.count > 0) {
            for (auto number = refusal.first; number < refusal.first + refusal.count; ++number) {
                if (!state_->is_exhausted(number)) continue;
                positions.push_back(state_->event(number).link_position());
                deliveries.push_back(state_->deliveries(number));
            }
            if (options.exhausted() == when_exhausted::skip) state_->exhausted(refusal.first, refusal.count);
        }
        ++serial_; // the count of its deliveries is written, too
        todo = changed();
        report(write_by::soon);
        store = store_;
    }
    carry_out(std::move(todo));
    if (positions.empty()) return {};
    std::string why = detail::storable_text(reason, longest_reason);
    if (options.exhausted() == when_exhausted::stop) {
        end(failure(errc::subscription_stopped,
            detail::message("subscription ", detail::quoted_for_message(name), " stopped before position ",
                std::to_string(positions.front()), ", which was refused ", std::to_string(deliveries.front()),
                " times; the last reason: ", why)));
    } else if (options.exhausted() == when_exhausted::park && store) {
        asio::co_spawn(store->environment.executor,
            park(shared_from_this(), store, refusal, std::move(positions), std::move(deliveries), std::move(why)),
            [](const std::exception_ptr&) {});
    }
    return {};
}

} // namespace eventstore::delivery
