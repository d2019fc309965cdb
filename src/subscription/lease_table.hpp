/// The leases that a store has, how far their subscriptions are, and when their rows are written. Without I/O.
#pragma once

#include "async/clock.hpp"
#include "subscription/lease_state.hpp"
#include "subscription/subscription_state.hpp"

#include <eventstore/uuid.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace eventstore::delivery {

/// How far a subscription is, by its own report.
struct progress {
    subscription_state::checkpoint checkpoint;
    subscription_state::announcement handed_out;
    std::int32_t timeline = 0; ///< the history in which all that it has received was
    std::int64_t received = 0; ///< the position of the last of it
    std::optional<uuid> received_event;
    std::uint64_t serial = 0; ///< of the acknowledgements that it holds
};

/// When a report is to be written.
enum class write_by {
    terms,   ///< as the options of the subscription say
    soon,    ///< within checkpoint_after, though nothing was acknowledged
    now,     ///< somebody waits for it
    release, ///< now, and the lease is given up with it
};

/// One row to be written: the lease is renewed, and perhaps a checkpoint set.
struct lease_write {
    std::int64_t id = 0;
    std::int64_t epoch = 0;
    delivery::progress progress;
    std::int64_t from = 0; ///< the row's position, as far as its owner knows
    std::int64_t beat = 0; ///< counts the writes of a lease
    bool is_moved = false; ///< since the lease was taken; if not, the checkpoint is not written
    bool releases = false;
    bool is_urgent = false; ///< more than a renewal, which can wait for those of other stores
    std::int64_t first = 0; ///< in another transaction: the first event that it acknowledges
};

/// What became of a write, as settle_subscriptions.sql says it.
enum class write_result { done, lost, deleted, truncated, replays };

/// Subscriptions report into it; whoever writes takes what is due, and applies what became of it. A lease that nobody reports
/// of is renewed all the same. No locks, no clock, no I/O.
class lease_table {
public:
    struct lease {
        std::int64_t id = 0;
        std::int64_t epoch = 0;
        std::int64_t beat = 0;
        place checkpoint; ///< in the row when it was taken
        lease_time sent;  ///< when the statement was sent that took it
        std::chrono::milliseconds length{};
        std::chrono::milliseconds checkpoint_after{};
        std::optional<std::size_t> checkpoint_every; ///< acknowledged events
    };

    /// \param schedule_start leases of the same length are renewed together, in steps from then on
    explicit lease_table(std::optional<steady_time> schedule_start = std::nullopt) : schedule_start_(schedule_start) {}

    void add(const lease& acquired);
    /// False if it is another lease by now.
    bool remove(std::int64_t id, std::int64_t epoch);
    void clear() noexcept { all_.clear(); }
    bool is_empty() const noexcept { return all_.empty(); }

    /// Replaces the report before. True if something is due earlier than before, or is waited for.
    bool report(
        std::int64_t id, std::int64_t epoch, const progress& progress, write_by when, const detail::instant& now);
    /// Something has happened to its row: it is renewed, to find out.
    void renew_now(std::int64_t id, const detail::instant& now);
    bool is_trusted(std::int64_t id, std::int64_t epoch, lease_time now) const;

    /// When take() will have something; the far future while all of it is being written.
    steady_time due(const detail::instant& now) const;
    /// Whether somebody waits for a row: for a checkpoint, an announcement, or that the lease is released.
    bool is_awaited() const noexcept;
    /// What is written now, in the order of the ids, so that no two processes wait for each other's rows. If something is due,
    /// what waits for its time goes along, and a renewal that would be due soon.
    std::vector<lease_write> take(const detail::instant& now);

    struct applied {
        bool is_known = false;         ///< the lease is still in the table
        bool is_trusted_again = false; ///< nothing was handed out before, for want of a renewal
    };
    /// A write has got its answer. A lease that was lost or released stays until it is removed, and is not written again.
    /// \param sent when the statement was sent: however late its answer comes, the lease counts from there
    applied apply(const lease_write& row, write_result outcome, lease_time sent, const detail::instant& now);
    /// The row that a checkpoint is written to which is a part of another transaction; nothing if the lease is gone.
    std::optional<lease_write> row_for(std::int64_t id, std::int64_t epoch, const progress& progress) const;
    /// That transaction is committed.
    void written_elsewhere(const lease_write& row);

    /// It has failed, and may have been carried out: what it holds is due again.
    void failed(const lease_write& row, const detail::instant& now);

private:
    struct lease_entry {
        explicit lease_entry(const lease& acquired) : terms(acquired), held(acquired.length, acquired.sent) {}

        lease terms;
        lease_state held;
        progress last;
        std::int64_t beat = 0;
        std::int64_t row_position = 0;
        place written;
        std::uint64_t written_events = 0;
        steady_time write_at = steady_time::max();
        bool is_reported = false;
        bool is_awaited = false;
        bool is_being_written = false;
        bool releases = false;
        bool is_over = false;
    };
    lease_entry* find(std::int64_t id, std::int64_t epoch);
    static void note_written(lease_entry& entry, const lease_write& row);
    void plan(lease_entry& entry, write_by when, steady_time now) const;
    steady_time renewal_due(const lease_entry& entry, const detail::instant& now) const;
    steady_time due(const lease_entry& entry, const detail::instant& now) const;

    const std::optional<steady_time> schedule_start_;
    std::map<std::int64_t, lease_entry> all_;
};

} // namespace eventstore::delivery
