// Subscriptions as the commands print them.
#pragma once

#include <eventstore/subscription_info.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace eventstore::cli {

/// Of the log a position, of a stream a version.
std::int64_t checkpoint_of(const subscription_info& info);

/// With this many digits after the point, 6 at most; what is below them is left out.
std::string seconds_text(std::chrono::microseconds time, std::size_t digits);

/// A JSON object without its last brace.
std::string json_members_of(const subscription_info& info);

/// Name, stream, checkpoint, lag in events and in seconds, parked, owner.
std::vector<std::string> subscription_cells(const subscription_info& info);

} // namespace eventstore::cli
