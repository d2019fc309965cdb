// A TCP proxy before the server that disturbs what goes through it, at random byte offsets and in both directions. It
// knows nothing of TLS, and so disturbs connections with TLS in the middle of their records; only what has statements
// refused reads them, and leaves connections with TLS alone.
#pragma once

#include "faults/record.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace eventstore::test::faults {

enum class disturbance {
    none,
    cut,        ///< connections end, some of them with a reset
    stall,      ///< nothing gets through for a while, and nobody is told
    delay,      ///< everything comes later
    split,      ///< bytes come one by one
    half_close, ///< one direction ends, the other goes on
    refuse,     ///< the server refuses statements: statement_filter
};

enum class direction { to_server, to_client, both };

/// Runs on a thread of its own. Calls are carried out when they return.
class byte_proxy {
public:
    /// Listens on a port of 127.0.0.1.
    /// \param server_port of 127.0.0.1
    /// \param is_secured clients speak TLS
    /// \param refusals where it records the statements that it has refused
    byte_proxy(std::uint16_t server_port, bool is_secured, std::uint64_t seed, recorder& refusals);
    ~byte_proxy();

    std::uint16_t port() const noexcept;

    /// From now on, until another call.
    void disturb(disturbance kind, direction at);
    /// What was stalled goes on, and what was to be refused is not.
    void calm();
    /// How often it has cut, stalled, delayed, split, closed or refused something so far.
    std::uint64_t disturbances();

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

} // namespace eventstore::test::faults
