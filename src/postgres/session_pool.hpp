/// Connections for transactions.
#pragma once

#include "async/environment.hpp"
#include "async/service.hpp"
#include "base/live_objects.hpp"
#include "postgres/connector.hpp"
#include "postgres/connector_state.hpp"
#include "postgres/session.hpp"
#include "postgres/session_client.hpp"

#include <eventstore/error.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
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

/// Opens transactions, each on a connection of its own, on at most `pool_size` of them for all clients together; who comes
/// when all are in use waits in order. The first begin() opens the first connection. Thread safe.
///
/// What a transaction has left in its session (settings, temporary tables, locks, prepared statements) is removed before
/// the next one has it, which may be another client's, while nobody waits: the statements for it go out as soon as the
/// session is given back. Nothing in a session is bound to the schema of a store.
class session_pool : public std::enable_shared_from_this<session_pool>,
                     public detail::service,
                     private detail::live_object {
public:
    /// \param options their schema does not count
    session_pool(const connection_options& options, detail::environment where);
    ~session_pool() override;

    /// Has each session inspected before it is used. Called before the first begin().
    /// \param make called for each, on any thread
    void inspect_with(std::function<connection::inspector()> make) { make_inspector_ = std::move(make); }

    void abandon() noexcept override;

    struct counts {
        std::uint64_t connects = 0;
        std::size_t connections = 0;
        std::size_t in_use = 0;
    };
    counts count() const;

private:
    friend class begin_request;
    friend class session_client;
    friend class session_lease;
    using session_ptr = std::shared_ptr<session>;
    using client_ptr = std::shared_ptr<session_client>;

    /// Refuses new transactions, and ends those that are open: at once where nothing is under way, else after the
    /// answer.
    void begin_stop() override;
    void drop() override;

    void submit(std::shared_ptr<begin_request> next);
    void put_back(std::shared_ptr<begin_request> first); // to the front: its connection was lost
    void serve();                                        // with the mutex held
    void open_more();                                    // with the mutex held
    asio::awaitable<void> connect(session_ptr which);
    std::deque<std::shared_ptr<begin_request>> connected(
        const session_ptr& which, const connector::made& made); // with the mutex held
    void give_back(const session_ptr& which);
    void clean(const session_ptr& which); // on the session's strand, as `broken`
    void broken(const session_ptr& which, const failure& why);
    void close_unused(); // with the mutex held
    void check_closed(); // with the mutex held
    bool is_closed() const;
    bool is_used(const session& which) const;
    std::size_t in_use() const; // with the mutex held
    failure last_failure() const;

    // Of a client's.
    void close(const client_ptr& client);
    void drop(const client_ptr& client);
    void drop_used(const client_ptr& client, bool only_idle); // with the mutex held
    void check_closed(session_client& client);                // with the mutex held
    bool is_closed(const session_client& client) const;

    const connection_options options_;
    const detail::environment environment_;
    const std::shared_ptr<connector> connector_;
    std::function<connection::inspector()> make_inspector_;

    mutable std::mutex mutex_;
    std::vector<session_ptr> sessions_;        // connected
    std::vector<std::weak_ptr<session>> made_; // all: some caller may still have one whose connection has ended
    std::deque<session_ptr> idle_;             // the one that was used last is taken first
    std::vector<session_ptr> connecting_;
    std::deque<std::shared_ptr<begin_request>> waiting_;
    std::shared_ptr<detail::timed> retry_;
    connector_state connects_;
    std::uint64_t made_connections_ = 0;
    bool closed_ = false;
    bool is_abandoned_ = false;
};

} // namespace eventstore::postgres
