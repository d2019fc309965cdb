// How the keeper takes a subscription for its store, or waits for it.
#include "subscription/keeper.hpp"

#include "base/text.hpp"
#include "subscription/freed_wait.hpp"

#include <algorithm>

namespace eventstore::delivery {

namespace {

using namespace std::chrono_literals;
using detail::message;
using detail::quoted_for_message;

constexpr std::chrono::milliseconds longest_watch = 1s; // between two looks at a subscription that others have

failure taken_elsewhere(const shared_subscription& what, std::string_view by) {
    failure::facts facts;
    facts.stream = what.stream;
    facts.message = message("subscription ", quoted_for_message(what.name), " to ", quoted_for_message(what.stream),
        " is taken by ", by, "; when_taken(if_taken::wait) waits for it");
    facts.retry_helps = true;
    return failure(errc::subscription_already_exists, std::move(facts));
}

} // namespace

asio::awaitable<result<keeper::place_taken>> keeper::subscribe(std::shared_ptr<keeper> self, std::string stream,
    std::string name, subscription_options options, std::weak_ptr<void> caller, steady_time deadline) {
    using outcome = result<place_taken>;
    const bool waits = options.when_taken() == if_taken::wait;
    const key which(stream, name);
    while (!caller.expired()) {
        subscription_ptr what;
        bool is_new = false;
        std::shared_ptr<const machinery> with;
        {
            const std::lock_guard lock(self->mutex_);
            with = self->with_;
            if (self->closing_ || !with) co_return outcome(closed_failure());
            subscription_ptr& known = self->all_[which];
            if (!known) {
                known = std::make_shared<shared_subscription>(with, stream, name, options);
                is_new = true;
            }
            what = known;
        }
        if (is_new) {
            auto taking = take(self, what, caller, deadline);
            const auto taken = co_await std::move(taking);
            if (!taken) {
                what->refuse_all(taken.error());
                self->retire(what);
                co_return outcome(taken.error());
            }
        } else if (what->has_ended()) { // it is being let go of
            auto ending = shared_subscription::wait_retired(what, deadline);
            const auto ended = co_await std::move(ending);
            if (!ended) co_return outcome(ended.error());
            continue;
        } else {
            auto beginning = shared_subscription::wait_begun(what, waits ? steady_time::max() : deadline);
            const auto begun = co_await std::move(beginning);
            if (!begun) co_return outcome(begun.error());
        }
        const auto who = what->join();
        if (who) co_return outcome(place_taken{what, *who});
        if (what->has_ended()) {
            if (is_new) co_return outcome(closed_failure());
            continue;
        }
        if (!waits) {
            if (what->options.concurrency_limit() == 1)
                co_return outcome(taken_elsewhere(*what, "another consumer of this store"));
            co_return outcome(failure(errc::too_many_subscribers,
                message("subscription ", quoted_for_message(name), " has ",
                    std::to_string(what->options.concurrency_limit()),
                    " consumers, as many as the first one's concurrency_limit allows")));
        }
        auto waiting = wait_freed(self, with, longest_watch / 10);
        co_await std::move(waiting);
    }
    co_return outcome(failure(errc::cancelled, "subscribing was cancelled"));
}

asio::awaitable<result<void>> keeper::take(
    std::shared_ptr<keeper> self, subscription_ptr what, std::weak_ptr<void> caller, steady_time deadline) {
    const auto with = self->with_;
    std::string stream = what->stream == "$all" ? std::string() : what->stream;
    // First the feed, then the checkpoint: what comes in between is in the first page that is read.
    auto attaching = feed::feed::attach(with->feed, what, std::move(stream), deadline);
    const auto attached = co_await std::move(attaching);
    if (!attached) co_return attached.error();

    const bool waits = what->options.when_taken() == if_taken::wait;
    while (!caller.expired()) {
        auto claiming = self->claim_once(*what, waits ? with->deadline() : deadline);
        const auto claim = co_await std::move(claiming);
        if (!claim && !(waits && claim.error()->retry_helps)) co_return claim.error();
        if (claim && *claim) {
            what->begin(**claim);
            co_return result<void>();
        }
        if (!waits) co_return taken_elsewhere(*what, "another process");
        if (what->has_ended()) co_return closed_failure();
        auto waiting = wait_freed(self, with, std::min(what->options.lease() / 10, longest_watch));
        co_await std::move(waiting);
    }
    co_return failure(errc::cancelled, "subscribing was cancelled");
}

asio::awaitable<result<std::optional<shared_subscription::claim>>> keeper::claim_once(
    const shared_subscription& what, steady_time deadline) {
    using outcome = result<std::optional<shared_subscription::claim>>;
    const auto with = with_;
    const key which(what.stream, what.name);
    const auto now = std::chrono::steady_clock::now();
    postgres::parameters arguments;
    arguments.add(what.stream);
    arguments.add(what.name);
    arguments.add(owner_);
    arguments.add(owner_text_);
    arguments.add(static_cast<std::int64_t>(what.options.lease().count()));
    if (what.options.start())
        arguments.add(*what.options.start());
    else
        arguments.add_null();
    {
        // The owner's clock may be wrong, and the server's may step back: who watches the beat stand still needs neither.
        const std::lock_guard lock(mutex_);
        const auto watched = watched_.find(which);
        if (watched != watched_.end() && now - watched->second.since >= watched->second.lease)
            arguments.add(watched->second.beat);
        else
            arguments.add_null();
    }
    auto claiming =
        postgres::pool::execute(with->pool, with->statements->claim_subscription, std::move(arguments), deadline);
    const auto answer = co_await std::move(claiming);
    if (!answer) co_return outcome(answer.error());
    const postgres::rows row(answer->get());
    const std::lock_guard lock(mutex_);
    if (!row.boolean(0, 0)) {
        const auto beat = row.int8(0, 3);
        auto& watched = watched_[which];
        if (watched.beat != beat || watched.since == steady_time())
            watched = {beat, now, std::chrono::milliseconds(row.int8(0, 8))};
        co_return outcome(std::nullopt);
    }
    watched_.erase(which);
    if (row.boolean(0, 7)) {
        co_return outcome(failure(errc::log_truncated,
            message("subscription ", quoted_for_message(what.name), ": the log does not hold the event at position ",
                std::to_string(row.int8(0, 4)),
                " any more, which was acknowledged: a fail-over has lost its end; reset ",
                "the subscription to where it should go on")));
    }
    shared_subscription::claim claim;
    claim.id = row.int8(0, 1);
    claim.epoch = row.int8(0, 2);
    claim.checkpoint = {row.int8(0, 4), row.int8(0, 5)};
    claim.deliveries = static_cast<int>(row.int8(0, 6));
    claim.replays = row.boolean(0, 9);
    claim.timeline = row.int4(0, 10);
    claim.stream_id = row.is_null(0, 11) ? 0 : row.int8(0, 11);
    claim.sent = now;
    co_return outcome(claim);
}

asio::awaitable<void> keeper::wait_freed(
    std::shared_ptr<keeper> self, std::shared_ptr<const machinery> with, std::chrono::milliseconds most) {
    const auto waiting = std::make_shared<freed_wait>();
    {
        const std::lock_guard lock(self->mutex_);
        std::erase_if(self->waiting_, [](const auto& each) { return each.expired(); });
        self->waiting_.push_back(waiting);
    }
    co_await detail::suspend(waiting, with->timers.get(), std::chrono::steady_clock::now() + most);
}

} // namespace eventstore::delivery
