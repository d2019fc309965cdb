/// \file
/// Information about subscriptions, and parked events.
#pragma once

#include <eventstore/event_data.hpp>
#include <eventstore/uuid.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace eventstore {

/// A persistent subscription as stored in the database. Its owner's latest acks may not be written yet.
struct subscription_info {
    std::string stream;              ///< the stream's name, or `$all`
    std::string name;                ///< the name of the subscription
    std::int64_t position = 0;       ///< the checkpoint: everything up to this position is acknowledged
    std::int64_t version = 0;        ///< the checkpoint as a version, for a subscription to one stream
    std::int64_t lag_events = 0;     ///< the number of events of the stream (or log) after the checkpoint
    std::chrono::microseconds lag{}; ///< the age of the oldest of them; 0 if there is none
    std::int64_t parked = 0;         ///< the number of parked events
    std::string owner;               ///< host and process id of the owner; empty if it has none
    timestamp created_at{};
};

/// An event that a subscription has parked, because it was refused too often.
struct parked_event {
    std::int64_t position = 0; ///< the position in the log
    std::int64_t version = 0;  ///< the version in its stream; 0 if the event was hard-deleted since
    std::string stream;        ///< the stream of the event; empty if it was hard-deleted since
    std::string type;          ///< the type of the event; empty likewise
    std::string reason;        ///< the reason given to nack()
    int deliveries = 0;        ///< how often it was delivered before it was parked
    timestamp parked_at{};
};

} // namespace eventstore
