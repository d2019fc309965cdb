/// A share in the connections for transactions.
#pragma once

#include "async/operation.hpp"
#include "async/service.hpp"
#include "base/live_objects.hpp"
#include "postgres/session.hpp"

#include <eventstore/error.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <memory>

namespace eventstore::postgres {

/// One of those whose transactions a session_pool opens: a store. Its end is that of its transactions, and of nobody
/// else's. Thread safe.
class session_client : public std::enable_shared_from_this<session_client>,
                       public detail::service,
                       private detail::live_object {
public:
    explicit session_client(std::weak_ptr<session_pool> owner) : owner_(std::move(owner)) {}

    /// Opens a transaction, and has it end by itself when its owner is silent for longer than `limit`.
    static asio::awaitable<result<session_lease>> begin(
        std::shared_ptr<session_client> self, std::chrono::milliseconds limit, detail::steady_time deadline);

    void abandon() noexcept override {} // its pool is

private:
    friend class session_pool;

    /// Refuses new transactions, and ends those that are open: at once where nothing is under way, else after the
    /// answer.
    void begin_stop() override;
    void drop() override;

    const std::weak_ptr<session_pool> owner_;
    bool closed_ = false; // under the mutex of the pool
};

} // namespace eventstore::postgres
