#include "subscription/shared_subscription.hpp"

#include "base/text.hpp"
#include "log/page.hpp"
#include "subscription/keeper.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <utility>

namespace eventstore::delivery {

namespace {

using namespace std::chrono_literals;

constexpr auto pause_after_failure = 100ms;
constexpr std::size_t longest_reason = 10'000; // bytes
constexpr std::size_t most_posted = 64;        // live batches that wait for a slow handler
constexpr int filtered_is_late = 10;           // progress over events that were left out is written that much later

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

failure thrown_by_handler(const std::string& name) {
    std::string what = "an exception that is no std::exception";
    try {
        throw;
    } catch (const std::exception& thrown) {
        what = thrown.what();
    } catch (...) { // described above
    }
    return failure(errc::handler_failed,
        detail::message(
            "a function of the options of subscription ", detail::quoted_for_message(name), " threw: ", what));
}

} // namespace

/// A next() without a batch.
class shared_subscription::next_wait final : public detail::operation {
public:
    next_wait(std::weak_ptr<shared_subscription> owner, consumer_id who_, std::uint64_t seen)
        : who(who_), owner_(std::move(owner)), seen_(seen) {}

    const consumer_id who;
    bool was_cancelled = false;

private:
    void start() override {
        if (const auto owner = owner_.lock()) {
            const std::lock_guard lock(owner->mutex_);
            if (owner->changes_ == seen_) {
                owner->waiting_.push_back(std::static_pointer_cast<next_wait>(shared_from_this()));
                return;
            }
        }
        if (claim()) finish();
    }
    void cancel() noexcept override {
        if (!claim()) return;
        was_cancelled = true;
        finish();
    }
    void expire() noexcept override {
        if (claim()) finish();
    }

    const std::weak_ptr<shared_subscription> owner_; // which holds this in a list
    const std::uint64_t seen_;
};

/// Waits for a stage of the subscription's life.
class shared_subscription::end_wait final : public detail::operation {
public:
    using condition = bool (*)(const shared_subscription&, std::uint64_t serial);
    end_wait(std::weak_ptr<shared_subscription> owner, condition over_, std::uint64_t serial_, std::string doing)
        : over(over_), serial(serial_), owner_(std::move(owner)), doing_(std::move(doing)) {}

    const condition over;
    const std::uint64_t serial;
    result<void> outcome;

private:
    void start() override {
        if (const auto owner = owner_.lock()) {
            const std::lock_guard lock(owner->mutex_);
            if (!over(*owner, serial)) {
                owner->waiting_for_end_.push_back(std::static_pointer_cast<end_wait>(shared_from_this()));
                return;
            }
        }
        if (claim()) finish();
    }
    void cancel() noexcept override { give_up(errc::cancelled, " was cancelled"); }
    void expire() noexcept override { give_up(errc::timeout, " took too long: PostgreSQL does not answer"); }
    void give_up(errc code, std::string_view why) noexcept {
        if (!claim()) return;
        failure::facts facts;
        facts.message = detail::message(doing_, why);
        facts.retry_helps = true;
        outcome = failure(code, std::move(facts));
        finish();
    }

    const std::weak_ptr<shared_subscription> owner_;
    const std::string doing_;
};

shared_subscription::shared_subscription(
    std::shared_ptr<const machinery> with, std::string stream_, std::string name_, subscription_options options_)
    : stream(std::move(stream_)),
      name(std::move(name_)),
      options(std::move(options_)),
      filter_(options),
      with_(std::move(with)),
      strand_(with_->executor) {}

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
        lease_.emplace(options.lease(), what.sent);
        state_.emplace(settings_of(options, is_log(), filter_.order()), what.checkpoint);
        taken_at_ = written_ = what.checkpoint;
        timeline_ = what.timeline;
        if (what.deliveries > 0) state_->remember_deliveries(what.deliveries);
        todo = changed();
        todo.due = lease_->renew_at();
        wake_all(todo);
    }
    carry_out(std::move(todo));
    if (what.replays) replay_parked();
}

void shared_subscription::refuse_all(const failure& why) { retire(why); }

