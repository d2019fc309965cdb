// How a store acquires the lease of a subscription, or waits for it.
#include "base/text.hpp"
#include "feed/look_schedule.hpp"
#include "subscription/checkpoint_writer.hpp"
#include "subscription/lease_manager.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>

namespace eventstore::delivery {

namespace {

using namespace std::chrono_literals;
using detail::message;
using detail::quoted_for_message;

constexpr std::chrono::milliseconds longest_watch = 1s; // between two looks at a subscription that others have
// A feed looks for the first time when its listener works, or when that takes too long. Who is less patient leaves it
// without a follower, and it ends before it has begun.
constexpr std::chrono::milliseconds longest_attaching = 2 * feed::look_schedule::longest_to_listen + longest_watch;

std::string this_process() {
    std::array<char, 256> host{};
    if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '?';
    return message(host.data(), " ", std::to_string(::getpid()));
}

failure taken_elsewhere(const shared_subscription& taken, std::string_view by) {
    return failure(errc::subscription_already_exists,
        {.message = message("subscription ", quoted_for_message(taken.name), " to ", quoted_for_message(taken.stream),
             " is taken by ", by, "; when_taken(if_taken::wait) waits for it"),
            .stream = taken.stream,
            .retry_helps = true});
}

} // namespace

asio::awaitable<result<lease_manager::place_taken>> lease_manager::subscribe(std::shared_ptr<lease_manager> self,
    std::string stream, std::string name, subscription_options options, std::weak_ptr<void> caller,
    steady_time deadline) {
    using outcome = result<place_taken>;
    const bool waits = options.when_taken() == if_taken::wait;
    const key of(stream, name);
    while (!caller.expired()) {
        const found known = self->find_or_make(of, options);
        const subscription_ptr subscription = known.subscription;
        if (!subscription) co_return outcome(detail::store_closed());
        if (known.is_new) {
            auto acquiring = acquire(self, subscription, caller, deadline);
            const auto acquired = co_await std::move(acquiring);
            if (!acquired) {
                subscription->retire(acquired.error());
                co_return outcome(acquired.error());
            }
        } else if (subscription->has_ended()) { // its lease is being released
            auto ending = shared_subscription::wait_retired(subscription, deadline);
            const auto ended = co_await std::move(ending);
            if (!ended) co_return outcome(ended.error());
            continue;
        } else {
            auto beginning = shared_subscription::wait_begun(subscription, waits ? steady_time::max() : deadline);
            const auto begun = co_await std::move(beginning);
            // Whoever wanted to take it was less patient.
            if (!begun && !(waits && begun.error().retry_helps())) co_return outcome(begun.error());
            if (!begun) continue;
        }
        const auto consumer = subscription->join();
        if (consumer) co_return outcome(place_taken{subscription, *consumer});
        if (subscription->has_ended()) {
            if (known.is_new) co_return outcome(subscription->why_over());
            continue;
        }
        if (!waits) {
            if (subscription->options.concurrency_limit() == 1)
                co_return outcome(taken_elsewhere(*subscription, "another consumer of this store"));
            co_return outcome(failure(errc::too_many_subscribers,
                message("subscription ", quoted_for_message(name), " has ",
                    std::to_string(subscription->options.concurrency_limit()),
                    " consumers, as many as the first one's concurrency_limit allows")));
        }
        const auto store = subscription->parts();
        if (!store) continue; // it was lost at this very moment
        auto waiting = wait_freed(self, store, longest_watch / 10);
        co_await std::move(waiting);
    }
    co_return outcome(failure(errc::cancelled, "subscribing was cancelled"));
}

// First the feed, then the checkpoint: what comes in between is in the first page that is read.
asio::awaitable<result<void>> lease_manager::follow(std::shared_ptr<const store_parts> store,
    subscription_ptr subscription, std::weak_ptr<void> caller, steady_time deadline) {
    const std::string stream = subscription->stream == "$all" ? std::string() : subscription->stream;
    const bool waits = subscription->options.when_taken() == if_taken::wait;
    for (;;) {
        const auto until = waits ? store->now() + longest_attaching : deadline;
        auto attaching = feed::feed::attach(store->feed, subscription, stream, until);
        const auto attached = co_await std::move(attaching);
        if (attached) co_return result<void>();
        // A database that cannot be reached ends no waiting.
        if (!waits || !attached.error().retry_helps()) co_return attached.error();
        if (caller.expired()) co_return failure(errc::cancelled, "subscribing was cancelled");
        if (subscription->has_ended()) co_return subscription->why_over();
        auto looking = read::reader::look(store->reader, storage::log_mark(), store->now() + longest_watch);
        const auto looked = co_await std::move(looking); // the feed does not tell why it does not begin
        if (!looked && !looked.error().retry_helps()) co_return looked.error();
    }
}

asio::awaitable<result<void>> lease_manager::acquire(std::shared_ptr<lease_manager> self, subscription_ptr subscription,
    std::weak_ptr<void> caller, steady_time deadline) {
    const auto store = subscription->parts();
    if (!store) co_return subscription->why_over();
    const bool waits = subscription->options.when_taken() == if_taken::wait;
    auto following = follow(store, subscription, caller, deadline);
    const auto followed = co_await std::move(following);
    if (!followed) co_return followed;
    while (!caller.expired()) {
        auto claiming = self->claim_once(*subscription, waits ? store->deadline() : deadline);
        const auto claim = co_await std::move(claiming);
        if (!claim && !(waits && claim.error().retry_helps())) co_return claim.error();
        if (claim && *claim) {
            subscription->begin(**claim);
            co_return result<void>();
        }
        if (!waits) co_return taken_elsewhere(*subscription, "another process");
        if (subscription->has_ended()) co_return subscription->why_over();
        auto waiting = wait_freed(self, store, std::min(subscription->options.lease() / 10, longest_watch));
        co_await std::move(waiting);
    }
    co_return failure(errc::cancelled, "subscribing was cancelled");
}

asio::awaitable<result<std::optional<shared_subscription::claim>>> lease_manager::claim_once(
    const shared_subscription& subscription, steady_time deadline) {
    using outcome = result<std::optional<shared_subscription::claim>>;
    const auto store = subscription.parts();
    if (!store) co_return outcome(subscription.why_over());
    const key of(subscription.stream, subscription.name);
    // Whatever the answer says was so after this moment: a lease that it gives counts from here.
    const auto sent = store->environment.lease_now();
    postgres::parameters arguments;
    arguments.add(subscription.stream);
    arguments.add(subscription.name);
    arguments.add(store->checkpoints->owner());
    arguments.add(this_process());
    arguments.add(static_cast<std::int64_t>(subscription.options.lease().count()));
    if (subscription.options.start())
        arguments.add(*subscription.options.start());
    else
        arguments.add_null();
    {
        // The owner's clock may be wrong, and the server's may step back: who watches the beat stand still needs neither.
        const std::lock_guard lock(mutex_);
        const auto watched = watched_.find(of);
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
        postgres::pool::execute(store->pool, store->statements->claim_subscription, std::move(arguments), deadline);
    const auto answer = co_await std::move(claiming);
    // And before this one: a beat that it shows may be as young as this.
    const auto answered = store->environment.lease_now();
    if (!answer) co_return outcome(answer.error());
    const std::lock_guard lock(mutex_);
    if (answer->boolean(0, 6)) {
        co_return outcome(failure(errc::log_truncated,
            message("subscription ", quoted_for_message(subscription.name),
                ": the log does not hold the event at position ", std::to_string(answer->int8(0, 4)),
                " any more, which was acknowledged: a fail-over has lost its end; reset ",
                "the subscription to where it should go on")));
    }
    if (!answer->boolean(0, 0)) {
        const beat_watch::sight there{answer->int8(0, 1), answer->int8(0, 2), answer->int8(0, 3)};
        watched_[of].seen(there, std::chrono::milliseconds(answer->int8(0, 7)), answered);
        co_return outcome(std::nullopt);
    }
    watched_.erase(of);
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
    claim.parked = answer->int8(0, 15);
    claim.oldest_parked = std::chrono::milliseconds(answer->int8(0, 16));
    claim.sent = sent;
    co_return outcome(claim);
}

asio::awaitable<void> lease_manager::wait_freed(
    std::shared_ptr<lease_manager> self, std::shared_ptr<const store_parts> store, std::chrono::milliseconds most) {
    const auto freed = std::make_shared<detail::completion<void>>("waiting for a subscription");
    {
        const std::lock_guard lock(self->mutex_);
        std::erase_if(self->waiting_, [](const auto& waiter) { return waiter.expired(); });
        self->waiting_.push_back(freed);
    }
    auto waiting = detail::completion<void>::wait(freed, store->environment.timers.get(), store->now() + most);
    co_await std::move(waiting);
}

} // namespace eventstore::delivery
