#include "subscription/keeper.hpp"

#include "base/text.hpp"
#include "subscription/heart.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>

namespace eventstore::delivery {

namespace {

using namespace std::chrono_literals;
using detail::message;
using detail::quoted_for_message;
using postgres::type_oid;

constexpr auto pause_after_failure = 100ms;
constexpr auto long_write = 10ms;
constexpr std::chrono::milliseconds longest_watch = 1s; // between two looks at a subscription that others have

std::string this_process() {
    std::array<char, 256> host{};
    if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '?';
    return message(host.data(), " ", std::to_string(::getpid()));
}

failure closed() { return failure(errc::store_closed, "the store is closed"); }

failure taken_elsewhere(const shared_subscription& what, std::string_view by) {
    failure::facts facts;
    facts.stream = what.stream;
    facts.message = message("subscription ", quoted_for_message(what.name), " to ", quoted_for_message(what.stream),
        " is taken by ", by, "; when_taken(if_taken::wait) waits for it");
    facts.retry_helps = true;
    return failure(errc::subscription_already_exists, std::move(facts));
}

} // namespace

/// Waits until some subscription is let go of.
class keeper::freed_wait final : public detail::operation {
public:
    void end() {
        if (claim()) finish();
    }

private:
    void start() override {}
    void cancel() noexcept override { end(); }
    void expire() noexcept override { end(); }
};

keeper::keeper(std::shared_ptr<const machinery> with)
    : with_(std::move(with)),
      strand_(with_->executor),
      timer_(strand_),
      owner_(make_uuid()),
      owner_text_(this_process()) {}

keeper::~keeper() = default;

// ---- taking subscriptions

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
            if (self->closing_ || !with) co_return outcome(closed());
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
            if (is_new) co_return outcome(closed());
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
        if (what->has_ended()) co_return closed();
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

std::vector<keeper::subscription_ptr> keeper::named(const std::string& name) const {
    std::vector<subscription_ptr> found;
    const std::lock_guard lock(mutex_);
    for (const auto& [which, what] : all_) {
        if (which.second == name) found.push_back(what);
    }
    return found;
}

// ---- settling

void keeper::due(steady_time when) {
    {
        const std::lock_guard lock(mutex_);
        if (when >= armed_for_) return;
        armed_for_ = when;
    }
    asio::post(strand_, [self = shared_from_this()] { self->arm(); });
}

void keeper::arm() {
    steady_time when;
    {
        const std::lock_guard lock(mutex_);
        when = armed_for_;
    }
    if (when == steady_time::max() || writing_) return;
    timer_.expires_at(when);
    timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& replaced) {
        const auto self = weak.lock();
        if (!replaced && self) self->cycle();
    });
}

void keeper::cycle() {
    if (writing_) return;
    std::vector<shared_subscription::settlement> settlements;
    std::vector<subscription_ptr> all;
    std::shared_ptr<const machinery> with;
    bool is_closing = false;
    {
        const std::lock_guard lock(mutex_);
        armed_for_ = steady_time::max();
        for (const auto& [which, what] : all_) all.push_back(what);
        with = with_;
        is_closing = closing_;
    }
    if (!with) return;
    const auto now = std::chrono::steady_clock::now();
    steady_time next = steady_time::max();
    for (const auto& each : all) next = std::min(next, each->due());
    if (next <= now) {
        for (const auto& each : all) {
            if (auto what = each->collect(now, is_closing)) settlements.push_back(std::move(*what));
        }
    }
    if (settlements.empty()) {
        if (next != steady_time::max()) due(std::max(next, now + 1ms));
        return;
    }
    std::ranges::sort(settlements, {}, &shared_subscription::settlement::id); // so that no two processes deadlock
    writing_ = true;
    asio::co_spawn(strand_, write(shared_from_this(), with, std::move(settlements)),
        [self = shared_from_this(), now](const std::exception_ptr&) {
            const auto end = std::chrono::steady_clock::now();
            // However many subscriptions there are, most of the time is the server's own.
            steady_time again = end;
            if (!self->beats_along_ && end - now > long_write) again += 3 * (end - now);
            if (self->failing_) again = end + pause_after_failure;
            self->writing_ = false;
            {
                const std::lock_guard lock(self->mutex_);
                self->armed_for_ = steady_time::max(); // what came meanwhile was not armed
            }
            self->due(again);
        });
}

