#include "async/service.hpp"

#include <utility>

namespace eventstore::detail {

asio::awaitable<void> service::stop(
    const std::shared_ptr<service>& self, std::shared_ptr<timer_queue> timers, steady_time deadline) {
    self->begin_stop();
    return wait(self, std::move(timers), deadline);
}

asio::awaitable<void> service::wait(
    std::shared_ptr<service> self, std::shared_ptr<timer_queue> timers, steady_time deadline) {
    auto ending = latch::wait(self->stopped_, "stopping", timers.get(), deadline);
    const auto ended = co_await std::move(ending);
    if (ended) co_return;
    self->drop();
    auto dropping = latch::wait(self->stopped_, "stopping");
    co_await std::move(dropping);
}

} // namespace eventstore::detail
