// How a feed finds out that the log has grown: it listens, and looks.
#include "feed/feed.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace eventstore::feed {

void feed::start() {
    if (std::exchange(running_, true)) return;
    asio::co_spawn(*strand_, run(), [self = shared_from_this()](const std::exception_ptr&) {
        self->running_ = false;
        if (!self->closed_ && self->has_followers()) self->start();
    });
}

void feed::watch(std::string stream) {
    post([self = shared_from_this(), stream = std::move(stream)] {
        if (!self->of_stream_.contains(stream)) return;
        self->watched_.insert(stream);
        self->look_now(); // it may have been restored since it was read
    });
}

void feed::look_now() {
    schedule_.look_now();
    changed_->raise();
}

void feed::listening_changed(bool works) {
    post([self = shared_from_this(), works] {
        if (!self->has_joined_) return;
        self->schedule_.listening_changed(works);
        self->changed_->raise();
    });
}

void feed::on_listening() { listening_changed(true); }
void feed::on_listening_lost() { listening_changed(false); }

void feed::on_notification(const notification& notification) {
    if (notification.kind == "log") return hint(std::max(notification.first, notification.second));
    if (notification.kind != "restored") return;
    post([self = shared_from_this()] { // whether it is one of those that are watched is looked up
        if (!self->watched_.empty()) self->look_now();
    });
}

void feed::restored(std::string stream) {
    post([self = shared_from_this(), stream = std::move(stream)] { self->tell_restored(stream); });
}

// Whoever still sees nothing says so again.
void feed::tell_restored(const std::string& stream) {
    watched_.erase(stream);
    const auto followed = of_stream_.find(stream);
    if (followed == of_stream_.end()) return;
    const auto all = followed->second;
    for (const registration& entry : all) {
        if (const auto alive = entry.subscriber.lock()) alive->on_restored();
    }
}

// While there are followers: listens, and looks for the head after each connect and now and then.
asio::awaitable<void> feed::run() {
    const auto self = shared_from_this();
    if (schedule_.listens() && !std::exchange(has_joined_, true)) listener_->join(schema_, weak_from_this());
    schedule_.begin(environment_.now());
    while (!closed_ && has_followers()) {
        if (schedule_.is_due(environment_.now())) {
            auto looking = look_once();
            co_await std::move(looking);
        } else {
            auto waiting = detail::signal::wait_until(changed_, environment_.timers, schedule_.due());
            co_await std::move(waiting);
        }
    }
    is_followed_.store(has_followers(), std::memory_order_release);
    stop_listening();
}

void feed::stop_listening() {
    if (std::exchange(has_joined_, false)) listener_->leave(schema_, this);
}

asio::awaitable<void> feed::look_once() {
    schedule_.begin_look();
    // Whoever waits for the first look waits for no others.
    const bool with_others = poller_ && state_.has_begun() && !looks_alone_;
    auto looking = with_others ? look_at_end() : look();
    const auto outcome = co_await std::move(looking);
    note_look(outcome.has_value());
    auto pause = std::chrono::milliseconds(0);
    if (!outcome) {
        if (!detail::backoff::passes_by_itself(outcome.error().code())) looks_alone_ = true;
        if (!state_.has_begun()) refuse_arriving(outcome.error());
        pause = looks_.failed(outcome.error());
    } else {
        looks_alone_ = false;
        looks_.succeeded();
        if (*outcome && !watched_.empty()) {
            auto finding = find_restored();
            co_await std::move(finding);
        }
        if (*outcome) pause = until_next_look();
    }
    schedule_.end_look(environment_.now(), pause);
}

// While they fail, nothing tells how far the log has gone.
void feed::note_look(bool has_answer) {
    const std::lock_guard lock(lag_mutex_);
    if (has_answer)
        lag_.looks_fail_since.reset();
    else if (!lag_.looks_fail_since)
        lag_.looks_fail_since = environment_.now();
}

std::chrono::milliseconds feed::until_next_look() const {
    if (!poller_) return schedule_.period();
    return poller_->until_next(
        options_.is_pooled ? look_schedule::between_looks_without_listener : look_schedule::between_looks);
}

// How far the log goes, and whether it is still the same.
asio::awaitable<result<bool>> feed::look() {
    const auto self = shared_from_this();
    // What is told while the answer is on its way may lie behind it.
    const bool had_begun = state_.has_begun();
    const storage::log_mark seen = state_.mark();
    const auto deadline = environment_.in(options_.operation_timeout);
    auto looking = read::reader::look(reader_, seen, deadline);
    const auto now = co_await std::move(looking);
    if (!now) co_return now.error();
    if (closed_ || !has_followers()) co_return false;
    if (!now->is_held) {
        fail_truncated(seen.position, now->head.position);
        co_return false;
    }
    begin(now->head);
    if (had_begun && now->head.timeline != 0 && state_.timeline() != now->head.timeline) {
        if (state_.published() != seen.position) co_return false; // more was told of the history before: look again
        state_.go_on_in(now->head.timeline);
    }
    state_.hint(now->head.position);
    progress();
    co_return true;
}

// The same together with others, and only closer where it is not clear.
asio::awaitable<result<bool>> feed::look_at_end() {
    const auto self = shared_from_this();
    const auto deadline = environment_.in(options_.operation_timeout);
    auto looking = poller::newest(poller_, schema_, deadline);
    const auto newest = co_await std::move(looking);
    if (!newest) co_return newest.error();
    if (closed_ || !state_.has_begun()) co_return false;
    if (is_news(*newest)) {
        auto closer = look();
        const auto outcome = co_await std::move(closer);
        if (!outcome) co_return outcome.error();
        if (!*outcome) co_return false;
    }
    newest_ = *newest;
    co_return true;
}

// Whether the end of the log is none that is known. One that lies behind what was told is read, and the page tells.
bool feed::is_news(const storage::log_mark& newest) {
    if (newest == newest_ || newest.position > state_.published()) {
        state_.hint(newest.position);
        progress();
        return false;
    }
    return newest.position != state_.published() || newest.event != state_.mark().event;
}

// Of streams that were deleted when their followers looked, for which nothing may come but the word that they are back.
asio::awaitable<void> feed::find_restored() {
    const auto self = shared_from_this();
    const std::vector<std::string> streams(watched_.begin(), watched_.end());
    const auto deadline = environment_.in(options_.operation_timeout);
    auto looking = read::reader::visible(reader_, streams, deadline);
    const auto found = co_await std::move(looking);
    if (!found || found->empty() || closed_) co_return;
    for (const auto& stream : *found) tell_restored(stream.name);
}

} // namespace eventstore::feed