void shared_subscription::end(std::optional<failure> why) {
    consequences todo;
    {
        const std::lock_guard lock(mutex_);
        if (std::exchange(ended_, true)) return;
        why_ended_ = std::move(why);
        wake_all(todo);
        todo.due = std::chrono::steady_clock::now();
    }
    carry_out(std::move(todo));
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

void shared_subscription::abandon() {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    retired_ = true;
    with_.reset();
    strand_.reset();
    waiting_.clear();
    waiting_for_end_.clear();
}

failure shared_subscription::ended_failure() const {
    if (why_ended_) return *why_ended_;
    return failure(errc::subscription_lost,
        detail::message("the subscription ", detail::quoted_for_message(name),
            " has ended: what was not acknowledged before is delivered again to whoever takes it next"));
}

bool shared_subscription::has_ended() const {
    const std::lock_guard lock(mutex_);
    return ended_;
}

std::int64_t shared_subscription::id() const {
    const std::lock_guard lock(mutex_);
    return id_;
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
        const auto waiting = std::make_shared<end_wait>(
            self, [](const shared_subscription& which, std::uint64_t) { return which.state_ || which.ended_; },
            std::uint64_t(0), "subscribing");
        co_await detail::suspend(waiting, with->timers.get(), deadline);
        if (!waiting->outcome) co_return waiting->outcome;
    }
    const std::lock_guard lock(self->mutex_);
    if (self->ended_ && !self->state_) co_return self->ended_failure();
    co_return result<void>();
}

asio::awaitable<result<void>> shared_subscription::wait_retired(
    std::shared_ptr<shared_subscription> self, steady_time deadline) {
    const auto with = self->with();
    if (!with) co_return result<void>();
    const auto waiting = std::make_shared<end_wait>(
        self, [](const shared_subscription& which, std::uint64_t) { return which.retired_; }, std::uint64_t(0),
        "letting go of the subscription");
    co_await detail::suspend(waiting, with->timers.get(), deadline);
    co_return waiting->outcome;
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
            self->write_at_ = std::chrono::steady_clock::now();
            todo.due = self->write_at_;
        }
    }
    if (with) {
        self->carry_out(std::move(todo));
        const auto waiting = std::make_shared<end_wait>(
            self,
            [](const shared_subscription& which, std::uint64_t acknowledged) {
                return which.durable_serial_ >= acknowledged || which.retired_;
            },
            serial, "writing the checkpoint");
        co_await detail::suspend(waiting, with->timers.get(), deadline);
        if (!waiting->outcome) co_return waiting->outcome;
    }
    const std::lock_guard lock(self->mutex_);
    if (self->durable_serial_ < serial) co_return self->ended_failure();
    co_return result<void>();
}

// ---- changes and what they lead to

shared_subscription::consequences shared_subscription::changed() {
    consequences todo;
    ++changes_;
    if (!state_ || ended_) return todo;
    todo.wish = state_->wish();
    todo.unpark = state_->take_replayed();
    if (state_->queued() == 0 || waiting_.empty()) return todo;
    std::erase_if(waiting_, [&](std::shared_ptr<next_wait>& each) {
        if (each->is_claimed()) return true;
        if (state_->is_busy(each->who)) return false;
        todo.awake.push_back(std::move(each));
        return true;
    });
    return todo;
}

void shared_subscription::wake_all(consequences& todo) {
    ++changes_;
    std::ranges::move(waiting_, std::back_inserter(todo.awake));
    waiting_.clear();
    std::erase_if(waiting_for_end_, [&](std::shared_ptr<end_wait>& each) {
        if (!each->over(*this, each->serial)) return false;
        todo.over.push_back(std::move(each));
        return true;
    });
}

void shared_subscription::carry_out(consequences what) {
    for (const auto& each : what.awake) {
        if (each->claim()) each->finish();
    }
    for (const auto& each : what.over) {
        if (each->claim()) each->finish();
    }
    if (what.wish) read(*what.wish);
    if (!what.due && what.unpark.empty()) return;
    const auto with = this->with();
    if (with && !what.unpark.empty()) {
        asio::co_spawn(
            with->executor, unpark(shared_from_this(), with, std::move(what.unpark)), [](const std::exception_ptr&) {});
    }
    if (!what.due) return;
    if (const auto leases = with ? with->leases.lock() : nullptr) leases->due(*what.due);
}

