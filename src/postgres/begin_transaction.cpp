#include "postgres/begin_transaction.hpp"

#include "async/completion.hpp"
#include "async/service.hpp"
#include "base/text.hpp"
#include "postgres/command.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <mutex>
#include <string>
#include <utility>

namespace eventstore::postgres {

namespace {

constexpr std::string_view beginning_a_transaction = "beginning a transaction";

/// BEGIN under way, on a connection that goes back to its pool with the answer, should nobody wait for it any more.
class beginning final : public detail::completion<lease> {
public:
    explicit beginning(lease acquired)
        : completion(std::string(beginning_a_transaction)), connection_(acquired.get()), lease_(std::move(acquired)) {}

    // For who waited, if it was lost.
    bool was_lost = false;
    bool was_sent = false;

    /// On the connection's strand.
    void send(std::chrono::milliseconds limit) {
        // The log's lock, and those of rows, are waited for no longer than the caller would; then there is a clear error.
        constexpr std::int64_t longest = 2'147'483'647; // milliseconds, of a setting
        const std::int64_t idle_limit = std::min<std::int64_t>(limit.count(), longest);
        const std::string lock_limit = std::to_string(std::max<std::int64_t>(idle_limit * 3 / 4, 1));
        const auto ended = [self = std::static_pointer_cast<beginning>(shared_from_this())](
                               const command_end& outcome) { self->answered(outcome); };
        const std::shared_ptr<request> group[] = {
            make_command("begin isolation level read committed", std::string(beginning_a_transaction), ended),
            make_command("set local idle_in_transaction_session_timeout = " + std::to_string(idle_limit),
                std::string(beginning_a_transaction), ended),
            make_command("set local lock_timeout = " + lock_limit, std::string(beginning_a_transaction), ended),
        };
        left_ = std::size(group);
        if (const auto opened = connection_->connection) return opened->send(group);
        command_end lost;
        lost.why = failure(errc::connection_lost, "the connection to PostgreSQL was lost");
        lost.was_lost = true;
        lost.was_sent = false;
        answered(lost);
    }

private:
    void answered(const command_end& outcome) {
        if (left_ == 0) return; // has ended already
        if (!outcome.why && --left_ > 0) return;
        left_ = 0;
        lease held = take();
        if (!outcome.why) return void(decide(std::move(held))); // goes back, if nobody waits
        held.drop(*outcome.why);
        if (!claim()) return;
        was_lost = outcome.was_lost;
        was_sent = outcome.was_sent;
        settle(*outcome.why);
    }

    void expire() noexcept override {
        if (!claim()) return;
        take().drop(failure(errc::connection_lost, "dropped a connection that fell silent"));
        settle(failure(errc::timeout,
            {.message = detail::message(beginning_a_transaction, ": no answer in time"), .retry_helps = true}));
    }

    void close() noexcept override { fail(detail::store_closed()); }

    lease take() {
        const std::lock_guard lock(mutex_);
        return std::move(lease_);
    }

    const std::shared_ptr<exclusive_connection> connection_;
    std::size_t left_ = 0; // answers to come
    std::mutex mutex_;     // the time may be over on any thread
    lease lease_;
};

} // namespace

asio::awaitable<result<lease>> begin_transaction(std::shared_ptr<pool_user> user,
    std::shared_ptr<detail::timer_queue> timers, std::chrono::milliseconds limit, steady_time deadline) {
    for (int lost = 0;;) {
        auto acquiring = pool_user::acquire(user, deadline, lost > 0);
        auto acquired = co_await std::move(acquiring);
        if (!acquired) co_return acquired.error();
        const auto connection = acquired->get();
        const auto begun = std::make_shared<beginning>(std::move(*acquired));
        connection->post([begun, limit] { begun->send(limit); });
        auto waiting = beginning::wait(begun, timers.get(), deadline);
        auto outcome = co_await std::move(waiting);
        if (outcome && user->is_stopping()) co_return detail::store_closed(); // meanwhile
        if (outcome || !begun->was_lost) co_return outcome;
        if (begun->was_sent && ++lost >= most_lost_connections) co_return outcome;
        lost = std::max(lost, 1);
    }
}

} // namespace eventstore::postgres
