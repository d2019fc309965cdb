/// \file
/// Transactions: your own SQL and appends, committed atomically.
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
struct inside;
} // namespace detail

/// A database transaction of the store: its SQL and its appends are committed together, or not at all.
///
///     es::transaction tx = co_await store.begin();
///     co_await tx.execute("update accounts set balance = balance - $1 where id = $2", amount, id);
///     tx.append("account-" + id, es::any_version, withdrawn);
///     const auto results = co_await tx.commit();
///
/// **Atomicity.** Anything that ends it before a successful commit rolls it back: rollback(), its destruction (for
/// example by an exception), an error of commit(), a lost connection, a cancelled or late operation, the end of the
/// store. After a server error in execute() it can only be rolled back, completely or to a savepoint of your own.
/// Subscribers get its events after the commit, in log order.
///
/// **Appends are sent last.** An append holds the log lock until its transaction ends, and blocks all other appends to
/// the store. So append() only collects; commit() sends the appends and COMMIT together. commit() therefore throws the
/// errors of the appends, such as a conflict; everything is then rolled back. If your own SQL calls the append
/// functions of the schema, the lock is held from then on.
///
/// **Isolation** is READ COMMITTED, which appends need. Without appends, your first statement may choose another level:
/// `set transaction isolation level serializable`.
///
/// **Connections.** Each transaction has its own connection: at most `store_options::pool_size`, in addition to those
/// for reading; all stores of a `store_group` together have the same number. begin() waits in order for a free one.
/// What a transaction leaves in its session (settings, temporary tables, advisory locks, prepared statements) is
/// removed before the next one; behind a transaction pooler leave nothing there (`set local`, `on commit drop`,
/// `pg_advisory_xact_lock`). The server ends a transaction that is idle for longer than its time limit.
///
/// **Time limit.** That of `store.within(limit).begin()`, or `operation_timeout`, for each operation. An operation
/// waits for row locks and the log lock for three quarters of it, then fails with `lock_timeout`.
///
/// **Errors** of all operations: `transaction_ended` (also if moved from), `store_closed`,
/// `invalid_argument` (also for a second operation while one is under way), `connection_lost`, `timeout`, `cancelled`.
/// The store retries nothing.
///
/// Lifetime: it keeps its store open until it has ended. Thread safety: one coroutine at a time.
class [[nodiscard]] EVENTSTORE_EXPORT transaction {
public:
    explicit transaction(std::shared_ptr<detail::transaction_impl> impl) noexcept;
    transaction(transaction&&) noexcept;
    transaction& operator=(transaction&&) noexcept;
    ~transaction(); ///< rolls back in the background, unless committed

    /// Executes one statement with parameters, `$1` and so on; see sql_value for their types, query_result for the
    /// rows.
    ///
    /// Errors: `database_error` (with `sqlstate`), `lock_timeout`. Statements that begin or end transactions, and COPY,
    /// are refused with `invalid_argument`.
    /// Cancellation: the transaction is rolled back, and its connection closed.
    template <sql_bindable... Values>
    boost::asio::awaitable<query_result> execute(std::string_view sql, const Values&... values) {
        std::vector<sql_value> list;
        list.reserve(sizeof...(values));
        (list.emplace_back(values), ...);
        return execute(sql, std::move(list));
    }
    boost::asio::awaitable<query_result> execute(std::string_view sql, std::vector<sql_value> values);

    /// Collects an append for the commit. Several appends may be to one stream: a later one then expects the version
    /// that results from the earlier ones. Throws if the arguments are not valid (see `store::append`), and then
    /// collects nothing.
    void append(std::string_view stream, expected_version expected, event_data event);
    void append(std::string_view stream, expected_version expected, std::vector<event_data> events);
    void append(std::vector<stream_append> parts);
    template <typed_event Event>
    void append(std::string_view stream, expected_version expected, const Event& event) {
        append(stream, expected, codec<Event>::encode(event));
    }

    /// Collects links for the commit, like append: puts events that are already stored, or that this transaction
    /// appends before, into another stream as well (see `store::link`).
    void link(std::string_view stream, expected_version expected, std::vector<uuid> event_ids);
    void link(std::string_view stream, expected_version expected, uuid event_id);

    /// Acknowledges a batch with the commit: the effects of this transaction and the ack are committed together, or not
    /// at all. So the events have their effect in the database exactly once.
    ///
    ///     es::transaction tx = co_await store.begin();
    ///     for (const es::recorded_event& event : *batch) co_await tx.execute("update balances ...", ...);
    ///     tx.ack(*batch);
    ///     co_await tx.commit();
    ///
    /// The batch must belong to a subscription of this store and be unacknowledged; nothing before it may be open (so
    /// `concurrency_limit` 1, or batches in their order), unless it is of replayed parked events. A transaction takes one
    /// batch per subscription, and must be READ COMMITTED. Violations are refused with `invalid_argument`, here or by
    /// commit().
    ///
    /// commit() fails with `subscription_lost` or `subscription_deleted` if the subscription has another owner now: the
    /// transaction is rolled back, and the other owner gets the events. The subscription then ends, as it does if the
    /// error has `outcome_unknown`: the next subscriber resumes from what the database holds. After any other error
    /// this consumer still has the batch: nack() it.
    ///
    /// From the checkpoint to the end of the commit the row of the subscription is locked, and renewals of this store's
    /// leases wait for it: check deferred constraints earlier (`set constraints all immediate`).
    void ack(const event_batch& batch);

    /// The same for the unacknowledged events of the batch through this one; the others remain with the caller, for the
    /// next transaction. Errors: those of ack(batch); `unexpected_ack` if the event is none of the batch.
    void ack(const event_batch& batch, const recorded_event& last);

    /// Sends the collected appends, and commits. Returns a result for each append, in order.
    ///
    /// Errors: those of `store::append` for several streams; the failure names the first append that does not fit, and
    /// everything is rolled back. Events that are already stored fail with `duplicate_event`: an earlier attempt
    /// committed them together with its SQL, which must not run twice. So after an error with `outcome_unknown`, a
    /// transaction with appends can safely be repeated with the same events.
    ///
    /// Cancellation: after sending, it completes at once with `cancelled` and `outcome_unknown`: it may be committed,
    /// as a whole. The same holds for `timeout` and `connection_lost`.
    boost::asio::awaitable<std::vector<append_result>> commit();

    /// Rolls back, and returns when done. Cancellation: it is still rolled back.
    boost::asio::awaitable<void> rollback();

    /// The executor of the store; of no use once its execution context has ended. \throws error `transaction_ended` once it was moved from
    boost::asio::any_io_executor get_executor() const;

private:
    friend struct detail::inside;

    std::shared_ptr<detail::transaction_impl> impl_;
};

} // namespace eventstore
