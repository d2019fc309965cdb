/// \file
/// Statistics of a store.
#pragma once

#include <cstddef>
#include <cstdint>

namespace eventstore {

/// Counts since the store was opened, and current values.
struct store_stats {
    std::uint64_t appends = 0;          ///< appends that succeeded
    std::uint64_t events_appended = 0;  ///< their events
    std::uint64_t flushes = 0;          ///< transactions used for them
    std::uint64_t retried_flushes = 0;  ///< flushes sent again, after a lost connection or in halves after an error
    std::uint64_t reads = 0;            ///< read statements sent
    std::uint64_t events_read = 0;      ///< events returned by them
    std::uint64_t other_statements = 0; ///< others sent: announcements of appends, leases and checkpoints
    std::uint64_t connects = 0;         ///< connections made
    std::size_t queued_appends = 0;     ///< waiting for the next flush or for admission
    std::size_t queued_bytes = 0;       ///< bytes of appends queued and under way
    std::size_t connections = 0;        ///< open now
    std::size_t reads_in_flight = 0;    ///< read statements awaiting an answer
};

} // namespace eventstore
