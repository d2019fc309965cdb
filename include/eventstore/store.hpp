/// \file
/// The event store: append, read, scan, subscribe.
#pragma once

#include <eventstore/append_result.hpp>
#include <eventstore/asio_settings.hpp>
#include <eventstore/deletion.hpp>
#include <eventstore/error.hpp>
#include <eventstore/event_data.hpp>
#include <eventstore/event_listener.hpp>
#include <eventstore/event_page.hpp>
#include <eventstore/event_scan.hpp>
#include <eventstore/expected_version.hpp>
#include <eventstore/export.hpp>
#include <eventstore/read_options.hpp>
#include <eventstore/retention.hpp>
#include <eventstore/snapshot.hpp>
#include <eventstore/store_options.hpp>
#include <eventstore/store_stats.hpp>
#include <eventstore/stream_append.hpp>
#include <eventstore/stream_info.hpp>
#include <eventstore/subscription.hpp>
#include <eventstore/subscription_handle.hpp>
#include <eventstore/subscription_info.hpp>
#include <eventstore/subscription_options.hpp>
#include <eventstore/typed_event.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace eventstore {

class transaction; // eventstore/transaction.hpp

namespace detail {
class store_impl;
struct inside;
} // namespace detail

/// A cheap handle to an open store. Copies are handles to the same store.
///
/// Stream names are 1 to 512 bytes of UTF-8 without NUL. Names that begin with `$` are reserved: `$all` is the log of
/// all streams, in order, and can be read; appends to any of them fail with `errc::reserved_stream`.
///
/// **Errors.** All operations may fail with `invalid_argument`, `timeout`, `cancelled`, `connection_lost`,
/// `store_closed` and `database_error`; each lists its further errors. Errors are thrown by what is awaited, not by the
/// call. The call copies its arguments: views need to live only until it returns.
///
/// **Exceptions.** What is awaited throws `eventstore::error`, or std::bad_alloc; `try_` calls return the error as a
/// value. In a coroutine that was cancelled before, Asio throws `boost::system::system_error` (`operation_aborted`)
/// from the next co_await; that call has changed and taken nothing. These guarantees hold for `eventstore::error`:
/// - Appends, links, soft deletes, restores, snapshots, changes by a subscription_handle and `transaction::commit` are
///   strong: after an error nothing is changed, unless it has `outcome_unknown()`. A hard delete is basic: it may be
///   half done (see delete_stream).
/// - Reads, scans and every next() change nothing and take no event; the call can be repeated.
/// - `transaction::append`, `link` and `ack`, and all acks and nacks of batches and subscriptions, are not awaited:
///   they throw at once, and then have collected, acknowledged or refused nothing.
/// - Moves and destructors of handles, copies of a store, and the getters of a subscription (`epoch`, `lag` ...) are
///   noexcept, except `get_executor`, which throws if the handle is empty.
/// - If a selector or partition function throws, its subscription or listener ends with `handler_failed`. `on_log` must
///   not throw: the exception would leave `io_context::run()`. An exception of a `codec` leaves the call of append.
///
/// **Timeouts.** Each operation ends within `store_options::operation_timeout`, or the limit of `within`. Prefer
/// `within` to `operation || timer`, which discards the result of the operation that loses the race.
///
/// **Cancellation.** By the cancellation slot of the coroutine, of any type. Each operation says what holds afterwards.
/// If several threads run the io_context, a coroutine that uses cancellation must run on a strand.
///
/// **Lifetime.** Pending operations keep the store open. When the last handle, scan and operation is gone, the store
/// shuts down in order: queued appends are stored, connections are closed, and `io_context::run()` has no more work. A
/// store ends with its execution context at the latest. Operations awaited on other contexts then fail with
/// `store_closed`, as does every later operation on a handle. No call may begin while the context is being destroyed.
///
/// **Thread safety.** Distinct handles, and const calls on one handle, may be used from any threads. A completion runs
/// on the caller's executor.
class EVENTSTORE_EXPORT store {
public:
    /// An empty handle, to be assigned to: every operation on it fails with `store_closed`.
    store() noexcept;
    explicit store(std::shared_ptr<detail::store_impl> impl) noexcept;
    store(const store&) noexcept;
    store(store&&) noexcept;
    store& operator=(const store&) noexcept;
    store& operator=(store&&) noexcept;
    ~store();

