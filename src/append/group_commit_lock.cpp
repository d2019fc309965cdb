// Appends that wait for a lock: what their callers are told of who holds it.
#include "append/group_commit.hpp"

#include "append/outcome_failure.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include <utility>

namespace eventstore::append {

namespace {

constexpr std::chrono::milliseconds longest_look(250); // a caller whose time is over waits no longer for the reason

} // namespace

// The server has ended the wait of the group.
asio::awaitable<void> group_commit::explain_lock(flush_ptr flush) {
    const auto self = shared_from_this();
    const auto answered = environment_.now();
    auto looking = look_for_holder(reading_, statements_, 0, answered + longest_look);
    const lock_holder holder = co_await std::move(looking);
    {
        const std::lock_guard lock(mutex_);
        for (const request_ptr& request : flush->appends()) queue_.release(request->bytes);
    }
    const auto waited = answered - flush->appends().front()->sent_at;
    for (const request_ptr& request : flush->appends()) {
        if (!request->is_claimed()) { // one that was less patient was counted then
            environment_.metrics->lock_timeouts.add();
            environment_.metrics->lock_wait.record(waited);
        }
        request->fail(lock_not_available(*request, flush->end()->why, holder));
    }
    resumed(flush->appends());
}

// A caller is less patient than the group that it is in, or waits behind. The group is shared and goes on: it may get the
// lock after all, and store what this caller is told to be unknown.
void group_commit::overdue(const request_ptr& request) noexcept {
    {
        const std::lock_guard lock(mutex_);
        if (request->is_claimed()) return;
        if (pace_.in_flight() > 0 && !is_dropped_) {
            (void)queue_.remove(request.get()); // what was not sent yet never is
            overdue_.push_back(request);
            if (!std::exchange(is_looking_, true)) {
                // Posted: what runs at once would find the mutex held.
                asio::post(environment_.executor, [self = shared_from_this()] {
                    asio::co_spawn(self->environment_.executor, self->explain_delay(), asio::detached);
                });
            }
            return;
        }
    }
    give_up(*request, errc::timeout);
}

// The connection of the group is busy with it: another one looks who is in the way.
asio::awaitable<void> group_commit::explain_delay() {
    const auto self = shared_from_this();
    int backend = 0;
    {
        const std::lock_guard lock(mutex_);
        backend = backend_;
    }
    auto looking = look_for_holder(reading_, statements_, backend, environment_.now() + longest_look);
    const lock_holder holder = co_await std::move(looking);
    request_list late;
    {
        const std::lock_guard lock(mutex_);
        late.swap(overdue_);
        is_looking_ = false;
    }
    const errc why = holder.is_known() ? errc::lock_timeout : errc::timeout;
    for (const request_ptr& request : late) give_up(*request, why, holder);
}

} // namespace eventstore::append
