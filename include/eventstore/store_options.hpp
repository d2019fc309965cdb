/// \file
/// Options of a store.
#pragma once

#include <eventstore/asio_settings.hpp>
#include <eventstore/export.hpp>
#include <eventstore/log_level.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace eventstore {

using std::chrono::milliseconds;

class tracer; // eventstore/tracing.hpp

/// A callable argument: a named object, or a lambda that captures only references and trivially destructible values.
/// (g++ 12 frees the capture of `co_await f([text] { ... })` twice; here it does not compile. Write
/// `auto handler = [text] { ... };` and pass `handler`.)
template <class Callable, class Signature>
concept handler_for = std::is_constructible_v<std::function<Signature>, Callable> &&
    (std::is_lvalue_reference_v<Callable> || std::is_trivially_destructible_v<std::remove_cvref_t<Callable>>);

/// The storage format of payloads; chosen when the schema is created, and recorded in it.
enum class payload_format {
    bytea, ///< any bytes, returned unchanged
    jsonb, ///< JSON only, which SQL can query; returned with the same meaning, but other spaces and order of keys
};

/// Where the store is, and how it works. Values out of bounds fail the `open` with `errc::invalid_argument`.
class store_options {
public:
    /// \param url a libpq connection string or URI: `postgresql://user@host:5432/database?sslmode=require`,
    /// `postgresql:///shop?host=/run/postgresql`, several hosts, services: anything that libpq accepts.
    store_options(std::string url) : url_(std::move(url)) {}
    store_options(const char* url) : url_(url) {}

    /// The schema of the store's tables: 1 to 63 bytes, "eventstore" by default. Many stores may share a database.
    store_options& schema(std::string value) & { return schema_ = std::move(value), *this; }
    store_options&& schema(std::string value) && { return std::move(schema(std::move(value))); }

    /// Creates a missing schema on open, and migrates an older one. Off by default.
    store_options& create(bool value = true) & { return create_ = value, *this; }
    store_options&& create(bool value = true) && { return std::move(create(value)); }

    /// The payload format of a schema that this open creates; an existing schema keeps its format. bytea by default.
    store_options& payload(payload_format value) & { return payload_ = value, *this; }
    store_options&& payload(payload_format value) && { return std::move(payload(value)); }

    /// Allows hard deletes: `delete_stream` may remove events permanently. Off by default.
    store_options& allow_hard_delete(bool value = true) & { return hard_delete_ = value, *this; }
    store_options&& allow_hard_delete(bool value = true) && { return std::move(allow_hard_delete(value)); }

    /// At most this many connections for reading, each shared by many callers; 1 to 1000, 4 by default. Opened on
    /// demand. Appends use one more.
    store_options& pool_size(std::size_t value) & { return pool_size_ = value, *this; }
    store_options&& pool_size(std::size_t value) && { return std::move(pool_size(value)); }

    /// The time limit of an operation, unless `store::within` sets another; 10 s by default, at least 1 ms.
    store_options& operation_timeout(milliseconds value) & { return operation_timeout_ = value, *this; }
    store_options&& operation_timeout(milliseconds value) && { return std::move(operation_timeout(value)); }

    /// The time limit of the shutdown, which begins with close() or the end of the last handle; 1 s by default.
    store_options& close_timeout(milliseconds value) & { return close_timeout_ = value, *this; }
    store_options&& close_timeout(milliseconds value) && { return std::move(close_timeout(value)); }

    /// At most this many bytes of appends are queued or under way; 64 MB by default. Above that, appends wait for
    /// admission, in order.
    store_options& max_queued_bytes(std::size_t value) & { return max_queued_bytes_ = value, *this; }
    store_options&& max_queued_bytes(std::size_t value) && { return std::move(max_queued_bytes(value)); }

    /// Above `max_queued_bytes` an append fails with `errc::overloaded` instead of waiting. Off by default.
    store_options& fail_when_full(bool value = true) & { return fail_when_full_ = value, *this; }
    store_options&& fail_when_full(bool value = true) && { return std::move(fail_when_full(value)); }

    /// The maximum size of an event, data and metadata together, in bytes; 16 MB by default, at most 64 MB.
    store_options& max_event_bytes(std::size_t value) & { return max_event_bytes_ = value, *this; }
    store_options&& max_event_bytes(std::size_t value) && { return std::move(max_event_bytes(value)); }

    /// Opens the store even if the server confirms commits before they are durable (`synchronous_commit = off`): a
    /// crash of the server may then lose confirmed events. Off by default: `open` fails with `errc::server_unusable`.
    store_options& allow_asynchronous_commit(bool value = true) & { return asynchronous_commit_ = value, *this; }
    store_options&& allow_asynchronous_commit(bool value = true) && {
        return std::move(allow_asynchronous_commit(value));
    }

    /// The url leads through a transaction pooler (PgBouncer): the store uses no prepared statements and no session
    /// settings, and has one transaction under way on each connection. Off by default.
    store_options& pooled(bool value = true) & { return pooled_ = value, *this; }
    store_options&& pooled(bool value = true) && { return std::move(pooled(value)); }

