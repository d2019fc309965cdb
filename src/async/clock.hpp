/// Where the time comes from.
#pragma once

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <functional>
#include <memory>

namespace eventstore::detail {

namespace asio = boost::asio;
using steady_time = std::chrono::steady_clock::time_point;

/// For what no test moves: the ends of processes.
inline steady_time machine_time() noexcept { return std::chrono::steady_clock::now(); }

/// Rings once, when its time has come. Used on one strand; does not keep what it would call.
class alarm {
public:
    virtual ~alarm() = default;
    /// Replaces what was set before.
    virtual void set(steady_time when, std::function<void()> ring) = 0;
    virtual void stop() = 0;
};

/// The machine's time, or that of a test, which stands still until the test moves it. Thread safe.
class clock {
public:
    virtual ~clock() = default;
    virtual steady_time now() const noexcept = 0;
    /// An alarm that rings on `where`.
    virtual std::unique_ptr<alarm> make_alarm(const asio::any_io_executor& where) = 0;

    static std::shared_ptr<clock> of_machine();
};

} // namespace eventstore::detail