asio::awaitable<void> keeper::write(std::shared_ptr<keeper> self, std::shared_ptr<const machinery> with,
    std::vector<shared_subscription::settlement> all) {
    const bool is_shared =
        with->beats && !self->failing_ && std::ranges::none_of(all, [](const auto& each) { return each.is_urgent; });
    self->beats_along_ = is_shared;
    const auto sent = std::chrono::steady_clock::now();
    result<heart::codes> codes;
    if (is_shared) {
        auto beating = heart::settle(with->beats, with->schema, all, with->deadline());
        codes = co_await std::move(beating);
    } else {
        std::vector<const shared_subscription::settlement*> list;
        for (const auto& each : all) list.push_back(&each);
        auto writing = postgres::pool::execute(
            with->pool, with->statements->settle_subscriptions, arguments_of(list), with->deadline());
        const auto answer = co_await std::move(writing);
        if (answer)
            codes = postgres::rows(answer->get()).int8_array(0, 0);
        else
            codes = answer.error();
    }
    self->failing_ = !codes;
    if (!codes) {
        if (with->log) with->log(codes.error().message());
        for (const auto& each : all) each.whose->settle_failed();
        co_return;
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
        const auto how = static_cast<shared_subscription::settled>(i < codes->size() ? (*codes)[i].value_or(0) : 1);
        if (all[i].whose->settle(all[i], how, sent)) self->retire(all[i].whose);
    }
}

void keeper::retire(const subscription_ptr& what) {
    std::vector<std::weak_ptr<freed_wait>> waiting;
    {
        const std::lock_guard lock(mutex_);
        const auto known = all_.find(key(what->stream, what->name));
        if (known != all_.end() && known->second == what) all_.erase(known);
        waiting = std::exchange(waiting_, {});
    }
    for (const auto& each : waiting) {
        if (const auto alive = each.lock()) alive->end();
    }
    end_if_done();
}

void keeper::hear(std::string_view what, std::int64_t id) {
    subscription_ptr replaying;
    std::vector<subscription_ptr> restored;
    std::vector<std::weak_ptr<freed_wait>> waiting;
    {
        const std::lock_guard lock(mutex_);
        if (what == "free") {
            waiting = std::exchange(waiting_, {});
        } else if (what == "gone") {
            for (const auto& [which, known] : all_) {
                if (known->id() == id) known->check_soon();
            }
        } else if (what == "replay") {
            for (const auto& [which, known] : all_) {
                if (known->id() == id) replaying = known;
            }
        } else if (what == "restored") {
            for (const auto& [which, known] : all_) {
                if (known->stream_id() == id) restored.push_back(known);
            }
        }
    }
    for (const auto& each : restored) each->look_again();
    if (replaying) replaying->replay_parked();
    for (const auto& each : waiting) {
        if (const auto alive = each.lock()) alive->end();
    }
    if (what == "gone") due(std::chrono::steady_clock::now());
}

// ---- the end

void keeper::close(std::function<void()> closed) {
    std::vector<subscription_ptr> all;
    {
        const std::lock_guard lock(mutex_);
        closing_ = true;
        when_closed_ = std::move(closed);
        for (const auto& [which, what] : all_) all.push_back(what);
    }
    for (const auto& each : all) each->end(std::nullopt);
    due(std::chrono::steady_clock::now());
    end_if_done();
}

void keeper::end_if_done() {
    std::function<void()> tell;
    {
        const std::lock_guard lock(mutex_);
        if (!closing_ || !all_.empty()) return;
        tell = std::exchange(when_closed_, nullptr);
    }
    if (tell) tell();
}

void keeper::drop() {
    std::vector<subscription_ptr> all;
    {
        const std::lock_guard lock(mutex_);
        closing_ = true;
        for (const auto& [which, what] : all_) all.push_back(what);
    }
    for (const auto& each : all) {
        each->retire(delivery::closed());
        retire(each);
    }
}

void keeper::abandon() {
    const std::lock_guard lock(mutex_);
    for (const auto& [which, what] : all_) what->abandon();
    all_.clear();
    with_.reset();
}

} // namespace eventstore::delivery
