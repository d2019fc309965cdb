// How the keeper takes a subscription for its store, or waits for it.
#include "subscription/keeper.hpp"

#include "base/text.hpp"

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
            // Whoever wanted to take it was less patient.
            if (!begun && !(waits && begun.error()->retry_helps)) co_return outcome(begun.error());
            if (!begun) continue;
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
    const bool waits = what->options.when_taken() == if_taken::wait;
    // First the feed, then the checkpoint: what comes in between is in the first page that is read.
    for (bool is_attached = false; !is_attached;) {
        const auto until = waits ? with->now() + longest_watch : deadline;
        auto attaching = feed::feed::attach(with->feed, what, stream, until);
        const auto attached = co_await std::move(attaching);
        is_attached = bool(attached);
        if (is_attached) break;
        // A database that cannot be reached ends no waiting.
        if (!waits || !attached.error()->retry_helps) co_return attached.error();
        if (caller.expired()) co_return failure(errc::cancelled, "subscribing was cancelled");
        if (what->has_ended()) co_return closed_failure();
        auto looking = log::reader::look(with->reader, log::log_mark(), with->now() + longest_watch);
        const auto looked = co_await std::move(looking); // the feed does not tell why it does not begin
        if (!looked && !looked.error()->retry_helps) co_return looked.error();
    }

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
    // Whatever the answer says was so after this moment: a lease that it gives counts from here.
    const auto sent = detail::lease_clock::now();
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
        const auto stalled = watched == watched_.end() ? std::nullopt : watched->second.stalled(sent);
        if (stalled) {
            arguments.begin_array(postgres::type_oid::int8, 3);
            arguments.add(stalled->id);
            arguments.add(stalled->epoch);
            arguments.add(stalled->beat);
        } else {
            arguments.add_null();
        }
    }
    auto claiming =
        postgres::pool::execute(with->pool, with->statements->claim_subscription, std::move(arguments), deadline);
    const auto answer = co_await std::move(claiming);
    // And before this one: a beat that it shows may be as young as this.
    const auto answered = detail::lease_clock::now();
    if (!answer) co_return outcome(answer.error());
    const std::lock_guard lock(mutex_);
    if (answer->boolean(0, 6)) {
        co_return outcome(failure(errc::log_truncated,
            message("subscription ", quoted_for_message(what.name), ": the log does not hold the event at position ",
                std::to_string(answer->int8(0, 4)),
                " any more, which was acknowledged: a fail-over has lost its end; reset ",
                "the subscription to where it should go on")));
    }
    if (!answer->boolean(0, 0)) {
        const beat_watch::sight there{answer->int8(0, 1), answer->int8(0, 2), answer->int8(0, 3)};
        watched_[which].seen(there, std::chrono::milliseconds(answer->int8(0, 7)), answered);
        co_return outcome(std::nullopt);
    }
    watched_.erase(which);
    shared_subscription::claim claim;
    claim.id = answer->int8(0, 1);
    claim.epoch = answer->int8(0, 2);
    claim.beat = answer->int8(0, 3);
    claim.checkpoint = {answer->int8(0, 4), answer->int8(0, 5)};
    claim.replays = answer->boolean(0, 8);
    claim.timeline = answer->int4(0, 9);
    claim.stream_id = answer->is_null(0, 10) ? 0 : answer->int8(0, 10);
    claim.event = answer->optional_id(0, 11);
    claim.handed_out.deliveries = answer->int4(0, 12);
    claim.handed_out.delivered = answer->int8(0, 13);
    claim.handed_out.through = answer->int8(0, 14);
    claim.sent = sent;
    co_return outcome(claim);
}

asio::awaitable<void> keeper::wait_freed(
    std::shared_ptr<keeper> self, std::shared_ptr<const machinery> with, std::chrono::milliseconds most) {
    const auto freed = std::make_shared<detail::completion<void>>("waiting for a subscription");
    {
        const std::lock_guard lock(self->mutex_);
        std::erase_if(self->waiting_, [](const auto& each) { return each.expired(); });
        self->waiting_.push_back(freed);
    }
    auto waiting = detail::completion<void>::wait(freed, with->environment.timers.get(), with->now() + most);
    co_await std::move(waiting);
}

} // namespace eventstore::delivery
