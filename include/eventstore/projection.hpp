/// \file
/// Projections: read models in the same database, which hold the effect of every event exactly once.
#pragma once

#include <eventstore/asio_settings.hpp>
#include <eventstore/event_data.hpp>
#include <eventstore/export.hpp>
#include <eventstore/projection_batch.hpp>
#include <eventstore/projection_options.hpp>
#include <eventstore/store.hpp>
#include <eventstore/transaction.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eventstore {

namespace detail {
EVENTSTORE_EXPORT boost::asio::awaitable<void> run_projection(
    store in, std::string name, projection_handler handler, projection_options options);
}

/// Keeps a read model: calls the handler with the events of the log, batch by batch, each with a transaction, until the
/// store is closed.
///
///     auto write = [](es::transaction& tx, const es::projection_batch& batch) -> asio::awaitable<void> {
///         for (const es::recorded_event& event : batch)
///             co_await tx.execute("insert into activity values ($1, 1) on conflict (stream) do update set events = "
///                                 "activity.events + 1", event.stream());
///     };
///     co_await es::run_projection(store, "activity", write);
///
/// What the handler does in the transaction, and the checkpoint, are committed together, if this process still has the
/// lease: so the read model has the effect of each event exactly once, whenever a process or the server fails. It is kept
/// by one process at a time; the others wait, and take over. One statement for a batch (with arrays) is many times
/// quicker than one for each event. The next events are read while a transaction is under way.
///
/// **Failures of the handler**: an exception, or an error of its SQL. The transaction is rolled back, and the event that
/// fails is found by halving the batch; the others are committed. That event is tried again, `max_retries` times, each
/// time later than the last; then it is parked, skipped, or ends the projection (`exhausted`). Events behind it wait.
/// Parked events are listed, replayed and discarded as those of a subscription, by the name that projection_info tells.
/// Failures of the connection, time limits and deadlocks are not the event's: the batch is tried again until it succeeds.
///
/// **Versions.** With a higher `version` than the one in use, a new read model is written beside the old one; the handler
/// writes it to tables of its own (`projection_batch::version`). Keep the old one running in the meantime, in this process
/// or in another. The new one replays the log as far as the old one has come; then the side effects are handed over
/// (`projection_batch::is_live`), so that no event has them twice or not at all; and then `on_switch` sends the readers
/// over, in one transaction. The old one is kept up to date until it is dropped (`projection_handle::drop`).
///
/// \param name 1 to 480 bytes of UTF-8
///
/// Errors: those of every operation of a store; `subscription_stopped` (an event failed too often, with
/// `when_exhausted::stop`), `subscription_deleted` or `projection_superseded` (this version was dropped, while it ran or
/// before; which of them depends on the moment), `handler_failed` (the key function threw), `log_truncated`. While the
/// database is unreachable, it waits.
/// Cancellation: ends it; what is not committed is rolled back, and handled by the next owner.
/// Lifetime: keeps the store open while it runs. Handlers are called on the caller's executor, those of several consumers
/// alternately: use a strand.
template <handler_for<boost::asio::awaitable<void>(transaction&, const projection_batch&)> Handler>
boost::asio::awaitable<void> run_projection(
    const store& in, std::string_view name, Handler&& handler, projection_options options = projection_options()) {
    return detail::run_projection(
        in, std::string(name), projection_handler(std::forward<Handler>(handler)), std::move(options));
}

/// What a version of a projection is doing.
enum class projection_state {
    replaying,   ///< written beside the one in use
    taking_over, ///< has the side effects, and readers follow at once; in an imported store, when it has replayed
    in_use,      ///< readers are sent to it
    superseded,  ///< written on, until it is dropped
};

/// A version of a projection, as stored in the database.
struct projection_info {
    std::string name;
    int version = 0;
    projection_state state = projection_state::in_use;
    std::int64_t position = 0; ///< everything up to this position of the log is in the read model
    std::int64_t head = 0;     ///< the last position of the log
    /// How long a version that readers do not use yet will take, at its average rate; nothing if it has not begun.
    std::optional<std::chrono::seconds> time_left;
    timestamp started_at{};
    std::optional<timestamp> switched_at;
    std::int64_t parked = 0;                ///< the number of parked events
    std::vector<std::string> subscriptions; ///< their names, for `store::subscription_to_all`
};

/// Returns all versions of all projections of a store, by name and version.
EVENTSTORE_EXPORT boost::asio::awaitable<std::vector<projection_info>> projections(const store& in);

/// A cheap handle to a projection, by its name. It need not exist yet.
///
/// **Errors** of all operations: those of every operation of a store, and `projection_not_found`. **Thread safety**: as
/// `store`.
class EVENTSTORE_EXPORT projection_handle {
public:
    projection_handle(store in, std::string_view name) : store_(std::move(in)), name_(name) {}

    const std::string& name() const noexcept { return name_; }

    /// Returns its versions, the lowest first.
    boost::asio::awaitable<std::vector<projection_info>> versions() const;

    /// Returns when the version in use holds everything up to this position: to read what one has written. Waits for a
    /// projection that does not exist yet, too. Errors: `timeout`; at the time limit, `projection_not_found` if it does not
    /// exist. Cancellation: only the wait ends.
    boost::asio::awaitable<void> wait_for(std::int64_t position) const;

    /// Removes a version: its checkpoints and parked events; its run ends with `subscription_deleted`, or with
    /// `projection_superseded` where it waited to begin a transaction. Its tables are yours to drop, which `drop_tables` may
    /// do in the same transaction. Errors: `invalid_argument` if it is in use, and there are others; or if it was superseded,
    /// and still has side effects to do: keep it running until then. Cancellation: after sending, it may be removed.
    boost::asio::awaitable<void> drop(int version) const;
    template <handler_for<boost::asio::awaitable<void>(transaction&)> Handler>
    boost::asio::awaitable<void> drop(int version, Handler&& drop_tables) const {
        return drop_with(
            version, std::function<boost::asio::awaitable<void>(transaction&)>(std::forward<Handler>(drop_tables)));
    }

private:
    boost::asio::awaitable<void> drop_with(
        int version, std::function<boost::asio::awaitable<void>(transaction&)> handler) const;

    store store_;
    std::string name_;
};

} // namespace eventstore
