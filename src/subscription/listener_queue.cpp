#include "subscription/listener_queue.hpp"

#include "base/text.hpp"
#include "read/page.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

namespace eventstore::delivery {

namespace {

constexpr std::size_t most_batches_posted = 64; // batches that wait for a slow selector
constexpr std::size_t most_kept_along = 2;      // times what is wanted

} // namespace

listener_queue::listener_queue(std::shared_ptr<const store_parts> store, listen_options options)
    : options_(std::move(options)),
      timers_(store->environment.timers),
      handlers_(store->environment.handlers),
      store_(std::move(store)),
      strand_(store_->environment.executor) {}

listener_queue::~listener_queue() = default;

void listener_queue::end(std::optional<failure> why) {
    std::shared_ptr<const store_parts> store;
    std::shared_ptr<detail::completion<void>> waiting;
    {
        const std::lock_guard lock(mutex_);
        if (std::exchange(ended_, true)) return;
        why_ = std::move(why);
        waiting = std::exchange(waiting_, nullptr);
        store = std::exchange(store_, nullptr);
        strand_.reset();
    }
    if (store) store->feed->detach(this);
    if (waiting) waiting->complete();
}

void listener_queue::abandon() noexcept {
    std::shared_ptr<detail::completion<void>> waiting;
    {
        const std::lock_guard lock(mutex_);
        ended_ = true;
        store_.reset();
        strand_.reset();
        waiting = std::exchange(waiting_, nullptr);
    }
    if (waiting) waiting->complete();
}

void listener_queue::on_live(const live_batch& batch) {
    std::vector<std::uint32_t> matching;
    std::span<const std::uint32_t> all = batch.indexes;
    if (!options_.query().is_everything()) {
        std::ranges::copy_if(all, std::back_inserter(matching),
            [&](std::uint32_t index) { return options_.query().matches(batch.page[index]); });
        all = matching;
    }
    if (all.empty()) return;
    if (!options_.selector()) return take(batch.page, all);
    const std::lock_guard lock(mutex_);
    if (!strand_) return;
    const std::size_t bytes = detail::page::kept_bytes(batch.page);
    const bool is_full = posted_ > 0 && posted_bytes_ + bytes > options_.max_queued_bytes();
    if (is_full || posted_ == most_batches_posted) { // the selector does not keep up
        missed_ += all.size();
        return;
    }
    ++posted_;
    posted_bytes_ += bytes;
    asio::post(
        *strand_, [self = shared_from_this(), page = batch.page, indexes = std::vector(all.begin(), all.end()), bytes] {
            {
                const std::lock_guard relock(self->mutex_);
                --self->posted_;
                self->posted_bytes_ -= bytes;
            }
            std::vector<std::uint32_t> wanted;
            try {
                const detail::handler_watch::call watched(*self->handlers_, "the selector of a listener");
                for (const std::uint32_t index : indexes)
                    if (self->options_.selector()(page[index])) wanted.push_back(index);
            } catch (const std::exception& thrown) {
                return self->end(failure(
                    errc::handler_failed, detail::message("the selector of a listener threw: ", thrown.what())));
            } catch (...) {
                return self->end(failure(errc::handler_failed, "the selector of a listener threw"));
            }
            if (!wanted.empty()) self->take(page, wanted);
        });
}

// Few events of a large page are copied: they would keep all of it.
event_page listener_queue::chosen_of(const event_page& page, std::span<const std::uint32_t> indexes) {
    std::vector<const recorded_event*> events;
    std::size_t bytes = 0;
    for (const std::uint32_t index : indexes) {
        events.push_back(&page[index]);
        bytes += detail::page::kept_bytes(page[index]);
    }
    if (detail::page::kept_bytes(page) > most_kept_along * bytes) return detail::page::detached(events);
    if (indexes.size() == page.size()) return page;
    return detail::page::selection(events, std::vector<event_page>(1, page));
}

// The oldest go, until the rest is within bounds; the newest event always stays.
void listener_queue::drop_oldest() {
    while (queued_ > options_.max_queued() || (queued_bytes_ > options_.max_queued_bytes() && queued_ > 1)) {
        queued_page& oldest = queue_.front();
        const std::size_t too_many = queued_ > options_.max_queued() ? queued_ - options_.max_queued() : 0;
        const bool is_too_large = queued_bytes_ > options_.max_queued_bytes();
        std::size_t dropped = std::min(too_many, oldest.events.size());
        event_page rest;
        if (is_too_large && queue_.size() == 1) { // as many of the last as there is room for
            std::size_t bytes = 0;
            std::vector<const recorded_event*> kept;
            for (std::size_t i = oldest.events.size(); i > dropped; --i) {
                bytes += detail::page::kept_bytes(oldest.events[i - 1]);
                if (!kept.empty() && bytes > options_.max_queued_bytes()) break;
                kept.insert(kept.begin(), &oldest.events[i - 1]);
            }
            dropped = oldest.events.size() - kept.size();
            rest = detail::page::detached(kept);
        } else if (is_too_large) {
            dropped = oldest.events.size();
        } else if (dropped < oldest.events.size()) {
            rest = detail::page::rest_of(oldest.events, dropped);
        }
        queued_ -= dropped;
        missed_ += dropped;
        queued_bytes_ -= oldest.bytes;
        if (rest.empty()) {
            queue_.pop_front();
            continue;
        }
        const std::size_t bytes = detail::page::kept_bytes(rest);
        oldest = {std::move(rest), bytes};
        queued_bytes_ += bytes;
        if (is_too_large) break; // all that can go is gone
    }
}

void listener_queue::take(const event_page& page, std::span<const std::uint32_t> indexes) {
    event_page chosen = chosen_of(page, indexes);
    const std::size_t bytes = detail::page::kept_bytes(chosen);
    std::shared_ptr<detail::completion<void>> waiting;
    {
        const std::lock_guard lock(mutex_);
        if (ended_) return;
        queued_ += chosen.size();
        queued_bytes_ += bytes;
        queue_.push_back({std::move(chosen), bytes});
        drop_oldest();
        waiting = std::exchange(waiting_, nullptr);
    }
    if (waiting) waiting->complete();
}

asio::awaitable<result<std::optional<event_page>>> listener_queue::next(
    std::shared_ptr<listener_queue> self, std::optional<milliseconds> wait) {
    using outcome = result<std::optional<event_page>>;
    const auto begun = self->timers_->now();
    const auto until = wait ? begun + std::min<milliseconds>(*wait, std::chrono::hours(24 * 365))
                            : std::chrono::steady_clock::time_point::max();
    for (;;) {
        std::shared_ptr<detail::completion<void>> waiting;
        std::shared_ptr<const store_parts> store;
        {
            const std::lock_guard lock(self->mutex_);
            if (self->waiting_ && !self->waiting_->is_claimed())
                co_return failure(errc::next_pending, "another next() of this listener is waiting");
            if (!self->queue_.empty()) {
                event_page page = std::move(self->queue_.front().events);
                self->queued_bytes_ -= self->queue_.front().bytes;
                self->queue_.pop_front();
                self->queued_ -= page.size();
                self->missed_told_ = std::exchange(self->missed_, 0);
                co_return outcome(std::move(page));
            }
            if (self->ended_ && self->why_) co_return *self->why_;
            if (self->ended_) co_return outcome(std::nullopt);
            if (self->timers_->now() >= until) co_return outcome(event_page());
            store = self->store_;
            self->waiting_ = waiting = std::make_shared<detail::completion<void>>("next()");
        }
        auto arriving = detail::completion<void>::wait(waiting, self->timers_.get(), until);
        const auto arrived = co_await std::move(arriving);
        if (!arrived && arrived.error().code() == errc::cancelled) // nothing was taken
            co_return arrived.error();
    }
}

std::uint64_t listener_queue::missed() const {
    const std::lock_guard lock(mutex_);
    return missed_told_;
}

} // namespace eventstore::delivery
