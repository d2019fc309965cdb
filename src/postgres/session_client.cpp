#include "postgres/session_client.hpp"

#include "postgres/begin_request.hpp"
#include "postgres/session_pool.hpp"

#include <utility>

namespace eventstore::postgres {

asio::awaitable<result<session_lease>> session_client::begin(
    std::shared_ptr<session_client> self, std::chrono::milliseconds limit, detail::steady_time deadline) {
    const auto owner = self->owner_.lock();
    if (!owner) co_return failure(errc::store_closed, "the store is closed");
    const auto waiting = std::make_shared<begin_request>(owner, self, limit);
    co_await detail::suspend(waiting, owner->environment_.timers.get(), deadline);
    co_return std::move(waiting->outcome);
}

void session_client::begin_stop() {
    if (const auto owner = owner_.lock())
        owner->close(shared_from_this());
    else
        stopped();
}

void session_client::drop() {
    if (const auto owner = owner_.lock()) owner->drop(shared_from_this());
}

} // namespace eventstore::postgres
