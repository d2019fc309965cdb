/// Work on another executor, which its caller may stop waiting for.
#pragma once

#include "async/completion.hpp"

#include <eventstore/error.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace eventstore::detail {

/// The completion handler of work on another executor: `then` is called once, with what became of the work, or with the
/// failure that it went with its execution context.
template <class T, class Then>
class apart_handler {
public:
    apart_handler(const std::string& doing, Then then)
        : doing_(doing),
          gone_(errc::store_closed, doing + ": the execution context of the store has ended"),
          then_(std::move(then)) {}
    apart_handler(apart_handler&& other) noexcept
        : doing_(other.doing_), gone_(other.gone_), then_(std::exchange(other.then_, std::nullopt)) {}
    apart_handler& operator=(apart_handler&&) = delete;
    ~apart_handler() {
        if (then_) end(gone_);
    }

    void operator()(const std::exception_ptr& thrown, result<T> value) {
        if (thrown) value = to_failure(thrown);
        end(std::move(value));
    }

private:
    failure to_failure(const std::exception_ptr& thrown) const {
        try {
            std::rethrow_exception(thrown);
        } catch (const error& e) {
            return e.why();
        } catch (const std::exception& e) {
            return failure(errc::connection_lost, doing_ + " failed: " + e.what());
        }
    }
    void end(result<T> outcome) { (*std::exchange(then_, std::nullopt))(std::move(outcome)); }

    const std::string doing_;
    const failure gone_;
    std::optional<Then> then_;
};

/// What a caller of run_apart waits for.
template <class T, class Executor>
class apart final : public completion<T> {
public:
    apart(Executor where, asio::awaitable<result<T>> work, std::string doing)
        : completion<T>(std::move(doing)), where_(std::move(where)), work_(std::move(work)) {}

private:
    void start() override {
        auto then = [self = std::static_pointer_cast<apart>(this->shared_from_this())](
                        result<T> value) { self->decide(std::move(value)); };
        // Not kept in here, where the executor would outlive its context.
        const auto where = std::move(*std::exchange(where_, std::nullopt));
        asio::co_spawn(where, std::move(work_), apart_handler<T, decltype(then)>(this->doing(), std::move(then)));
    }

    std::optional<Executor> where_;
    asio::awaitable<result<T>> work_;
};

/// Runs `work` on `where` and returns what it does. Cancelled, it returns at once, and the work goes on by itself.
///
/// (A co_spawn with use_awaitable would pass the cancellation on, to a signal that may be gone when it arrives: Asio
/// 1.26 posts it.)
template <class T, class Executor>
asio::awaitable<result<T>> run_apart(Executor where, asio::awaitable<result<T>> work, std::string doing) {
    const auto waiting = std::make_shared<apart<T, Executor>>(std::move(where), std::move(work), std::move(doing));
    auto working = completion<T>::wait(waiting);
    co_return co_await std::move(working);
}

} // namespace eventstore::detail
