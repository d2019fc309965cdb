// What stores and groups tell of themselves.
#include "runtime/store_core.hpp"

#include <eventstore/store.hpp>
#include <eventstore/store_group.hpp>

#include <algorithm>
#include <utility>

namespace eventstore {

namespace {

void add_appends(store_stats& now, const append::group_commit& of, const detail::store_metrics& measured) {
    const auto counts = of.count();
    now.appends = counts.appends + measured.appends.value();
    now.events_appended = counts.events + measured.events_appended.value();
    now.flushes = counts.flushes;
    now.retried_flushes = counts.retried_flushes;
    now.queued_appends = counts.queued;
    now.queued_bytes = counts.bytes;
    now.append_queued = measured.append_queued.latencies();
    now.append_sent = measured.append_sent.latencies();
    now.append_durable = measured.append_durable.latencies();
    now.flush_appends = measured.flush_appends.sizes();
    now.flush_events = measured.flush_events.sizes();
    now.lock_timeouts = measured.lock_timeouts.value();
    now.lock_wait = measured.lock_wait.latencies();
}

void add_reads(store_stats& now, const detail::store_core& of, const detail::store_metrics& measured) {
    now.reads = of.statements->reads.load();
    now.other_statements = of.statements->others.load();
    now.events_read = of.reader->events_read();
    now.reads_in_flight = of.statements->reads_in_flight.load();
    now.read_page = measured.read_page.latencies();
    now.pages_read = now.read_page.count;
}

void add_followers(store_stats& now, const detail::store_core& of) {
    const auto stalled_after = of.options.stalled_after();
    const auto time = of.environment.now();
    const auto lag = of.feed->lag();
    now.is_following = of.feed->is_followed();
    now.feed_lag_events = lag.known - lag.published;
    now.feed_lag = std::chrono::duration_cast<milliseconds>(lag.watch.lag(time));
    const bool is_blind = now.is_following && lag.looks_fail_since && time - *lag.looks_fail_since >= stalled_after;
    now.feed_stalled = is_blind || lag.watch.is_stalled(time, stalled_after);
    const std::int64_t head = std::max(of.seen->latest().position, lag.known);
    for (const auto& subscription : of.leases->all()) {
        auto told = subscription->stats(head, stalled_after);
        if (!told) continue;
        // What the feed does not pass on, a subscription does not even miss.
        if (told->lag_events > 0 && now.feed_stalled) told->stalled = true;
        now.subscriptions.push_back(std::move(*told));
    }
}

} // namespace

store_stats store::stats() const {
    if (!impl_ || impl_->core->is_abandoned()) return store_stats();
    const detail::store_core& core = *impl_->core;
    const detail::store_metrics& measured = *core.environment.metrics;
    store_stats now = core.group->count_connections();
    add_appends(now, *core.group_commit, measured);
    add_reads(now, core, measured);
    add_followers(now, core);
    now.blocked = measured.blocked.latencies();
    now.blocked_handlers = now.blocked.count;
    return now;
}

store_stats store_group::stats() const {
    if (!impl_ || impl_->core->is_abandoned()) return store_stats();
    const auto statements = impl_->core->pool->count();
    store_stats now = impl_->core->count_connections();
    now.reads = statements.reads;
    now.other_statements = statements.others;
    now.reads_in_flight = statements.reads_in_flight;
    return now;
}

} // namespace eventstore
