#include "postgres/arrivals.hpp"

#ifdef __linux__
#    include <linux/tcp.h> // that of the C library lacks the count; the two do not agree with each other
#endif
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstddef>

namespace eventstore::postgres {

namespace {

bool is_readable(int socket) noexcept {
    pollfd one{socket, POLLIN, 0};
    return ::poll(&one, 1, 0) > 0;
}

/// Bytes that have come so far. A system that cannot tell says 0 each time: then what comes between two looks may be seen
/// only when more comes.
std::uint64_t received([[maybe_unused]] int socket) noexcept {
#ifdef __linux__
    tcp_info info{};
    socklen_t size = sizeof info;
    constexpr std::size_t needed = offsetof(tcp_info, tcpi_bytes_received) + sizeof info.tcpi_bytes_received;
    if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && size >= needed)
        return info.tcpi_bytes_received;
#endif
    return 0;
}

} // namespace

bool arrivals::may_hold_more() noexcept {
    constexpr int looks_for_a_record = 2;
    const int socket = PQsocket(connection_);
    if (socket < 0 || (PQsslInUse(connection_) == 0 && PQgssEncInUse(connection_) == 0)) return false;
    const std::uint64_t now = received(socket); // before the socket is asked, so that nothing comes unseen
    if (is_readable(socket)) {
        dry_at_.reset();
        return true;
    }
    if (dry_at_ != now) {
        dry_at_ = now;
        looks_ = 0;
        return true;
    }
    return ++looks_ < looks_for_a_record;
}

bool consume_all(PGconn* connection) noexcept {
    if (PQconsumeInput(connection) == 0) return false;
    arrivals pending(connection);
    while (pending.may_hold_more() && PQconsumeInput(connection) == 1) {
    }
    return true;
}

PostgresPollingStatusType poll_all(PGconn* connection) noexcept {
    PostgresPollingStatusType status = PQconnectPoll(connection);
    arrivals pending(connection);
    while (status == PGRES_POLLING_READING && pending.may_hold_more()) status = PQconnectPoll(connection);
    return status;
}

} // namespace eventstore::postgres
