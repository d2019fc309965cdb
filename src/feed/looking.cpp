// How a feed finds out that the log has grown: it listens, and looks.
#include "feed/feed.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <utility>

namespace eventstore::feed {

namespace {

using namespace std::chrono_literals;

constexpr auto between_looks = 1s;          // whatever was not heard of is found by then
constexpr auto between_looks_alone = 200ms; // behind a pooler, or while the listener is cut off
constexpr auto longest_to_listen = 1s;      // before the first look

} // namespace

void feed::start() {
    if (std::exchange(running_, true)) return;
    asio::co_spawn(*strand_, run(), [self = shared_from_this()](const std::exception_ptr&) {
        self->running_ = false;
        if (!self->closed_ && self->has_followers()) self->start();
    });
}

void feed::watch(std::string stream) {
    post([self = shared_from_this(), stream = std::move(stream)] {
        if (self->of_stream_.contains(stream)) self->watched_.insert(stream);
    });
}

void feed::on_listening() {
    post([self = shared_from_this()] {
        if (!self->has_joined_) return;
        self->hearing_ = hearing::works;
        ++self->hearing_changes_;
        self->until_look_.end();
    });
}

void feed::on_deaf() {
    post([self = shared_from_this()] {
        if (!self->has_joined_) return;
        self->hearing_ = hearing::fails;
        ++self->hearing_changes_;
        self->until_look_.end();
    });
}

void feed::on_heard(std::string_view message) {
    post([self = shared_from_this(), message = std::string(message)] {
        if (self->has_joined_) self->receive(message);
    });
}

void feed::stop_listening() {
    if (std::exchange(has_joined_, false)) ear_->leave(options_.schema(), this);
    hearing_ = hearing::begins;
}

// While there are followers: listens, and looks for the head after each connect and now and then.
asio::awaitable<void> feed::run() {
    const auto self = shared_from_this();
    const bool listens = !options_.is_pooled() || !options_.session_url().empty();
    while (!closed_ && has_followers()) {
        if (listens && !std::exchange(has_joined_, true)) ear_->join(options_.schema(), weak_from_this());
        if (listens && hearing_ == hearing::begins) {
            auto pausing = until_look_.until(environment_.in(longest_to_listen));
            const bool is_late = co_await std::move(pausing);
            if (is_late && hearing_ == hearing::begins) hearing_ = hearing::fails;
            continue;
        }
        const std::uint64_t heard = hearing_changes_;
        // Whoever waits for the first look waits for no others.
        const bool with_others = polls_ && state_.has_begun() && !looks_alone_;
        auto looking = with_others ? look_at_end() : look();
        const auto outcome = co_await std::move(looking);
        if (closed_ || !has_followers()) break;
        if (!outcome) {
            if (!detail::backoff::passes_by_itself(outcome.error().code())) looks_alone_ = true;
            if (!state_.has_begun()) refuse_arriving(outcome.error());
            const auto time = looks_.failed(outcome.error());
            auto pausing = until_look_.until(environment_.in(time));
            co_await std::move(pausing);
            continue;
        }
        looks_alone_ = false;
        looks_.succeeded();
        if (!*outcome) continue; // it has failed, or must look again
        if (!watched_.empty()) {
            auto finding = find_restored();
            co_await std::move(finding);
        }
        if (hearing_changes_ != heard) continue; // it broke meanwhile, or works again
        auto pausing = until_look_.until(environment_.in(until_next_look()));
        co_await std::move(pausing);
    }
    is_followed_.store(has_followers(), std::memory_order_release);
    stop_listening();
}

std::chrono::milliseconds feed::until_next_look() const {
    if (polls_) return polls_->until_next(options_.is_pooled() ? between_looks_alone : between_looks);
    return hearing_ == hearing::works ? between_looks : between_looks_alone;
}

// How far the log goes, and whether it is still the same.
asio::awaitable<result<bool>> feed::look() {
    const auto self = shared_from_this();
    // What is told while the answer is on its way may lie behind it.
    const bool had_begun = state_.has_begun();
    const log::log_mark seen = state_.mark();
    const auto deadline = environment_.in(options_.operation_timeout());
    auto looking = log::reader::look(reader_, seen, deadline);
    const auto now = co_await std::move(looking);
    if (!now) co_return now.error();
    if (closed_ || !has_followers()) co_return false;
    if (!now->is_held) {
        fail_cut_back(seen.position, now->head.position);
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
    const auto deadline = environment_.in(options_.operation_timeout());
    auto looking = poller::newest(polls_, options_.schema(), deadline);
    const auto newest = co_await std::move(looking);
    if (!newest) co_return newest.error();
    if (closed_ || !state_.has_begun()) co_return false;
    if (is_news(*newest)) {
        auto closer = look();
        const auto outcome = co_await std::move(closer);
        if (!outcome || !*outcome) co_return outcome;
    }
    newest_ = *newest;
    co_return true;
}

// Whether the end of the log is none that is known. One that lies behind what was told is read, and the page tells.
bool feed::is_news(const log::log_mark& newest) {
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
    const auto deadline = environment_.in(options_.operation_timeout());
    auto looking = log::reader::visible(reader_, streams, deadline);
    const auto found = co_await std::move(looking);
    if (!found || found->empty() || closed_) co_return;
    for (const auto& each : *found) {
        watched_.erase(each.name); // whoever still sees nothing says so again
        if (on_message_) on_message_("restored", each.id);
    }
}

} // namespace eventstore::feed
