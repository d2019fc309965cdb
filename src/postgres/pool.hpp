/// A few connections, shared by many callers.
#pragma once

#include "async/asio_calls.hpp"
#include "async/environment.hpp"
#include "async/operation.hpp"
#include "async/service.hpp"
#include "async/timer_queue.hpp"
#include "postgres/connector.hpp"
#include "postgres/pool_state.hpp"

#include <eventstore/error.hpp>

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace eventstore::postgres {

class pool_request;

/// Runs statements that change nothing, or may be run twice: one whose connection breaks is sent again on another. Reads of
/// many callers share a transaction; a statement that writes has its own, and has succeeded once that is committed. One that
/// waits for a lock holds up no other: see pool_state. Thread safe.
class pool : public std::enable_shared_from_this<pool>, public detail::service, private detail::live_object {
public:
    pool(const connection_options& options, detail::environment where);
    ~pool() override;

    /// Runs a statement and returns its rows, or the failure. Resumes on the caller's executor.
    ///
    /// Cancelled or out of time it ends at once; the statement's answer is dropped when it comes. The failure of a statement
    /// that writes says `outcome_unknown` if it may have been carried out all the same.
    static asio::awaitable<result<answer>> execute(
        std::shared_ptr<pool> self, const statement& statement, parameters arguments, steady_time deadline);

    /// The answer to a statement that writes.
    struct change {
        postgres::answer answer;
        bool is_repeated = false; ///< an earlier attempt, whose connection was lost, may have been carried out
    };
    /// execute(), for a statement that does not answer a second time as it has the first.
    static asio::awaitable<result<change>> execute_change(
        std::shared_ptr<pool> self, const statement& statement, parameters arguments, steady_time deadline);

    void abandon() noexcept override;

    /// Ends what is waiting or under way of this set of statements, each with `store_closed`.
    void dismiss(const statement_set* set);

    struct counts {
        std::uint64_t reads = 0;
        std::uint64_t others = 0; ///< statements that write
        std::uint64_t connects = 0;
        std::size_t connections = 0;
        std::size_t reads_in_flight = 0;
        std::size_t in_use = 0; ///< connections with something under way
        std::size_t limit = 0;
        std::size_t waiting = 0; ///< statements that have no connection
    };
    counts count() const;

private:
    friend class pool_request;

    struct slot {
        std::shared_ptr<postgres::connection> connection;
        bool is_connecting = false;
        std::unique_ptr<postgres::connection::strand> strand; // null once abandoned
        std::vector<std::shared_ptr<pool_request>> outbox;
        bool sending = false; // a send is posted
    };

    /// Fails what waits for a connection, and closes each connection when its last answer has come.
    void begin_stop() override;
    void drop() override;

    void submit(std::shared_ptr<pool_request> next);
    using queue = std::deque<std::shared_ptr<pool_request>>;
    queue& queue_of(const pool_request& request);
    std::size_t waiting() const { return waiting_reads_.size() + waiting_writes_.size(); }
    queue take_waiting();
    EVENTSTORE_NOT_INTO_COROUTINES void assign(); // with the mutex held
    void assign(queue& from);
    void send(std::size_t index); // on the slot's strand
    void open_more();             // with the mutex held
    asio::awaitable<void> connect(std::size_t index);
    void answered(const pool_request& request);
    void overdue(const std::shared_ptr<pool_request>& late);
    void drop_idle();
    void broken(std::size_t index, const failure& why);
    bool take_unreplicated(std::size_t index); // on the slot's strand
    void check_closed();                       // with the mutex held
    failure last_failure(std::string_view doing) const;

    const detail::environment environment_;
    const std::shared_ptr<connector> connector_;
    std::atomic<std::uint64_t> reads_{0};
    std::atomic<std::uint64_t> others_{0};
    std::atomic<std::size_t> reads_in_flight_{0};
    std::atomic<std::uint64_t> connects_{0};

    mutable std::mutex mutex_;
    pool_state state_;
    std::vector<slot> slots_;
    queue waiting_reads_;
    queue waiting_writes_;
    std::shared_ptr<detail::timed> retry_;
    bool closed_ = false;
};

} // namespace eventstore::postgres
