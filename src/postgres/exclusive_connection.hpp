/// A connection that one user has for itself, for a time.
#pragma once

#include "base/live_objects.hpp"
#include "postgres/connection.hpp"

#include <eventstore/error.hpp>

#include <boost/asio/post.hpp>

#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace eventstore::postgres {

class exclusive_pool;

/// A connection of an exclusive_pool, and its strand.
class exclusive_connection : public std::enable_shared_from_this<exclusive_connection>, private detail::live_object {
public:
    explicit exclusive_connection(const asio::any_io_executor& executor) : strand_(executor) {}

    /// Runs `function` on the connection's strand; never, if the store's execution context is going.
    template <class Function>
    void post(Function function) {
        const std::lock_guard lock(mutex_);
        if (strand_) asio::post(*strand_, std::move(function));
    }

    /// Nothing, if the store's execution context is going.
    std::optional<postgres::connection::strand> strand() {
        const std::lock_guard lock(mutex_);
        return strand_;
    }

    /// Sends one statement, as a group of its own. On the strand.
    void send(std::shared_ptr<request> next);
    /// Ends the connection at once, and so the transaction, if one is open.
    void drop(failure why);

    /// Null once the connection has ended. On the strand.
    std::shared_ptr<postgres::connection> connection;

private:
    friend class exclusive_pool;

    /// Its execution context is going.
    void abandon(const failure& why);

    std::mutex mutex_;                                   // of the strand
    std::optional<postgres::connection::strand> strand_; // none once abandoned
};

/// The right to a connection. Given back, or else dropped.
class lease {
public:
    lease() noexcept = default;
    /// \param user whose it is; only its address counts
    lease(std::weak_ptr<exclusive_pool> owner, std::shared_ptr<exclusive_connection> connection,
        const void* user) noexcept
        : owner_(std::move(owner)), connection_(std::move(connection)), user_(user) {}
    lease(lease&& other) noexcept
        : owner_(std::move(other.owner_)),
          connection_(std::move(other.connection_)),
          user_(other.user_),
          is_resting_(std::exchange(other.is_resting_, false)) {}
    lease& operator=(lease&& other) noexcept {
        lease old(std::move(*this));
        owner_ = std::move(other.owner_);
        connection_ = std::move(other.connection_);
        user_ = other.user_;
        is_resting_ = std::exchange(other.is_resting_, false);
        return *this;
    }
    ~lease() { give_back(); }

    const std::shared_ptr<exclusive_connection>& get() const noexcept { return connection_; }

    /// Any thread. What is open on it is rolled back, in the background.
    void give_back() noexcept;
    /// It is not needed now: others may have it. Of a pool that cleans nothing; on the strand, with nothing under way.
    void rest();
    /// It is needed again. False if another one has had it meanwhile, or it has ended: then this lease is none any more.
    bool resume();
    /// Ends the connection: the server rolls back.
    void drop(const failure& why) noexcept;

private:
    std::weak_ptr<exclusive_pool> owner_;
    std::shared_ptr<exclusive_connection> connection_;
    const void* user_ = nullptr;
    bool is_resting_ = false;
};

} // namespace eventstore::postgres
