/// A call that blocks on files, made while its owner does something else.
#pragma once

#include "async/blocking_calls.hpp"
#include "async/latch.hpp"
#include "async/stop_question.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace eventstore::detail {

/// Begins calls, one after the other, and waits for them. What a call uses must live until it has ended, whatever becomes
/// of the owner: it owns that. One that may last long is to ask is_stopped() now and then, or the context cannot end.
class work_ahead {
public:
    /// \param doing as messages say it: "writing a file"
    /// \param is_stopped nobody waits for it any more
    work_ahead(asio::any_io_executor executor, std::string doing, stop_question::flag is_stopped = nullptr)
        : executor_(std::move(executor)),
          doing_(std::move(doing)),
          is_stopped_(std::move(is_stopped),
              asio::use_service<file_calls>(asio::query(executor_, asio::execution::context)).has_ended()) {}

    const stop_question& is_stopped() const noexcept { return is_stopped_; }

    /// Not before the one that was begun earlier has ended.
    void begin(std::function<void()> call) {
        ended_ = std::make_shared<latch>();
        asio::co_spawn(executor_, carry_out(std::move(call), ended_), asio::detached);
    }

    /// The call that was begun last has not ended.
    bool is_busy() const { return ended_ && !ended_->is_open(); }

    /// Waits for the call that was begun last, if one was; at the deadline the wait fails (timeout), and the call goes on.
    asio::awaitable<result<void>> wait(timer_queue* timers = nullptr, steady_time deadline = steady_time::max()) {
        if (!ended_) co_return result<void>();
        auto waiting = latch::wait(ended_, doing_, timers, deadline);
        co_return co_await std::move(waiting);
    }

private:
    static asio::awaitable<void> carry_out(std::function<void()> call, std::shared_ptr<latch> ended) {
        auto calling = run_blocking<file_calls>(std::move(call));
        co_await std::move(calling);
        ended->open();
    }

    asio::any_io_executor executor_;
    const std::string doing_;
    const stop_question is_stopped_;
    std::shared_ptr<latch> ended_;
};

} // namespace eventstore::detail