// After an acknowledgement, or events that were left out.
void shared_subscription::note_progress(steady_time now, consequences& todo) {
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

// ---- consumers

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
        std::erase_if(waiting_, [&](std::shared_ptr<next_wait>& each) { // it is told that it has ended
            if (each->who != who) return false;
            todo.awake.push_back(std::move(each));
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
    const auto begun = std::chrono::steady_clock::now();
    const steady_time until = wait ? begun + std::min<milliseconds>(*wait, 24h * 365) : steady_time::max();
    for (steady_time now = begun;; now = std::chrono::steady_clock::now()) {
        std::optional<subscription_state::hand_out> taken;
        std::shared_ptr<next_wait> waiting;
        std::shared_ptr<const machinery> with;
        consequences todo;
        steady_time deadline = until;
        {
            const std::lock_guard lock(self->mutex_);
            for (const auto& each : self->waiting_) {
                if (each->who == who && !each->is_claimed())
                    co_return failure(errc::next_pending, "another next() of this consumer is waiting");
            }
            if (self->ended_ && self->why_ended_) co_return *self->why_ended_;
            if (self->ended_ || !self->state_->has(who)) co_return outcome(std::nullopt);
            if (self->lease_->is_trusted(now)) {
                taken = self->state_->take(who, now);
                deadline = std::min(deadline, self->state_->next_retry());
            }
            if (taken)
                todo.wish = self->state_->wish();
            else
                waiting = std::make_shared<next_wait>(self, who, self->changes_);
            with = self->with_;
        }
        if (taken) {
            if (todo.wish) self->carry_out(std::move(todo));
            co_return outcome(event_batch(std::make_unique<detail::batch_state>(self, who, std::move(*taken))));
        }
        if (now >= until) co_return outcome(event_batch(std::make_unique<detail::batch_state>()));
        detail::deadlines* const timers = with ? with->timers.get() : nullptr;
        co_await detail::suspend(waiting, timers, deadline);
        if (waiting->was_cancelled) co_return failure(errc::cancelled, "next() was cancelled; nothing was taken");
    }
}

result<void> shared_subscription::acknowledge(consumer_id who, sequence_number first, std::uint32_t count) {
    consequences todo;
    {
        const std::lock_guard lock(mutex_);
        if (ended_ || !state_->acknowledge(who, first, count)) return ended_failure();
        ++serial_;
        todo = changed();
        note_progress(std::chrono::steady_clock::now(), todo);
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
        note_progress(std::chrono::steady_clock::now(), todo);
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
        const auto now = std::chrono::steady_clock::now();
        refusal = state_->refuse(who, first, count, now);
        if (refusal.is_gone) return ended_failure();
        if (refusal.count > 0) {
            for (auto which = refusal.first; which < refusal.first + refusal.count; ++which) {
                if (!state_->is_exhausted(which)) continue;
                positions.push_back(state_->event(which).position());
                deliveries.push_back(state_->deliveries(which));
            }
            if (options.exhausted() == when_exhausted::skip) state_->exhausted(refusal.first, refusal.count);
        }
        ++serial_; // the count of its deliveries is written, too
        todo = changed();
        if (write_at_ > now + options.checkpoint_after()) todo.due = write_at_ = now + options.checkpoint_after();
        with = with_;
    }
    carry_out(std::move(todo));
    if (positions.empty()) return {};
    std::string why(reason.substr(0, longest_reason));
    if (options.exhausted() == when_exhausted::stop) {
        end(failure(errc::subscription_stopped,
            detail::message("subscription ", detail::quoted_for_message(name), " stopped before position ",
                std::to_string(positions.front()), ", which was refused ", std::to_string(deliveries.front()),
                " times; the last reason: ", why)));
    } else if (options.exhausted() == when_exhausted::park && with) {
        asio::co_spawn(with->executor,
            park(shared_from_this(), with, refusal, std::move(positions), std::move(deliveries), std::move(why)),
            [](const std::exception_ptr&) {});
    }
    return {};
}

asio::awaitable<void> shared_subscription::park(std::shared_ptr<shared_subscription> self,
    std::shared_ptr<const machinery> with, subscription_state::refusal what, std::vector<std::int64_t> positions,
    std::vector<std::int32_t> deliveries, std::string reason) {
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
            if (!postgres::rows(answer->get()).boolean(0, 0)) co_return;
            consequences todo;
            {
                const std::lock_guard lock(self->mutex_);
                if (self->ended_) co_return;
                self->state_->exhausted(what.first, what.count);
                for (const auto each : positions) self->replaying_.erase(each);
                ++self->serial_;
                todo = self->changed();
                self->note_progress(std::chrono::steady_clock::now(), todo);
            }
            self->carry_out(std::move(todo));
            co_return;
        }
        if (with->log) with->log(answer.error().message());
        asio::steady_timer later(with->executor, pause_after_failure);
        boost::system::error_code stopped;
        co_await later.async_wait(asio::redirect_error(asio::use_awaitable, stopped));
    }
}

