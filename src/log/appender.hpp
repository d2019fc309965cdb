/// Group commit: the appends of all callers, in as few transactions as possible.
#pragma once

#include "async/asio_calls.hpp"
#include "async/environment.hpp"
#include "async/pause.hpp"
#include "async/service.hpp"
#include "log/append_plan.hpp"
#include "log/append_queue.hpp"
#include "log/append_request.hpp"
#include "log/lock_report.hpp"
#include "log/seen_log.hpp"
#include "log/statements.hpp"
#include "postgres/connector.hpp"
#include "postgres/connector_state.hpp"
#include "postgres/lender.hpp"
#include "postgres/pool.hpp"

#include <eventstore/store_options.hpp>

#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace eventstore::log {

namespace asio = boost::asio;

class flush;

/// Drives append_queue, flush_gate and append_plan over one connection, which it borrows while it has something to append,
/// and keeps as long as nobody else wants it. Thread safe; its I/O is on its own strand.
///
/// A flush whose connection is lost is sent again: the events' ids make that safe.
class appender final : public std::enable_shared_from_this<appender>,
                       public detail::service,
                       public postgres::borrower,
                       private detail::live_object {
public:
    /// Told of each transaction, on the appender's strand: its appends and what became of each.
    using committed_handler =
        std::function<void(std::span<const std::shared_ptr<append_request>>, const append_plan::verdict&)>;

    appender(const store_options& options, detail::environment where, std::shared_ptr<const statements> statements,
        std::shared_ptr<postgres::lender> lender, std::shared_ptr<postgres::pool> pool,
        std::shared_ptr<const seen_log> seen, committed_handler on_committed);
    ~appender() override;

    using connection_ptr = std::shared_ptr<postgres::connection>;

    const postgres::connection::strand& strand() const noexcept { return *strand_; }

    /// Waits until the append has its outcome: a result for each part. Arguments are valid.
    static asio::awaitable<result<std::vector<append_result>>> append(
        std::shared_ptr<appender> self, std::vector<append_part> parts, detail::steady_time deadline);

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
    friend class append_request;
    friend class flush;
    using request_ptr = std::shared_ptr<append_request>;

    /// Refuses new appends; what is queued is stored, and the connection given back.
    void begin_stop() override;
    /// Ends the connection, and fails what is queued.
    void drop() override;

    // Of the lender, on any thread.
    void on_lent(connection_ptr link) override;
    void on_recalled() override;
    bool is_idle() const noexcept override { return !is_sending_.load(); }

    static failure closed_failure();
    static failure closed_while_waiting(const append_request& which);
    void submit(request_ptr next);
    void give_up(append_request& which, errc why, const lock_holder& holder = {}) noexcept;
    void overdue(const request_ptr& which) noexcept;
    void cut_soon();                           // with the mutex held
    EVENTSTORE_NOT_INTO_COROUTINES void cut(); // on the strand
    void send(std::vector<request_ptr> appends, bool careful);
    void connect_soon(); // on the strand, as all that follows
    void lent(connection_ptr link);
    void adopt(connection_ptr link);
    bool is_due_back();
    bool give_back();
    void give_back_soon();
    asio::awaitable<void> connect();
    EVENTSTORE_NOT_INTO_COROUTINES void failed_to_connect(const failure& why);
    void refuse_all(const failure& why);
    bool is_dropped() const;
    void broken(const failure& why);
    void wait_for_writers(const std::vector<request_ptr>& released, std::uint64_t round);
    void hop(int left, std::uint64_t round);
    void waited(std::uint64_t round);

    // What a flush reports, on the strand.
    void stored(flush& which, const append_plan::verdict& verdict);
    static void tell(append_request& append, std::span<const append_plan::outcome> outcomes);
    void failed(flush& which, const failure& why);
    void lost(flush& which, const failure& why);
    void explain_lock(std::vector<request_ptr> appends, const failure& why);
    asio::awaitable<void> explain_delay();
    void next(const std::vector<request_ptr>& released);
    void end_if_done();

    const store_options options_;
    const detail::environment environment_;
    const std::shared_ptr<postgres::connector> connector_;
    const std::shared_ptr<const statements> statements_;
    const std::shared_ptr<postgres::lender> lender_;
    const std::shared_ptr<postgres::pool> pool_; // to look at the sessions from outside
    const std::shared_ptr<const seen_log> seen_; // shown with each flush, and to each new session
    const committed_handler on_committed_;
    std::optional<postgres::connection::strand> strand_; // none once abandoned, as the timers

    std::atomic<bool> is_sending_{false};

    // On the strand only.
    enum class loan { none, asked, held }; // of a place for a connection
    loan loan_ = loan::none;
    bool had_turn_ = false; // a flush was sent since the place was lent
    connection_ptr connection_;
    std::shared_ptr<flush> flush_;
    bool connecting_ = false;
    bool is_estranged_ = false; // a server said that it does not hold what was seen; since the last success
    postgres::connector_state connects_;
    detail::pause until_connect_{environment_.timers};
    std::optional<asio::steady_timer> rejoin_; // for writers on other contexts

    mutable std::mutex mutex_;
    append_queue<append_request> queue_;
    flush_gate gate_;
    bool cutting_ = false; // a cut() is posted
    bool closed_ = false;
    bool dropped_ = false;
    std::optional<failure> connect_failure_;
    counts counts_;
    std::vector<request_ptr> overdue_; // that are told why, as soon as it is known
    bool looking_ = false;
};

} // namespace eventstore::log
