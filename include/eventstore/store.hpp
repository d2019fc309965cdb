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
}

/// A cheap handle to an open store. Copies are handles to the same store.
///
/// Stream names are 1 to 512 bytes of UTF-8 without NUL. Names that begin with `$` are the store's own: `$all` is every
/// event in order, and can be read; none of them can be appended to (`errc::reserved_stream`).
///
/// **Errors.** A call itself never throws; what is awaited throws `eventstore::error`. All operations may fail with
/// `invalid_argument`, `timeout`, `cancelled`, `connection_lost`, `store_closed` and `database_error`; more is said
/// where it applies. Arguments are copied by the call: views need to live no longer than it.
///
/// **Timeouts.** Each operation ends within `store_options::operation_timeout`, or what `within` says. Prefer that to
/// `operation || timer`, which drops the result of an operation that loses the race.
///
/// **Cancellation.** By the cancellation slot of the coroutine, of any type. What holds then is said at each operation.
/// On an io_context that several threads run, a coroutine that uses cancellation must run on a strand.
///
/// **Lifetime.** Pending operations keep the store open. When the last handle, scan and operation is gone, the store
/// ends in order: what is queued is appended, connections are closed, and `io_context::run()` has nothing left to do.
/// A store ends with its execution context at the latest. What callers on other contexts wait for then ends, and handles
/// that outlive it are good for nothing: with `store_closed`. Nobody may begin a call while the context is destroyed.
///
/// **Thread safety.** Distinct handles and const calls on one handle: any thread. A completion runs on the caller's
/// executor.
class EVENTSTORE_EXPORT store {
public:
    /// An empty handle, good for being assigned to: every operation on it fails with `store_closed`.
    store() noexcept;
    explicit store(std::shared_ptr<detail::store_impl> impl) noexcept;
    store(const store&) noexcept;
    store(store&&) noexcept;
    store& operator=(const store&) noexcept;
    store& operator=(store&&) noexcept;
    ~store();

    /// The same store, with this time limit for each operation: `co_await store.within(2s).append(...)`.
    ///
    /// A limit above `operation_timeout` lets an append wait longer in the queue. Once it is sent, it is given up after
    /// `operation_timeout` and `close_timeout` together all the same: no flush may hold the lock of the log for long.
    store within(milliseconds limit) const;

    /// Appends an event to a stream.
    ///
    /// Appends of many callers share a transaction and its flush to disk; each has an outcome of its own. Appends to one
    /// stream are carried out in the order in which they were awaited or spawned.
    ///
    /// Idempotent by the events' ids: if all of them are in the stream already, as one run in the same order, this
    /// succeeds with the first result (`already_appended`), whatever version is expected; data is not compared.
    ///
    /// Errors: `wrong_expected_version`, `stream_exists` (for `no_stream`), `stream_not_found` (for `stream_exists`),
    /// `stream_deleted` (wins over the former), `duplicate_event` (an id is stored elsewhere, or only some are),
    /// `reserved_stream`, `overloaded`, `lock_timeout`. The failure's facts name the stream and both versions.
    /// Cancelled before it was sent, nothing is stored; after that it ends at once with `cancelled`, `outcome_unknown`,
    /// and may be stored. So for `timeout`, and for `lock_timeout` if a session is in the way, which is looked up then
    /// (250 ms at most): others of its transaction go on waiting for it. A retry with the same events is safe.
    boost::asio::awaitable<append_result> append(
        std::string_view stream, expected_version expected, event_data event) const;

    /// Appends events to a stream, all or nothing, with versions and positions in a row. At most 64 MB in all; an empty
    /// list succeeds and stores nothing.
    boost::asio::awaitable<append_result> append(
        std::string_view stream, expected_version expected, std::vector<event_data> events) const;

    /// Appends a typed event: any type with a `codec`. Name the event first, if it owns anything.
    template <typed_event Event>
    boost::asio::awaitable<append_result> append(
        std::string_view stream, expected_version expected, Event&& event) const {
        static_assert(detail::is_safe_in_await<Event>,
            "name the event first (const auto event = opened{...};) and pass that: g++ 12 frees a temporary inside "
            "co_await twice");
        return append(stream, expected, codec<std::remove_cvref_t<Event>>::encode(event));
    }

