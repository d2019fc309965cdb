// A shared_subscription's consumers: what they take, acknowledge and refuse.
#include "base/text.hpp"
#include "subscription/keeper.hpp"

#include <boost/asio/co_spawn.hpp>

#include <algorithm>
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

void shared_subscription::leave(consumer_id who) {
    bool is_last = false;
    consequences todo;
    {
        const std::lock_guard lock(mutex_);
        if (!state_) return;
        state_->leave(who);
        todo = changed();
        std::erase_if(waiting_, [&](next_wait& each) { // it is told that it has ended
            if (each.who != who) return false;
            todo.awake.push_back(std::move(each.woken));
            return true;
        });
        is_last = state_->consumers() == 0;
    }
    carry_out(std::move(todo));
    if (is_last) end(std::nullopt);
}

asio::awaitable<result<std::optional<event_batch>>> shared_subscription::next(
    std::shared_ptr<shared_subscription> self, consumer_id who, std::optional<milliseconds> wait) {
    using outcome = result<std::optional<event_batch>>;
    const auto begun = self->now();
    const steady_time until = wait ? begun + std::min<milliseconds>(*wait, 24h * 365) : steady_time::max();
    for (steady_time now = begun;; now = self->now()) {
        std::optional<subscription_state::hand_out> taken;
        completion woken;
        std::shared_ptr<const machinery> with;
        consequences todo;
        steady_time deadline = until;
        {
            const std::lock_guard lock(self->mutex_);
            std::erase_if(self->waiting_, [](const next_wait& each) { return each.woken->is_claimed(); });
            if (std::ranges::any_of(self->waiting_, [&](const next_wait& each) { return each.who == who; }))
                co_return failure(errc::next_pending, "another next() of this consumer is waiting");
            if (self->ended_ && self->why_ended_) co_return *self->why_ended_;
            if (self->ended_ || !self->state_->has(who)) co_return outcome(std::nullopt);
            // The time is taken here, with the mutex held: whoever had waited for it might believe in a lease of then.
            if (self->lease_->is_trusted(detail::lease_clock::now())) {
                taken = self->state_->take(who, now);
                deadline = std::min(deadline, self->state_->next_retry());
            } else {
                todo.due = now; // it is renewed at once, however long the machine was suspended
            }
            if (taken) {
                todo.wish = self->state_->wish();
                todo.replays = self->replays_on();
                // How often it was handed out is known soon, should its handler not survive it.
                const auto soon = now + self->options.checkpoint_after();
                if (taken->delivery > 1 && soon < self->write_at_) todo.due = self->write_at_ = soon;
            } else if (self->state_->wants_announcement()) {
                todo.due = self->write_at_ = now;
            }
            if (!taken && now < until) {
                woken = std::make_shared<detail::completion<void>>("next()");
                self->waiting_.push_back({who, woken});
            }
            with = self->with_;
        }
        if (taken) {
            self->carry_out(std::move(todo));
            co_return outcome(event_batch(std::make_unique<detail::batch_state>(self, who, std::move(*taken))));
        }
        if (todo.due) self->carry_out(std::move(todo));
        if (now >= until) co_return outcome(event_batch(std::make_unique<detail::batch_state>()));
        detail::timer_queue* const timers = with ? with->environment.timers.get() : nullptr;
        auto waiting = detail::completion<void>::wait(woken, timers, deadline);
        const auto waited = co_await std::move(waiting);
        if (!waited && waited.error().code() == errc::cancelled) co_return waited.error(); // nothing was taken
    }
}

result<void> shared_subscription::acknowledge(consumer_id who, sequence_number first, std::uint32_t count) {
    consequences todo;
    {
        const std::lock_guard lock(mutex_);
        if (ended_ || !state_->acknowledge(who, first, count)) return ended_failure();
        ++serial_;
        todo = changed();
        note_progress(now(), todo);
    }
    carry_out(std::move(todo));
    return {};
}

