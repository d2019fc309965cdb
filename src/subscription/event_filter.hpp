/// Which events a subscription is given, and the partition of each.
#pragma once

#include "subscription/subscription_state.hpp"

#include <eventstore/subscription_options.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace eventstore::delivery {

/// The selector, the query and the partition of subscription_options. Calls the user's functions, which may throw.
class event_filter {
public:
    explicit event_filter(const subscription_options& options);

    /// True if functions of the user's are called.
    bool has_handlers() const noexcept { return options_.selector() || options_.partition_key(); }
    ordering order() const noexcept;

    std::vector<arrival> apply(const event_page& page) const;
    struct outcome {
        std::vector<arrival> passed;
        std::size_t examined = 0; ///< the first so many; the others had no room
    };
    /// Of a live batch, as much as there is room for.
    outcome apply(
        const event_page& page, std::span<const std::uint32_t> indexes, const subscription_state::opening& room) const;

private:
    bool passes(const recorded_event& event) const;
    std::uint64_t key(const recorded_event& event) const;

    const subscription_options options_;
    const bool is_open_; // everything passes
};

} // namespace eventstore::delivery
