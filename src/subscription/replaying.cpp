// A shared_subscription's parked events, delivered once more.
#include "subscription/shared_subscription.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <utility>

namespace eventstore::delivery {

void shared_subscription::replay_parked() {
    const auto with = this->with();
    if (!with) return;
    asio::co_spawn(with->executor, replay(shared_from_this(), with), [](const std::exception_ptr&) {});
}

asio::awaitable<void> shared_subscription::replay(
    std::shared_ptr<shared_subscription> self, std::shared_ptr<const machinery> with) {
    postgres::parameters arguments;
    arguments.add(self->id());
    auto asking =
        postgres::pool::execute(with->pool, with->statements->parked_to_replay, std::move(arguments), with->deadline());
    const auto answer = co_await std::move(asking);
    if (!answer) { // the mark stays, and the next owner sees it
        if (with->log) with->log(answer.error().message());
        co_return;
    }
    const postgres::rows rows(answer->get());
    for (int i = 0; i < rows.count(); ++i) {
        const std::int64_t position = rows.int8(i, 0);
        {
            const std::lock_guard lock(self->mutex_);
            if (self->ended_ || !self->replaying_.insert(position).second) continue;
        }
        read_options what;
        what.from(position).count(1);
        auto reading = log::reader::read_with_links(with->reader, std::move(what), with->deadline());
        const auto page = co_await std::move(reading);
        if (!page || page->page.empty() || page->page.front().link_position() != position) {
            if (!page && with->log) with->log(page.error().message());
            const std::lock_guard lock(self->mutex_);
            self->replaying_.erase(position);
            continue; // it was deleted for good since
        }
        consequences todo;
        {
            // It passed the selector when it was first delivered, and its order is lost anyway.
            const arrival event{0, 0};
            const std::lock_guard lock(self->mutex_);
            if (self->ended_) co_return;
            self->state_->replay(page->page, std::span(&event, 1));
            todo = self->changed();
        }
        self->carry_out(std::move(todo));
    }
}

asio::awaitable<void> shared_subscription::unpark(std::shared_ptr<shared_subscription> self,
    std::shared_ptr<const machinery> with, std::vector<std::int64_t> positions) {
    postgres::parameters arguments;
    {
        const std::lock_guard lock(self->mutex_);
        arguments.add(self->id_);
        arguments.add(self->epoch_);
    }
    arguments.begin_array(postgres::type_oid::int8, positions.size());
    for (const auto each : positions) arguments.add(each);
    auto writing =
        postgres::pool::execute(with->pool, with->statements->unpark_events, std::move(arguments), with->deadline());
    const auto answer = co_await std::move(writing);
    if (!answer && with->log) with->log(answer.error().message()); // they will come once more
    const std::lock_guard lock(self->mutex_);
    for (const auto each : positions) self->replaying_.erase(each);
}

} // namespace eventstore::delivery