    /// Appends to several streams, all or nothing: in one transaction, with others' appends. Each part has an expected
    /// version of its own; several parts may be of one stream. The results are in the order of the parts.
    ///
    /// Errors and cancellation: those of an append to one stream; the failure's facts tell of the first part that does
    /// not fit. Idempotent if the events of all parts are there already; where only some of them are, it fails with
    /// `duplicate_event`.
    boost::asio::awaitable<std::vector<append_result>> append(std::vector<stream_append> parts) const;
    boost::asio::awaitable<result<std::vector<append_result>>> try_append(std::vector<stream_append> parts) const;

    /// As append, with every failure as a value; throws nothing. For callers that expect to lose races.
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

    /// Puts events that are stored already into another stream, too, all or nothing, without a copy of them. Each takes
    /// a version of that stream and a position of the log. A read of the stream gives the original event, which tells
    /// by `link_version()` and `link_position()` where the link is. `$all` holds the original alone. What is a link
    /// itself stands for its original.
    ///
    /// Errors: those of append; `event_not_found` (nothing is stored then, as with all errors), `duplicate_event` (one of
    /// them is in that stream already). Cancellation: as append. The store's own retries are safe; a second call is not
    /// a retry, but fails with `duplicate_event`.
    boost::asio::awaitable<append_result> link(
        std::string_view stream, expected_version expected, std::vector<uuid> event_ids) const;
    boost::asio::awaitable<append_result> link(std::string_view stream, expected_version expected, uuid event_id) const;

    /// Reads a page of a stream. `$all` reads the log of all streams, as read_all does.
    ///
    /// Errors: `stream_not_found`, `stream_deleted`. Cancellation: the read is abandoned, nothing is changed.
    boost::asio::awaitable<event_page> read(std::string_view stream, read_options options = read_options()) const;

    /// Reads a page of the log of all streams, by position. Positions grow, and without hard deletes have no gaps.
    boost::asio::awaitable<event_page> read_all(read_options options = read_options()) const;

    /// Reads a stream to its end, page after page; see event_scan. Errors of the arguments come with the first next().
    event_scan scan(std::string_view stream, read_options options = read_options()) const;

    /// Reads the log of all streams to its end, page after page; see event_scan.
    event_scan scan_all(read_options options = read_options()) const;

    /// The event with this id. Errors: `event_not_found`.
    boost::asio::awaitable<recorded_event> find_event(uuid id) const;

    /// What is known of a stream, or of `$all`. Errors: `stream_not_found`, `stream_deleted`.
    boost::asio::awaitable<eventstore::stream_info> stream_info(std::string_view stream) const;

    /// A page of the streams: by name, and without those that are deleted, unless the query says otherwise.
    boost::asio::awaitable<std::vector<eventstore::stream_info>> streams(stream_query query = stream_query()) const;

    /// Deletes a stream; see `deletion` for what becomes of its events.
    ///
    /// A hard delete frees the name at once, and then removes the events in many small transactions; one that was broken
    /// off is finished by the next hard delete. It takes as long as it needs: `operation_timeout` counts for each step.
    ///
    /// Errors: `stream_not_found`, `stream_deleted` (it is already; a hard delete of it is refused, too: restore it
    /// first), `wrong_expected_version`, `stream_exists` (for `no_stream`), `hard_delete_disabled`, `reserved_stream`.
    /// Cancellation: it may have been deleted; a hard delete may be half done.
    boost::asio::awaitable<void> delete_stream(
        std::string_view stream, expected_version expected, deletion how = deletion::soft) const;

    /// What a hard delete of the stream would remove. Changes nothing. Errors: `stream_not_found`.
    boost::asio::awaitable<deletion_preview> preview_deletion(std::string_view stream) const;

    /// Undoes a soft delete; of a stream that is not deleted, does nothing. Errors: `stream_not_found`,
    /// `reserved_stream`. Cancellation: it may have been restored.
    boost::asio::awaitable<void> restore_stream(std::string_view stream) const;

