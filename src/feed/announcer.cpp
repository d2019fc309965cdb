#include "feed/announcer.hpp"

#include "async/pause.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <utility>

namespace eventstore::feed {

namespace {

using namespace std::chrono_literals;
using detail::steady_time;

// A notification costs the server about as much as an append: under load many appends share one.
constexpr auto between_announcements = 3ms;
constexpr int hops_of_subscribers = 3;

} // namespace

announcer::announcer(detail::environment where, std::shared_ptr<postgres::pool> pool,
    std::shared_ptr<const storage::statements> statements, std::chrono::milliseconds timeout)
    : environment_(std::move(where)), pool_(std::move(pool)), statements_(std::move(statements)), timeout_(timeout) {}

void announcer::announce(std::int64_t first, std::int64_t last) {
    {
        const std::lock_guard lock(mutex_);
        first_ = first_ == 0 ? first : std::min(first_, first);
        last_ = std::max(last_, last);
        if (std::exchange(running_, true)) return;
    }
    asio::co_spawn(environment_.executor, run(shared_from_this()),
        [self = shared_from_this()](const std::exception_ptr&) { self->idle(); });
}

void announcer::idle() {
    const std::lock_guard lock(mutex_);
    running_ = false;
    if (is_stopping_) stopped();
}

void announcer::begin_stop() {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
    if (!running_) stopped();
}

asio::awaitable<void> announcer::run(std::shared_ptr<announcer> self) {
    // The process's own subscribers first: sending takes longer than telling them.
    for (int i = 0; i < hops_of_subscribers; ++i) co_await asio::post(asio::use_awaitable);
    detail::pause pause(self->environment_.timers);
    for (;;) {
        steady_time next;
        {
            const std::lock_guard lock(self->mutex_);
            next = self->next_;
        }
        if (self->environment_.now() < next) {
            auto pausing = pause.until(next);
            co_await std::move(pausing);
        }
        postgres::parameters range;
        {
            const std::lock_guard lock(self->mutex_);
            if (self->first_ == 0) {
                self->running_ = false; // an announcement that comes from now on begins anew
                co_return;
            }
            range.add(std::exchange(self->first_, 0));
            range.add(self->last_);
            self->next_ = self->environment_.now() + between_announcements;
        }
        auto sending = postgres::pool::execute(
            self->pool_, self->statements_->announce, std::move(range), self->environment_.in(self->timeout_));
        (void)co_await std::move(sending); // who did not hear of it finds out by a poll
    }
}

} // namespace eventstore::feed
