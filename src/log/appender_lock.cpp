// Appends that wait for a lock: what their callers are told of who holds it.
#include "log/appender.hpp"

#include "log/flush.hpp"
#include "log/outcome_failure.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <utility>

namespace eventstore::log {

namespace {

using namespace std::chrono_literals;

constexpr auto longest_look = 250ms; // a caller whose time is over waits no longer for the reason

} // namespace

// The server has ended the wait of the flush.
void appender::explain_lock(std::vector<request_ptr> appends, const failure& why) {
    auto look = std::make_shared<lock_report>(statements_->lock_holders,
        [weak = weak_from_this(), appends = std::move(appends), why](const lock_holder& holder) {
            const auto self = weak.lock();
            if (!self) return;
            {
                const std::lock_guard lock(self->mutex_);
                for (const request_ptr& each : appends) self->queue_.release(each->bytes);
            }
            for (const request_ptr& each : appends) each->fail(lock_not_available(*each, why, holder));
            self->next(appends);
        });
    const std::shared_ptr<postgres::request> group[] = {std::move(look)};
    const auto link = connection_;
    link->send(group);
}

// A caller is less patient than the flush that it is in, or waits behind. The flush is shared and goes on: it may get the
// lock after all, and store what this caller is told to be unknown.
void appender::overdue(const request_ptr& which) noexcept {
    {
        const std::lock_guard lock(mutex_);
        if (which->is_claimed()) return;
        if (gate_.is_shut() && !dropped_) {
            (void)queue_.remove(which.get()); // what was not sent yet never is
            overdue_.push_back(which);
            if (!std::exchange(looking_, true)) {
                // Posted: what runs on the strand at once would find the mutex held.
                asio::post(*strand_, [self = shared_from_this()] {
                    asio::co_spawn(*self->strand_, self->explain_delay(), [self](const std::exception_ptr&) {});
                });
            }
            return;
        }
    }
    give_up(*which, errc::timeout);
}

// The connection of the flush is busy with it: another one looks who is in the way.
asio::awaitable<void> appender::explain_delay() {
    const auto self = shared_from_this();
    const int backend = connection_ && !options_.is_pooled() ? connection_->backend() : 0; // a pooler invents one
    auto looking = postgres::pool::execute(
        pool_, statements_->lock_holders, waiting_backend(backend), environment_.now() + longest_look);
    const auto answer = co_await std::move(looking);
    lock_holder holder;
    if (answer) holder = read_lock_holder(answer->get());
    std::vector<request_ptr> late;
    {
        const std::lock_guard lock(mutex_);
        late.swap(overdue_);
        looking_ = false;
    }
    const errc why = holder.is_known() ? errc::lock_timeout : errc::timeout;
    for (const request_ptr& each : late) give_up(*each, why, holder);
}

} // namespace eventstore::log
