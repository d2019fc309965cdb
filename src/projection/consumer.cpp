// One consumer of a projection: its subscription, its transactions, and the hand-over from another version.
#include "async/completion.hpp"
#include "async/retry.hpp"
#include "projection/batch_attempts.hpp"
#include "projection/handler_failure.hpp"
#include "projection/projection.hpp"

#include "base/text.hpp"

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <exception>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

namespace eventstore::projection {

namespace {

using namespace std::chrono_literals;
using detail::message;
using detail::quoted_for_message;

constexpr std::size_t close_enough = 1'000; // positions that a version may be behind when it gets the side effects
constexpr std::chrono::milliseconds look_again = 100ms; // whether a version is as far as another one

/// By the caller: told as that, whatever was under way. Asio would throw it at the next wait.
bool is_cancelled(const asio::cancellation_state& state) { return state.cancelled() != asio::cancellation_type::none; }

/// Waits; a cancellation ends it, which the next wait then throws.
asio::awaitable<void> wait_for(std::shared_ptr<const projection> of, std::chrono::milliseconds time) {
    const auto& environment = of->core->environment;
    const auto nothing = std::make_shared<detail::completion<void>>("waiting");
    auto waiting = detail::completion<void>::wait(nothing, environment.timers.get(), environment.in(time));
    const auto ended = co_await std::move(waiting);
    if (!ended && ended.error().code() == errc::cancelled) throw error(ended.error());
}

/// Of a statement on the store's own tables. As SQL of a transaction it counts as the caller's, who may mend what is
/// missing; but without these there is no store any more.
failure failure_of_store(const failure& why) {
    constexpr std::string_view missing[] = {"3F000", "42P01", "42883"}; // a schema, a table, a function
    if (std::ranges::find(missing, why.sqlstate()) == std::end(missing)) return why;
    return failure(errc::schema_missing, why.all());
}

class consumer {
public:
    consumer(std::shared_ptr<const projection> of, std::size_t number)
        : of_(std::move(of)),
          number_(number),
          again_(detail::asking_again, "keeping a projection", of_->core->environment.logger) {}

    asio::awaitable<void> run();
    asio::awaitable<void> forget();

private:
    asio::awaitable<bool> follow(subscription& events);
    asio::awaitable<void> handle(const event_batch& batch);
    asio::awaitable<std::size_t> commit(const event_batch& batch, batch_attempts::range range);
    asio::awaitable<live_span> enter(transaction& tx);
    asio::awaitable<void> take_over();
    asio::awaitable<bool> hand_over();
    asio::awaitable<void> switch_readers();
    asio::awaitable<void> forget_once();
    asio::awaitable<void> recover(failure why);

    failure superseded(std::string text) const {
        return failure(errc::projection_superseded,
            message("projection ", quoted_for_message(of_->name), ", version ", std::to_string(of_->options.version()),
                ": ", text));
    }

