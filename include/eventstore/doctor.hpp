/// \file
/// Examines the server and the database of a store for what hurts it; for operators.
#pragma once

#include <eventstore/asio_settings.hpp>
#include <eventstore/export.hpp>
#include <eventstore/finding.hpp>
#include <eventstore/store_options.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace eventstore {

/// From when on something is too old or too far behind. Values below 0 fail the call with `errc::invalid_argument`.
class doctor_options {
public:
    doctor_options() noexcept {} // user-declared: a temporary aggregate inside co_await is freed twice by g++ 12

    /// A transaction that has been open for longer; by default 5 minutes. One that holds the lock of the log: 10 s.
    doctor_options& long_transaction(std::chrono::seconds value) & { return long_transaction_ = value, *this; }
    doctor_options&& long_transaction(std::chrono::seconds value) && { return std::move(long_transaction(value)); }

    /// A subscription whose oldest unacknowledged event is older; by default 5 minutes.
    doctor_options& lag(std::chrono::seconds value) & { return lag_ = value, *this; }
    doctor_options&& lag(std::chrono::seconds value) && { return std::move(lag(value)); }

    /// A subscription that nobody has had for longer; by default 3 days.
    doctor_options& abandoned(std::chrono::seconds value) & { return abandoned_ = value, *this; }
    doctor_options&& abandoned(std::chrono::seconds value) && { return std::move(abandoned(value)); }

    std::chrono::seconds long_transaction() const noexcept { return long_transaction_; }
    std::chrono::seconds lag() const noexcept { return lag_; }
    std::chrono::seconds abandoned() const noexcept { return abandoned_; }

private:
    std::chrono::seconds long_transaction_ = std::chrono::minutes(5);
    std::chrono::seconds lag_ = std::chrono::minutes(5);
    std::chrono::seconds abandoned_ = std::chrono::hours(72);
};

/// What an examination has found.
struct doctor_report {
    std::vector<finding> findings;   ///< the worst first
    std::vector<std::string> unseen; ///< what this role may not see, and the grant that would show it; one line each

    /// The worst severity among the findings; note if there is none.
    severity worst() const noexcept {
        severity most = severity::note;
        for (const finding& one : findings)
            if (one.severity > most) most = one.severity;
        return most;
    }
};

/// Examines what a store needs of its server: settings of the server, the database and the role; indexes and bloat;
/// subscriptions that lag, or that nobody has; sessions, prepared transactions and replication slots that hold the lock
/// of the log or hold back vacuum; wraparound, sequences, synchronous standbys, connections, and the server's version.
/// Changes nothing, and works where `open` refuses the server.
///
/// A role that owns the store sees most; what it may not see is listed. Takes some short statements. Errors:
/// `invalid_argument`, `timeout`, `connection_lost`, `database_error`; a missing schema is a finding. Cancellation: the
/// work ends after the current statement.
EVENTSTORE_EXPORT boost::asio::awaitable<doctor_report> examine(
    store_options options, doctor_options how = doctor_options());

} // namespace eventstore
