/// Work on another executor, which its caller may stop waiting for.
#pragma once

#include "base/operation.hpp"

#include <eventstore/error.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>

#include <exception>
#include <memory>
#include <string>
#include <utility>

namespace eventstore::detail {

/// What a caller of run_apart waits for.
template <class T, class Executor>
class apart final : public operation {
public:
    apart(Executor where, asio::awaitable<result<T>> work, std::string doing)
        : where_(std::move(where)), work_(std::move(work)), doing_(std::move(doing)) {}

    result<T> outcome{failure()};

private:
    void start() override {
        auto self = std::static_pointer_cast<apart>(shared_from_this());
        asio::co_spawn(where_, std::move(work_), [self](const std::exception_ptr& thrown, result<T> value) {
            if (!self->claim()) return;
            self->outcome = std::move(value);
            if (thrown) self->outcome = failure(errc::connection_lost, self->doing_ + " failed");
            self->finish();
        });
    }
    void cancel() noexcept override {
        if (!claim()) return;
        outcome = failure(errc::cancelled, doing_ + " was cancelled");
        finish();
    }
    void expire() noexcept override {}

    const Executor where_;
    asio::awaitable<result<T>> work_;
    const std::string doing_;
};

/// Runs `work` on `where` and returns what it does. Cancelled, it returns at once, and the work goes on by itself.
///
/// (A co_spawn with use_awaitable would pass the cancellation on, to a signal that may be gone when it arrives: Asio
/// 1.26 posts it.)
template <class T, class Executor>
asio::awaitable<result<T>> run_apart(Executor where, asio::awaitable<result<T>> work, std::string doing) {
    const auto waiting = std::make_shared<apart<T, Executor>>(std::move(where), std::move(work), std::move(doing));
    co_await suspend(waiting, nullptr, steady_time::max());
    co_return std::move(waiting->outcome);
}

} // namespace eventstore::detail
