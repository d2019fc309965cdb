/// Group commit: the appends of all callers, in as few transactions as possible.
#pragma once

#include "append/append_queue.hpp"
#include "append/append_request.hpp"
#include "append/commit_pace.hpp"
#include "append/flush.hpp"
#include "append/lock_holder.hpp"
#include "async/environment.hpp"
#include "async/service.hpp"
#include "async/signal.hpp"
#include "postgres/exclusive_pool.hpp"
#include "postgres/pool.hpp"
#include "storage/seen_log.hpp"
#include "storage/statements.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

namespace eventstore::append {

namespace asio = boost::asio;

/// One coroutine, while there is something to append: it acquires a connection, takes a group of appends, executes it,
/// decides what the answer means, resumes the callers, and begins again. Where it pays, the next group follows on the same
/// connection before the first one's answer has come, if no stream is in both. The connection goes back as soon as others
/// want it, after a group at the latest.
///
/// A group whose connection is lost is sent again: the events' ids make that safe. Thread safe.
class group_commit final : public std::enable_shared_from_this<group_commit>,
                           public appender,
                           public detail::service,
                           private detail::live_object {
public:
    /// Told of each transaction, on a strand: its appends and what became of each.
    using committed_handler =
        std::function<void(std::span<const std::shared_ptr<append_request>>, const append_plan::verdict&)>;

    struct options {
        std::chrono::milliseconds flush_timeout{}; ///< how long a group may be under way
        std::size_t max_queued_bytes = 0;
        bool fails_when_full = false;
        bool is_pooled = false;
    };
    /// \param writer whose connections it uses
    /// \param reading looks at the sessions from outside
    group_commit(const options& limits, detail::environment where, std::shared_ptr<const storage::statements> known,
        std::shared_ptr<postgres::exclusive_pool> connections, std::shared_ptr<postgres::pool_user> writer,
        std::shared_ptr<postgres::pool> reading, std::shared_ptr<const storage::seen_log> seen,
        committed_handler on_committed);
    ~group_commit() override;

    void abandon() noexcept override;

    struct counts {
        std::uint64_t appends = 0;
        std::uint64_t events = 0;
        std::uint64_t flushes = 0;
        std::uint64_t retried_flushes = 0;
        std::size_t queued = 0;
        std::size_t bytes = 0;
    };
    counts count() const;

private:
    using request_ptr = std::shared_ptr<append_request>;
    using request_list = std::vector<request_ptr>;
    using flush_ptr = std::shared_ptr<flush>;

    /// Refuses new appends; what is queued is stored.
    void begin_stop() override;
    /// Ends the connection, and fails what is queued.
    void drop() override;

    void submit(request_ptr next) override;
    void cancelled(append_request& request) noexcept override { give_up(request, errc::cancelled); }
    void overdue(const request_ptr& request) noexcept override;
    void closed(append_request& request) noexcept override;
    void give_up(append_request& request, errc why, const lock_holder& holder = {}) noexcept;
    void stop_acquiring();
    asio::awaitable<void> explain_delay();
    EVENTSTORE_NOT_INTO_COROUTINES void wake(); // with the mutex held

    EVENTSTORE_NOT_INTO_COROUTINES void begin_turn(); // the same
    static asio::awaitable<void> acquire(std::shared_ptr<group_commit> self);
    static asio::awaitable<void> turn(std::shared_ptr<group_commit> self);
    EVENTSTORE_NOT_INTO_COROUTINES void loop_ended(const std::exception_ptr& thrown);
    void recover(const std::exception_ptr& thrown);
    void fail_all(const failure& why);

    // On the strand of the connection.
    asio::awaitable<void> take_answers();
    bool send_next(const std::shared_ptr<postgres::connection>& connection);
    request_list next_group(bool is_wanted);
    void go_again();
    void send_again(const flush_ptr& flush, flush_step step);
    void deliver(const flush_ptr& flush, detail::steady_time answered);
    void measure(const request_list& appends, detail::steady_time answered) const noexcept;
    void fail(const flush_ptr& flush, const failure& why);
    asio::awaitable<void> explain_lock(flush_ptr flush);
    EVENTSTORE_NOT_INTO_COROUTINES void resumed(const request_list& callers);
    void wait_for_writers(const request_list& callers, std::uint64_t round);
    void hop(int left, std::uint64_t round);
    void waited(std::uint64_t round);
    const flush_decision& decision_of(flush& flush);

    const detail::environment environment_;
    const std::chrono::milliseconds flush_timeout_; // of a group, which holds the log's lock
    const bool fails_when_full_;
    const bool is_pooled_;
    const std::shared_ptr<const storage::statements> statements_;
    const std::shared_ptr<postgres::exclusive_pool> connections_;
    const std::shared_ptr<postgres::pool_user> writer_;
    const std::shared_ptr<postgres::pool> reading_;
    const std::shared_ptr<const storage::seen_log> seen_; // shown with each group, and to each new session
    const committed_handler on_committed_;
    const std::shared_ptr<detail::signal> changed_; // what the loop looks at

    // Of the loop, on the strand of its connection; while it does not run, under the mutex.
    postgres::lease held_;
    std::deque<flush_ptr> under_way_;
    std::weak_ptr<postgres::connection> current_connection_;
    bool has_sent_ = false;          // since it has this connection
    int look_for_ids_ = 0;           // in so many groups to come
    bool saw_truncated_log_ = false; // a server said that it does not hold what was seen; since the last success

    mutable std::mutex mutex_;
    append_queue<append_request> queue_;
    commit_pace pace_;
    bool is_running_ = false;
    bool is_acquiring_ = false;
    bool is_stopping_ = false;
    bool is_dropped_ = false;
    bool is_abandoned_ = false;
    int backend_ = 0; // of the connection that it has; 0 = none, or not known
    counts counts_;
    request_list overdue_; // that are told why, as soon as it is known
    bool is_looking_ = false;
    std::shared_ptr<detail::timed> rejoin_; // the wait for writers on other contexts
};

} // namespace eventstore::append
