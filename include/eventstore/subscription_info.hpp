/// \file
/// What is known of subscriptions.
#pragma once

#include <eventstore/event_data.hpp>
#include <eventstore/uuid.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace eventstore {

/// A persistent subscription, as the database knows it: what its owner acknowledged in the last moment may be missing.
struct subscription_info {
    std::string stream;              ///< `$all`, or the stream's name
    std::string name;                ///< of the subscription
    std::int64_t position = 0;       ///< the checkpoint: everything up to this position of the log is done
    std::int64_t version = 0;        ///< the same as a version, for a subscription to one stream
    std::int64_t lag_events = 0;     ///< events of the stream (or log) after the checkpoint
    std::chrono::microseconds lag{}; ///< how long the oldest of them has been waiting; 0 if there is none
    std::int64_t parked = 0;         ///< events put aside after too many refusals
    std::string owner;               ///< host and process that has it; empty if nobody has
    timestamp created_at{};
};

/// An event that a subscription put aside.
struct parked_event {
    std::int64_t position = 0;
    std::int64_t version = 0;
    std::string stream; ///< the stream of the event
    std::string type;
    std::string reason; ///< given to nack()
    int deliveries = 0;
    timestamp parked_at{};
};

} // namespace eventstore
