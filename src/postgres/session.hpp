/// A connection that one caller has for itself, for as long as a transaction lasts.
#pragma once

#include "base/live_objects.hpp"
#include "postgres/connection.hpp"

#include <eventstore/error.hpp>

#include <boost/asio/post.hpp>

#include <chrono>
#include <memory>
#include <mutex>
#include <utility>

namespace eventstore::postgres {

class session_client;
class session_pool;

/// A connection of a session_pool.
class session : public std::enable_shared_from_this<session>, private detail::live_object {
public:
    explicit session(const asio::any_io_executor& executor) : strand_(std::make_unique<connection::strand>(executor)) {}

    /// Runs `what` on the connection's strand; never, if the store's execution context is going.
    template <class Function>
    void post(Function what) {
        const std::lock_guard lock(mutex_);
        if (strand_) asio::post(*strand_, std::move(what));
    }

    /// Sends one statement, as a group of its own. On the strand.
    void send(std::shared_ptr<request> what);
    /// Ends the connection at once, and so the transaction, if one is open.
    void drop(failure why);

    /// Null once the connection has ended. On the strand.
    std::shared_ptr<connection> link;

private:
    friend class session_pool;

    std::mutex mutex_;                           // of the strand
    std::unique_ptr<connection::strand> strand_; // null once abandoned
    // Under the mutex of the pool.
    std::chrono::steady_clock::time_point idle_since_{};
    std::shared_ptr<session_client>
        user_; // has it, or it is on its way there; null: idle, or being cleaned for the next
};

/// The right to a session in which a transaction is open. Given back, or else dropped with its transaction rolled back.
class session_lease {
public:
    session_lease() noexcept = default;
    session_lease(std::weak_ptr<session_pool> owner, std::shared_ptr<session> what) noexcept
        : owner_(std::move(owner)), session_(std::move(what)) {}
    session_lease(session_lease&& other) noexcept = default;
    session_lease& operator=(session_lease&& other) noexcept {
        session_lease old(std::move(*this));
        owner_ = std::move(other.owner_);
        session_ = std::move(other.session_);
        return *this;
    }
    ~session_lease() { give_back(); }

    const std::shared_ptr<session>& get() const noexcept { return session_; }

    /// Any thread. Rolls back what is open, in the background.
    void give_back() noexcept;
    /// Ends the connection: the server rolls back.
    void drop(const failure& why) noexcept;

private:
    std::weak_ptr<session_pool> owner_;
    std::shared_ptr<session> session_;
};

} // namespace eventstore::postgres
