/// One connection to PostgreSQL: non-blocking libpq in pipeline mode, under Asio.
#pragma once

#include "async/environment.hpp"
#include "async/operation.hpp"
#include "base/home_process.hpp"
#include "base/live_objects.hpp"
#include "postgres/answer.hpp"
#include "postgres/connect_settings.hpp"
#include "postgres/prepared_statements.hpp"
#include "postgres/statement.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/strand.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

struct pg_conn; // of libpq

namespace eventstore::postgres {

namespace asio = boost::asio;
using detail::steady_time;

/// A statement that takes each connection down with it is not sent for ever.
inline constexpr int most_lost_connections = 5;

/// A statement on its way. All calls come on the connection's strand.
class request {
public:
    virtual ~request() = default;

    virtual const statement& sql() const noexcept = 0;
    virtual const parameters& arguments() const noexcept = 0;

    /// The statement was carried out, or failed by itself (an error result). Its transaction is still open.
    virtual void on_answer(answer given) = 0;
    /// The transaction that its group shared has ended; `why` tells if that failed.
    virtual void on_synced(const failure* /*why*/) {}
    /// It was not carried out, because another one of its group failed. It may be sent again.
    virtual void on_skipped() = 0;
    /// The connection is being lost while the server was at this one, or at one of its group: on_lost() follows. Those that
    /// only waited behind them do not hear this.
    virtual void on_lost_at_work() {}
    /// The connection ended before its transaction did. If it was sent, it may have been carried out.
    virtual void on_lost(const failure& why, bool was_sent) = 0;
};

/// connection_lost, with what libpq has to say of its connection.
failure connection_failure(const pg_conn* connection, std::string_view doing);

/// What the last answer has left a session in.
enum class transaction_state { idle, in_transaction, failed, unknown };

/// A connection. Its work is done on its strand; all calls but the constructor and the destructor come on it.
///
/// While nothing is in flight it waits for nothing, so that it does not keep an io_context from ending. That a server has
/// gone is found out by the next send.
class connection : public std::enable_shared_from_this<connection>, private detail::live_object {
public:
    using strand = asio::strand<asio::any_io_executor>;

    /// How statements are sent.
    struct sending_mode {
        bool prepares = false;      ///< those that are sent again and again
        bool one_at_a_time = false; ///< a group waits until the one before it has ended

        /// Behind a pooler each transaction may have another server session, which has prepared nothing. PgBouncer before
        /// 1.21 releases the session at the first ReadyForQuery: if the client has sent more, and disconnects, the next
        /// client of that session receives the remaining answers.
        static sending_mode of(session_kind kind, const connection_options& options) {
            const bool has_few_statements = kind == session_kind::reading || kind == session_kind::appending;
            return {has_few_statements && !options.is_pooled, options.is_pooled};
        }
    };

    connection(strand on, sending_mode mode, detail::environment where);
    ~connection();

    /// Connects. Name look-ups and files are read on a thread of their own. A coroutine of the strand awaits it.
    static asio::awaitable<result<void>> connect(
        std::shared_ptr<connection> self, connect_settings settings, steady_time deadline);

    /// Looks at a session that was just made, and says why it will not do, if so. It runs on the strand, and may run
    /// scripts.
    using inspector =
        std::function<asio::awaitable<result<void>>(std::shared_ptr<connection>, const connect_settings&, steady_time)>;

    /// Connects, and has the session inspected. A server that will not do is left, and the other hosts of the url are
    /// tried. What was wrong with the first of those that were left is returned; its `retry_helps` is false if all of them
    /// answered, and none will do. A connection that is lost while it is inspected is made anew, twice at most.
    static asio::awaitable<result<void>> connect(
        std::shared_ptr<connection> self, connect_settings settings, inspector inspect, steady_time deadline);

    /// Whether its url names servers besides the one that it leads to.
    bool has_other_hosts() const { return hosts().size() > 1; }

    /// Ends a connect() that is under way. Any thread.
    void stop_connecting();

    /// Runs a script of statements without parameters, and returns its last result or the first failure. Before
    /// start_pipeline() only.
    static asio::awaitable<result<answer>> run_script(
        std::shared_ptr<connection> self, std::string text, steady_time deadline);

    // What follows is for a connection that has one user, and like run_script() before start_pipeline() only. After a failure
    // the connection is of no use.

    /// Carries out one statement, in the transaction that is open, or in one of its own.
    static asio::awaitable<result<answer>> run_statement(
        std::shared_ptr<connection> self, const statement& sql, parameters arguments, steady_time deadline);

