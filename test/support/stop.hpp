/// Stops a part of a store.
#pragma once

#include "async/service.hpp"

#include "support/coroutines.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>

#include <chrono>
#include <memory>

namespace eventstore::test {

/// In order; what is not over after `limit` is ended then.
inline asio::awaitable<void> stop(
    std::shared_ptr<eventstore::detail::service> what, std::chrono::steady_clock::duration limit = default_deadline) {
    const auto timers = std::make_shared<eventstore::detail::timer_queue>(co_await asio::this_coro::executor);
    auto stopping = eventstore::detail::service::stop(what, timers, std::chrono::steady_clock::now() + limit);
    co_await std::move(stopping);
}

} // namespace eventstore::test