// ---- parked events

void shared_subscription::replay_parked() {
    const auto with = this->with();
    if (!with) return;
    asio::co_spawn(with->executor, replay(shared_from_this(), with), [](const std::exception_ptr&) {});
}

asio::awaitable<void> shared_subscription::replay(
    std::shared_ptr<shared_subscription> self, std::shared_ptr<const machinery> with) {
    postgres::parameters arguments;
    arguments.add(self->id());
    auto asking =
        postgres::pool::execute(with->pool, with->statements->parked_to_replay, std::move(arguments), with->deadline());
    const auto answer = co_await std::move(asking);
    if (!answer) { // the mark stays, and the next owner sees it
        if (with->log) with->log(answer.error().message());
        co_return;
    }
    const postgres::rows rows(answer->get());
    for (int i = 0; i < rows.count(); ++i) {
        const std::int64_t position = rows.int8(i, 0);
        {
            const std::lock_guard lock(self->mutex_);
            if (self->ended_ || !self->replaying_.insert(position).second) continue;
        }
        read_options what;
        what.from(position).count(1);
        auto reading = log::reader::read(with->reader, "$all", std::move(what), with->deadline());
        const auto page = co_await std::move(reading);
        if (!page || page->empty() || page->front().position() != position) {
            if (!page && with->log) with->log(page.error().message());
            const std::lock_guard lock(self->mutex_);
            self->replaying_.erase(position);
            continue; // it was deleted for good since
        }
        consequences todo;
        {
            // It passed the selector when it was first delivered, and its order is lost anyway.
            const arrival event{0, 0};
            const std::lock_guard lock(self->mutex_);
            if (self->ended_) co_return;
            self->state_->replay(*page, std::span(&event, 1));
            todo = self->changed();
        }
        self->carry_out(std::move(todo));
    }
}

asio::awaitable<void> shared_subscription::unpark(std::shared_ptr<shared_subscription> self,
    std::shared_ptr<const machinery> with, std::vector<std::int64_t> positions) {
    postgres::parameters arguments;
    {
        const std::lock_guard lock(self->mutex_);
        arguments.add(self->id_);
        arguments.add(self->epoch_);
    }
    arguments.begin_array(postgres::type_oid::int8, positions.size());
    for (const auto each : positions) arguments.add(each);
    auto writing =
        postgres::pool::execute(with->pool, with->statements->unpark_events, std::move(arguments), with->deadline());
    const auto answer = co_await std::move(writing);
    if (!answer && with->log) with->log(answer.error().message()); // they will come once more
    const std::lock_guard lock(self->mutex_);
    for (const auto each : positions) self->replaying_.erase(each);
}

// ---- what comes in

void shared_subscription::on_live(const news& what) {
    if (!filter_.has_handlers()) return take_live(what);
    const std::lock_guard lock(mutex_);
    if (!strand_) return;
    if (live_missed_) {
        live_missed_ = covered_by(what);
    } else if (posted_ == most_posted) {
        // The handlers do not keep up. What they have not seen is read again from storage.
        live_missed_ = covered_by(what);
        asio::post(*strand_, [self = shared_from_this()] { self->take_missed(); });
    } else {
        ++posted_;
        asio::post(*strand_,
            [self = shared_from_this(), page = what.page, which = std::vector(what.which.begin(), what.which.end()),
                through = what.through, timeline = what.timeline] {
                {
                    const std::lock_guard relock(self->mutex_);
                    --self->posted_;
                }
                self->take_live({page, which, through, timeline});
            });
    }
}

