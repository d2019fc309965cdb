// An io_context run handler by handler: how a test reaches each point at which an operation can be interrupted.
#pragma once

#include "support/concurrently.hpp"
#include "support/coroutines.hpp"

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>

#include <chrono>
#include <cstddef>
#include <utility>

namespace eventstore::test {

/// Runs `body` inside a handler of the context, from where it may go on to run others. A cancellation that is emitted
/// there takes effect at once: emitted from outside, co_spawn queues it behind whatever is ready to run, and so misses
/// the moments in which an operation has ended and its caller has not been resumed yet.
template <class Body>
void inside(asio::io_context& context, Body body) {
    bool done = false;
    context.restart();
    asio::post(context, [&] {
        body();
        done = true;
    });
    while (!done) context.run_one();
}

/// Runs up to `count` handlers, fewer if `done()` says so before. Returns how many.
template <class Done>
std::size_t step(asio::io_context& context, std::size_t count, Done done) {
    const auto end = std::chrono::steady_clock::now() + default_deadline;
    if (context.stopped()) context.restart();
    std::size_t ran = 0;
    while (ran < count && !done() && context.run_one_until(end) == 1) ++ran;
    return ran;
}

/// Runs handlers until `done()`. Ends the test if that does not come.
template <class Done>
void step_until(asio::io_context& context, Done done, std::source_location where = std::source_location::current()) {
    const auto end = std::chrono::steady_clock::now() + default_deadline;
    if (context.stopped()) context.restart();
    while (!done())
        if (context.run_one_until(end) == 0) detail::fail("what should have come did not come", where);
}

/// An operation that was started on a context, and can be cancelled from inside it.
template <class T>
class cancellable {
public:
    cancellable(asio::io_context& context, asio::awaitable<T> work)
        : state_(context.get_executor(), std::move(work), signal_.slot()) {}
    cancellable(const cancellable&) = delete;
    cancellable& operator=(const cancellable&) = delete;

    void cancel(asio::cancellation_type how = asio::cancellation_type::terminal) { signal_.emit(how); }
    bool done() const noexcept { return state_.done(); }
    auto& value() { return state_.value(); }

private:
    asio::cancellation_signal signal_;
    started<T> state_;
};

enum class ended { well, cancelled, unknown };

// How it ended. Asio itself refuses to go on with a coroutine that was cancelled before it began, by its own error.
template <class T>
ended how_it_ended(cancellable<T>& operation) {
    try {
        operation.value();
        return ended::well;
    } catch (const error& e) {
        if (e.why().code() != errc::cancelled) throw;
        BOOST_TEST((e.code() == boost::system::errc::operation_canceled));
        return e.why().outcome_unknown() ? ended::unknown : ended::cancelled;
    } catch (const boost::system::system_error& e) {
        if (e.code() != asio::error::operation_aborted) throw;
        return ended::cancelled;
    }
}

} // namespace eventstore::test
