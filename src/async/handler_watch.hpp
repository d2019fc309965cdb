/// Notices handlers that keep a thread of an io_context.
#pragma once

#include "async/asio_calls.hpp"
#include "async/clock.hpp"
#include "async/logger.hpp"
#include "async/metrics.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace eventstore::detail {

/// Which occurrences of what happens again and again are worth a line: one a minute for each name.
class news_of_a_minute {
public:
    /// Nothing if it is not news; else how many there were of it since the last that was.
    std::optional<std::uint64_t> take(std::string_view name, steady_time now);

private:
    struct entry {
        steady_time told;
        std::uint64_t untold = 0;
    };
    std::map<std::string, entry, std::less<>> all_;
};

/// Counts, and tells the log of, handlers that take longer than a limit: the caller's coroutine, from the moment at which an
/// operation of the library has resumed it until it suspends again, and functions that the library calls. Thread safe.
class handler_watch {
public:
    /// \param longest 0: nothing is watched, and no clock is read
    handler_watch(
        std::chrono::milliseconds longest, std::shared_ptr<logger> log, std::shared_ptr<store_metrics> counted)
        : longest_(longest), logger_(std::move(log)), metrics_(std::move(counted)) {}

    std::chrono::milliseconds longest() const noexcept { return longest_; }
    bool is_on() const noexcept { return longest_.count() > 0; }

    /// The caller of an operation goes on, within the frame of its resumption; what it does next is the operation's.
    /// \param operation lives as long as the program
    EVENTSTORE_NOT_INTO_COROUTINES static void resumes(
        const std::shared_ptr<handler_watch>& watch, std::string_view operation) noexcept;

    class frame;
    class call;

private:
    void took(steady_time::duration time, std::string_view where, std::string_view name, steady_time now) noexcept;

    const std::chrono::milliseconds longest_;
    const std::shared_ptr<logger> logger_;
    const std::shared_ptr<store_metrics> metrics_;
    std::mutex mutex_;
    news_of_a_minute news_;
};

/// Around the resumption of a coroutine, on its thread. Costs nothing until resumes() is called within it.
class handler_watch::frame {
public:
    frame() noexcept;
    ~frame();
    frame(const frame&) = delete;
    frame& operator=(const frame&) = delete;

private:
    friend class handler_watch;
    void end_part(steady_time now) noexcept;

    frame* const outer_; // of a context that is run within a handler
    std::shared_ptr<handler_watch> watch_;
    steady_time begun_{};
    steady_time part_begun_{};
    steady_time::duration longest_part_{};
    std::string_view operation_; // that has resumed it last
    std::string_view to_blame_;  // after which it has taken the longest
};

/// Around a function of the user's.
class handler_watch::call {
public:
    /// \param name as the log says it; lives as long as the program
    call(handler_watch& watch, std::string_view name) noexcept;
    ~call();
    call(const call&) = delete;
    call& operator=(const call&) = delete;

private:
    handler_watch& watch_;
    const std::string_view name_;
    const steady_time begun_;
};

} // namespace eventstore::detail