    /// Returns a handle to the same store with this time limit for each operation:
    /// `co_await store.within(2s).append(...)`.
    ///
    /// A limit above `operation_timeout` lets an append wait longer in the queue. Once sent, it is still given up after
    /// `operation_timeout` plus `close_timeout`, because a flush must not hold the log lock for long.
    store within(milliseconds limit) const;

    /// Appends an event to a stream.
    ///
    /// Appends of many callers share a transaction and its flush to disk; each has its own outcome. Appends to one
    /// stream are carried out in the order in which they were awaited or spawned.
    ///
    /// Idempotent by event ids: if all of them are already in the stream, contiguous and in the same order, the append
    /// succeeds with the first result (`already_appended`), whatever version is expected; data is not compared.
    ///
    /// Errors: `wrong_expected_version`, `stream_exists` (for `no_stream`), `stream_not_found` (for `stream_exists`),
    /// `stream_deleted` (takes precedence over these), `duplicate_event` (an id is stored elsewhere, or only some are),
    /// `reserved_stream`, `overloaded`, `lock_timeout`. The failure names the stream and both versions.
    /// Cancellation: before sending, nothing is stored; after sending, it completes at once with `cancelled` and
    /// `outcome_unknown`: it may be stored. At its time limit it fails in the same way, with `timeout`, or with
    /// `lock_timeout` if another session holds the lock, which is looked up then (250 ms at most); the other appends of
    /// the transaction continue to wait for the lock. A retry with the same events is safe.
    boost::asio::awaitable<append_result> append(
        std::string_view stream, expected_version expected, event_data event) const;

    /// Appends events to a stream, all or nothing, with contiguous versions and positions. At most 64 MB in total; an
    /// empty list succeeds and stores nothing.
    boost::asio::awaitable<append_result> append(
        std::string_view stream, expected_version expected, std::vector<event_data> events) const;

    /// Appends a typed event: any type with a `codec`. If the event owns memory, give it a name first.
    template <typed_event Event>
    boost::asio::awaitable<append_result> append(
        std::string_view stream, expected_version expected, Event&& event) const {
        static_assert(detail::is_safe_in_await<Event>,
            "name the event first (const auto event = opened{...};) and pass that: g++ 12 frees a temporary inside "
            "co_await twice");
        return append(stream, expected, codec<std::remove_cvref_t<Event>>::encode(event));
    }

    /// Appends to several streams, all or nothing, in one transaction, which other appends may share. Each part has its
    /// own expected version; several parts may be for one stream. The results are in the order of the parts.
    ///
    /// Errors and cancellation: those of an append to one stream; the failure names the first part that does not fit.
    /// Idempotent if the events of all parts are already stored; if only some are, it fails with `duplicate_event`.
    boost::asio::awaitable<std::vector<append_result>> append(std::vector<stream_append> parts) const;
    boost::asio::awaitable<result<std::vector<append_result>>> try_append(std::vector<stream_append> parts) const;

    /// Like append, but returns every failure as a value. For callers that expect conflicts.
    boost::asio::awaitable<result<append_result>> try_append(
        std::string_view stream, expected_version expected, event_data event) const;
    boost::asio::awaitable<result<append_result>> try_append(
        std::string_view stream, expected_version expected, std::vector<event_data> events) const;
    template <typed_event Event>
    boost::asio::awaitable<result<append_result>> try_append(
        std::string_view stream, expected_version expected, Event&& event) const {
        static_assert(detail::is_safe_in_await<Event>,
            "name the event first (const auto event = opened{...};) and pass that: g++ 12 frees a temporary inside "
            "co_await twice");
        return try_append(stream, expected, codec<std::remove_cvref_t<Event>>::encode(event));
    }

