// Many appends at once, their outcomes in the order of the input.
#pragma once

#include <eventstore/store.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace eventstore::cli {

namespace asio = boost::asio;

/// Keeps appends of one event each under way, many of them, so that they share flushes. For one thread.
class bulk_append : public std::enable_shared_from_this<bulk_append> {
public:
    struct appended {
        std::size_t line;
        std::string stream;
        append_result result;
    };
    using handler = std::function<void(const appended&)>;

    /// `on_appended` is told of each append that succeeded, in the order of the input.
    bulk_append(store target, asio::any_io_executor executor, handler on_appended);

    /// Waits while too many are under way. After a failure it takes no more.
    asio::awaitable<void> add(std::size_t line, std::string stream, expected_version expected, event_data event);
    /// Waits until none is under way.
    asio::awaitable<void> finish();

    bool failed() const noexcept { return failure_.has_value(); }
    /// The first failure, in the order of the input; its message begins with the line.
    const failure& why() const { return *failure_; }

private:
    struct pending {
        std::size_t line;
        std::string stream;
        std::optional<result<append_result>> outcome;
    };

    static asio::awaitable<void> carry_out(
        std::shared_ptr<bulk_append> self, pending* entry, expected_version expected, event_data event);
    asio::awaitable<void> wait_until_below(std::size_t limit);
    void report_finished();

    store target_;
    asio::any_io_executor executor_;
    handler on_appended_;
    std::deque<pending> pending_;
    asio::steady_timer changed_; // never expires: cancelled when an outcome has come
    std::optional<failure> failure_;
};

} // namespace eventstore::cli
