/// Connections that one caller has for itself, for as long as a transaction lasts.
#pragma once

#include "base/backoff.hpp"
#include "base/deadlines.hpp"
#include "base/operation.hpp"
#include "postgres/connection.hpp"

#include <eventstore/error.hpp>
#include <eventstore/store_options.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace eventstore::postgres {

class begin_request;
class session_pool;

/// A connection of the pool.
class session : public std::enable_shared_from_this<session>, private detail::live_object {
public:
    explicit session(const asio::any_io_executor& executor) : strand_(std::make_unique<connection::strand>(executor)) {}

    /// Runs `what` on the connection's strand; never, if the store's execution context is going.
    template <class Function>
    void post(Function what) {
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

    std::unique_ptr<connection::strand> strand_; // null once abandoned
    std::chrono::steady_clock::time_point idle_since_{};
    bool is_used_ = false; // by a caller, or on its way to one
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

/// Opens transactions, each on a connection of its own, on at most `pool_size` of them; who comes when all are in use
/// waits in order. Thread safe.
///
/// What a transaction has left in its session (settings, temporary tables, locks, prepared statements) is removed before
/// the next one has it, while nobody waits: the statements for it go out as soon as the session is given back.
class session_pool : public std::enable_shared_from_this<session_pool>, private detail::live_object {
public:
    session_pool(
        const store_options& options, asio::any_io_executor executor, std::shared_ptr<detail::deadlines> timers);
    ~session_pool();

    /// Opens a transaction, and has it end by itself when its owner is silent for longer than `limit`.
    static asio::awaitable<result<session_lease>> begin(
        std::shared_ptr<session_pool> self, std::chrono::milliseconds limit, detail::steady_time deadline);

    /// Refuses new transactions, and ends those that are open: at once where nothing is under way, else after the
    /// answer. `closed` is called on any thread, once all connections are closed.
    void close(std::function<void()> closed);
    /// Ends all connections now.
    void drop();
    /// The execution context is going: lets go of what cannot outlive it.
    void abandon() noexcept;

    bool is_closed() const;

    struct counts {
        std::uint64_t connects = 0;
        std::size_t connections = 0;
        std::size_t in_use = 0;
    };
    counts count() const;

private:
    friend class begin_request;
    friend class session_lease;
    using session_ptr = std::shared_ptr<session>;

    void submit(std::shared_ptr<begin_request> next);
    void put_back(std::shared_ptr<begin_request> first); // to the front: its connection was lost
    void serve();                                        // with the mutex held
    void open_more();                                    // with the mutex held
    asio::awaitable<void> connect(session_ptr which);
    void give_back(const session_ptr& which);
    void clean(const session_ptr& which); // on the session's strand, as `broken`
    void broken(const session_ptr& which, const failure& why);
    void close_unused(); // with the mutex held
    void check_closed(); // with the mutex held
    failure last_failure() const;
    void log(const std::string& text) const;

    const store_options options_;
    const asio::any_io_executor executor_;
    const std::shared_ptr<detail::deadlines> timers_;

    mutable std::mutex mutex_;
    std::vector<session_ptr> sessions_;        // connected
    std::vector<std::weak_ptr<session>> made_; // all: some caller may still have one whose connection has ended
    std::deque<session_ptr> idle_;             // the one that was used last is taken first
    std::vector<std::pair<session_ptr, std::shared_ptr<connection>>> connecting_;
    std::deque<std::shared_ptr<begin_request>> waiting_;
    std::shared_ptr<asio::steady_timer> retry_timer_;
    std::chrono::steady_clock::time_point not_before_{};
    detail::backoff backoff_;
    std::optional<failure> connect_failure_;
    std::uint64_t connects_ = 0;
    bool closed_ = false;
    std::function<void()> when_closed_;
};

} // namespace eventstore::postgres
