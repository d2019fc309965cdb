// How a shared_subscription gets its events: live ones from the feed, pages from storage while it is behind.
#include "async/retry.hpp"
#include "base/text.hpp"
#include "read/page.hpp"
#include "storage/continuity.hpp"
#include "subscription/shared_subscription.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <utility>

namespace eventstore::delivery {

namespace {

constexpr std::size_t most_posted = 64; // live batches that wait for a slow handler

failure thrown_by_handler(const std::string& name) {
    std::string reason = "an exception that is no std::exception";
    try {
        throw;
    } catch (const std::exception& thrown) {
        reason = thrown.what();
    } catch (...) { // described above
    }
    return failure(errc::handler_failed,
        detail::message(
            "a function of the options of subscription ", detail::quoted_for_message(name), " threw: ", reason));
}

read::reader::snapshot nothing_there(std::int64_t from) {
    read::reader::snapshot none;
    none.page = detail::page::make({}, {}, true, from);
    return none;
}

} // namespace

void shared_subscription::on_live(const live_batch& batch) {
    if (!filter_.has_handlers()) return take_live(batch);
    const std::lock_guard lock(mutex_);
    if (!strand_) return;
    if (live_missed_) {
        live_missed_ = covered_by(batch);
    } else if (posted_ == most_posted || posted_bytes_ > options.max_queued_bytes()) {
        // The handlers do not keep up. What they have not seen is read again from storage.
        live_missed_ = covered_by(batch);
        asio::post(*strand_, [self = shared_from_this()] { self->take_missed(); });
    } else {
        const std::size_t bytes = detail::page::kept_bytes(batch.page);
        ++posted_;
        posted_bytes_ += bytes;
        asio::post(*strand_,
            [self = shared_from_this(), page = batch.page,
                indexes = std::vector(batch.indexes.begin(), batch.indexes.end()), through = batch.through,
                timeline = batch.timeline, event = batch.event, bytes] {
                {
                    const std::lock_guard relock(self->mutex_);
                    --self->posted_;
                    self->posted_bytes_ -= bytes;
                }
                self->take_live({page, indexes, through, timeline, event});
            });
    }
}

void shared_subscription::take_missed() {
    consequences todo;
    {
        const std::lock_guard lock(mutex_);
        const place through = *std::exchange(live_missed_, std::nullopt);
        if (!state_ || ended_) return;
        state_->live_missed(through);
        todo = changed();
    }
    carry_out(std::move(todo));
}

place shared_subscription::covered_by(const live_batch& batch) const {
    if (is_log()) return {batch.through, 0};
    const recorded_event& last = batch.page[batch.indexes.back()];
    return {last.link_position(), last.link_version()};
}

place shared_subscription::first_of(const live_batch& batch) const {
    if (is_log()) return {};
    const recorded_event& first = batch.page[batch.indexes.front()];
    return {first.link_position(), first.link_version()};
}

void shared_subscription::take_live(const live_batch& batch) {
    subscription_state::opening room;
    consequences todo;
    {
        const std::lock_guard lock(mutex_);
        if (!state_ || ended_) return;
        if (batch.timeline == history_.timeline())
            room = state_->open_for(batch.page, batch.indexes, first_of(batch), covered_by(batch));
        else
            state_->live_missed(covered_by(batch)); // whether the histories agree is found out with the next page
        last_version_ = covered_by(batch).version;
        if (!room.is_open) {
            note_lag();
            todo = changed();
        }
    }
    if (!room.is_open) return carry_out(std::move(todo));
    event_filter::outcome found;
    try {
        const detail::handler_watch::call watched(*handlers_, functions_);
        found = filter_.apply(batch.page, batch.indexes, room);
    } catch (...) {
        return end(thrown_by_handler(name));
    }
    {
        const std::lock_guard lock(mutex_);
        if (!state_ || ended_) return;
        const std::size_t filtered = room.skip + found.examined;
        const bool is_all = filtered == batch.indexes.size();
        place through;
        std::optional<uuid> event;
        if (filtered > 0) {
            const recorded_event& last = batch.page[batch.indexes[filtered - 1]];
            through = {last.link_position(), is_log() ? 0 : last.link_version()};
            event = detail::page::row_id_of(last);
        }
        if (is_all && is_log()) event = batch.event;
        if (is_all) through = covered_by(batch);
        state_->live(batch.page, found.passed, through, is_all);
        if (state_->received() == through) history_.note(through, event);
        todo = changed();
        report(write_by::terms);
    }
    carry_out(std::move(todo));
}

void shared_subscription::on_restored() {
    consequences todo;
    {
        const std::lock_guard lock(mutex_);
        if (!state_ || ended_) return;
        state_->fall_behind();
        todo = changed();
    }
    carry_out(std::move(todo));
}

void shared_subscription::on_feed_failed(const failure& why) { end(why); }

void shared_subscription::read(subscription_state::page_wish wish) {
    std::shared_ptr<const store_parts> store;
    std::optional<asio::strand<asio::any_io_executor>> strand;
    {
        const std::lock_guard lock(mutex_);
        store = store_;
        strand = strand_;
    }
    if (!store || !strand) return;
    asio::co_spawn(*strand, read_pages(shared_from_this(), store, wish),
        [self = shared_from_this()](const std::exception_ptr& thrown) {
            if (!thrown) return;
            const std::lock_guard lock(self->mutex_);
            if (self->state_) self->state_->page_failed();
        });
}

asio::awaitable<void> shared_subscription::read_pages(std::shared_ptr<shared_subscription> self,
    std::shared_ptr<const store_parts> store, subscription_state::page_wish wish) {
    detail::retry again = self->new_retry("reading");
    for (;;) {
        const next_page next = self->plan_page(wish);
        auto reading = read::reader::read_snapshot(
            store->reader, self->stream, next.options, store->deadline(), next.seen.position);
        auto answer = co_await std::move(reading);
        if (self->has_ended()) co_return;
        const bool is_nothing_there = !answer &&
            (answer.error().code() == errc::stream_not_found || answer.error().code() == errc::stream_deleted);
        if (is_nothing_there && answer.error().code() == errc::stream_deleted) store->feed->watch(self->stream);
        if (is_nothing_there) answer = nothing_there(wish.from);
        result<bool> is_usable(true);
        if (!answer) is_usable = answer.error();
        if (answer && !is_nothing_there) {
            auto following = goes_on(self, store, next.seen, *answer);
            is_usable = co_await std::move(following);
            if (self->has_ended()) co_return;
        }
        if (is_usable && !*is_usable)
            is_usable = failure(errc::connection_lost, "reading a page: another server has answered meanwhile");
        if (!is_usable) { // it goes on when the database is back
            if (is_usable.error().code() == errc::schema_missing) co_return self->end(is_usable.error());
            auto pausing = pause(self, again.failed(is_usable.error()));
            co_await std::move(pausing);
            if (self->has_ended()) co_return;
            continue;
        }
        const bool compares = next.compared && !is_nothing_there;
        const auto more = compares ? self->compare(*next.compared, *answer) : self->take_page(*answer);
        again.succeeded();
        if (!more) co_return;
        wish = *more;
    }
}

shared_subscription::next_page shared_subscription::plan_page(const subscription_state::page_wish& wish) const {
    next_page next;
    next.options.from(wish.from).count(wish.count).max_bytes(wish.bytes).query(options.query());
    const std::lock_guard lock(mutex_);
    const place received = state_->received();
    next.seen = history_.mark(received);
    next.compared = history_.to_compare(received);
    if (next.compared) next.options.from(received.version).count(1).query(event_query()); // that very one
    return next;
}

std::optional<subscription_state::page_wish> shared_subscription::compare(
    const place& known, const read::reader::snapshot& there) {
    const std::lock_guard lock(mutex_);
    if (!state_ || ended_) return std::nullopt;
    if (history_.compared(known, there))
        state_->restart();
    else
        state_->page_failed(); // and asked for anew
    return state_->wish();
}

// Whether a page is of the same log as what was received; if it is of a lost one's successor, the subscription ends.
asio::awaitable<result<bool>> shared_subscription::goes_on(std::shared_ptr<shared_subscription> self,
    std::shared_ptr<const store_parts> store, const storage::log_mark& seen, const read::reader::snapshot& page) {
    std::int64_t position = 0;
    auto continuity = storage::continuity::unknown;
    {
        const std::lock_guard lock(self->mutex_);
        position = self->state_->received().position;
        continuity = self->history_.judge(seen, page);
    }
    if (continuity == storage::continuity::unknown) {
        storage::log_mark where = seen;
        where.position = position;
        if (!self->is_log()) where.event.reset(); // a filter may have left it out: it is at another position
        auto looking = read::reader::look(store->reader, where, store->deadline());
        const auto now = co_await std::move(looking);
        if (!now) co_return now.error();
        continuity = now->is_held ? storage::continuity::held : storage::continuity::lost;
        if (now->head.timeline != page.timeline) co_return false; // another server has answered
    }
    if (continuity == storage::continuity::lost) {
        self->end(self->truncated(position));
        co_return false;
    }
    const std::lock_guard lock(self->mutex_);
    // Nothing is received while a page is under way, so that the answer still holds.
    self->history_.go_on_in(page.timeline);
    co_return true;
}

failure shared_subscription::truncated(std::int64_t position) const {
    return failure(errc::log_truncated,
        detail::message("subscription ", detail::quoted_for_message(name),
            ": the log does not hold the event at position ", std::to_string(position),
            " any more: a fail-over has lost its end, or a backup was restored; subscribe again, or reset the "
            "subscription to where it should go on"));
}

std::optional<subscription_state::page_wish> shared_subscription::take_page(const read::reader::snapshot& answer) {
    const event_page& page = answer.page;
    {
        const std::lock_guard lock(mutex_);
        if (!state_ || ended_) return std::nullopt;
        if (!history_.is_of(answer.stream_id, state_->received())) {
            state_->page_failed();
            return state_->wish();
        }
    }
    std::vector<arrival> events;
    try {
        const detail::handler_watch::call watched(*handlers_, functions_);
        events = filter_.apply(page);
    } catch (...) {
        end(thrown_by_handler(name));
        return std::nullopt;
    }
    consequences todo;
    {
        const std::lock_guard lock(mutex_);
        if (!state_ || ended_) return std::nullopt;
        place through{page.next_from() - 1, 0};
        if (!is_log()) through = {page.empty() ? 0 : page.back().link_position(), page.next_from() - 1};
        const place before = state_->received();
        state_->page_arrived(page, events, through, page.is_complete());
        const bool is_moved = state_->received() != before;
        if (!is_log()) last_version_ = answer.head;
        history_.note(state_->received(), is_moved ? answer.event_at(page.next_from() - 1) : answer.seen_event);
        todo = changed();
        report(write_by::terms);
    }
    const auto next = std::exchange(todo.wish, std::nullopt);
    carry_out(std::move(todo));
    return next;
}

} // namespace eventstore::delivery
