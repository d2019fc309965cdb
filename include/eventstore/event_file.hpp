/// \file
/// Files of events: the export of a store, its import, and the check of a file.
#pragma once

#include <eventstore/asio_settings.hpp>
#include <eventstore/export.hpp>
#include <eventstore/store_options.hpp>

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace eventstore {

/// How far an export, an import or a check has come.
struct transfer_progress {
    std::int64_t events = 0;       ///< written, stored or checked, links included; without those of an earlier run
    std::int64_t position = 0;     ///< of the last one
    std::int64_t begin = 0;        ///< the position after which this run began
    std::int64_t end = 0;          ///< the last position that it will come to; 0 = not known
    std::uint64_t bytes = 0;       ///< of the file, so far
    std::uint64_t total_bytes = 0; ///< of the whole file; 0 = not known
    bool is_caught_up = false;     ///< there is no more at the moment
};

/// What a file of events holds.
struct event_file_summary {
    std::int64_t events = 0;           ///< links included
    std::int64_t links = 0;            ///< of these
    std::int64_t after_position = 0;   ///< the file holds the log after this position,
    std::int64_t through_position = 0; ///< up to this one
    std::int64_t last_position = 0;    ///< of its last event; 0 = it has none
    std::int64_t streams = 0;          ///< whose state cannot be told from their events: deleted ones, for instance
    std::int64_t snapshots = 0;
    std::int64_t subscriptions = 0;
    std::int64_t parked = 0;
    std::int64_t retentions = 0;
    std::int64_t projections = 0; ///< versions of projections
    std::uint64_t bytes = 0;
    payload_format payload = payload_format::bytea;
    std::uint32_t checksum = 0;  ///< CRC-32C of all lines before the last one
    std::int64_t new_events = 0; ///< those that this call has written to the file, or into the store
    /// Of an import into a store that went on behind the file already, and so has its own: lines of streams, snapshots,
    /// subscriptions and parked events that were left out. Their numbers are 0 then.
    std::int64_t left_out = 0;
};

/// What to export.
class export_options {
public:
    export_options() noexcept {} // user-declared: a temporary aggregate inside co_await is freed twice by g++ 12

    /// The first position; 1 by default. A file that begins later has only events: no streams, retentions, snapshots,
    /// projections or subscriptions.
    export_options& from_position(std::int64_t value) & { return from_ = value, *this; }
    export_options&& from_position(std::int64_t value) && { return std::move(from_position(value)); }

    /// The last position; by default the end of the log when the export begins. One beyond the end is the end.
    export_options& through_position(std::int64_t value) & { return through_ = value, *this; }
    export_options&& through_position(std::int64_t value) && { return std::move(through_position(value)); }

    /// Only events: no streams, retentions, snapshots, projections or subscriptions.
    export_options& events_only(bool value = true) & { return events_only_ = value, *this; }
    export_options&& events_only(bool value = true) && { return std::move(events_only(value)); }

    /// The function that hears several times a second how far it is. Called on the store's executor, and perhaps once more
    /// after a cancellation; it must not throw.
    template <handler_for<void(const transfer_progress&)> Handler>
    export_options& on_progress(Handler&& handler) & {
        progress_ = std::forward<Handler>(handler);
        return *this;
    }
    template <handler_for<void(const transfer_progress&)> Handler>
    export_options&& on_progress(Handler&& handler) && {
        return std::move(on_progress(std::forward<Handler>(handler)));
    }

    std::int64_t from_position() const noexcept { return from_; }
    std::int64_t through_position() const noexcept { return through_; } ///< 0 = the end of the log
    bool is_events_only() const noexcept { return events_only_; }
    const std::function<void(const transfer_progress&)>& on_progress() const noexcept { return progress_; }

private:
    std::int64_t from_ = 1;
    std::int64_t through_ = 0;
    bool events_only_ = false;
    std::function<void(const transfer_progress&)> progress_;
};

/// How to import.
class import_options {
public:
    import_options() noexcept {} // user-declared: a temporary aggregate inside co_await is freed twice by g++ 12

    /// At most this many events in a transaction; 1 to 1,000,000, 100,000 by default. A transaction has 32 MB of events at
    /// most, too, or one event. It holds the log lock: appends wait for it, by default for about a second.
    import_options& transaction_events(std::size_t value) & { return events_ = value, *this; }
    import_options&& transaction_events(std::size_t value) && { return std::move(transaction_events(value)); }

    /// For import_from: does not end at the end of the log, but waits for more. Off by default.
    import_options& follow(bool value = true) & { return follow_ = value, *this; }
    import_options&& follow(bool value = true) && { return std::move(follow(value)); }

    /// For import_events: goes on with all versions of projections that are in the file, at their checkpoints. For read
    /// models whose tables are brought along by other means (pg_dump), as they were when the file was exported. Off by
    /// default: `run_projection` then makes each read model anew from the first event.
    import_options& keep_projections(bool value = true) & { return keep_projections_ = value, *this; }
    import_options&& keep_projections(bool value = true) && { return std::move(keep_projections(value)); }

    /// The function that hears after each transaction how far it is. Called on the store's executor, and perhaps once more
    /// after a cancellation; it must not throw.
    template <handler_for<void(const transfer_progress&)> Handler>
    import_options& on_progress(Handler&& handler) & {
        progress_ = std::forward<Handler>(handler);
        return *this;
    }
    template <handler_for<void(const transfer_progress&)> Handler>
    import_options&& on_progress(Handler&& handler) && {
        return std::move(on_progress(std::forward<Handler>(handler)));
    }

    std::size_t transaction_events() const noexcept { return events_; }
    bool follows() const noexcept { return follow_; }
    bool keeps_projections() const noexcept { return keep_projections_; }
    const std::function<void(const transfer_progress&)>& on_progress() const noexcept { return progress_; }

private:
    std::size_t events_ = 100'000;
    bool follow_ = false;
    bool keep_projections_ = false;
    std::function<void(const transfer_progress&)> progress_;
};

/// Writes the log of a store, or a range of it, to a file; "-" is standard output. The format is described in
/// sql/README.md.
///
/// Events keep their ids, positions, versions, times, types and bytes; gaps of hard deletes stay. With them, unless the
/// options leave them out: which streams are deleted, the retentions, the snapshots, the versions of projections, and the
/// subscriptions with their checkpoints and parked events, as of the end of the export. A checkpoint beyond the last
/// exported event is brought back to it, and a snapshot of a later version of its stream is left out. Reads in
/// transactions of seconds, and locks nothing. Memory: at most 64 MB, however long the log is, if no event is larger than
/// 4 MB.
///
/// If the file exists, it must be an export of this log that begins at the same position, whole or half-written: the
/// export goes on after its last event. What is damaged there is refused. On success the file is on disk.
///
/// Errors: those of open; `file_failed` (it cannot be opened or written, or another process is at it), `file_damaged` (it
/// exists, and is none that this export can go on with), `log_truncated` (events that are in the file were hard-deleted or
/// scavenged since: export to a new file, or the range that follows), `invalid_argument`. Has no time limit. Cancellation:
/// at once; what is under way ends in the background, and the file can be gone on with.
EVENTSTORE_EXPORT boost::asio::awaitable<event_file_summary> export_events(
    store_options from, std::string path, export_options options = export_options());

/// Stores the events of a file; "-" is standard input. The schema must exist, with the payload format of the file.
///
/// The store must be empty, or hold the events of the file up to some position and, in the range of the file, nothing
/// else: an import that was ended goes on where it was when it is called again, and an archived range can be brought back,
/// into the store that it comes from, too, which goes on as if it had never been away; see archive_events.
/// Events keep what export_events says. Each line is checked before its transaction is committed: nothing of a damaged
/// line, or after it, gets into the store. Subscriptions, snapshots and retentions come last; those that exist stay as they are, but
/// for snapshots of an older version, and retentions that were set earlier. A store that went on behind the file already
/// has its own, and gets none of them; one that was appended to before the import had come to them is refused. Read models
/// are not in the file: unless the options keep projections, each begins anew when it is run, without side effects for the
/// events that have had them (`projection_batch::is_live`); `on_switch` is called when it holds those events. Stores that
/// are open follow what is imported; appends go on after its last position.
///
/// The role must own the schema, or be a member of the role that does. Memory: at most 64 MB, if no event is larger than
/// 4 MB.
///
/// Errors: those of open; `file_failed`, `file_damaged` (the message names the line, and says what is wrong there),
/// `import_refused` (the store holds other events), `duplicate_event`, `lock_timeout`, `invalid_argument`. Has no time
/// limit. Cancellation: at once; the transaction under way is carried out or rolled back in the background. What was
/// committed stays, and the import can be gone on with.
EVENTSTORE_EXPORT boost::asio::awaitable<event_file_summary> import_events(
    store_options into, std::string path, import_options options = import_options());

/// Reads a file to its end, and checks every line. Blocks no thread of the caller's execution context. Errors:
/// `file_failed`, `file_damaged`. Cancellation: at once.
EVENTSTORE_EXPORT boost::asio::awaitable<event_file_summary> check_event_file(std::string path);

} // namespace eventstore
