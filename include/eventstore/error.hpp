/// \file
/// Errors: `errc` (one code for each outcome that a program can act on), `failure` (a code and its details, as a
/// value), `result<T>` (a value or a failure) and `error` (the exception that carries a failure).
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
#include <string_view>
#include <utility>

namespace eventstore {

/// One code for each outcome that a program can act on. The numbers stay the same in all versions.
enum class errc {
    wrong_expected_version = 1,       ///< the stream is not at the expected version
    stream_exists = 2,                ///< `no_stream` was expected, but the stream has events
    stream_not_found = 3,             ///< the stream does not exist
    stream_deleted = 4,               ///< the stream was deleted; takes precedence over version errors
    duplicate_event = 5,              ///< an id is already stored elsewhere, or only some of the ids are
    reserved_stream = 6,              ///< names that begin with `$` are reserved
    invalid_argument = 7,             ///< an argument is out of bounds; the message says which one and why
    event_not_found = 8,              ///< no event has this id
    next_pending = 9,                 ///< another `next()` is still waiting; only one may
    schema_missing = 10,              ///< the schema does not exist, holds no store, or is too old for this library
    schema_too_new = 11,              ///< the schema belongs to a newer version of this library
    server_unusable = 12,             ///< the server's version or settings would break a guarantee of the store
    store_closed = 13,                ///< the store was closed
    overloaded = 14,                  ///< `fail_when_full` is set, and the queue of appends has reached its byte limit
    connection_lost = 15,             ///< no connection could be made, or it was lost during the operation
    lock_timeout = 16,                ///< another session holds a lock that is needed; the message names both
    timeout = 17,                     ///< the time limit of the operation has passed
    cancelled = 18,                   ///< the caller's cancellation slot was triggered
    database_error = 19,              ///< any other error of PostgreSQL; see `failure::sqlstate()`
    embedded_server_failed = 20,      ///< the embedded PostgreSQL could not be set up or started
    subscription_already_exists = 21, ///< the subscription has an owner: another process, or this one
    too_many_subscribers = 22,        ///< the subscription already has `concurrency_limit` consumers
    subscription_not_found = 23,      ///< no subscription has this name
    subscription_lost = 24,           ///< another process has taken over, or it was reset: subscribe again
    subscription_deleted = 25,        ///< the subscription was deleted
    subscription_stopped = 26,        ///< an event was refused too often, with `when_exhausted::stop`
    unexpected_ack = 27,              ///< an event was acknowledged that had not been delivered
    handler_failed = 28,              ///< a selector, partition or `apply` function threw an exception
    log_truncated = 29,               ///< the log has lost events that were seen: a fail-over, a restored backup
    snapshot_not_found = 30,          ///< the source has no snapshot
    hard_delete_disabled = 31,        ///< `store_options::allow_hard_delete` is not set
    transaction_ended = 32,           ///< the transaction was committed or rolled back, or its connection was lost
    unknown_event_type = 33,          ///< none of the given types has a codec for this event
    event_not_decodable = 34,         ///< the data of an event does not fit its C++ type
    subscription_ended = 35,          ///< the caller has ended the subscription, or this consumer
    projection_not_found = 36,        ///< no projection has this name, or this version of it
    projection_superseded = 37,       ///< this version of the projection was dropped; a later one is in use
    command_refused = 38,             ///< a caller's decision has refused a command; see aggregate.hpp
    subscription_behind = 39,         ///< a subscription needs events that were to be removed
    file_failed = 40,                 ///< a file could not be opened, read or written
    file_damaged = 41,                ///< a file of events is damaged, incomplete, or none; the message names the line
    import_refused = 42,              ///< the store is not empty, and holds other events than those to be imported
    archive_refused = 43,             ///< events were not removed: the archive does not hold all that would go
};

/// The category of `errc`. Its codes compare equal to the matching generic conditions: `cancelled` to
/// `operation_canceled`, `timeout` to `timed_out`, `invalid_argument` to `invalid_argument`,
/// `connection_lost` to `connection_reset`.
EVENTSTORE_EXPORT const boost::system::error_category& category() noexcept;

/// Returns the name of a code as it is written above, such as `"stream_not_found"`; `"unknown"` if it has none. Valid for ever.
EVENTSTORE_EXPORT std::string_view name_of(errc code) noexcept;

inline boost::system::error_code make_error_code(errc code) noexcept { return {static_cast<int>(code), category()}; }

/// A failed operation as a value: the code and its details. A copy costs one reference count.
///
/// Thread safety: immutable; distinct objects may be used from any threads.
class failure {
public:
    /// The details of a failure; each is documented at the accessor of the same name.
    struct details {
        std::string message{};
        std::string stream{};
        std::string sqlstate{};
        std::optional<std::int64_t> expected{};
        std::optional<std::int64_t> actual{};
        bool retry_helps = false;
        bool outcome_unknown = false;
    };

    failure() noexcept : code_(), details_(std::shared_ptr<const details>(), none()) {} // result 1.81 requires it
    failure(errc code, details known) : code_(code), details_(std::make_shared<const details>(std::move(known))) {}
    /// \param message a std::string, or anything that converts to one
    template <std::convertible_to<std::string> Text>
    failure(errc code, Text&& message) : failure(code, text_only(std::forward<Text>(message))) {}

    errc code() const noexcept { return code_; }
    /// Says what happened, to which stream, and what to do. Contains no password.
    const std::string& message() const noexcept { return details_->message; }
    /// The name of the stream concerned; empty if none is.
    const std::string& stream() const noexcept { return details_->stream; }
    /// PostgreSQL's five-character error code; empty if the server did not raise the error.
    const std::string& sqlstate() const noexcept { return details_->sqlstate; }
    /// The expected version; nothing if the failure is not about versions, or if no number was expected.
    std::optional<std::int64_t> expected() const noexcept { return details_->expected; }
    /// The actual version of the stream; nothing if the failure is not about versions.
    std::optional<std::int64_t> actual() const noexcept { return details_->actual; }
    /// True if the same call may succeed later, unchanged.
    bool retry_helps() const noexcept { return details_->retry_helps; }
    /// True if the operation may have been carried out. A retry of an append is safe: it finds its events by their ids.
    bool outcome_unknown() const noexcept { return details_->outcome_unknown; }

    /// All details, to make another failure from. Valid as long as this one.
    const details& all() const noexcept { return *details_; }
    /// Returns the same failure with another message.
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

/// The exception of the throwing calls. `code()` is one of `errc`, `what()` the message, `why()` the failure.
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

/// Called by `result<T>::value()` if there is no value. \throws error
[[noreturn]] EVENTSTORE_EXPORT void throw_exception_from_error(const failure& why, const boost::source_location& where);

/// A `T`, or the failure.
template <class T>
using result = boost::system::result<T, failure>;

} // namespace eventstore

/// \cond
template <>
struct boost::system::is_error_code_enum<eventstore::errc> : std::true_type {};
/// \endcond