    /// Puts stored events into another stream as well, all or nothing, as links and not as copies. Each link takes a
    /// version of that stream and a position of the log. A read of the stream returns the original event, whose
    /// `link_version()` and `link_position()` give the place of the link. `$all` contains only the original. A link to
    /// a link refers to the original.
    ///
    /// Errors: those of append; `event_not_found` (then nothing is stored, as with all errors), `duplicate_event` (one
    /// of the events is already in that stream). Cancellation: as append. The store's own retries are safe; a second
    /// call is not a retry, and fails with `duplicate_event`.
    boost::asio::awaitable<append_result> link(
        std::string_view stream, expected_version expected, std::vector<uuid> event_ids) const;
    boost::asio::awaitable<append_result> link(std::string_view stream, expected_version expected, uuid event_id) const;

    /// Reads a page of a stream; with `$all`, of the log of all streams, like read_all. Events of a stream that have
    /// expired are left out; see eventstore::retention. If all have, the page is empty.
    ///
    /// Errors: `stream_not_found`, `stream_deleted`. Cancellation: the read is abandoned; nothing is changed.
    boost::asio::awaitable<event_page> read(std::string_view stream, read_options options = read_options()) const;

    /// Reads a page of the log of all streams, by position. Positions increase, without gaps unless hard deletes or
    /// scavenging leave some.
    boost::asio::awaitable<event_page> read_all(read_options options = read_options()) const;

    /// Reads a stream to its end, page by page; see event_scan. Invalid arguments fail the first next().
    event_scan scan(std::string_view stream, read_options options = read_options()) const;

    /// Reads the log of all streams to its end, page by page; see event_scan.
    event_scan scan_all(read_options options = read_options()) const;

    /// Returns the event with this id. Errors: `event_not_found`.
    boost::asio::awaitable<recorded_event> find_event(uuid id) const;

    /// Returns information about a stream, or about `$all`. Errors: `stream_not_found`, `stream_deleted`.
    boost::asio::awaitable<eventstore::stream_info> stream_info(std::string_view stream) const;

    /// Returns a page of the list of streams; by name and without deleted streams, unless the query says otherwise.
    boost::asio::awaitable<std::vector<eventstore::stream_info>> streams(stream_query query = stream_query()) const;

    /// Deletes a stream; `deletion` says what happens to its events.
    ///
    /// A hard delete first frees the name, then removes the events in many small transactions; the next hard delete of
    /// an existing stream finishes one that was interrupted. It has no time limit as a whole, only for each step.
    ///
    /// Errors: `stream_not_found`, `stream_deleted` (it is already deleted; a hard delete is refused as well: restore
    /// it first), `wrong_expected_version`, `stream_exists` (for `no_stream`), `hard_delete_disabled`,
    /// `reserved_stream`.
    /// Cancellation: after sending, the stream may be deleted; a hard delete may be half done.
    boost::asio::awaitable<void> delete_stream(
        std::string_view stream, expected_version expected, deletion mode = deletion::soft) const;

    /// Returns what a hard delete of the stream would remove. Changes nothing. Errors: `stream_not_found`.
    boost::asio::awaitable<deletion_preview> preview_deletion(std::string_view stream) const;

    /// Undoes a soft delete; does nothing if the stream is not deleted. Errors: `stream_not_found`, `reserved_stream`.
    /// Cancellation: after sending, it may be restored.
    boost::asio::awaitable<void> restore_stream(std::string_view stream) const;