result<void> shared_subscription::acknowledge_through(consumer_id who, std::int64_t where, bool is_position) {
    consequences todo;
    {
        const std::lock_guard lock(mutex_);
        if (ended_) return ended_failure();
        switch (state_->acknowledge_through(who, where, is_position)) {
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
        note_progress(now(), todo);
    }
    carry_out(std::move(todo));
    return {};
}

void shared_subscription::give_back(consumer_id who, sequence_number first, std::uint32_t count) {
    consequences todo;
    {
        const std::lock_guard lock(mutex_);
        if (ended_ || !state_) return;
        state_->give_back(who, first, count);
        todo = changed();
    }
    carry_out(std::move(todo));
}

result<void> shared_subscription::refuse(
    consumer_id who, sequence_number first, std::uint32_t count, std::string_view reason) {
    consequences todo;
    std::shared_ptr<const machinery> with;
    subscription_state::refusal refusal;
    std::vector<std::int64_t> positions;
    std::vector<std::int32_t> deliveries;
    {
        const std::lock_guard lock(mutex_);
        if (ended_) return ended_failure();
        const auto refused_at = now();
        refusal = state_->refuse(who, first, count, refused_at);
        if (refusal.is_gone) return ended_failure();
        if (refusal.count > 0) {
            for (auto which = refusal.first; which < refusal.first + refusal.count; ++which) {
                if (!state_->is_exhausted(which)) continue;
                positions.push_back(state_->event(which).link_position());
                deliveries.push_back(state_->deliveries(which));
            }
            if (options.exhausted() == when_exhausted::skip) state_->exhausted(refusal.first, refusal.count);
        }
        ++serial_; // the count of its deliveries is written, too
        todo = changed();
        const auto soon = refused_at + options.checkpoint_after();
        if (write_at_ > soon) todo.due = write_at_ = soon;
        with = with_;
    }
    carry_out(std::move(todo));
    if (positions.empty()) return {};
    std::string why = detail::storable_text(reason, longest_reason);
    if (options.exhausted() == when_exhausted::stop) {
        end(failure(errc::subscription_stopped,
            detail::message("subscription ", detail::quoted_for_message(name), " stopped before position ",
                std::to_string(positions.front()), ", which was refused ", std::to_string(deliveries.front()),
                " times; the last reason: ", why)));
    } else if (options.exhausted() == when_exhausted::park && with) {
        asio::co_spawn(with->environment.executor,
            park(shared_from_this(), with, refusal, std::move(positions), std::move(deliveries), std::move(why)),
            [](const std::exception_ptr&) {});
    }
    return {};
}

asio::awaitable<void> shared_subscription::park(std::shared_ptr<shared_subscription> self,
    std::shared_ptr<const machinery> with, subscription_state::refusal what, std::vector<std::int64_t> positions,
    std::vector<std::int32_t> deliveries, std::string reason) {
    detail::retry again = self->new_retry("parking");
    while (!self->has_ended()) {
        postgres::parameters arguments;
        arguments.add(self->id_);
        arguments.add(self->epoch_);
        arguments.begin_array(postgres::type_oid::int8, positions.size());
        for (const auto each : positions) arguments.add(each);
        arguments.begin_array(postgres::type_oid::int4, deliveries.size());
        for (const auto each : deliveries) arguments.add(each);
        arguments.add(reason);
        auto writing =
            postgres::pool::execute(with->pool, with->statements->park_events, std::move(arguments), with->deadline());
        const auto answer = co_await std::move(writing);
        if (answer) {
            // False: somebody else owns the subscription, and the next renewal finds out.
            if (!answer->boolean(0, 0)) co_return;
            consequences todo;
            {
                const std::lock_guard lock(self->mutex_);
                if (self->ended_) co_return;
                self->state_->exhausted(what.first, what.count);
                for (const auto each : positions) self->replaying_.erase(each);
                ++self->serial_;
                todo = self->changed();
                self->note_progress(self->now(), todo);
            }
            self->carry_out(std::move(todo));
            co_return;
        }
        auto pausing = pause(self, with, again.failed(answer.error()));
        co_await std::move(pausing);
    }
}

} // namespace eventstore::delivery

namespace eventstore::detail {

void batch_state::acknowledge() {
    seen_ = true;
    if (!owner_ || settled_) return;
    owner_->acknowledge(who_, what_.first, what_.count).value();
    settled_ = true;
}

void batch_state::refuse(std::string_view reason) {
    seen_ = true;
    if (!owner_ || settled_) return;
    owner_->refuse(who_, what_.first, what_.count, reason).value();
    settled_ = true;
}

} // namespace eventstore::detail

namespace eventstore {

event_batch::event_batch(std::unique_ptr<detail::batch_state> state) noexcept : state_(std::move(state)) {}
event_batch::event_batch(event_batch&&) noexcept = default;
event_batch& event_batch::operator=(event_batch&&) noexcept = default;
event_batch::~event_batch() = default;

const recorded_event* event_batch::begin() const noexcept { return state_ ? state_->begin() : nullptr; }
const recorded_event* event_batch::end() const noexcept { return state_ ? state_->end() : nullptr; }
int event_batch::delivery() const noexcept { return state_ ? state_->delivery() : 0; }
void event_batch::ack() const {
    if (state_) state_->acknowledge();
}
void event_batch::nack(std::string_view reason) const {
    if (state_) state_->refuse(reason);
}

} // namespace eventstore
