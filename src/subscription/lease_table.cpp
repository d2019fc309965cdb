#include "subscription/lease_table.hpp"

#include <algorithm>
#include <utility>

namespace eventstore::delivery {

namespace {

constexpr int filtered_is_late = 10; // progress over events that were left out is written that much later

} // namespace

void lease_table::add(const lease& what) {
    entry next(what);
    next.beat = what.beat;
    next.row_position = what.checkpoint.position;
    next.written = next.last.checkpoint.where = what.checkpoint;
    all_.insert_or_assign(what.id, next);
}

lease_table::entry* lease_table::find(std::int64_t id, std::int64_t epoch) {
    const auto found = all_.find(id);
    return found == all_.end() || found->second.terms.epoch != epoch ? nullptr : &found->second;
}

bool lease_table::remove(std::int64_t id, std::int64_t epoch) { return find(id, epoch) && all_.erase(id) == 1; }

bool lease_table::report(
    std::int64_t id, std::int64_t epoch, const progress& what, write_by when, const detail::instant& now) {
    entry* const of = find(id, epoch);
    if (!of || of->is_over) return false;
    of->last = what;
    const bool is_first = !std::exchange(of->is_reported, true);
    const bool was_awaited = of->is_awaited;
    const steady_time before = of->write_at;
    plan(*of, when, now.timer);
    return !of->is_being_written && (is_first || of->write_at < before || of->is_awaited != was_awaited);
}

// The one place that decides when a checkpoint is written.
void lease_table::plan(entry& of, write_by when, steady_time now) const {
    if (when == write_by::release) of.releases = true;
    if (when == write_by::release || when == write_by::now) {
        of.write_at = std::min(of.write_at, now);
        of.is_awaited = true;
    }
    if (when == write_by::soon) of.write_at = std::min(of.write_at, now + of.terms.checkpoint_after);
    // What moves while it is being written is looked at again when that has its answer.
    if (of.is_being_written || of.last.checkpoint.where == of.written) return;
    const std::uint64_t events = std::max(of.last.checkpoint.events, of.written_events) - of.written_events;
    steady_time at = now + of.terms.checkpoint_after * (events == 0 ? filtered_is_late : 1);
    if (of.terms.checkpoint_every && events >= *of.terms.checkpoint_every) at = now;
    of.write_at = std::min(of.write_at, at);
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
steady_time lease_table::renewal_due(const entry& of, const detail::instant& now) const {
    const steady_time due = now.timer_for(of.held.renew_at());
    const steady_time::duration step = lease_state::renewal(of.terms.length);
    if (!rhythm_ || step.count() <= 0 || due <= *rhythm_) return due;
    return due - (due - *rhythm_) % step;
}

steady_time lease_table::due(const entry& of, const detail::instant& now) const {
    if (of.is_being_written || of.is_over || !of.is_reported) return steady_time::max();
    return std::min(of.write_at, renewal_due(of, now));
}

steady_time lease_table::due(const detail::instant& now) const {
    steady_time first = steady_time::max();
    for (const auto& [id, each] : all_) first = std::min(first, due(each, now));
    return first;
}

bool lease_table::is_awaited() const noexcept {
    return std::ranges::any_of(all_, [](const auto& each) {
        const entry& of = each.second;
        return of.is_awaited && of.is_reported && !of.is_being_written && !of.is_over;
    });
}

std::vector<lease_write> lease_table::take(const detail::instant& now) {
    std::vector<lease_write> writes;
    if (due(now) > now.timer) return writes;
    for (auto& [id, each] : all_) {
        if (due(each, now) == steady_time::max()) continue;
        const auto half = lease_state::renewal(each.terms.length) / 2;
        const bool is_old = now.timer >= std::min(renewal_due(each, now), now.timer_for(each.held.renew_at() - half));
        const bool has_news = each.write_at != steady_time::max();
        if (!is_old && !has_news) continue;
        lease_write next{id, each.terms.epoch, each.last, each.row_position, ++each.beat};
        next.is_moved = each.last.checkpoint.where != each.terms.checkpoint;
        next.releases = each.releases;
        next.is_urgent = has_news;
        writes.push_back(next);
        each.is_being_written = true;
        each.write_at = steady_time::max();
        each.is_awaited = false;
    }
    return writes;
}

lease_table::applied lease_table::apply(
    const lease_write& what, write_result how, lease_time sent, const detail::instant& now) {
    entry* const of = find(what.id, what.epoch);
    if (!of) return {};
    applied told{true, false};
    of->is_being_written = false;
    if (how != write_result::done && how != write_result::replays) {
        of->is_over = true;
        return told;
    }
    told.is_trusted_again = !of->held.is_trusted(now.lease);
    of->held.renewed(sent);
    note_written(*of, what);
    if (what.releases)
        of->is_over = true;
    else
        plan(*of, write_by::terms, now.timer);
    return told;
}

void lease_table::note_written(entry& of, const lease_write& what) {
    if (what.what.checkpoint.events >= of.written_events) of.written = what.what.checkpoint.where;
    of.written_events = std::max(of.written_events, what.what.checkpoint.events);
    if (what.is_moved) of.row_position = std::max(of.row_position, what.what.checkpoint.where.position);
}

std::optional<lease_write> lease_table::row_for(std::int64_t id, std::int64_t epoch, const progress& what) const {
    const auto found = all_.find(id);
    if (found == all_.end() || found->second.terms.epoch != epoch || found->second.is_over) return std::nullopt;
    lease_write next{id, epoch, what, found->second.row_position};
    next.is_moved = true;
    return next;
}

void lease_table::written_elsewhere(const lease_write& what) {
    if (entry* const of = find(what.id, what.epoch)) note_written(*of, what);
}

void lease_table::failed(const lease_write& what, const detail::instant& now) {
    entry* const of = find(what.id, what.epoch);
    if (!of) return;
    of->is_being_written = false;
    of->write_at = now.timer;
    of->is_awaited = true;
}

} // namespace eventstore::delivery
