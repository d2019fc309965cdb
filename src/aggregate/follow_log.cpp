// The cache hears of what others append.
#include "aggregate/aggregate_core.hpp"

#include "aggregate/spawn.hpp"
#include "async/clock.hpp"
#include "read/page.hpp"

#include <exception>
#include <utility>

namespace eventstore::detail {

namespace {

using namespace std::chrono_literals;

constexpr auto follow_again_after = 1s; // with the next call, after a failure

/// Nothing: the log cannot be followed now.
asio::awaitable<std::optional<event_listener>> listen(store to, std::shared_ptr<aggregate_cache> cache) {
    const auto is_cached = [cache](const recorded_event& event) { return cache->has(event.stream()); };
    try {
        auto listening = to.listen_to_all(listen_options().selector(is_cached));
        co_return co_await std::move(listening);
    } catch (const error&) {
        co_return std::nullopt;
    }
}

} // namespace

void aggregate_core::follow() {
    if (!cache_->is_used()) return;
    {
        const std::lock_guard lock(mutex_);
        if (is_following_ || machine_time() < next_follow_) return;
        is_following_ = true;
    }
    try {
        const auto executor = store_.get_executor();
        spawn_from_coroutine(executor, run(weak_from_this()), [weak = weak_from_this()](const std::exception_ptr&) {
            if (const auto self = weak.lock()) self->follow_ended();
        });
    } catch (const error&) { // the store has ended
        follow_ended();
    }
}

void aggregate_core::follow_ended() {
    cache_->uncovered();
    const std::lock_guard lock(mutex_);
    is_following_ = false;
    next_follow_ = machine_time() + follow_again_after;
}

void aggregate_core::take(const event_page& news) {
    for (const recorded_event& event : news) cache_->news(event, page::row_id_of(event), page::kept_bytes(event));
}

// Keeps neither the aggregates nor the store: the listener, which does, ends with them.
asio::awaitable<void> aggregate_core::run(std::weak_ptr<aggregate_core> weak) {
    self_ptr self = weak.lock();
    if (!self) co_return;
    auto listening = listen(self->store_, self->cache_);
    self.reset();
    auto listener = co_await std::move(listening);
    self = weak.lock();
    if (!self || !listener) co_return;
    self->listener_ = std::move(listener);
    listener.reset();
    self->cache_->covered();
    for (;;) {
        auto waiting = self->listener_->next();
        self.reset();
        const auto news = co_await std::move(waiting);
        self = weak.lock();
        if (!self || !news) co_return;
        if (self->listener_->missed() > 0) {
            self->cache_->uncovered();
            self->cache_->covered();
        }
        self->take(*news);
    }
}

} // namespace eventstore::detail
