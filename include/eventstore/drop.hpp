/// \file
/// Dropping a store, with all that is in it; for operators.
#pragma once

#include <eventstore/asio_settings.hpp>
#include <eventstore/export.hpp>
#include <eventstore/store_options.hpp>

#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <string>

namespace eventstore {

/// What a drop would remove, and what speaks against it.
struct drop_preview {
    std::int64_t events = 0;        ///< links included
    std::int64_t streams = 0;       ///< deleted ones included
    std::int64_t subscriptions = 0; ///< with their checkpoints and parked events
    std::string size;               ///< on the disk: "8192 bytes", "13 GB"
    std::string sessions;           ///< open sessions that use the schema; empty if there is none
    std::string owners;             ///< subscriptions that have an owner, and who that is; empty if there is none
    std::string others;     ///< tables and views in the schema that are none of a store's; empty if there is none
    std::string dependents; ///< views and tables of other schemas that depend on it; empty if there is none

    /// Nothing speaks against it.
    bool is_unused() const noexcept {
        return sessions.empty() && owners.empty() && others.empty() && dependents.empty();
    }
};

/// Returns what drop_store would remove. Changes nothing. Counts all events, which takes a while in a large store: there is
/// no time limit. Errors: `schema_missing` (there is no such schema, or it holds no store), `server_unusable` (it belongs
/// to another role), `connection_lost`, `database_error`, `invalid_argument`. Cancellation: nothing is changed.
EVENTSTORE_EXPORT boost::asio::awaitable<drop_preview> preview_drop(store_options options);

/// Drops the schema of a store with all events, streams and subscriptions, in one transaction. Cannot be undone.
///
/// Refuses a schema that is in use, or that holds or carries what is not the store's (see drop_preview), unless `force` is
/// set: `server_unusable`, which names them. Never drops a schema that holds no store. Waits for the lock of the log for
/// `operation_timeout`, so that an append under way is not cut off.
///
/// Errors: those of preview_drop, `lock_timeout`. Cancellation: the schema may be dropped.
EVENTSTORE_EXPORT boost::asio::awaitable<void> drop_store(store_options options, bool force = false);

} // namespace eventstore
