#include "subscription/lease_table.hpp"

#include <algorithm>
#include <utility>

namespace eventstore::delivery {

namespace {

constexpr int filtered_is_late = 10; // progress over events that were left out is written that much later

} // namespace

void lease_table::add(const lease& acquired) {
    lease_entry next(acquired);
    next.beat = acquired.beat;
    next.row_position = acquired.checkpoint.position;
    next.written = next.last.checkpoint.where = acquired.checkpoint;
    all_.insert_or_assign(acquired.id, next);
}

lease_table::lease_entry* lease_table::find(std::int64_t id, std::int64_t epoch) {
    const auto found = all_.find(id);
    return found == all_.end() || found->second.terms.epoch != epoch ? nullptr : &found->second;
}

bool lease_table::remove(std::int64_t id, std::int64_t epoch) { return find(id, epoch) && all_.erase(id) == 1; }

bool lease_table::report(
    std::int64_t id, std::int64_t epoch, const progress& progress, write_by when, const detail::instant& now) {
    lease_entry* const entry = find(id, epoch);
    if (!entry || entry->is_over) return false;
    entry->last = progress;
    const bool is_first = !std::exchange(entry->is_reported, true);
    const bool was_awaited = entry->is_awaited;
    const steady_time before = entry->write_at;
    plan(*entry, when, now.timer);
    return !entry->is_being_written && (is_first || entry->write_at < before || entry->is_awaited != was_awaited);
}

// The one place that decides when a checkpoint is written.
void lease_table::plan(lease_entry& entry, write_by when, steady_time now) const {
    if (when == write_by::release) entry.releases = true;
    if (when == write_by::release || when == write_by::now) {
        entry.write_at = std::min(entry.write_at, now);
        entry.is_awaited = true;
    }
    if (when == write_by::soon) entry.write_at = std::min(entry.write_at, now + entry.terms.checkpoint_after);
    // What moves while it is being written is looked at again when that has its answer.
    if (entry.is_being_written || entry.last.checkpoint.where == entry.written) return;
    const std::uint64_t events = std::max(entry.last.checkpoint.events, entry.written_events) - entry.written_events;
    steady_time at = now + entry.terms.checkpoint_after * (events == 0 ? filtered_is_late : 1);
    if (entry.terms.checkpoint_every && events >= *entry.terms.checkpoint_every) at = now;
    entry.write_at = std::min(entry.write_at, at);
}

void lease_table::renew_now(std::int64_t id, const detail::instant& now) {
    const auto found = all_.find(id);
    if (found == all_.end()) return;
    found->second.write_at = std::min(found->second.write_at, now.timer);
    found->second.is_awaited = true;
}

bool lease_table::is_trusted(std::int64_t id, std::int64_t epoch, lease_time now) const {
    const auto found = all_.find(id);
    return found != all_.end() && found->second.terms.epoch == epoch && !found->second.is_over &&
        found->second.held.is_trusted(now);
}

// One of many stores goes along with the others, a little before its time.
steady_time lease_table::renewal_due(const lease_entry& entry, const detail::instant& now) const {
    const steady_time due = now.timer_for(entry.held.renew_at());
    const steady_time::duration step = lease_state::renewal(entry.terms.length);
    if (!schedule_start_ || step.count() <= 0 || due <= *schedule_start_) return due;
    return due - (due - *schedule_start_) % step;
}

steady_time lease_table::due(const lease_entry& entry, const detail::instant& now) const {
    if (entry.is_being_written || entry.is_over || !entry.is_reported) return steady_time::max();
    return std::min(entry.write_at, renewal_due(entry, now));
}

steady_time lease_table::due(const detail::instant& now) const {
    steady_time first = steady_time::max();
    for (const auto& [id, entry] : all_) first = std::min(first, due(entry, now));
    return first;
}

bool lease_table::is_awaited() const noexcept {
    return std::ranges::any_of(all_, [](const auto& known) {
        const lease_entry& entry = known.second;
        return entry.is_awaited && entry.is_reported && !entry.is_being_written && !entry.is_over;
    });
}

std::vector<lease_write> lease_table::take(const detail::instant& now) {
    std::vector<lease_write> writes;
    if (due(now) > now.timer) return writes;
    for (auto& [id, entry] : all_) {
        if (due(entry, now) == steady_time::max()) continue;
        const auto half = lease_state::renewal(entry.terms.length) / 2;
        const bool is_old = now.timer >= std::min(renewal_due(entry, now), now.timer_for(entry.held.renew_at() - half));
        const bool has_changes = entry.write_at != steady_time::max();
        if (!is_old && !has_changes) continue;
        lease_write next{id, entry.terms.epoch, entry.last, entry.row_position, ++entry.beat};
        next.is_moved = entry.last.checkpoint.where != entry.terms.checkpoint;
        next.releases = entry.releases;
        next.is_urgent = has_changes;
        writes.push_back(next);
        entry.is_being_written = true;
        entry.write_at = steady_time::max();
        entry.is_awaited = false;
    }
    return writes;
}

lease_table::applied lease_table::apply(
    const lease_write& row, write_result outcome, lease_time sent, const detail::instant& now) {
    lease_entry* const entry = find(row.id, row.epoch);
    if (!entry) return {};
    applied result{true, false};
    entry->is_being_written = false;
    if (outcome != write_result::done && outcome != write_result::replays) {
        entry->is_over = true;
        return result;
    }
    result.is_trusted_again = !entry->held.is_trusted(now.lease);
    entry->held.renewed(sent);
    note_written(*entry, row);
    if (row.releases)
        entry->is_over = true;
    else
        plan(*entry, write_by::terms, now.timer);
    return result;
}

void lease_table::note_written(lease_entry& entry, const lease_write& row) {
    if (row.progress.checkpoint.events >= entry.written_events) entry.written = row.progress.checkpoint.where;
    entry.written_events = std::max(entry.written_events, row.progress.checkpoint.events);
    if (row.is_moved) entry.row_position = std::max(entry.row_position, row.progress.checkpoint.where.position);
}

std::optional<lease_write> lease_table::row_for(std::int64_t id, std::int64_t epoch, const progress& progress) const {
    const auto found = all_.find(id);
    if (found == all_.end() || found->second.terms.epoch != epoch || found->second.is_over) return std::nullopt;
    lease_write next{id, epoch, progress, found->second.row_position};
    next.is_moved = true;
    return next;
}

void lease_table::written_elsewhere(const lease_write& row) {
    if (lease_entry* const entry = find(row.id, row.epoch)) note_written(*entry, row);
}

void lease_table::failed(const lease_write& row, const detail::instant& now) {
    lease_entry* const entry = find(row.id, row.epoch);
    if (!entry) return;
    entry->is_being_written = false;
    entry->write_at = now.timer;
    entry->is_awaited = true;
}

} // namespace eventstore::delivery
