/// \file
/// Transactions: SQL of your own and appends that are committed together.
#pragma once

#include <eventstore/append_result.hpp>
#include <eventstore/asio_settings.hpp>
#include <eventstore/error.hpp>
#include <eventstore/event_batch.hpp>
#include <eventstore/event_data.hpp>
#include <eventstore/expected_version.hpp>
#include <eventstore/export.hpp>
#include <eventstore/query_result.hpp>
#include <eventstore/sql_value.hpp>
#include <eventstore/stream_append.hpp>
#include <eventstore/typed_event.hpp>
#include <eventstore/uuid.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <memory>
#include <string_view>
#include <vector>

namespace eventstore {

namespace detail {
class transaction_impl;
}

/// A transaction of the database of the store: what it executes and what it appends is committed together, or not at all.
///
///     es::transaction tx = co_await store.begin();
///     co_await tx.execute("update accounts set balance = balance - $1 where id = $2", amount, id);
///     tx.append("account-" + id, es::any_version, withdrawn);
///     const auto results = co_await tx.commit();
///
/// **All or nothing.** Whatever ends it before a commit has succeeded rolls it back: rollback(), its destruction (an
/// exception that passes by), an error of commit(), a lost connection, a cancelled or late operation, the end of the
/// store. After an error of the server in execute() it can only be rolled back, to a savepoint of your own at least.
/// Subscribers get its events after the commit, in their place in the log.
///
/// **Appends come last.** An append holds the lock of the log until its transaction ends, and all other appends to the
/// store wait meanwhile. So append() only collects; commit() sends the appends and COMMIT together. A conflict therefore
/// shows at commit(), which throws what an append would have thrown; everything is rolled back then. SQL of your own that
/// calls the append functions of the schema holds the lock from there on.
///
/// **Isolation** is READ COMMITTED, which appends need. Without appends your SQL may choose another, by its first
/// statement: `set transaction isolation level serializable`.
///
/// **Connections.** Each transaction has one for itself: at most `store_options::pool_size`, beside those for reading; all
/// stores of a `store_group` together have as many. begin() waits in order for one to become free. What a transaction
/// leaves in its session (settings, temporary tables, advisory locks, prepared statements) is not there for the next one;
/// behind a transaction pooler leave nothing there (`set local`, `on commit drop`, `pg_advisory_xact_lock`). A transaction
/// that is idle for longer than its time limit is ended by the server.
///
/// **Time limit.** That of `store.within(limit).begin()`, or `operation_timeout`, for each operation. The locks of rows,
/// and that of the log, are waited for three quarters of it; then it fails with `lock_timeout`.
///
/// **Errors** of all operations: `transaction_ended` (also for one that was moved from), `store_closed`,
/// `invalid_argument` (also for a second operation while one is under way), `connection_lost`, `timeout`, `cancelled`.
/// Nothing is retried by the store.
///
/// Lifetime: it keeps its store open until it has ended. Thread safety: for one coroutine at a time.
class [[nodiscard]] EVENTSTORE_EXPORT transaction {
public:
    explicit transaction(std::shared_ptr<detail::transaction_impl> impl) noexcept;
    transaction(transaction&&) noexcept;
    transaction& operator=(transaction&&) noexcept;
    ~transaction(); ///< rolls back, in the background, what is not committed

    /// Executes one statement with its parameters, `$1` and so on; see sql_value for their types, query_result for the rows.
    ///
    /// Errors: `database_error` (with `sqlstate`), `lock_timeout`. Refused with `invalid_argument`: statements that end or
    /// begin transactions, and COPY.
    /// Cancellation: the transaction is rolled back, and its connection closed.
    template <sql_bindable... Values>
    boost::asio::awaitable<query_result> execute(std::string_view sql, const Values&... values) {
        std::vector<sql_value> list;
        list.reserve(sizeof...(values));
        (list.emplace_back(values), ...);
        return execute(sql, std::move(list));
    }
    boost::asio::awaitable<query_result> execute(std::string_view sql, std::vector<sql_value> values);

    /// Collects an append for the commit. Several may be of one stream: then a later one expects the version that the
    /// earlier ones lead to. Throws where the arguments are not valid (see `store::append`), and collects nothing then.
    void append(std::string_view stream, expected_version expected, event_data event);
    void append(std::string_view stream, expected_version expected, std::vector<event_data> events);
    void append(std::vector<stream_append> parts);
    template <typed_event Event>
    void append(std::string_view stream, expected_version expected, const Event& event) {
        append(stream, expected, codec<Event>::encode(event));
    }

    /// Collects links for the commit, as append does: events that are stored already, or that this very transaction appends
    /// before, put into another stream, too (see `store::link`).
    void link(std::string_view stream, expected_version expected, std::vector<uuid> event_ids);
    void link(std::string_view stream, expected_version expected, uuid event_id);

    /// Acknowledges a batch with the commit: what this transaction has done with its events and the word that it is done
    /// are committed together, or not at all. So the events have their effect in the database exactly once.
    ///
    ///     es::transaction tx = co_await store.begin();
    ///     for (const es::recorded_event& event : *batch) co_await tx.execute("update balances ...", ...);
    ///     tx.ack(*batch);
    ///     co_await tx.commit();
    ///
    /// The batch is of a subscription of this store. It must not be acknowledged yet, nothing before it may be open (so
    /// `concurrency_limit` 1, or batches in their order), and no event of it may come from the parked ones; one batch of a
    /// subscription for each transaction, which must be READ COMMITTED. All of that is refused with `invalid_argument`, here
    /// or by commit().
    ///
    /// commit() fails with `subscription_lost` or `subscription_deleted` where the subscription has another owner by now: the
    /// transaction is rolled back, and the other owner gets the events. The subscription ends then, and also where the
    /// error has `outcome_unknown`: the next one that subscribes goes on from what the database holds. After any other error
    /// the batch is still this consumer's: nack() it.
    ///
    /// From the checkpoint to the end of the commit the row of the subscription is locked, and renewals of this store's
    /// leases wait for it: check deferred constraints before (`set constraints all immediate`).
    void ack(const event_batch& batch);

    /// Appends what was collected, and commits. Returns a result for each append, in order.
    ///
    /// Errors: those of `store::append` for several streams; the failure names the first one that does not fit. Everything
    /// is rolled back then. Events that are stored already fail with `duplicate_event`: they were committed by an earlier
    /// try, and so was the SQL that went with them; it must not be done twice. That makes a transaction with appends that
    /// is done again, with the same events, safe after an error with `outcome_unknown`.
    ///
    /// Cancellation: once it was sent, it completes at once with `cancelled` and `outcome_unknown`: it may be committed, as
    /// a whole. The same holds for `timeout` and `connection_lost`.
    boost::asio::awaitable<std::vector<append_result>> commit();

    /// Rolls back, and returns when that is done. Cancellation: it is rolled back all the same.
    boost::asio::awaitable<void> rollback();

    /// Of the store. \throws error `transaction_ended` once it was moved from
    boost::asio::any_io_executor get_executor() const;

private:
    std::shared_ptr<detail::transaction_impl> impl_;
};

} // namespace eventstore
