/// Makes connections of one kind.
#pragma once

#include "async/environment.hpp"
#include "base/live_objects.hpp"
#include "postgres/connection.hpp"
#include "postgres/connection_options.hpp"

#include <eventstore/error.hpp>

#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

namespace eventstore::postgres {

/// Knows where to, and how; when, is up to who needs one (connector_state). The log hears what fails. Thread safe.
class connector : private detail::live_object {
public:
    /// \param name as the log tells what fails apart; lives as long as the program. Empty: its failures are not logged
    connector(connection_options options, detail::environment where, session_kind kind, std::string_view name);

    using made = result<std::shared_ptr<connection>>;
    /// One try, which takes operation_timeout at most, on a strand whose coroutine awaits it. Throws nothing.
    /// \param inspect looks at the session; null: nothing is looked at
    static asio::awaitable<made> connect(
        std::shared_ptr<connector> self, connection::strand strand, connection::inspector inspect = nullptr);
    /// The same with another limit.
    static asio::awaitable<made> connect(std::shared_ptr<connector> self, connection::strand strand,
        connection::inspector inspect, steady_time deadline);

    /// One that was made has ended by itself.
    void lost(const failure& why);
    /// The same, which the caller tells the log.
    void count_lost() noexcept;

    /// Ends the tries that are under way.
    void stop_tries();
    /// The same for good: every try fails from here on.
    void stop();

private:
    asio::awaitable<result<void>> attempt(
        std::shared_ptr<connection> target, connection::inspector inspect, steady_time deadline);
    void count_connect() noexcept;
    void report(const failure& why) const;

    const connection_options options_;
    const detail::environment environment_;
    const session_kind kind_;
    const std::string_view name_;
    std::atomic<std::size_t> lost_{0}; // and not replaced yet

    std::mutex mutex_;
    bool is_stopped_ = false;
    std::vector<std::weak_ptr<connection>> under_way_;
};

} // namespace eventstore::postgres
