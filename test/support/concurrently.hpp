// Many coroutines at once, from inside a coroutine.
#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace eventstore::test {

namespace asio = boost::asio;

namespace detail {

template <class T, class Handler>
struct gathering {
    gathering(std::size_t count, Handler h) : left(count), values(count), handler(std::move(h)) {}

    std::mutex mutex;
    std::size_t left;
    std::vector<std::optional<T>> values;
    std::exception_ptr first;
    Handler handler;

    void one_ended(std::size_t which, std::exception_ptr e, std::optional<T> value) {
        {
            const std::lock_guard lock(mutex);
            if (e && !first) first = e;
            values[which] = std::move(value);
            if (--left > 0) return;
        }
        const auto executor = asio::get_associated_executor(handler);
        asio::post(executor, [h = std::move(handler), e = first, all = std::move(values)]() mutable {
            std::move(h)(e, std::move(all));
        });
    }
};

template <class T>
asio::awaitable<std::optional<T>> as_optional(asio::awaitable<T> work) {
    T value = co_await std::move(work);
    co_return std::optional<T>(std::move(value));
}

struct nothing {};
inline asio::awaitable<nothing> as_value(asio::awaitable<void> work) {
    co_await std::move(work);
    co_return nothing();
}

} // namespace detail

/// Runs all of `work` at once on the caller's io_context, each coroutine on a strand of its own, and returns their
/// values in the order of `work`, or throws the first exception when all have ended. They begin in the order of `work`
/// where one thread runs the context. `work` must not be empty.
template <class T>
asio::awaitable<std::vector<T>> concurrently(std::vector<asio::awaitable<T>> work) {
    auto& context =
        static_cast<asio::io_context&>(asio::query(co_await asio::this_coro::executor, asio::execution::context));
    std::vector<std::optional<T>> values = co_await asio::async_initiate<const asio::use_awaitable_t<>,
        void(std::exception_ptr, std::vector<std::optional<T>>)>(
        [&](auto handler) {
            using all = detail::gathering<T, decltype(handler)>;
            const auto state = std::make_shared<all>(work.size(), std::move(handler));
            for (std::size_t i = 0; i < work.size(); ++i)
                asio::co_spawn(asio::make_strand(context), detail::as_optional(std::move(work[i])),
                    [state, i](
                        std::exception_ptr e, std::optional<T> value) { state->one_ended(i, e, std::move(value)); });
        },
        asio::use_awaitable);
    std::vector<T> out;
    out.reserve(values.size());
    for (std::optional<T>& each : values) out.push_back(std::move(*each));
    co_return out;
}

inline asio::awaitable<void> concurrently(std::vector<asio::awaitable<void>> work) {
    std::vector<asio::awaitable<detail::nothing>> list;
    for (auto& each : work) list.push_back(detail::as_value(std::move(each)));
    co_await concurrently(std::move(list));
}

/// A coroutine that was started, and how it ended. For coroutines of one thread.
template <class T>
class started {
public:
    using value_type = std::conditional_t<std::is_void_v<T>, detail::nothing, T>;

    /// `token` may bind a cancellation slot.
    template <class Bind = std::identity>
    started(const asio::any_io_executor& on, asio::awaitable<T> work, Bind bind = Bind())
        : state_(std::make_shared<state>()) {
        auto keep = [kept = state_](std::exception_ptr e, std::optional<value_type> v) {
            kept->done = true;
            kept->exception = e;
            kept->value = std::move(v);
        };
        if constexpr (std::is_void_v<T>)
            asio::co_spawn(on, detail::as_optional(detail::as_value(std::move(work))), bind(std::move(keep)));
        else
            asio::co_spawn(on, detail::as_optional(std::move(work)), bind(std::move(keep)));
    }

    bool done() const noexcept { return state_->done; }
    /// Once done. \throws what the coroutine threw
    value_type& value() {
        if (state_->exception) std::rethrow_exception(state_->exception);
        return *state_->value;
    }

private:
    struct state {
        bool done = false;
        std::exception_ptr exception;
        std::optional<value_type> value;
    };
    std::shared_ptr<state> state_;
};

/// Starts `work` on the caller's executor, which must be a single thread's; it begins after the caller next suspends.
template <class T>
asio::awaitable<started<T>> start(asio::awaitable<T> work) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    co_return started<T>(executor, std::move(work));
}

} // namespace eventstore::test
