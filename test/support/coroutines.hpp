// Running coroutines in tests: nothing here sleeps, everything has a deadline, and a test that hangs says where.
//
// Boost.Test's assertions are not thread-safe. Under `run_threads` collect what was seen, and assert after it returned.
#pragma once

#include <eventstore/error.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace eventstore {

/// Lets BOOST_TEST print a code.
inline std::ostream& boost_test_print_type(std::ostream& out, errc code) {
    return out << category().message(int(code));
}

} // namespace eventstore

namespace eventstore::test {

namespace asio = boost::asio;
using duration = std::chrono::steady_clock::duration;

inline constexpr duration default_deadline = std::chrono::seconds(30);

/// A limit on how long something may take, on a machine that is slow or has other things to do: as much longer as
/// EVENTSTORE_TEST_PATIENCE says (`with_server` measures it), or as there is more to run now than there are processors.
duration patient(duration limit);

/// Such a limit from now on. It moves while others make the machine busy. All deadlines here are stretched like that.
class patience {
public:
    explicit patience(duration limit) : limit_(limit) {}

    std::chrono::steady_clock::time_point end() const { return begin_ + patient(limit_); }
    bool is_over() const;
    /// Runs the context until it has nothing left to do, or the time is over.
    void run(asio::io_context& context) const {
        do context.run_until(end());
        while (!context.stopped() && !is_over());
    }

private:
    duration limit_;
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

namespace detail {

/// Ends the running test. An exception and not BOOST_FAIL, so that any thread may throw it.
[[noreturn]] void fail(const std::string& what, const std::source_location& where);

template <class T>
asio::awaitable<void> keep(asio::awaitable<T> work, std::shared_ptr<std::optional<T>> kept) {
    T value = co_await std::move(work);
    kept->emplace(std::move(value));
}

} // namespace detail

/// Runs `work` on a context of the caller's until it is done, and returns its value or throws its exception. What else
/// the context has to do may be unfinished; call it again, or `context.run()`, to go on.
void run(asio::io_context& context, asio::awaitable<void> work, duration deadline = default_deadline,
    std::source_location where = std::source_location::current());

template <class T>
T run(asio::io_context& context, asio::awaitable<T> work, duration deadline = default_deadline,
    std::source_location where = std::source_location::current()) {
    const auto kept = std::make_shared<std::optional<T>>(); // shared, since a coroutine that hangs outlives the call
    run(context, detail::keep(std::move(work), kept), deadline, where);
    return std::move(**kept);
}

/// Runs `work` on a context of its own, and that context until it has nothing left to do: whatever the work leaves
/// behind (an open store, a pending operation, a timer) has to end by itself, too.
void run(asio::awaitable<void> work, duration deadline = default_deadline,
    std::source_location where = std::source_location::current());

template <class T>
T run(asio::awaitable<T> work, duration deadline = default_deadline,
    std::source_location where = std::source_location::current()) {
    const auto kept = std::make_shared<std::optional<T>>();
    run(detail::keep(std::move(work), kept), deadline, where);
    return std::move(**kept);
}

/// Runs all of `work` at once on one context with `threads` threads, each coroutine on a strand of its own. Throws the
/// first exception when all threads have ended.
void run_threads(std::size_t threads, std::vector<asio::awaitable<void>> work, duration deadline = default_deadline,
    std::source_location where = std::source_location::current());

inline void run_threads(std::size_t threads, asio::awaitable<void> work, duration deadline = default_deadline,
    std::source_location where = std::source_location::current()) {
    std::vector<asio::awaitable<void>> list;
    list.push_back(std::move(work));
    run_threads(threads, std::move(list), deadline, where);
}

/// Asks `predicate` again and again until it says yes. Ends the test when it has not by the deadline. A predicate that
/// captures by value needs a name of its own before the co_await.
asio::awaitable<void> eventually(std::function<bool()> predicate, duration deadline = std::chrono::seconds(10),
    std::source_location where = std::source_location::current());

/// Lets everything that is ready to run on this executor run first, a few rounds of it.
asio::awaitable<void> let_others_run(int rounds = 10);

/// Lets time pass, where it is time that a test is about. For everything else there is `eventually`.
asio::awaitable<void> let_pass(duration time);

/// Checks that a failure has this code, and returns it for more questions.
inline failure expect_error(errc code, failure why, std::source_location where = std::source_location::current()) {
    if (why.code() != code)
        detail::fail("expected the error '" + category().message(int(code)) + "', got '" +
                category().message(int(why.code())) + "': " + why.message(),
            where);
    return why;
}

template <class T>
failure expect_error(
    errc code, const result<T>& outcome, std::source_location where = std::source_location::current()) {
    if (outcome) detail::fail("expected the error '" + category().message(int(code)) + "', got a value", where);
    return expect_error(code, outcome.error(), where);
}

/// The same for an operation: `const auto why = co_await expect_error(errc::stream_deleted, store.read("a"));` It must
/// throw an `eventstore::error` or return a `result` that holds a failure.
template <class T>
asio::awaitable<failure> expect_error(
    errc code, asio::awaitable<T> work, std::source_location where = std::source_location::current()) {
    std::optional<failure> why;
    try {
        if constexpr (std::is_same_v<T, void>) {
            co_await std::move(work);
        } else {
            const T value = co_await std::move(work);
            if constexpr (requires {
                              value.has_error();
                              value.error();
                          })
                if (value.has_error()) why = value.error();
        }
    } catch (const error& e) {
        why = e.why();
    }
    if (!why) detail::fail("expected the error '" + category().message(int(code)) + "', but it succeeded", where);
    co_return expect_error(code, *why, where);
}

} // namespace eventstore::test