    /// Sets how long the events of a stream are kept, in place of its earlier retention. See eventstore::retention for
    /// the meaning, and for what reads show. The stream need not exist yet; a hard delete removes its retention.
    /// Removes no event; scavenge() does.
    ///
    /// Errors: `reserved_stream`; `invalid_argument` (also for an empty retention, and if 1,000 prefixes and streams
    /// that do not exist yet have one). Cancellation: after sending, it may be set.
    boost::asio::awaitable<void> set_retention(std::string_view stream, eventstore::retention value) const;
    /// The same for all streams with a prefix. Takes as long for a million streams as for one.
    boost::asio::awaitable<void> set_retention(stream_prefix prefix, eventstore::retention value) const;

    /// Removes the retention of a stream or a prefix, if there is one: expired events that were not scavenged can be
    /// read again. Errors: `reserved_stream`. Cancellation: after sending, it may be removed.
    boost::asio::awaitable<void> remove_retention(std::string_view stream) const;
    boost::asio::awaitable<void> remove_retention(stream_prefix prefix) const;

    /// Returns what counts for a stream, whether it exists or not. Errors: `reserved_stream`.
    boost::asio::awaitable<stream_retention> retention(std::string_view stream) const;

    /// Returns all retentions that are set: prefixes first, then streams, both by name.
    boost::asio::awaitable<std::vector<retention_info>> retentions() const;

    /// Removes the events that have expired by the retentions, and the links to them in other streams, in many small
    /// transactions, while appends go on; returns what it has done. An append that repeats the id of a removed event
    /// stores it anew.
    ///
    /// Keeps what a subscription needs, unless the options ignore subscriptions: events after the checkpoint of a
    /// subscription to `$all`, versions after that of a subscription to the stream, events with a link that a
    /// subscription to the stream of the link has not acknowledged, and parked events.
    ///
    /// May be repeated, and interrupted at any point: each portion is removed as a whole or not at all. Several at the
    /// same time take turns. It has no time limit as a whole, only for each portion.
    ///
    /// Errors: `invalid_argument`. Cancellation: what was removed so far stays removed.
    boost::asio::awaitable<scavenge_progress> scavenge(scavenge_options options = scavenge_options()) const;

    /// Removes all events below a position, of all streams and whatever their retention, and the links to them; the
    /// streams keep their versions, and appends go on. For events that were archived elsewhere. Otherwise like
    /// scavenge(); after an interruption the same call removes the rest.
    ///
    /// Errors: `subscription_behind` (a subscription needs one of the events; checked before each portion),
    /// `hard_delete_disabled`, `invalid_argument` (also if the log ends before the position).
    boost::asio::awaitable<scavenge_progress> remove_before(
        std::int64_t position, scavenge_options options = scavenge_options()) const;

    /// Stores a snapshot, in place of one of the same or an older version; if a newer one is stored, changes nothing.
    /// Cancellation: after sending, it may be stored.
    boost::asio::awaitable<void> record_snapshot(eventstore::snapshot snapshot) const;

    /// Returns the newest snapshot of a source. Errors: `snapshot_not_found`.
    boost::asio::awaitable<snapshot> read_snapshot(std::string_view source) const;

    /// Deletes the snapshot of a source, if there is one. Cancellation: after sending, it may be deleted.
    boost::asio::awaitable<void> delete_snapshot(std::string_view source) const;

    /// Begins a transaction: your own SQL and appends, committed together, or not at all. See `transaction`; include
    /// `eventstore/transaction.hpp`. Errors: `connection_lost`. Cancellation: nothing is left behind.
    boost::asio::awaitable<transaction> begin() const;

    /// Subscribes to a stream: delivers its events in order, each at least once, until they are acknowledged.
    ///
    /// The stream and this name (1 to 512 bytes of UTF-8) identify the subscription; its checkpoint survives restarts.
    /// It has one owner at a time among all processes. With `concurrency_limit` several consumers of this store share
    /// it, with the options of the first one. The stream need not exist yet. `if_taken::wait` waits without a limit.
    ///
    /// Errors: `subscription_already_exists` (it has an owner; see `if_taken`), `too_many_subscribers`,
    /// `reserved_stream`, `log_truncated`. Cancellation: no consumer is left; a new subscription may have been created.
    boost::asio::awaitable<eventstore::subscription> subscribe(
        std::string_view stream, std::string_view name, subscription_options options = subscription_options()) const;