    /// Keeps a snapshot. An older one than is there already does not replace it; one of the same version does.
    /// Cancellation: it may have been recorded.
    boost::asio::awaitable<void> record_snapshot(snapshot what) const;

    /// The newest snapshot of a source. Errors: `snapshot_not_found`.
    boost::asio::awaitable<snapshot> read_snapshot(std::string_view source) const;

    /// Forgets the snapshot of a source, if there is one. Cancellation: it may have been forgotten.
    boost::asio::awaitable<void> delete_snapshot(std::string_view source) const;

    /// Begins a transaction: SQL of your own and appends that are committed together, or not at all. See `transaction`;
    /// include `eventstore/transaction.hpp`. Errors: `connection_lost`. Cancellation: nothing is left behind.
    boost::asio::awaitable<transaction> begin() const;

    /// Subscribes to a stream: its events, each at least once, in order, until they are acknowledged.
    ///
    /// The subscription is known by the stream and this name (1 to 512 bytes of UTF-8), and remembers its checkpoint
    /// through restarts. It has one owner at a time among all processes; `concurrency_limit` lets several consumers of
    /// this store share it, under the options that the first of them came with. A stream that does not exist yet may be
    /// subscribed to.
    ///
    /// Errors: `subscription_already_exists` (another has it; see `if_taken`), `too_many_subscribers`, `reserved_stream`,
    /// `log_truncated`. Cancellation: nothing is left behind.
    boost::asio::awaitable<eventstore::subscription> subscribe(
        std::string_view stream, std::string_view name, subscription_options options = subscription_options()) const;

    /// Subscribes to the log of all streams; as subscribe, by position.
    boost::asio::awaitable<eventstore::subscription> subscribe_to_all(
        std::string_view name, subscription_options options = subscription_options()) const;

    /// What is appended to a stream from now on, for those who can afford to miss some of it: nothing is stored and
    /// nothing acknowledged. Cancellation: nothing is left behind.
    boost::asio::awaitable<event_listener> listen(
        std::string_view stream, listen_options options = listen_options()) const;
    boost::asio::awaitable<event_listener> listen_to_all(listen_options options = listen_options()) const;

    /// All subscriptions, by name.
    boost::asio::awaitable<std::vector<subscription_info>> subscriptions() const;

    /// A handle to a subscription, whichever process has it: to wait for it, to reset or remove it, to see what it has
    /// parked. Asks the database nothing.
    subscription_handle subscription(std::string_view stream, std::string_view name) const;
    subscription_handle subscription_to_all(std::string_view name) const;

    /// Where the store's own work runs; see `store_options::executor`. \throws error `store_closed` on an empty handle, and
    /// once the execution context has ended
    boost::asio::any_io_executor get_executor() const;

    /// What the store has done since it was opened. Never blocks for long.
    store_stats stats() const;

    /// Ends the store: refuses new operations with `store_closed`, lets what was queued be appended, writes checkpoints
    /// and lets go of subscriptions (next() returns nothing), closes the connections. Takes `close_timeout` at most. Idempotent; all handles are closed at once.
    ///
    /// Cancellation: the waiting ends, the closing goes on.
    boost::asio::awaitable<void> close() const;

private:
    std::shared_ptr<detail::store_impl> impl_;
    milliseconds limit_{0}; // 0 = operation_timeout
};

/// Opens a store: connects, checks the server and the schema, and with `store_options::create` makes the schema.
///
/// Takes `operation_timeout` at most. Fails at once if no server can be reached; a connection that is lost while the server
/// is checked is made anew, twice at most.
///
/// Errors: `connection_lost` (with the reason that libpq gives), `timeout`, `schema_missing`, `schema_too_new`,
/// `server_unusable`, `invalid_argument`. Cancellation: nothing is left behind.
EVENTSTORE_EXPORT boost::asio::awaitable<store> open(store_options options);

/// Makes the schema of a store, or brings an older one up to date, and returns its version. Any number of processes may
/// do so at once. Errors: as open.
EVENTSTORE_EXPORT boost::asio::awaitable<int> migrate(store_options options);

} // namespace eventstore
