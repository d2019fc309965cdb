// How a state is read: from a snapshot, or what is in memory, and the events after that.
#include "aggregate/aggregate_core.hpp"

#include "read/page.hpp"

#include <algorithm>
#include <utility>

namespace eventstore::detail {

namespace {

/// The next page; nothing at the end.
asio::awaitable<result<std::optional<event_page>>> next_page(event_scan& scan) {
    using outcome = result<std::optional<event_page>>;
    std::optional<failure> why;
    try {
        auto paging = scan.next_page();
        auto page = co_await std::move(paging);
        co_return outcome(std::move(page));
    } catch (const error& thrown) {
        why = thrown.why();
    }
    co_return *why;
}

constexpr int most_rounds = 3; // for a stream that is deleted and made anew while it is read

} // namespace

std::optional<failure> aggregate_core::apply(void* state, const recorded_event& event) const {
    const auto applied = functions_.apply(state, event);
    if (!applied) return applied.error();
    if (!*applied && options_.unknown_events() == unknown_event::fail) return functions_.unknown(event);
    return std::nullopt;
}

result<known_state> aggregate_core::with_news(const known_state& known, const std::vector<recorded_event>& news) const {
    known_state next = known;
    const std::shared_ptr<void> state = functions_.copy(known.state.get());
    for (const recorded_event& event : news) {
        if (auto why = apply(state.get(), event)) return *why;
        next.version = event.version();
        next.position = event.position();
        next.last_event = event.id();
    }
    next.state = state;
    return next;
}

// A snapshot counts without the event that it was made at if that event has expired, and the stream is still the one that
// was there when the snapshot was recorded. A state of memory may be older than such a stream, and does not count.
asio::awaitable<result<aggregate_core::tail>> aggregate_core::go_on_without_event(
    self_ptr self, std::string stream, known_state known, std::optional<timestamp> recorded_at, bool shows_any) {
    tail read;
    read.is_another_history = true;
    if (known.version > 0 && !recorded_at) co_return read;
    std::optional<failure> why;
    try {
        auto asking = self->store_.retention(stream);
        const stream_retention kept = co_await std::move(asking);
        auto looking = self->store_.stream_info(stream);
        const stream_info info = co_await std::move(looking);
        const bool has_expired = kept.first_version > known.version && info.created_at <= recorded_at;
        read.is_another_history = known.version > 0 && !has_expired;
        read.begins_late = kept.first_version > known.version + 1;
        known.last_event.reset();
        // Not the version of the stream: it may have events now that the read did not show yet.
        if (!shows_any) known.version = std::max(known.version, kept.first_version - 1);
        read.known = std::move(known);
        co_return read;
    } catch (const error& thrown) {
        why = thrown.why();
    }
    if (why->code() == errc::stream_not_found) co_return read;
    co_return *why;
}

asio::awaitable<result<aggregate_core::tail>> aggregate_core::read_after(
    self_ptr self, std::string stream, known_state known, std::optional<timestamp> recorded_at) {
    std::shared_ptr<void> changing; // what others see stays as it is
    if (!known.state) known.state = changing = self->functions_.make();
    tail read;
    bool is_known = known.version == 0; // the event that the state ends with was found, or has expired
    bool shows_any = false;
    event_scan scan = self->store_.scan(stream, read_options().from(std::max<std::int64_t>(1, known.version)));
    for (;;) {
        auto paging = next_page(scan);
        const auto page = co_await std::move(paging);
        if (!page && page.error().code() == errc::stream_not_found) {
            read.is_another_history = known.version > 0;
            break;
        }
        if (!page) co_return page.error();
        if (!*page) {
            if (shows_any) break;
            auto going_on = go_on_without_event(self, stream, std::move(known), recorded_at, false);
            co_return co_await std::move(going_on);
        }
        for (const recorded_event& event : **page) {
            const uuid& row = page::row_id_of(event);
            const bool is_first = !std::exchange(shows_any, true);
            if (is_first && known.version == 0) read.begins_late = event.link_version() > 1;
            if (!is_known && event.link_version() == known.version) {
                is_known = row == known.last_event;
                read.is_another_history = !is_known;
                if (!is_known) co_return read;
                known.position = event.link_position();
                continue;
            }
            if (!is_known) {
                auto going_on = go_on_without_event(self, stream, known, recorded_at, true);
                auto left = co_await std::move(going_on);
                if (!left || left->is_another_history) co_return left;
                read = *std::move(left);
                known = std::move(read.known);
                is_known = true;
            }
            if (!changing) known.state = changing = self->functions_.copy(known.state.get());
            if (auto why = self->apply(changing.get(), event)) co_return *why;
            known.version = event.link_version();
            known.position = event.link_position();
            known.last_event.reset();
            if (!event.is_linked()) known.last_event = row;
        }
    }
    read.known = std::move(known);
    co_return read;
}

asio::awaitable<result<std::optional<snapshot>>> aggregate_core::read_snapshot(self_ptr self, std::string stream) {
    using outcome = result<std::optional<snapshot>>;
    std::optional<failure> why;
    try {
        auto reading = self->store_.read_snapshot(stream);
        auto found = co_await std::move(reading);
        co_return outcome(std::move(found));
    } catch (const error& thrown) {
        why = thrown.why();
    }
    if (why->code() == errc::snapshot_not_found) co_return outcome(std::nullopt);
    co_return *why;
}

asio::awaitable<result<known_state>> aggregate_core::read(self_ptr self, std::string stream) {
    self->loads_.fetch_add(1, std::memory_order_relaxed);
    const bool has_snapshots = self->options_.snapshot_every() > 0;
    std::optional<snapshot> stored;
    known_state from;
    std::optional<timestamp> recorded_at; // of the snapshot that the state is
    const auto begin_with = [&](std::optional<snapshot> found) {
        stored = std::move(found);
        from = known_state();
        recorded_at.reset();
        if (!stored) return;
        auto fit = self->snapshots_->format().read(*stored);
        if (!fit) self->unfit_.fetch_add(1, std::memory_order_relaxed);
        if (!fit) return;
        from = *std::move(fit);
        recorded_at = stored->recorded_at();
    };
    if (has_snapshots) {
        auto asking = read_snapshot(self, stream);
        auto found = co_await std::move(asking);
        if (!found) co_return found.error();
        begin_with(*std::move(found));
    }
    for (int round = 0; round < most_rounds; ++round) {
        auto reading = read_after(self, stream, from, recorded_at);
        auto read = co_await std::move(reading);
        if (!read) co_return read.error();
        if (read->is_another_history) {
            if (from.version > 0) self->unfit_.fetch_add(1, std::memory_order_relaxed);
            from = known_state();
            recorded_at.reset();
            continue;
        }
        // One that was recorded meanwhile may hold what has expired meanwhile.
        if (has_snapshots && read->begins_late) {
            auto asking = read_snapshot(self, stream);
            auto found = co_await std::move(asking);
            if (!found) co_return found.error();
            const std::int64_t last = stored ? stored->version() : 0;
            if (*found && (*found)->version() > last) {
                begin_with(*std::move(found));
                continue;
            }
        }
        read->known.replaces_snapshot = stored && stored->version() > read->known.version;
        co_return std::move(read->known);
    }
    co_return failure(errc::stream_not_found,
        {.message = "stream '" + stream + "' was deleted and made anew again and again while it was read",
            .stream = stream,
            .retry_helps = true});
}

asio::awaitable<result<known_state>> aggregate_core::catch_up(self_ptr self, std::string stream, known_state known) {
    if (known.version == 0 || known.last_event) {
        self->catch_ups_.fetch_add(1, std::memory_order_relaxed);
        auto reading = read_after(self, stream, known, std::nullopt);
        auto read = co_await std::move(reading);
        if (!read) co_return read.error();
        if (!read->is_another_history && !read->begins_late) co_return std::move(read->known);
        self->cache_->forget(stream); // a later put would take it for the newer one
    }
    auto reading = aggregate_core::read(self, stream);
    co_return co_await std::move(reading);
}

asio::awaitable<result<aggregate_data>> aggregate_core::load(self_ptr self, std::string stream) {
    if (const auto why = self->refuse(stream)) co_return *why;
    self->follow();
    const auto cached = self->cache_->begin(stream);
    known_state from;
    if (cached.known) from = *cached.known;
    auto reading = cached.known ? catch_up(self, stream, from) : read(self, stream);
    auto found = co_await std::move(reading);
    if (!found) {
        if (found.error().code() == errc::stream_deleted) self->cache_->forget(stream);
        co_return found.error();
    }
    self->note_snapshot(stream, *found);
    self->keep(stream, cached.since, *found);
    co_return to_data(*found);
}

} // namespace eventstore::detail