    /// A connection string for the same database without the pooler, for the one connection that listens for appends of
    /// other processes. Without it, a pooled store polls for them five times a second while it has subscriptions.
    store_options& session_url(std::string value) & { return session_url_ = std::move(value), *this; }
    store_options&& session_url(std::string value) && { return std::move(session_url(std::move(value))); }

    /// The function that receives what the store logs, line by line: notices of the server (`log_level::info`), lost
    /// connections and other failures that are tried again (`log_level::warning`). No line contains a password. A
    /// repeated failure is logged the first time, the 10th, the 100th, and so on. Called on the store's executor; calls
    /// do not overlap. It must not throw.
    template <handler_for<void(log_level, std::string_view)> Handler>
    store_options& on_log(Handler&& handler) & {
        log_ = std::forward<Handler>(handler);
        return *this;
    }
    template <handler_for<void(log_level, std::string_view)> Handler>
    store_options&& on_log(Handler&& handler) && {
        return std::move(on_log(std::forward<Handler>(handler)));
    }

    /// A handler that keeps a thread of the io_context for longer than this is counted (`store_stats::blocked`) and
    /// logged as a warning, at most once a minute for each operation; 100 ms by default, 0 = none is. A handler is the
    /// caller's coroutine, from the moment at which an operation of the store resumes it until it suspends again; and a
    /// selector or partition function. Measured with a clock that is exact to 1 to 10 ms.
    store_options& longest_handler(milliseconds value) & { return longest_handler_ = value, *this; }
    store_options&& longest_handler(milliseconds value) && { return std::move(longest_handler(value)); }

    /// A subscription counts as stalled (`subscription_stats::stalled`) if it lags and its checkpoint has not moved for
    /// this long; 30 s by default, at least 1 ms. A lag that moves is no disease.
    store_options& stalled_after(milliseconds value) & { return stalled_after_ = value, *this; }
    store_options&& stalled_after(milliseconds value) && { return std::move(stalled_after(value)); }

    /// The tracer that is told of the store's operations; by default none, which costs nothing.
    store_options& tracing(std::shared_ptr<tracer> value) & { return tracer_ = std::move(value), *this; }
    store_options&& tracing(std::shared_ptr<tracer> value) && { return std::move(tracing(std::move(value))); }

    /// The executor for the store's own work, which runs on strands in its execution context; by default that of the
    /// coroutine that opens the store. The store ends with this context: operations awaited on other contexts then fail
    /// with `store_closed`.
    store_options& executor(boost::asio::any_io_executor value) & { return executor_ = std::move(value), *this; }
    store_options&& executor(boost::asio::any_io_executor value) && { return std::move(executor(std::move(value))); }

    const std::string& url() const noexcept { return url_; }
    const std::string& schema() const noexcept { return schema_; }
    bool creates() const noexcept { return create_; }
    payload_format payload() const noexcept { return payload_; }
    bool allows_hard_delete() const noexcept { return hard_delete_; }
    std::size_t pool_size() const noexcept { return pool_size_; }
    milliseconds operation_timeout() const noexcept { return operation_timeout_; }
    milliseconds close_timeout() const noexcept { return close_timeout_; }
    std::size_t max_queued_bytes() const noexcept { return max_queued_bytes_; }
    bool fails_when_full() const noexcept { return fail_when_full_; }
    std::size_t max_event_bytes() const noexcept { return max_event_bytes_; }
    bool allows_asynchronous_commit() const noexcept { return asynchronous_commit_; }
    bool is_pooled() const noexcept { return pooled_; }
    const std::string& session_url() const noexcept { return session_url_; }
    const std::function<void(log_level, std::string_view)>& on_log() const noexcept { return log_; }
    milliseconds longest_handler() const noexcept { return longest_handler_; }
    milliseconds stalled_after() const noexcept { return stalled_after_; }
    const std::shared_ptr<tracer>& tracing() const noexcept { return tracer_; }
    const boost::asio::any_io_executor& executor() const noexcept { return executor_; }

private:
    std::string url_;
    std::string schema_ = "eventstore";
    bool create_ = false;
    payload_format payload_ = payload_format::bytea;
    bool hard_delete_ = false;
    std::size_t pool_size_ = 4;
    milliseconds operation_timeout_{10'000};
    milliseconds close_timeout_{1'000};
    std::size_t max_queued_bytes_ = std::size_t{64} << 20;
    bool fail_when_full_ = false;
    std::size_t max_event_bytes_ = std::size_t{16} << 20;
    bool asynchronous_commit_ = false;
    bool pooled_ = false;
    std::string session_url_;
    std::function<void(log_level, std::string_view)> log_;
    milliseconds longest_handler_{100};
    milliseconds stalled_after_{30'000};
    std::shared_ptr<tracer> tracer_;
    boost::asio::any_io_executor executor_;
};

} // namespace eventstore