void shared_subscription::take_missed() {
    consequences todo;
    {
        const std::lock_guard lock(mutex_);
        const place through = *std::exchange(live_missed_, std::nullopt);
        if (!state_ || ended_) return;
        state_->live_missed(through);
        todo = changed();
    }
    carry_out(std::move(todo));
}

place shared_subscription::covered_by(const news& what) const {
    if (is_log()) return {what.through, 0};
    const recorded_event& last = what.page[what.which.back()];
    return {last.position(), last.version()};
}

void shared_subscription::take_live(const news& what) {
    std::vector<arrival> events;
    try {
        events = filter_.apply(what.page, what.which);
    } catch (...) {
        return end(thrown_by_handler(name));
    }
    consequences todo;
    {
        const std::lock_guard lock(mutex_);
        if (!state_ || ended_) return;
        if (what.timeline == timeline_)
            state_->live(what.page, events, covered_by(what));
        else
            state_->live_missed(covered_by(what)); // whether the histories agree is found out with the next page
        todo = changed();
        if (events.size() < what.which.size() || what.which.empty())
            note_progress(std::chrono::steady_clock::now(), todo);
    }
    carry_out(std::move(todo));
}

void shared_subscription::on_feed_failed(const failure& why) { end(why); }

void shared_subscription::read(subscription_state::page_wish wish) {
    std::shared_ptr<const machinery> with;
    std::optional<asio::strand<asio::any_io_executor>> strand;
    {
        const std::lock_guard lock(mutex_);
        with = with_;
        strand = strand_;
    }
    if (!with || !strand) return;
    asio::co_spawn(*strand, read_pages(shared_from_this(), with, wish),
        [self = shared_from_this()](const std::exception_ptr& thrown) {
            if (!thrown) return;
            const std::lock_guard lock(self->mutex_);
            if (self->state_) self->state_->page_failed();
        });
}

asio::awaitable<void> shared_subscription::read_pages(std::shared_ptr<shared_subscription> self,
    std::shared_ptr<const machinery> with, subscription_state::page_wish wish) {
    for (;;) {
        read_options what;
        what.from(wish.from).count(wish.count).max_bytes(wish.bytes).types(self->options.types());
        if (self->is_log()) what.stream_prefix(self->options.stream_prefix());
        auto reading = log::reader::read_snapshot(with->reader, self->stream, std::move(what), with->deadline());
        auto answer = co_await std::move(reading);
        if (self->has_ended()) co_return;
        const bool is_nothing_there = !answer &&
            (answer.error().code() == errc::stream_not_found || answer.error().code() == errc::stream_deleted);
        if (is_nothing_there)
            answer = log::reader::snapshot{detail::page::make({}, {}, true, wish.from), 0, self->timeline()};
        bool is_usable = bool(answer);
        if (answer && answer->timeline != self->timeline()) {
            auto following = follow(self, with, answer->timeline);
            is_usable = co_await std::move(following);
            if (self->has_ended()) co_return;
        }
        if (!is_usable) { // it goes on when the database is back
            if (!answer && with->log) with->log(answer.error().message());
            asio::steady_timer later(with->executor, pause_after_failure);
            boost::system::error_code stopped;
            co_await later.async_wait(asio::redirect_error(asio::use_awaitable, stopped));
            if (self->has_ended()) co_return;
            continue;
        }
        const auto next = self->take_page(answer->page);
        if (!next) co_return;
        wish = *next;
    }
}

asio::awaitable<bool> shared_subscription::follow(
    std::shared_ptr<shared_subscription> self, std::shared_ptr<const machinery> with, std::int32_t timeline) {
    std::int32_t seen_in = 0;
    std::int64_t seen = 0;
    {
        const std::lock_guard lock(self->mutex_);
        seen_in = self->timeline_;
        seen = self->state_->received().position;
    }
    auto looking = log::reader::look(with->reader, seen_in, seen, with->deadline());
    const auto now = co_await std::move(looking);
    if (!now) {
        if (with->log) with->log(now.error().message());
        co_return false;
    }
    if (!now->is_held) {
        self->end(self->truncated(seen));
        co_return false;
    }
    const std::lock_guard lock(self->mutex_);
    // Nothing is received while a page is under way, so that the answer still holds.
    self->timeline_ = now->timeline;
    co_return now->timeline == timeline;
}

