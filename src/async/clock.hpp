/// Where the time comes from.
#pragma once

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <functional>
#include <memory>

namespace eventstore::detail {

namespace asio = boost::asio;
using steady_time = std::chrono::steady_clock::time_point;

/// The clock by which leases are judged. It goes on while the machine is suspended, which steady_clock does not: a lease that
/// ran out meanwhile has run out. Timers stay on steady_clock; the types keep the two apart.
struct lease_clock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<lease_clock>;
    static constexpr bool is_steady = true;
};
using lease_time = lease_clock::time_point;

/// One moment, on both clocks.
struct instant {
    steady_time timer;
    lease_time lease;

    /// When a timer should go off for what is due then. The timer may be late, when the machine was suspended.
    steady_time timer_for(lease_time due) const noexcept {
        return timer + std::chrono::duration_cast<steady_time::duration>(due - lease);
    }
};

/// For what no test moves: the ends of processes.
inline steady_time machine_time() noexcept { return std::chrono::steady_clock::now(); }

/// The same clock, cheaper, and only as exact as the kernel's tick (1 to 10 ms).
steady_time coarse_machine_time() noexcept;

/// Rings once, when its time has come. Used on one strand; does not keep what it would call.
class alarm {
public:
    virtual ~alarm() = default;
    /// Replaces what was set before.
    virtual void set(steady_time when, std::function<void()> callback) = 0;
    virtual void stop() = 0;
};

/// The machine's time, or that of a test, which stands still until the test moves it. Thread safe.
class clock {
public:
    virtual ~clock() = default;
    virtual steady_time now() const noexcept = 0;
    virtual lease_time lease_now() const noexcept = 0;
    instant both() const noexcept { return {now(), lease_now()}; }
    /// The time of day, to compare with times that the server has set. It may be set back, and differ from the server's.
    virtual std::chrono::system_clock::time_point time_of_day() const noexcept {
        return std::chrono::system_clock::now();
    }
    /// An alarm that rings on `where`.
    virtual std::unique_ptr<alarm> make_alarm(const asio::any_io_executor& where) = 0;

    static std::shared_ptr<clock> of_machine();
};

} // namespace eventstore::detail
