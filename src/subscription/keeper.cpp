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

constexpr auto long_write = 10ms;

std::string this_process() {
    std::array<char, 256> host{};
    if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '?';
    return message(host.data(), " ", std::to_string(::getpid()));
}

} // namespace

failure keeper::closed_failure() { return failure(errc::store_closed, "the store is closed"); }

keeper::keeper(std::shared_ptr<const machinery> with)
    : with_(std::move(with)),
      strand_(with_->environment.executor),
      timer_(*strand_),
      writes_(detail::asking_again, "renewing leases", with_->environment.log),
      owner_(make_uuid()),
      owner_text_(this_process()) {}

keeper::~keeper() = default;

std::vector<keeper::subscription_ptr> keeper::named(const std::string& name) const {
    std::vector<subscription_ptr> found;
    const std::lock_guard lock(mutex_);
    for (const auto& [which, what] : all_) {
        if (which.second == name) found.push_back(what);
    }
    return found;
}

void keeper::due(steady_time when) {
    const std::lock_guard lock(mutex_);
    if (when >= armed_for_ || !strand_) return;
    armed_for_ = when;
    asio::post(*strand_, [self = shared_from_this()] { self->arm(); });
}

void keeper::arm() {
    steady_time when;
    {
        const std::lock_guard lock(mutex_);
        when = armed_for_;
    }
    if (when == steady_time::max() || writing_) return;
    timer_->expires_at(std::max(when, not_before_));
    timer_->async_wait([weak = weak_from_this()](const boost::system::error_code& replaced) {
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
    const auto now = with->now();
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
    asio::co_spawn(*strand_, write(shared_from_this(), with, std::move(settlements)),
        [self = shared_from_this(), with, now](const std::exception_ptr&) {
            const auto end = with->now();
            // However many subscriptions there are, most of the time is the server's own.
            steady_time again = end;
            if (!self->beats_along_ && end - now > long_write) again += 3 * (end - now);
            if (self->failing_) again = self->not_before_ = end + self->pause_;
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
    for (auto& each : all) each.owner = self->owner_;
    const bool is_shared =
        with->beats && !self->failing_ && std::ranges::none_of(all, [](const auto& each) { return each.is_urgent; });
    self->beats_along_ = is_shared;
    const auto sent = detail::lease_clock::now();
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
            codes = answer->int8_array(0, 0);
        else
            codes = answer.error();
    }
    self->failing_ = !codes;
    if (!codes) {
        self->pause_ = self->writes_.failed(codes.error());
        const bool is_gone = codes.error().code() == errc::schema_missing; // with all that was in it
        for (const auto& each : all) {
            each.whose->settle_failed();
            if (!is_gone) continue;
            each.whose->retire(codes.error());
            self->retire(each.whose);
        }
        co_return;
    }
    self->writes_.succeeded();
    for (std::size_t i = 0; i < all.size(); ++i) {
        const auto how = static_cast<shared_subscription::settled>(i < codes->size() ? (*codes)[i].value_or(0) : 1);
        if (all[i].whose->settle(all[i], how, sent)) self->retire(all[i].whose);
    }
}

void keeper::retire(const subscription_ptr& what) {
    std::vector<std::weak_ptr<detail::completion<void>>> waiting;
    {
        const std::lock_guard lock(mutex_);
        const auto known = all_.find(key(what->stream, what->name));
        if (known != all_.end() && known->second == what) all_.erase(known);
        waiting = std::exchange(waiting_, {});
    }
    for (const auto& each : waiting) {
        if (const auto alive = each.lock()) alive->complete();
    }
    end_if_done();
}

void keeper::hear(std::string_view what, std::int64_t id) {
    subscription_ptr replaying;
    std::vector<subscription_ptr> restored;
    std::vector<std::weak_ptr<detail::completion<void>>> waiting;
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
        if (const auto alive = each.lock()) alive->complete();
    }
    if (what == "gone") due(steady_time::min());
}

void keeper::restored(const std::string& stream) {
    std::vector<subscription_ptr> all;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [which, known] : all_) {
            if (which.first == stream) all.push_back(known);
        }
    }
    for (const auto& each : all) each->look_again();
}

// ---- the end

void keeper::begin_stop() {
    std::vector<subscription_ptr> all;
    {
        const std::lock_guard lock(mutex_);
        closing_ = true;
        for (const auto& [which, what] : all_) all.push_back(what);
    }
    for (const auto& each : all) each->close();
    due(steady_time::min());
    end_if_done();
}

void keeper::end_if_done() {
    const std::lock_guard lock(mutex_);
    if (closing_ && all_.empty()) stopped();
}

void keeper::drop() {
    std::vector<subscription_ptr> all;
    {
        const std::lock_guard lock(mutex_);
        closing_ = true;
        for (const auto& [which, what] : all_) all.push_back(what);
    }
    for (const auto& each : all) {
        each->retire(closed_failure());
        retire(each);
    }
}

void keeper::abandon() noexcept {
    std::vector<subscription_ptr> all;
    {
        const std::lock_guard lock(mutex_);
        closing_ = true;
        for (const auto& [which, what] : all_) all.push_back(what);
        all_.clear();
        with_.reset();
        timer_.reset();
        strand_.reset();
    }
    for (const auto& each : all) each->abandon();
}

} // namespace eventstore::delivery
