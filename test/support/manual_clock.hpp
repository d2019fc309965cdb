/// Time that stands still until a test moves it.
#pragma once

#include "async/clock.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace eventstore::test {

/// Its alarms ring in the order of their times, on the contexts that the test runs. Thread safe.
class manual_clock final : public eventstore::detail::clock {
public:
    using time = eventstore::detail::steady_time;
    using duration = std::chrono::steady_clock::duration;

    time now() const noexcept override {
        const std::lock_guard lock(shared_->mutex);
        return shared_->now;
    }

    /// Goes on with the other one, and while the machine is suspended.
    eventstore::detail::lease_time lease_now() const noexcept override {
        const std::lock_guard lock(shared_->mutex);
        return eventstore::detail::lease_time(shared_->now.time_since_epoch() + shared_->suspended);
    }
    void suspend(duration passed) {
        const std::lock_guard lock(shared_->mutex);
        shared_->suspended += passed;
    }

    std::unique_ptr<eventstore::detail::alarm> make_alarm(const boost::asio::any_io_executor& where) override {
        return std::make_unique<manual_alarm>(shared_, where);
    }

    /// Runs what is ready, lets `passed` go by, and runs what that leads to; each alarm rings at its own time.
    void pass(boost::asio::io_context& context, duration passed) {
        const time end = now() + passed;
        for (;;) {
            context.restart();
            context.poll();
            const std::lock_guard lock(shared_->mutex);
            const auto next = std::ranges::min_element(shared_->alarms, {}, &setting::when);
            if (next == shared_->alarms.end() || next->when > end) {
                if (std::exchange(shared_->now, end) == end) break;
                continue; // what is ready at the end sees the end's time
            }
            shared_->now = std::max(shared_->now, next->when);
            boost::asio::post(next->where, std::move(next->ring));
            shared_->alarms.erase(next);
        }
    }

private:
    struct setting {
        const void* whose = nullptr;
        time when;
        boost::asio::any_io_executor where;
        std::function<void()> ring;
    };
    struct state {
        std::mutex mutex;
        time now = time(std::chrono::hours(1));
        duration suspended{};
        std::vector<setting> alarms;
    };

    class manual_alarm final : public eventstore::detail::alarm {
    public:
        manual_alarm(std::shared_ptr<state> of, boost::asio::any_io_executor where)
            : state_(std::move(of)), where_(std::move(where)) {}
        ~manual_alarm() override { manual_alarm::stop(); }

        void set(time when, std::function<void()> ring) override {
            stop();
            const std::lock_guard lock(state_->mutex);
            state_->alarms.push_back({this, when, where_, std::move(ring)});
        }
        void stop() override {
            const std::lock_guard lock(state_->mutex);
            std::erase_if(state_->alarms, [this](const setting& each) { return each.whose == this; });
        }

    private:
        const std::shared_ptr<state> state_;
        const boost::asio::any_io_executor where_;
    };

    const std::shared_ptr<state> shared_ = std::make_shared<state>();
};

} // namespace eventstore::test