    /// Sends a COPY, from the server or to it.
    static asio::awaitable<result<void>> begin_copy(
        std::shared_ptr<connection> self, std::string text, steady_time deadline);
    /// Takes the next piece of what the server sends, a row as a rule. Returns whether it has room for more.
    using copy_sink = std::function<bool(std::string_view piece)>;
    enum class copy_state { going_on, ended };
    /// Passes on what the server sends, until the sink is full or the COPY has ended.
    static asio::awaitable<result<copy_state>> receive_copied(
        std::shared_ptr<connection> self, copy_sink sink, steady_time deadline);
    /// Sends rows; they may be cut anywhere.
    static asio::awaitable<result<void>> send_copied(
        std::shared_ptr<connection> self, std::string_view bytes, steady_time deadline);
    /// Ends what is sent; returns the number of rows that the server has stored.
    static asio::awaitable<result<std::int64_t>> end_sending(std::shared_ptr<connection> self, steady_time deadline);

    /// `on_broken` is called once, when the connection has ended by itself.
    void when_broken(std::function<void(const failure&)> on_broken) { on_broken_ = std::move(on_broken); }

    /// From here on requests are sent, and `on_broken` is called once, when the connection has ended by itself. Called
    /// again, it replaces `on_broken`.
    void start_pipeline(std::function<void(const failure&)> on_broken);

    /// Instead of start_pipeline(): from here on the connection listens, too, and keeps its io_context running meanwhile.
    /// `on_message` is called with the channel and the payload of each notification, `on_broken` once, when the connection
    /// has ended by itself.
    void start_listening(std::function<void(std::string_view channel, std::string_view message)> on_message,
        std::function<void(const failure&)> on_broken);

    /// Sends the requests as one group: one write, one transaction, one flush of the answers.
    /// \param may_grow where it has to wait, others that may do so join it
    void send(std::span<const std::shared_ptr<request>> group, bool may_grow = false);

    /// True if this request is the one that the server is working on.
    bool is_working_on(const request* candidate) const noexcept;
    /// True if the next answer is one that nobody waits for: the end of a group, as a rule.
    bool is_working_for_nobody() const noexcept { return !in_flight_.empty() && !in_flight_.front().request; }

    /// Ends the connection at once; what is in flight is lost.
    void drop(const failure& why);
    /// The same from any thread.
    void drop_soon(failure why);

    bool is_open() const noexcept { return handle_ != nullptr; }
    bool is_idle() const noexcept { return in_flight_.empty() && held_.empty(); }

    /// Calls `visit` with each request that is in flight, or waits to be.
    void for_each_in_flight(const std::function<void(const std::shared_ptr<request>&)>& visit) const;
    /// Only known while nothing is in flight.
    transaction_state transaction() const noexcept;
    /// While nothing is in flight: looks whether the server has ended the session meanwhile, and if so ends it here, too.
    bool is_alive();
    int backend() const noexcept;

    /// True if, since the last call, the server said that it stopped waiting for a synchronous standby: what it
    /// acknowledged is not replicated.
    bool take_unreplicated() noexcept { return std::exchange(unreplicated_, false); }

private:
    enum class step { preparation, statement, end_of_group };
    struct expected_result {
        step kind;
        std::shared_ptr<postgres::request> request; // null for the end of a group that nobody waits for
        bool answered = false;
    };

    struct held_group {
        std::vector<std::shared_ptr<request>> requests;
        bool may_grow = false;
    };

    class deallocation;

    static void receive_notice(void* self, const pg_result* notice);
    asio::awaitable<boost::system::error_code> wait(bool for_writing, steady_time deadline);
    asio::awaitable<result<void>> flush_all(steady_time deadline);
    asio::awaitable<result<answer>> next_answer(steady_time deadline);
    asio::awaitable<result<answer>> last_answer(std::string_view doing, steady_time deadline);
    static asio::awaitable<result<void>> connect_somewhere(
        std::shared_ptr<connection> self, const connect_settings& settings, steady_time deadline);
    host_list hosts() const;
    bool renew_descriptor();
    void send_now(std::span<const std::shared_ptr<request>> group);
    void send_held();
    bool send_one(const std::shared_ptr<request>& next);
    void deallocate();
    void flush();
    void wait_readable();
    void on_readable();
    void take_arrived();
    bool receive();
    bool receive_all();
    void take_result(answer given);
    bool finish_statement();
    void sending_failed();
    void leave_out(const request* skipped);
    void break_off(const failure& why);
    void close() noexcept;
    void pass_on_messages();

    const detail::home_process home_;
    const sending_mode mode_;
    const strand strand_;
    const detail::environment environment_;
    std::function<void(const failure&)> on_broken_;
    std::function<void(std::string_view, std::string_view)> on_message_; // set = it listens

    pg_conn* handle_ = nullptr;
    std::optional<asio::posix::stream_descriptor> descriptor_; // a duplicate of libpq's socket
    bool reading_ = false;
    bool writing_ = false;
    bool is_receiving_ = false;
    bool is_ending_ = false; // the server has said so
    bool unreplicated_ = false;
    bool stopped_ = false; // while connecting
    std::string opening_;  // goes out with the first script
    steady_time last_used_{};
    std::deque<expected_result> in_flight_;
    std::deque<held_group> held_;
    prepared_statements prepared_;
};

} // namespace eventstore::postgres
