// Many coroutines at once, from inside a coroutine.
#pragma once

#include "support/coroutines.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/this_coro.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace eventstore::test {

namespace detail {

struct nothing {};

struct ending {
    bool done = false;
    std::exception_ptr exception;
};

/// co_spawn, compiled once.
void spawn(const asio::any_io_executor& on, asio::awaitable<void> work, std::shared_ptr<ending> how,
    asio::cancellation_slot canceller = asio::cancellation_slot());

} // namespace detail

/// Runs all of `work` at once on the caller's io_context, each coroutine on a strand of its own, and throws the first
/// exception when all have ended. They begin in the order of `work` where one thread runs the context. `work` must not be
/// empty.
asio::awaitable<void> concurrently(std::vector<asio::awaitable<void>> work);

/// The same, and returns their values in the order of `work`.
template <class T>
asio::awaitable<std::vector<T>> concurrently(std::vector<asio::awaitable<T>> work) {
    std::vector<std::shared_ptr<std::optional<T>>> values;
    std::vector<asio::awaitable<void>> list;
    for (asio::awaitable<T>& each : work) {
        values.push_back(std::make_shared<std::optional<T>>());
        list.push_back(detail::keep(std::move(each), values.back()));
    }
    auto all = concurrently(std::move(list));
    co_await std::move(all);
    std::vector<T> out;
    out.reserve(values.size());
    for (const auto& each : values) out.push_back(std::move(**each));
    co_return out;
}

/// A coroutine that was started, and how it ended. For coroutines of one thread.
template <class T>
class started {
public:
    /// `canceller` must outlive it.
    started(const asio::any_io_executor& on, asio::awaitable<T> work,
        asio::cancellation_slot canceller = asio::cancellation_slot())
        : value_(std::make_shared<std::optional<value_type>>()), end_(std::make_shared<detail::ending>()) {
        if constexpr (std::is_void_v<T>) {
            value_->emplace();
            detail::spawn(on, std::move(work), end_, canceller);
        } else {
            detail::spawn(on, detail::keep(std::move(work), value_), end_, canceller);
        }
    }

    bool done() const noexcept { return end_->done; }
    /// Once done. \throws what the coroutine threw
    auto& value() {
        if (end_->exception) std::rethrow_exception(end_->exception);
        return **value_;
    }

private:
    using value_type = std::conditional_t<std::is_void_v<T>, detail::nothing, T>;

    std::shared_ptr<std::optional<value_type>> value_;
    std::shared_ptr<detail::ending> end_;
};

/// Starts `work` on the caller's executor, which must be a single thread's; it begins after the caller next suspends.
template <class T>
asio::awaitable<started<T>> start(asio::awaitable<T> work) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    co_return started<T>(executor, std::move(work));
}

} // namespace eventstore::test
