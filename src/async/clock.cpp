#include "async/clock.hpp"

#include <boost/asio/steady_timer.hpp>

#include <time.h>

#include <utility>

namespace eventstore::detail {

namespace {

class machine_alarm final : public alarm {
public:
    explicit machine_alarm(const asio::any_io_executor& where) : timer_(where) {}

    void set(steady_time when, std::function<void()> callback) override {
        timer_.expires_at(when);
        timer_.async_wait([callback = std::move(callback)](const boost::system::error_code& stopped) {
            if (!stopped) callback();
        });
    }
    void stop() override { timer_.cancel(); }

private:
    asio::steady_timer timer_;
};

class machine_clock final : public clock {
public:
    steady_time now() const noexcept override { return machine_time(); }
    lease_time lease_now() const noexcept override {
        ::timespec now{};
        ::clock_gettime(CLOCK_BOOTTIME, &now);
        return lease_time(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
    }
    std::unique_ptr<alarm> make_alarm(const asio::any_io_executor& where) override {
        return std::make_unique<machine_alarm>(where);
    }
};

} // namespace

steady_time coarse_machine_time() noexcept {
    ::timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return steady_time(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

std::shared_ptr<clock> clock::of_machine() {
    static const auto one = std::make_shared<machine_clock>();
    return one;
}

} // namespace eventstore::detail
