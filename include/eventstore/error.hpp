/// \file
/// What can go wrong, and how it is told: `errc` (one code for each outcome a program can act on), `failure` (the code
/// and what is known, as a value), `result<T>` (a value or a failure) and `error` (the exception around a failure).
#pragma once

#include <eventstore/export.hpp>

#include <boost/assert/source_location.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <boost/system/system_error.hpp>

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace eventstore {

/// One code for each outcome that a program can act on. The numbers stay the same in all versions.
enum class errc {
    wrong_expected_version = 1,       ///< the stream is at another version than the caller expected
    stream_exists = 2,                ///< `no_stream` was expected, but the stream has events
    stream_not_found = 3,             ///< the stream has never been written to
    stream_deleted = 4,               ///< the stream was deleted; wins over any version error
    duplicate_event = 5,              ///< an event id is stored already, elsewhere or only in part
    reserved_stream = 6,              ///< names that begin with `$` are the store's own
    invalid_argument = 7,             ///< an argument is out of bounds; the message says which one and why
    event_not_found = 8,              ///< no event has this id
    next_pending = 9,                 ///< one `next()` at a time: another one is still waiting
    schema_missing = 10,              ///< the schema does not exist, or holds no store, or is older than this library
    schema_too_new = 11,              ///< the schema was made by a newer version of this library
    server_unusable = 12,             ///< the server's version or settings would break a promise of the store
    store_closed = 13,                ///< the store was closed
    overloaded = 14,                  ///< `fail_when_full` is set and the byte budget of queued appends is used up
    connection_lost = 15,             ///< no connection could be had, or it broke while the operation was under way
    lock_timeout = 16,                ///< another session holds a lock that is needed; the message names both
    timeout = 17,                     ///< the operation's time was over
    cancelled = 18,                   ///< the caller's cancellation slot was triggered
    database_error = 19,              ///< any other error of PostgreSQL; `failure.sqlstate()` says which
    embedded_server_failed = 20,      ///< the embedded PostgreSQL could not be set up or started
    subscription_already_exists = 21, ///< another process, or this one, has the subscription
    too_many_subscribers = 22,        ///< the subscription has as many consumers as its `concurrency_limit` allows
    subscription_not_found = 23,      ///< there is no subscription of this name
    subscription_lost = 24,           ///< another process has taken the subscription over: subscribe again
    subscription_deleted = 25,        ///< the subscription was deleted
    subscription_stopped = 26,        ///< an event was refused too often, and `when_exhausted::stop` was asked for
    unexpected_ack = 27,              ///< an event was acknowledged that had not been handed out
    handler_failed = 28,              ///< a selector or a partition function threw
    log_truncated = 29,               ///< the log was cut back behind what was seen: a fail-over lost its end
    snapshot_not_found = 30,          ///< there is no snapshot of this source
    hard_delete_disabled = 31,        ///< `store_options::allow_hard_delete` is not set
    transaction_ended = 32,           ///< the transaction was committed or rolled back, or its connection broke
    unknown_event_type = 33,          ///< no type of the given list has a codec for this event
    event_not_decodable = 34,         ///< the data of an event does not fit its C++ type
    subscription_ended = 35,          ///< the caller itself has ended the subscription, or its consumer of it
};

/// The category of `errc`. Its codes compare equal to the matching generic conditions: `cancelled` to
/// `operation_canceled`, `timeout` to `timed_out`, `invalid_argument` to `invalid_argument`,
/// `connection_lost` to `connection_reset`.
EVENTSTORE_EXPORT const boost::system::error_category& category() noexcept;

inline boost::system::error_code make_error_code(errc code) noexcept { return {static_cast<int>(code), category()}; }

/// A failed operation as a value: the code, and what is known of it.
///
/// Thread safety: immutable; distinct objects may be used from any threads. A copy costs a reference count.
class failure {
public:
    /// What a failure is made of.
    struct details {
        std::string message{};
        std::string stream{};
        std::string sqlstate{};
        std::optional<std::int64_t> expected{};
        std::optional<std::int64_t> actual{};
        bool retry_helps = false;
        bool outcome_unknown = false;
    };

    failure() noexcept : code_(), details_(std::shared_ptr<const details>(), none()) {} // result 1.81 asks for one
    failure(errc code, details what) : code_(code), details_(std::make_shared<const details>(std::move(what))) {}
    /// \param message a std::string, or what becomes one
    template <std::convertible_to<std::string> Text>
    failure(errc code, Text&& message) : failure(code, text_only(std::forward<Text>(message))) {}

    errc code() const noexcept { return code_; }
    /// What happened, to which stream, and what to do. Holds no password.
    const std::string& message() const noexcept { return details_->message; }
    /// The stream concerned; empty if none.
    const std::string& stream() const noexcept { return details_->stream; }
    /// PostgreSQL's five-letter code; empty if the server did not raise the error.
    const std::string& sqlstate() const noexcept { return details_->sqlstate; }
    /// The version of the stream that was expected; nothing if the failure is not about versions, or none was.
    std::optional<std::int64_t> expected() const noexcept { return details_->expected; }
    /// The version that the stream has; nothing if the failure is not about versions.
    std::optional<std::int64_t> actual() const noexcept { return details_->actual; }
    /// The same call may succeed later, unchanged.
    bool retry_helps() const noexcept { return details_->retry_helps; }
    /// The operation may have been carried out. A retry of an append is safe: it finds its events by their ids.
    bool outcome_unknown() const noexcept { return details_->outcome_unknown; }

    /// All of it, to make another failure of. Valid as long as this one.
    const details& all() const noexcept { return *details_; }
    /// The same failure in other words.
    failure with_message(std::string text) const;

private:
    static details text_only(std::string message) {
        details all;
        all.message = std::move(message);
        return all;
    }
    static const details* none() noexcept {
        static const details empty;
        return &empty;
    }

    errc code_;
    std::shared_ptr<const details> details_;
};

inline failure failure::with_message(std::string text) const {
    details changed = *details_;
    changed.message = std::move(text);
    return failure(code_, std::move(changed));
}

/// What the throwing calls throw. `code()` is one of `errc`, `what()` the message, `why()` all that is known.
class EVENTSTORE_EXPORT error : public boost::system::system_error {
public:
    explicit error(failure why);
    ~error() override;
    error(const error&) = default;
    error& operator=(const error&) = default;

    const char* what() const noexcept override { return failure_.message().c_str(); }
    const failure& why() const noexcept { return failure_; }

private:
    failure failure_;
};

/// Called by `result<T>::value()` when there is none. \throws error
[[noreturn]] EVENTSTORE_EXPORT void throw_exception_from_error(const failure& why, const boost::source_location& where);

/// A `T`, or why there is none.
template <class T>
using result = boost::system::result<T, failure>;

} // namespace eventstore

/// \cond
template <>
struct boost::system::is_error_code_enum<eventstore::errc> : std::true_type {};
/// \endcond
