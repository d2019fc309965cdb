/// \file
/// The import of logs of other event stores.
#pragma once

#include <eventstore/asio_settings.hpp>
#include <eventstore/event_file.hpp>
#include <eventstore/export.hpp>
#include <eventstore/store_options.hpp>

#include <boost/asio/awaitable.hpp>

#include <string>
#include <utility>

namespace eventstore {

/// What an import reads from.
enum class foreign_store {
    elixir_eventstore, ///< a schema of the Elixir library EventStore 1.4
    message_db,        ///< a schema of Message DB 1
};

/// A log of another event store, which may be in use.
class import_source {
public:
    /// \param url a libpq connection string, as for `store_options`; its role needs to read the tables
    import_source(foreign_store kind, std::string url) : kind_(kind), url_(std::move(url)) {}

    /// The schema of its tables; by default "public" for EventStore, and "message_store" for Message DB.
    import_source& schema(std::string value) & { return schema_ = std::move(value), *this; }
    import_source&& schema(std::string value) && { return std::move(schema(std::move(value))); }

    foreign_store kind() const noexcept { return kind_; }
    const std::string& url() const noexcept { return url_; }
    std::string schema() const {
        if (!schema_.empty()) return schema_;
        return kind_ == foreign_store::message_db ? "message_store" : "public";
    }

private:
    foreign_store kind_;
    std::string url_;
    std::string schema_;
};

/// Stores the log of another event store, which is only read, and may be written meanwhile. The schema must exist, and be
/// empty, or hold what an earlier call has stored: the import goes on there. `options` are as for import_events, whose
/// errors and requirements hold here, too. With `options.follow()` it goes on until it is cancelled.
///
/// From Message DB: every message, with its id, its time, and its global position as the position; version 1 is its
/// position 0. Its data and metadata are JSON. A standby is refused (`server_unusable`): it does not tell of transactions
/// that are open on its primary, whose messages would be missed.
///
/// From the Elixir library: events in the order of `$all`, at new positions from 1, with ids, times, versions, data and
/// metadata; links, behind what was before them in their stream; which streams are soft-deleted; snapshots; subscriptions,
/// whose checkpoints are those of the same events. A subscription that was acquired here stays as it is. To move a service:
/// follow, stop the service, wait until the import has caught up, cancel it, start the new one.
///
/// Errors: as import_events; `import_refused` names what cannot be stored: a stream whose name begins with `$`, for
/// instance. Cancellation: ends after the transaction that is under way.
EVENTSTORE_EXPORT boost::asio::awaitable<event_file_summary> import_from(
    store_options into, import_source from, import_options options = import_options());

} // namespace eventstore
