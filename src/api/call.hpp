/// How a call of the public interface runs.
#pragma once

#include "api/call_trace.hpp"
#include "async/operation.hpp"
#include "runtime/store_core.hpp"

#include <eventstore/error.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace eventstore::detail {

using store_ptr = std::shared_ptr<store_impl>;

/// What begins the work of a call may return an awaitable, or what is waited for without a coroutine of its own: its
/// `operation()` (null: nothing has to be waited for), and then `take()`.
template <class Begun>
concept begun_operation = requires(Begun begun) {
    { begun.operation() } -> std::convertible_to<std::shared_ptr<operation>>;
    begun.take();
};

template <class Begun>
struct outcome_of {
    using type = decltype(std::declval<Begun&>().take());
};
template <class T>
struct outcome_of<asio::awaitable<result<T>>> {
    using type = result<T>;
};

/// How a call ends: it throws the failure, or returns it.
enum class ending { throws, tells };

/// \tparam Outcome a result
template <ending How, class Outcome>
using ended = std::conditional_t<How == ending::throws, typename Outcome::value_type, Outcome>;

template <ending How, class Outcome>
ended<How, Outcome> end_call(Outcome outcome) {
    if constexpr (How == ending::throws)
        return std::move(outcome).value();
    else
        return outcome;
}

template <class Check, class... Args>
std::optional<failure> refusal(
    const store_ptr& store, std::chrono::milliseconds limit, const Check& check, const Args&... args) {
    if (auto why = check_call(store, limit)) return why;
    if constexpr (std::is_invocable_v<const Check&, const Args&..., const store_options&>)
        return check(args..., store->core->options);
    else
        return check(args...);
}

/// Of a call that takes nothing amiss.
struct unchecked {
    template <class... Args>
    std::optional<failure> operator()(const Args&...) const noexcept {
        return std::nullopt;
    }
};

/// Runs a public call: refuses it on a handle that is of no use, or for what `check` says of its arguments, and else does
/// what `begin(store, deadline, arguments...)` begins. Keeps the store open meanwhile.
///
/// The arguments are the call's own copies. Neither function captures anything.
/// \param what lives as long as the program
template <ending How, class Check, class Begin, class... Args,
    class Outcome = typename outcome_of<std::invoke_result_t<Begin&, const store_ptr&, steady_time, Args...>>::type>
asio::awaitable<ended<How, Outcome>> run_call(const operation_kind& what, store_ptr store,
    std::chrono::milliseconds limit, Check check, Begin begin, Args... args) {
    static_assert(
        (std::is_empty_v<Check> || std::is_pointer_v<Check>)&&(std::is_empty_v<Begin> || std::is_pointer_v<Begin>),
        "what a parameter of a coroutine captures, g++ 12 may free twice");
    const auto why = refusal(store, limit, check, args...);
    if (why) co_return end_call<How, Outcome>(*why);
    call_trace trace(*store->core, what, args...);
    const steady_time deadline = store->core->deadline(limit);
    auto begun = begin(store, deadline, std::move(args)...);
    if constexpr (begun_operation<decltype(begun)>) {
        if (auto waiting = begun.operation())
            co_await suspend(std::move(waiting), store->core->environment.timers.get(), deadline);
        Outcome outcome = begun.take();
        trace.end(what, outcome);
        handler_watch::resumes(store->core->environment.handlers, what.name);
        co_return end_call<How, Outcome>(std::move(outcome));
    } else {
        auto outcome = co_await std::move(begun);
        trace.end(what, outcome);
        handler_watch::resumes(store->core->environment.handlers, what.name);
        co_return end_call<How, Outcome>(std::move(outcome));
    }
}

template <class Check, class Begin, class... Args>
auto call(const operation_kind& what, store_ptr store, std::chrono::milliseconds limit, Check check, Begin begin,
    Args... args) {
    return run_call<ending::throws>(what, std::move(store), limit, check, begin, std::move(args)...);
}

/// The same, whose failure is a value.
template <class Check, class Begin, class... Args>
auto try_call(const operation_kind& what, store_ptr store, std::chrono::milliseconds limit, Check check, Begin begin,
    Args... args) {
    return run_call<ending::tells>(what, std::move(store), limit, check, begin, std::move(args)...);
}

/// Between two statements of one call it is Asio that notices a cancellation, and throws.
template <class T>
asio::awaitable<result<T>> tell_cancellation(asio::awaitable<result<T>> work, std::string message) {
    try {
        co_return co_await std::move(work);
    } catch (const boost::system::system_error& thrown) {
        if (thrown.code() != asio::error::operation_aborted) throw;
    }
    co_return failure(errc::cancelled, std::move(message));
}

} // namespace eventstore::detail
