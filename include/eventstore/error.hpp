/// \file
/// What can go wrong, and how it is told: `errc` (one code for each outcome a program can act on), `failure` (the code
/// and the facts, as a value), `result<T>` (a value or a failure) and `error` (the exception around a failure).
#pragma once

#include <eventstore/export.hpp>

#include <boost/assert/source_location.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <boost/system/system_error.hpp>

#include <cstdint>
#include <memory>
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
    database_error = 19,              ///< any other error of PostgreSQL; `failure->sqlstate` says which
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

/// A failed operation as a value: the code, and the facts behind one shared pointer.
///
/// Thread safety: immutable; distinct objects may be used from any threads.
class failure {
public:
    struct facts {
        std::string message;        ///< what happened, to which stream, and what to do; never holds a password
        std::string stream;         ///< the stream concerned; empty if none
        std::string sqlstate;       ///< PostgreSQL's five-letter code, if the server raised the error
        std::int64_t expected = -1; ///< the version expected, if the failure is about versions
        std::int64_t actual = -1;   ///< the version found, if the failure is about versions
        bool retry_helps = false;   ///< the same call may succeed later, unchanged
        bool outcome_unknown =
            false; ///< the operation may or may not have been carried out; an append's event ids make a retry safe
    };

    failure() noexcept : code_(), facts_(std::shared_ptr<const facts>(), none()) {} // result 1.81 asks for one
    failure(errc code, facts what) : code_(code), facts_(std::make_shared<const facts>(std::move(what))) {}
    failure(errc code, std::string message);

    errc code() const noexcept { return code_; }
    const std::string& message() const noexcept { return facts_->message; }
    const facts* operator->() const noexcept { return facts_.get(); }

private:
    static const facts* none() noexcept {
        static const facts empty;
        return &empty;
    }

    errc code_;
    std::shared_ptr<const facts> facts_;
};

inline failure::failure(errc code, std::string message) : code_(code) {
    facts what;
    what.message = std::move(message);
    facts_ = std::make_shared<const facts>(std::move(what));
}

/// What the throwing calls throw. `code()` is one of `errc`, `what()` the message, `why()` the facts.
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