    const std::shared_ptr<const projection> of_;
    const std::size_t number_;
    detail::retry again_;
    live_span span_; // as it was told last
};

asio::awaitable<void> consumer::run() {
    for (;;) {
        std::exception_ptr thrown;
        span_ = live_span(); // while it waited, the version may have been dropped
        try {
            auto subscribing = of_->in.subscribe_to_all(of_->subscription_name(number_), of_->subscribing(number_));
            subscription events = co_await std::move(subscribing);
            auto following = follow(events);
            const bool goes_on = co_await std::move(following);
            if (!goes_on) co_return;
        } catch (...) {
            thrown = std::current_exception();
        }
        if (!thrown) continue;
        const auto cancellation = co_await asio::this_coro::cancellation_state;
        if (is_cancelled(cancellation)) std::rethrow_exception(thrown);
        const failure why = failure_of(thrown);
        if (why.code() == errc::store_closed) co_return;
        const bool is_lost = why.code() == errc::subscription_lost || why.outcome_unknown();
        if (!is_lost && blame_for(why) != blame::nobody && blame_for(why) != blame::size)
            std::rethrow_exception(thrown);
        auto recovering = recover(why);
        co_await std::move(recovering);
    }
}

asio::awaitable<void> consumer::recover(failure why) {
    auto waiting = wait_for(of_, again_.failed(why));
    co_await std::move(waiting);
}

// Returns false if the store was closed; true: subscribe again.
asio::awaitable<bool> consumer::follow(subscription& events) {
    for (;;) {
        if (!span_.is_settled) {
            auto taking = take_over();
            co_await std::move(taking);
        }
        std::optional<event_batch> batch;
        if (span_.is_settled) {
            auto getting = events.next();
            batch = co_await std::move(getting);
        } else {
            auto getting = events.next(look_again);
            batch = co_await std::move(getting);
        }
        if (!batch) co_return false;
        if (batch->empty()) continue;
        auto handling = handle(*batch);
        co_await std::move(handling);
    }
}

asio::awaitable<void> consumer::handle(const event_batch& batch) {
    batch_attempts attempts(batch.size());
    for (auto range = attempts.next(); range.count > 0; range = attempts.next()) {
        std::exception_ptr thrown;
        std::size_t done = 0;
        try {
            auto committing = commit(batch, range);
            done = co_await std::move(committing);
        } catch (...) {
            thrown = std::current_exception();
        }
        if (!thrown && done > 0) {
            attempts.succeeded(done);
            again_.succeeded();
            continue;
        }
        if (!thrown) { // the version in use has not come so far
            auto taking = take_over();
            co_await std::move(taking);
            if (span_.live_after || span_.is_settled) continue;
            auto waiting = wait_for(of_, look_again);
            co_await std::move(waiting);
            continue;
        }
        const auto cancellation = co_await asio::this_coro::cancellation_state;
        if (is_cancelled(cancellation)) std::rethrow_exception(thrown);
        const failure why = failure_of(thrown);
        const blame at_fault = blame_for(why);
        if (at_fault == blame::projection) std::rethrow_exception(thrown);
        if (at_fault == blame::event) {
            if (!attempts.failed(range.count)) continue;
            batch.nack(batch[range.first], why.message());
            co_return; // it comes again later, and those behind it after that
        }
        if (at_fault == blame::size) attempts.took_too_long(range.count);
        auto recovering = recover(why);
        co_await std::move(recovering);
    }
}

// Returns how many of the events were committed; 0: it is not its turn yet.
asio::awaitable<std::size_t> consumer::commit(const event_batch& batch, batch_attempts::range range) {
    auto beginning = of_->in.begin();
    transaction tx = co_await std::move(beginning);
    auto entering = enter(tx);
    span_ = co_await std::move(entering);
    const std::size_t count = span_.count_together({batch.begin() + range.first, range.count});
    if (count == 0) {
        auto rolling_back = tx.rollback();
        co_await std::move(rolling_back);
        co_return 0;
    }
    const projection_batch events(
        batch.begin() + range.first, count, of_->options.version(), span_.is_live(batch[range.first].position()));
    auto handling = of_->handler(tx, events);
    co_await std::move(handling);
    tx.ack(batch, events.back());
    auto committing = tx.commit();
    co_await std::move(committing);
    co_return count;
}

// To the commit the answer stays as it is.
asio::awaitable<live_span> consumer::enter(transaction& tx) {
    std::optional<query_result> rows;
    std::optional<failure> problem;
    try {
        auto asking = tx.execute(of_->core->statements->enter_projection.text, of_->name, of_->options.version());
        rows = co_await std::move(asking);
    } catch (const error& thrown) {
        problem = failure_of_store(thrown.why());
    }
    if (problem) throw error(*problem);
    if (rows->empty()) throw error(superseded("it was dropped"));
    const sql_row row = (*rows)[0];
    live_span span;
    span.live_after = row.get<std::optional<std::int64_t>>(0);
    span.live_until = row.get<std::optional<std::int64_t>>(1);
    span.is_settled = row.get<bool>(2);
    span.replay_through = row.get<std::optional<std::int64_t>>(3);
    co_return span;
}

// A version that has replayed gets the side effects, and then the readers. What fails here is tried again with the next look.
asio::awaitable<void> consumer::take_over() {
    std::exception_ptr thrown;
    try {
        auto switching = switch_readers();
        co_await std::move(switching);
    } catch (...) {
        thrown = std::current_exception();
    }
    if (!thrown) co_return;
    const auto cancellation = co_await asio::this_coro::cancellation_state;
    if (is_cancelled(cancellation)) std::rethrow_exception(thrown);
    const failure why = failure_of(thrown);
    if (blame_for(why) == blame::projection && !why.outcome_unknown()) std::rethrow_exception(thrown);
    auto recovering = recover(why);
    co_await std::move(recovering);
}

asio::awaitable<void> consumer::switch_readers() {
    if (!span_.live_after) {
        auto handing = hand_over();
        const bool is_done = co_await std::move(handing);
        if (!is_done) co_return;
    }
    auto beginning = of_->in.begin();
    transaction tx = co_await std::move(beginning);
    auto switching = tx.execute(of_->core->statements->switch_projection.text, of_->name, of_->options.version());
    const query_result switched = co_await std::move(switching);
    if (switched.value<bool>() && of_->options.on_switch()) {
        auto sending = of_->options.on_switch()(tx);
        co_await std::move(sending);
    }
    auto entering = enter(tx);
    const live_span span = co_await std::move(entering);
    auto committing = tx.commit();
    co_await std::move(committing);
    span_ = span;
}

// A transaction of its own: it locks the subscriptions, whose leases are renewed with those of others, and on_switch may
// take its time. Returns false if the version has no side effects yet, or never will.
asio::awaitable<bool> consumer::hand_over() {
    const auto most_behind = static_cast<std::int64_t>(std::max(of_->options.max_batch(), close_enough));
    auto beginning = of_->in.begin();
    transaction tx = co_await std::move(beginning);
    auto asking =
        tx.execute(of_->core->statements->hand_over_projection.text, of_->name, of_->options.version(), most_behind);
    const query_result answer = co_await std::move(asking);
    const bool is_done = answer.value<bool>();
    if (!is_done) {
        auto entering = enter(tx);
        span_ = co_await std::move(entering);
    }
    auto committing = tx.commit();
    co_await std::move(committing);
    co_return is_done;
}

asio::awaitable<void> consumer::forget() {
    for (;;) {
        std::exception_ptr thrown;
        try {
            auto forgetting = forget_once();
            co_await std::move(forgetting);
        } catch (...) {
            thrown = std::current_exception();
        }
        if (!thrown) co_return;
        const auto cancellation = co_await asio::this_coro::cancellation_state;
        if (is_cancelled(cancellation)) std::rethrow_exception(thrown);
        const failure why = failure_of(thrown);
        const blame at_fault = blame_for(why);
        if (at_fault != blame::nobody && at_fault != blame::size && !why.outcome_unknown()) co_return;
        auto recovering = recover(why);
        co_await std::move(recovering);
    }
}

asio::awaitable<void> consumer::forget_once() {
    auto beginning = of_->in.begin();
    transaction tx = co_await std::move(beginning);
    auto asking = tx.execute(of_->core->statements->drop_projection.text, of_->name, of_->options.version(),
        static_cast<std::int32_t>(of_->options.consumers()));
    co_await std::move(asking);
    auto committing = tx.commit();
    co_await std::move(committing);
}

} // namespace

asio::awaitable<void> keep(std::shared_ptr<const projection> of, std::size_t number) {
    consumer one(std::move(of), number);
    auto running = one.run();
    co_await std::move(running);
}

asio::awaitable<void> forget(std::shared_ptr<const projection> of) {
    consumer any(std::move(of), 0);
    auto forgetting = any.forget();
    co_await std::move(forgetting);
}

} // namespace eventstore::projection
