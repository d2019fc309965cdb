/// Which connection takes the next request, and when another one is opened: decisions without I/O.
#pragma once

#include "postgres/connector_state.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace eventstore::postgres {

/// The state of a pool of connections, each shared by many requests.
///
/// Requests go to the connection with the fewest in flight. What writes can wait for a lock, and what is behind it in a
/// pipeline waits with it: so nothing is sent behind a statement that writes, and one connection is left to those that read.
/// A pool of one connection sends all in turn. Another connection is opened when a request has to share one, or has none, as
/// long as there are fewer than `size`; one at a time. After a failure it waits, longer each time. Time is a parameter.
class pool_state {
public:
    using time_point = std::chrono::steady_clock::time_point;

    explicit pool_state(std::size_t size) : slots_(size) {}

    enum class request_kind { read, write };

    /// The connection that takes a request, counted as in flight there; nothing while none may.
    std::optional<std::size_t> take(request_kind kind);

    /// The slot in which to open a connection now; it counts as connecting. Nothing if none is needed, one is on its
    /// way, or it is too early after a failure.
    /// \param waiting how many requests have no connection
    std::optional<std::size_t> open(std::size_t waiting, time_point now);

    /// When to ask open() again, if requests wait for the end of a failure's delay.
    std::optional<time_point> retry_at(std::size_t waiting, time_point now) const;

    void connected(std::size_t index);
    void connect_failed(std::size_t index, const failure& why, time_point now, std::uint64_t random);
    /// The connection is gone, and everything that was in flight on it.
    void lost(std::size_t index, time_point now, std::uint64_t random);
    void answered(std::size_t index, request_kind kind);

    /// Why there is no connection; nothing if the last try succeeded.
    const std::optional<failure>& last_failure() const noexcept { return connects_.last_failure(); }
    bool is_ready(std::size_t index) const { return slots_[index].state == slot_state::ready; }
    std::size_t in_flight(std::size_t index) const { return slots_[index].in_flight; }
    std::size_t ready() const;
    std::size_t in_flight() const;
    std::size_t size() const { return slots_.size(); }

private:
    enum class slot_state { empty, connecting, ready };
    struct slot {
        slot_state state = slot_state::empty;
        std::size_t in_flight = 0;
        std::size_t writing = 0; // of those
    };

    std::size_t connections_that_write() const;

    std::vector<slot> slots_;
    bool sharing_ = false; // the last request had to share a connection
    bool connecting_ = false;
    connector_state connects_;
};

} // namespace eventstore::postgres
