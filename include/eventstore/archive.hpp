/// \file
/// Archives: the beginning of a log, moved to a file.
#pragma once

#include <eventstore/asio_settings.hpp>
#include <eventstore/event_file.hpp>
#include <eventstore/export.hpp>
#include <eventstore/store_options.hpp>

#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace eventstore {

/// What an archive is at.
enum class archive_step {
    exporting, ///< the events are written to the file
    checking,  ///< the file is read again
    removing,  ///< the events are removed from the log
};

/// What was archived.
struct archive_summary {
    event_file_summary file;        ///< what the file holds; `new_events` of them were written by this call
    std::int64_t removed = 0;       ///< events and links that this call has removed from the log
    std::int64_t dropped_links = 0; ///< of these: links behind the position, which are not in the file
};

/// What to archive, and how fast. archive_events checks the limits before it does anything (`invalid_argument`).
class archive_options {
public:
    /// All events before this position; 1 or more, and at most one more than the last position of the log.
    explicit archive_options(std::int64_t before) noexcept : before_(before) {}

    /// Removes events that subscriptions have not acknowledged, or have parked, too. Off by default.
    archive_options& ignore_subscriptions(bool value = true) & { return ignore_subscriptions_ = value, *this; }
    archive_options&& ignore_subscriptions(bool value = true) && { return std::move(ignore_subscriptions(value)); }

    /// Removes links that stand at or behind the position and are to archived events. They are not in the file, and an
    /// import does not bring them back. Off by default: while there are any, nothing is removed.
    archive_options& drop_links(bool value = true) & { return drop_links_ = value, *this; }
    archive_options&& drop_links(bool value = true) && { return std::move(drop_links(value)); }

    /// At most this many events a second are removed, on average of each portion; 1 or more, 0 = as fast as it goes. 5,000
    /// by default.
    archive_options& events_per_second(std::int64_t value) & { return events_per_second_ = value, *this; }
    archive_options&& events_per_second(std::int64_t value) && { return std::move(events_per_second(value)); }

    /// Events that one transaction removes; 1 to 10,000, 250 by default.
    archive_options& portion(std::int32_t value) & { return portion_ = value, *this; }
    archive_options&& portion(std::int32_t value) && { return std::move(portion(value)); }

    /// The function that hears what the archive is at, and how far. Called on the store's executor, and perhaps once more
    /// after a cancellation; it must not throw.
    template <handler_for<void(archive_step, const transfer_progress&)> Handler>
    archive_options& on_progress(Handler&& handler) & {
        progress_ = std::forward<Handler>(handler);
        return *this;
    }
    template <handler_for<void(archive_step, const transfer_progress&)> Handler>
    archive_options&& on_progress(Handler&& handler) && {
        return std::move(on_progress(std::forward<Handler>(handler)));
    }

    std::int64_t before() const noexcept { return before_; }
    bool ignores_subscriptions() const noexcept { return ignore_subscriptions_; }
    bool drops_links() const noexcept { return drop_links_; }
    std::int64_t events_per_second() const noexcept { return events_per_second_; }
    std::int32_t portion() const noexcept { return portion_; }
    const std::function<void(archive_step, const transfer_progress&)>& on_progress() const noexcept {
        return progress_;
    }

private:
    std::int64_t before_;
    bool ignore_subscriptions_ = false;
    bool drop_links_ = false;
    std::int64_t events_per_second_ = 5'000;
    std::int32_t portion_ = 250;
    std::function<void(archive_step, const transfer_progress&)> progress_;
};

/// Moves all events before a position, of all streams and whatever their retention, to a file: exports them, reads the file
/// again to its end and compares it with the log, has it on disk with its name, and only then removes the events, oldest
/// first, in small transactions. Each event is removed by its position and its id as they stand in the checked file, so
/// that none is removed that is not in it, whatever others do to the log meanwhile. Appends go on, and the streams keep
/// their versions.
///
/// May be interrupted at any point, by kill -9, too; the same call goes on. It finds a file that is half-written, or whole
/// with some of its events still in the log. A log that holds nothing before the position makes no file, and is no error.
///
/// The file is an export of events only, and begins at the first event of the log: import_events brings it back, into the
/// same store, or into another one, see there. Not in it: deleted streams, snapshots and subscriptions, which stay in the
/// store; and streams that are being hard-deleted. A later hard delete of a stream does not reach the file.
///
/// Links before the position are archived like events. A link at or behind it, to an event before it, would have to go with
/// that event, and is not in the file: the archive is refused, unless `drop_links` gives such links up.
///
/// Needs `allow_hard_delete` in the options, and a role that may read the log and call remove_archived (sql/README.md).
///
/// Errors: `subscription_behind` (a subscription needs one of the events; checked first, and before each portion),
/// `archive_refused` (a link behind the position is to one of them; or the file is the archive of another range or log;
/// or the log holds other events than the file; in each case nothing more is removed), `log_truncated` (events were
/// deleted while they were exported: remove the file, and archive again), `file_failed`, `file_damaged`,
/// `hard_delete_disabled`, `connection_lost` (also on a standby), `invalid_argument` (also if the log ends before the
/// position), and those of open. Has no time limit; each transaction has that of an operation. Cancellation: at once; the
/// transaction under way ends in the background, and what was removed stays removed.
EVENTSTORE_EXPORT boost::asio::awaitable<archive_summary> archive_events(
    store_options from, std::string path, archive_options options);

} // namespace eventstore
