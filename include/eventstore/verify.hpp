/// \file
/// Verifies that a stored log is sound; for operators.
#pragma once

#include <eventstore/asio_settings.hpp>
#include <eventstore/export.hpp>
#include <eventstore/finding.hpp>
#include <eventstore/store_options.hpp>

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eventstore {

/// How far a verification has come.
struct verify_progress {
    std::string_view part;     ///< "events", "streams", "ids" or "subscriptions", in this order
    std::int64_t done = 0;     ///< of `total`: positions, ids of streams, events, or ids of subscriptions
    std::int64_t total = 0;    ///< may be too large: what was deleted leaves gaps
    std::int64_t findings = 0; ///< problems until now
};

/// How to verify. Values out of bounds fail the call with `errc::invalid_argument`.
class verify_options {
public:
    verify_options() noexcept {} // user-declared: a temporary aggregate inside co_await is freed twice by g++ 12

    /// Rows that one statement looks at, in a snapshot of its own; 100 to 1,000,000, by default 20,000. A smaller page
    /// holds its snapshot for a shorter time, a larger one needs fewer round trips.
    verify_options& page_size(std::size_t value) & { return page_size_ = value, *this; }
    verify_options&& page_size(std::size_t value) && { return std::move(page_size(value)); }

    /// At most this many findings are kept, the others are counted; 1 to 1,000,000, by default 1000.
    verify_options& max_findings(std::size_t value) & { return max_findings_ = value, *this; }
    verify_options&& max_findings(std::size_t value) && { return std::move(max_findings(value)); }

    /// Called after each page, on the executor of the store options; between two calls the server holds no snapshot. An
    /// exception ends the verification with `handler_failed`.
    template <handler_for<void(const verify_progress&)> Handler>
    verify_options& on_progress(Handler&& handler) & {
        progress_ = std::forward<Handler>(handler);
        return *this;
    }
    template <handler_for<void(const verify_progress&)> Handler>
    verify_options&& on_progress(Handler&& handler) && {
        return std::move(on_progress(std::forward<Handler>(handler)));
    }

    std::size_t page_size() const noexcept { return page_size_; }
    std::size_t max_findings() const noexcept { return max_findings_; }
    const std::function<void(const verify_progress&)>& on_progress() const noexcept { return progress_; }

private:
    std::size_t page_size_ = 20'000;
    std::size_t max_findings_ = 1000;
    std::function<void(const verify_progress&)> progress_;
};

/// What a verification has found.
struct verify_report {
    std::vector<finding> findings;  ///< in the order in which they were found
    std::int64_t left_out = 0;      ///< findings above `max_findings`
    std::int64_t problems = 0;      ///< findings of severity::problem, those left out too
    std::int64_t events = 0;        ///< events that were looked at, links included
    std::int64_t links = 0;         ///< links among them
    std::int64_t streams = 0;       ///< streams that were looked at
    std::int64_t subscriptions = 0; ///< subscriptions that were looked at
    std::int64_t parked_events = 0; ///< parked events that were looked at
    std::int64_t head = 0;          ///< the last position that was looked at
    std::int64_t missing = 0; ///< positions that are missing where a hard delete or a scavenge may have removed them
    std::vector<std::string> unknown; ///< what the schema cannot prove, one line each

    /// No problem was found.
    bool is_sound() const noexcept { return problems == 0; }
};

/// Verifies the stored log: positions and versions without gaps that no hard delete or scavenge explains, streams at the version of
/// their last event and in the order of the log, links that fit their originals, unique ids, subscriptions and parked
/// events that point to what is there, promotions in order. Changes nothing.
///
/// Reads in pages, each with a snapshot of its own, so that it holds back neither vacuum nor writers, and needs memory
/// for one page; appends and deletes may go on meanwhile. Events appended after its beginning are not looked at. It has
/// no time limit as a whole; `operation_timeout` limits each page. A lost connection is made anew.
///
/// Needs the right to read all tables of the store. Errors: `schema_missing`, `schema_too_new`, `invalid_argument`,
/// `handler_failed`, `timeout`, `connection_lost`, `database_error`. Cancellation: the work ends after the current page.
EVENTSTORE_EXPORT boost::asio::awaitable<verify_report> verify(
    store_options options, verify_options how = verify_options());

} // namespace eventstore
