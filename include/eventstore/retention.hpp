/// \file
/// Retention: how long the events of streams are kept, and removing those that have expired.
#pragma once

#include <eventstore/event_data.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

namespace eventstore {

/// How long the events of a stream, or of all streams with a prefix, are kept. An event has expired if one of the
/// settings says so:
/// - `truncate_before`: its version is lower. That holds for events that are appended later, too.
/// - `max_count`: the stream has so many newer versions, whether or not their events are still stored.
/// - `max_age`: it is older, by `created_at`, and so are all events before it that the other settings keep. An old event
///   behind a younger one (imports may set `created_at`) is kept. The age of a link is its own, not that of its event.
///
/// What has expired is always the beginning of a stream. The stream keeps its version.
///
/// **Combination.** Each setting of the stream itself replaces the one of the longest prefix that has a retention and
/// with which the name begins; a setting that the stream does not have comes from that prefix. Shorter prefixes do not
/// count, even for settings that the longest one does not have. `unlimited_count`, `unlimited_age` and
/// `truncate_before(1)` exempt a stream from a setting of its prefix.
///
/// **What shows expired events.** Reads and scans of the stream do not, from the moment of the setting on, forward and
/// backward; nor do subscriptions to it while they catch up: they pass over them as if acknowledged. Until they are
/// scavenged (`store::scavenge`), expired events are delivered by `$all` and its subscriptions, found by `find_event`
/// and by an append that repeats their ids, shown by links in other streams, and counted by `preview_deletion`. An
/// event that has expired when it is appended (imports) is delivered to live subscribers. Snapshots do not expire.
class retention {
public:
    retention() noexcept {} // user-declared: a temporary aggregate inside co_await is freed twice by g++ 12

    /// More events than any stream has.
    static constexpr std::int64_t unlimited_count = std::int64_t{1} << 62;
    /// 365,250 days: older than any event.
    static constexpr std::chrono::milliseconds unlimited_age = std::chrono::hours(24) * 365'250;

    /// The first version to keep; 1 or more.
    retention& truncate_before(std::int64_t value) & { return truncate_before_ = value, *this; }
    retention&& truncate_before(std::int64_t value) && { return std::move(truncate_before(value)); }

    /// The number of newest versions to keep; 1 or more.
    retention& max_count(std::int64_t value) & { return max_count_ = value, *this; }
    retention&& max_count(std::int64_t value) && { return std::move(max_count(value)); }

    /// How old events may be, by the server's clock; 1 ms to `unlimited_age`.
    retention& max_age(std::chrono::milliseconds value) & { return max_age_ = value, *this; }
    retention&& max_age(std::chrono::milliseconds value) && { return std::move(max_age(value)); }

    std::optional<std::int64_t> truncate_before() const noexcept { return truncate_before_; }
    std::optional<std::int64_t> max_count() const noexcept { return max_count_; }
    std::optional<std::chrono::milliseconds> max_age() const noexcept { return max_age_; }
    /// True if nothing is set: no event expires.
    bool is_empty() const noexcept { return !truncate_before_ && !max_count_ && !max_age_; }

private:
    std::optional<std::int64_t> truncate_before_;
    std::optional<std::int64_t> max_count_;
    std::optional<std::chrono::milliseconds> max_age_;
};

/// All streams whose names begin with this, those that are created later included. The empty prefix: all streams.
class stream_prefix {
public:
    explicit stream_prefix(std::string text) : text_(std::move(text)) {}
    const std::string& text() const noexcept { return text_; }

private:
    std::string text_;
};

/// A retention that was set.
struct retention_info {
    std::string name; ///< of a stream, or the prefix
    bool is_prefix = false;
    eventstore::retention retention;
    timestamp changed_at{}; ///< when it was set
};

/// What counts for one stream.
struct stream_retention {
    eventstore::retention own;         ///< set for the stream itself; empty if none is
    std::optional<std::string> prefix; ///< the longest prefix of its name that has a retention
    eventstore::retention effective;   ///< of both, as `retention` says
    std::int64_t version = 0;          ///< of the stream; 0 if it does not exist
    std::int64_t first_version = 1;    ///< the first version that is read; `version + 1` if there is none
};

/// How far a scavenge has come, and at last what it has done.
struct scavenge_progress {
    std::int64_t events = 0;             ///< removed, links that expired in their own stream included
    std::int64_t links = 0;              ///< removed with the event to which they were, besides
    std::int64_t streams = 0;            ///< examined to their end
    std::int64_t held_streams = 0;       ///< of those: a subscription needs expired events, which were kept
    std::chrono::microseconds elapsed{}; ///< since it began

    double events_per_second() const noexcept {
        return elapsed.count() > 0 ? static_cast<double>(events) * 1e6 / static_cast<double>(elapsed.count()) : 0;
    }
};

/// How to remove events. The limits are checked when the call is awaited.
class scavenge_options {
public:
    scavenge_options() noexcept {}

    /// At most this many events a second, on average of each portion; 1 or more, 0 = as fast as it goes. 5,000 by
    /// default.
    scavenge_options& events_per_second(std::int64_t value) & { return events_per_second_ = value, *this; }
    scavenge_options&& events_per_second(std::int64_t value) && { return std::move(events_per_second(value)); }

    /// Events in one transaction; 1 to 10,000, 250 by default. A larger one is faster as a whole, and an append waits
    /// longer for it where both write to disk.
    scavenge_options& portion(std::int32_t value) & { return portion_ = value, *this; }
    scavenge_options&& portion(std::int32_t value) && { return std::move(portion(value)); }

    /// Removes events that subscriptions have not acknowledged, or have parked, too. Off by default.
    scavenge_options& ignore_subscriptions(bool value = true) & { return ignore_subscriptions_ = value, *this; }
    scavenge_options&& ignore_subscriptions(bool value = true) && { return std::move(ignore_subscriptions(value)); }

    /// Called after each portion, on the caller's executor. What it throws ends the scavenge, and leaves the call.
    scavenge_options& on_progress(std::function<void(const scavenge_progress&)> value) & {
        return on_progress_ = std::move(value), *this;
    }
    scavenge_options&& on_progress(std::function<void(const scavenge_progress&)> value) && {
        return std::move(on_progress(std::move(value)));
    }

    std::int64_t events_per_second() const noexcept { return events_per_second_; }
    std::int32_t portion() const noexcept { return portion_; }
    bool ignores_subscriptions() const noexcept { return ignore_subscriptions_; }
    const std::function<void(const scavenge_progress&)>& on_progress() const noexcept { return on_progress_; }

private:
    std::int64_t events_per_second_ = 5'000;
    std::int32_t portion_ = 250;
    bool ignore_subscriptions_ = false;
    std::function<void(const scavenge_progress&)> on_progress_;
};

} // namespace eventstore
