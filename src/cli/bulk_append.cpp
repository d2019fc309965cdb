#include "cli/bulk_append.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <utility>

namespace eventstore::cli {

namespace {

constexpr std::size_t most_under_way = 2000; // the store bounds their bytes

} // namespace

bulk_append::bulk_append(store target, asio::any_io_executor executor, handler on_appended)
    : target_(std::move(target)), executor_(executor), on_appended_(std::move(on_appended)), changed_(executor) {}

asio::awaitable<void> bulk_append::add(
    std::size_t line, std::string stream, expected_version expected, event_data event) {
    co_await wait_until_below(most_under_way);
    if (failed()) co_return;
    pending& entry = pending_.emplace_back();
    entry.line = line;
    entry.stream = std::move(stream);
    // Started in the order of the input: the store keeps it within each stream.
    asio::co_spawn(executor_, carry_out(shared_from_this(), &entry, expected, std::move(event)), asio::detached);
}

asio::awaitable<void> bulk_append::finish() { return wait_until_below(1); }

asio::awaitable<void> bulk_append::carry_out(
    std::shared_ptr<bulk_append> self, pending* entry, expected_version expected, event_data event) {
    entry->outcome = co_await self->target_.try_append(entry->stream, expected, std::move(event));
    self->changed_.cancel();
}

asio::awaitable<void> bulk_append::wait_until_below(std::size_t limit) {
    for (report_finished(); pending_.size() >= limit; report_finished()) {
        changed_.expires_at(asio::steady_timer::time_point::max());
        co_await changed_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
}

void bulk_append::report_finished() {
    while (!pending_.empty() && pending_.front().outcome) {
        pending done = std::move(pending_.front());
        pending_.pop_front();
        if (done.outcome->has_value()) {
            on_appended_(appended{done.line, std::move(done.stream), **done.outcome});
        } else if (!failure_) {
            const failure why = done.outcome->error();
            failure_ = why.with_message("line " + std::to_string(done.line) + ": " + why.message());
        }
    }
}

} // namespace eventstore::cli
