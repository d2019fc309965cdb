// What clients do in a store, as far as the checker has to know it.
#pragma once

#include "faults/checker.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace eventstore::test::faults {

/// Writers share the streams shared-0 up to shared-N.
inline constexpr std::uint64_t shared_streams = 4;

/// How often an event that was refused comes again before it is parked: to subscribers, and to projectors.
inline constexpr int retries = 2;

/// The table of the read model, and the name of its projection.
inline constexpr std::string_view read_model = "sums";

/// A subscription that each process of subscribers has, or waits for.
struct used_subscription {
    std::string stream; ///< `$all` for the log
    std::string name;
    std::size_t consumers = 1;
    ordering order = ordering::log;
};

std::vector<used_subscription> used_subscriptions();

/// The key of subscriptions with ordering::key.
std::string key_of(std::string_view stream);

/// Handlers refuse this event whenever it comes.
bool is_always_refused(const uuid& id);

/// What the checker has to know of it. \param lease of the subscription
subscription_rules rules_of(const used_subscription& used, const std::string& schema, std::chrono::milliseconds lease);

} // namespace eventstore::test::faults
