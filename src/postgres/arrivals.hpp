/// Reading everything that has come on a connection, without waiting.
#pragma once

#include <libpq-fe.h>

#include <cstdint>
#include <optional>

namespace eventstore::postgres {

/// An encrypted connection decrypts a record at a time, of up to 16 kB, and libpq may take a part of it: the rest makes no
/// socket readable. So who waits for the socket first looks until nothing more can be held. libpq does not say whether a
/// look has brought anything. But a look takes 8 kB or all there is, so that two of them empty a record, if meanwhile
/// nothing came on the socket.
class arrivals {
public:
    explicit arrivals(PGconn* connection) noexcept : connection_(connection) {}

    /// After a look: whether another one may bring more. Without encryption: no.
    bool may_hold_more() noexcept;

private:
    PGconn* connection_;
    std::optional<std::uint64_t> dry_at_; ///< the bytes that had come on the socket when it was seen empty
    int looks_ = 0;                       ///< since then
};

/// As PQconsumeInput, until nothing more comes. False: the connection was broken before the first look. What a later one
/// finds is told by the next call.
bool consume_all(PGconn* connection) noexcept;

/// As PQconnectPoll, for which the same holds.
PostgresPollingStatusType poll_all(PGconn* connection) noexcept;

} // namespace eventstore::postgres