std::int32_t shared_subscription::timeline() const {
    const std::lock_guard lock(mutex_);
    return timeline_;
}

failure shared_subscription::truncated(std::int64_t position) const {
    return failure(errc::log_truncated,
        detail::message("subscription ", detail::quoted_for_message(name),
            ": the log does not hold the event at position ", std::to_string(position),
            " any more: a fail-over has lost its end; reset the subscription to where it should go on"));
}

std::optional<subscription_state::page_wish> shared_subscription::take_page(const event_page& page) {
    std::vector<arrival> events;
    try {
        events = filter_.apply(page);
    } catch (...) {
        end(thrown_by_handler(name));
        return std::nullopt;
    }
    consequences todo;
    {
        const std::lock_guard lock(mutex_);
        if (!state_ || ended_) return std::nullopt;
        place through{page.next_from() - 1, 0};
        if (!is_log()) through = {page.empty() ? 0 : page.back().position(), page.next_from() - 1};
        state_->page_arrived(page, events, through, page.complete());
        todo = changed();
        if (events.size() < page.size() || page.empty()) note_progress(std::chrono::steady_clock::now(), todo);
    }
    const auto next = std::exchange(todo.wish, std::nullopt);
    carry_out(std::move(todo));
    return next;
}

// ---- the keeper

steady_time shared_subscription::due() const {
    const std::lock_guard lock(mutex_);
    if (!state_ || retired_ || writing_) return steady_time::max();
    if (ended_) return steady_time::min();
    return std::min(write_at_, lease_->renew_at());
}

std::optional<shared_subscription::settlement> shared_subscription::collect(steady_time now, bool is_closing) {
    const std::lock_guard lock(mutex_);
    if (!state_ || retired_ || writing_) return std::nullopt;
    const bool releases = ended_ || is_closing;
    // A checkpoint that waits goes with those of others; a renewal that is due soon, too.
    const bool is_moved = write_at_ != steady_time::max();
    const bool is_old = now >= lease_->renew_at() - options.lease() / 6;
    if (!releases && !is_moved && !is_old) return std::nullopt;
    settlement what;
    what.whose = std::const_pointer_cast<shared_subscription>(shared_from_this());
    what.id = id_;
    what.epoch = epoch_;
    what.checkpoint = state_->done();
    what.is_moved = what.checkpoint.where != taken_at_;
    what.timeline = timeline_;
    what.deliveries = state_->first_deliveries();
    what.releases = releases;
    what.serial = serial_;
    writing_ = true;
    write_at_ = steady_time::max();
    return what;
}

bool shared_subscription::settle(const settlement& what, settled how, steady_time sent) {
    const auto quoted = detail::quoted_for_message(name);
    switch (how) {
    case settled::done: break;
    case settled::lost:
        retire(failure(errc::subscription_lost,
            detail::message(
                "subscription ", quoted, " has another owner by now; subscribe again to share it or wait")));
        return true;
    case settled::deleted:
        retire(failure(errc::subscription_deleted, detail::message("subscription ", quoted, " was deleted")));
        return true;
    case settled::truncated: retire(truncated(what.checkpoint.where.position)); return true;
    }
    consequences todo;
    {
        const std::lock_guard lock(mutex_);
        writing_ = false;
        const bool was_trusted = lease_->is_trusted(std::chrono::steady_clock::now());
        lease_->renewed(sent);
        written_ = what.checkpoint.where;
        written_events_ = what.checkpoint.events;
        durable_serial_ = what.serial;
        if (!was_trusted) todo = changed();
        note_progress(std::chrono::steady_clock::now(), todo);
        std::erase_if(waiting_for_end_, [&](std::shared_ptr<end_wait>& each) {
            if (!each->over(*this, each->serial)) return false;
            todo.over.push_back(std::move(each));
            return true;
        });
    }
    carry_out(std::move(todo));
    if (what.releases)
        retire(failure(errc::subscription_lost, detail::message("subscription ", quoted, " was released")));
    return what.releases;
}

void shared_subscription::check_soon() {
    const std::lock_guard lock(mutex_);
    write_at_ = std::chrono::steady_clock::now();
}

void shared_subscription::settle_failed() {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    if (state_) write_at_ = std::chrono::steady_clock::now();
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
