// What is watched of subscriptions.
#pragma once

#include "cli/progress_rates.hpp"

#include <eventstore/subscription_info.hpp>

#include <cstdint>
#include <string>
#include <utility>

namespace eventstore::cli {

/// Of the log a position, of a stream a version.
inline std::int64_t checkpoint_of(const subscription_info& info) {
    return info.stream == "$all" ? info.position : info.version;
}

template <>
struct progress_of<subscription_info> {
    static std::pair<std::string, std::string> key(const subscription_info& info) { return {info.stream, info.name}; }
    static std::int64_t done(const subscription_info& info) { return checkpoint_of(info); }
    static std::int64_t lag(const subscription_info& info) { return info.lag_events; }
    static bool is_same(const subscription_info& a, const subscription_info& b) {
        return a.position == b.position && a.version == b.version && a.lag_events == b.lag_events &&
            a.parked == b.parked && a.owner == b.owner;
    }
};

using subscription_rates = progress_rates<subscription_info>;

} // namespace eventstore::cli