    /// Subscribes to the log of all streams, by position; otherwise like subscribe.
    boost::asio::awaitable<eventstore::subscription> subscribe_to_all(
        std::string_view name, subscription_options options = subscription_options()) const;

    /// Delivers the events appended to a stream from now on, for programs that can tolerate missed events: there is no
    /// checkpoint and no ack. Cancellation: nothing is left behind.
    boost::asio::awaitable<event_listener> listen(
        std::string_view stream, listen_options options = listen_options()) const;
    boost::asio::awaitable<event_listener> listen_to_all(listen_options options = listen_options()) const;

    /// Returns all subscriptions, by name.
    boost::asio::awaitable<std::vector<subscription_info>> subscriptions() const;

    /// Returns a handle to a subscription, whichever process owns it: to wait for it, to reset or remove it, to see and
    /// replay its parked events. Sends no statement.
    subscription_handle subscription(std::string_view stream, std::string_view name) const;
    subscription_handle subscription_to_all(std::string_view name) const;

    /// The executor that runs the store's own work; see `store_options::executor`.
    /// \throws error `store_closed` on an empty handle, and once the execution context has ended
    boost::asio::any_io_executor get_executor() const;

    /// Returns counts since the store was opened, and current values. Asks nothing of the database and never blocks for
    /// long: it may be called several times a second. Throws nothing but std::bad_alloc.
    ///
    /// The subscriptions are those that this store owns; `subscriptions()` asks the database for all. What is known of
    /// them is what this process has seen: the lag counts to the last event that it knows of, and its time compares
    /// `created_at` with the clock of this machine (or, while nothing of it is in memory, is the time for which the
    /// subscription has lagged). What is parked was counted when the subscription was taken and with each event that
    /// this process parks, replays or discards; what others discard is seen with the next of these.
    store_stats stats() const;

    /// Closes the store: refuses new operations with `store_closed`, stores the queued appends, writes checkpoints,
    /// releases subscriptions (their next() returns nothing), and closes the connections. Takes `close_timeout`
    /// at most. Idempotent; all handles are closed at once.
    ///
    /// Cancellation: only the wait ends; closing continues.
    boost::asio::awaitable<void> close() const;

private:
    friend struct detail::inside;

    std::shared_ptr<detail::store_impl> impl_;
    milliseconds limit_{0}; // 0 = operation_timeout
};

namespace detail {

/// For the parts of the library that stand on the public interface.
struct inside {
    template <class Handle>
    static const auto& of(const Handle& handle) noexcept {
        return handle.impl_;
    }
    static milliseconds limit_of(const store& handle) noexcept { return handle.limit_; }
};

} // namespace detail

/// Opens a store: connects, and checks the server and the schema; with `store_options::create`, creates or migrates the
/// schema.
///
/// Takes at most `operation_timeout`. Fails at once if no server can be reached; if the connection is lost during the
/// checks, connects again, at most twice.
///
/// Errors: `connection_lost` (with the reason that libpq gives), `timeout`, `schema_missing`, `schema_too_new`,
/// `server_unusable`, `invalid_argument`. Cancellation: nothing is left open; with `create` the schema may be created.
EVENTSTORE_EXPORT boost::asio::awaitable<store> open(store_options options);

/// Creates the schema of a store, or migrates an older one, and returns its version. Any number of processes may do so
/// at once. Errors: as open. Cancellation: the schema may be created or migrated.
EVENTSTORE_EXPORT boost::asio::awaitable<int> migrate(store_options options);

} // namespace eventstore
