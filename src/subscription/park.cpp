// A shared_subscription's events that are out of tries: parked, and delivered once more.
#include "subscription/shared_subscription.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstdint>
#include <deque>
#include <utility>

namespace eventstore::delivery {

namespace {

constexpr std::int64_t replayed_at_once = 100;

} // namespace

void shared_subscription::replay_parked() {
    consequences todo;
    {
        const std::lock_guard lock(mutex_);
        if (!state_ || ended_) return;
        replays_.want();
        todo = changed();
    }
    carry_out(std::move(todo));
}

asio::awaitable<void> shared_subscription::park(std::shared_ptr<shared_subscription> self,
    std::shared_ptr<const store_parts> store, subscription_state::refusal refusal, std::vector<std::int64_t> positions,
    std::vector<std::int32_t> deliveries, std::string reason) {
    detail::retry again = self->new_retry("parking");
    while (!self->has_ended()) {
        postgres::parameters arguments;
        arguments.add(self->id_);
        arguments.add(self->epoch_);
        arguments.begin_array(postgres::type_oid::int8, positions.size());
        for (const auto position : positions) arguments.add(position);
        arguments.begin_array(postgres::type_oid::int4, deliveries.size());
        for (const auto count : deliveries) arguments.add(count);
        arguments.add(reason);
        auto writing = postgres::pool::execute(
            store->pool, store->statements->park_events, std::move(arguments), store->deadline());
        const auto answer = co_await std::move(writing);
        if (answer) {
            // False: somebody else owns the subscription, and the next renewal finds out.
            if (!answer->boolean(0, 0)) co_return;
            consequences todo;
            {
                const std::lock_guard lock(self->mutex_);
                if (self->ended_) co_return;
                self->state_->exhausted(refusal.first, refusal.count);
                for (const auto position : positions) self->replays_.remove(position);
                ++self->serial_;
                todo = self->changed();
                self->report(write_by::terms);
            }
            self->carry_out(std::move(todo));
            self->count_parked();
            co_return;
        }
        auto pausing = pause(self, again.failed(answer.error()));
        co_await std::move(pausing);
    }
}

asio::awaitable<void> shared_subscription::replay(
    std::shared_ptr<shared_subscription> self, std::shared_ptr<const store_parts> store) {
    detail::retry again = self->new_retry("replaying");
    std::deque<std::pair<std::int64_t, int>> next; // positions, and how often each was handed out
    for (;;) {
        postgres::parameters arguments;
        {
            const std::lock_guard lock(self->mutex_);
            if (self->ended_ || !self->state_->has_room()) {
                self->replays_.end_reading();
                co_return;
            }
            if (next.empty()) {
                self->replays_.begin_list();
                arguments.add(self->id_);
                arguments.begin_array(postgres::type_oid::int8, self->replays_.positions().size());
                for (const auto position : self->replays_.positions()) arguments.add(position);
                arguments.add(replayed_at_once);
            }
        }
        if (next.empty()) {
            auto asking = postgres::pool::execute(
                store->pool, store->statements->parked_to_replay, std::move(arguments), store->deadline());
            const auto answer = co_await std::move(asking);
            if (!answer) {
                auto pausing = pause(self, again.failed(answer.error()));
                co_await std::move(pausing);
                continue;
            }
            for (int i = 0; i < answer->rows(); ++i) next.emplace_back(answer->int8(i, 0), answer->int4(i, 1));
            if (next.empty()) {
                const std::lock_guard lock(self->mutex_);
                if (self->replays_.is_wanted()) continue;
                self->replays_.end_reading();
                co_return;
            }
            const std::lock_guard lock(self->mutex_);
            self->replays_.want();
        }
        const auto [position, deliveries] = next.front();
        read_options page_options;
        page_options.from(position).count(1);
        auto reading = read::reader::read_with_links(store->reader, std::move(page_options), store->deadline());
        const auto page = co_await std::move(reading);
        if (!page) {
            auto pausing = pause(self, again.failed(page.error()));
            co_await std::move(pausing);
            continue;
        }
        again.succeeded();
        next.pop_front();
        consequences todo;
        {
            const std::lock_guard lock(self->mutex_);
            if (self->ended_) continue;
            if (!self->replays_.add(position)) continue;
            // It passed the selector when it was first delivered, and its order is lost anyway.
            const bool is_there = !page->page.empty() && page->page.front().link_position() == position;
            if (is_there) self->state_->replay(page->page, deliveries);
            todo = self->changed();
            if (!is_there) todo.unpark.push_back(position); // it was deleted for good since
        }
        self->carry_out(std::move(todo));
    }
}

asio::awaitable<void> shared_subscription::unpark(std::shared_ptr<shared_subscription> self,
    std::shared_ptr<const store_parts> store, std::vector<std::int64_t> positions) {
    postgres::parameters arguments;
    {
        const std::lock_guard lock(self->mutex_);
        arguments.add(self->id_);
        arguments.add(self->epoch_);
    }
    arguments.begin_array(postgres::type_oid::int8, positions.size());
    for (const auto position : positions) arguments.add(position);
    auto writing =
        postgres::pool::execute(store->pool, store->statements->unpark_events, std::move(arguments), store->deadline());
    const auto answer = co_await std::move(writing);
    if (!answer) // they will come once more
        store->environment.logger->tell(log_level::warning, answer.error().message());
    {
        const std::lock_guard lock(self->mutex_);
        for (const auto position : positions) self->replays_.remove(position);
    }
    self->count_parked();
}

} // namespace eventstore::delivery
