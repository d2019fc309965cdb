// Two owners of a subscription are not at work together for longer than a lease.

#include "faults/known_store.hpp"

#include <algorithm>

namespace eventstore::test::faults {

namespace {

std::string owner_text(const known_store& known, const ownership& owner) {
    return "process '" + known.names.name_of(owner.process) + "' (epoch " + std::to_string(owner.epoch) + ")";
}

/// How long the process ran between the two.
instant running_time(const known_store& known, name_number process, instant from, instant to) {
    instant running = to - from;
    for (const process_pause& stop : known.records.pauses) {
        if (stop.process != process) continue;
        running -= std::max<instant>(0, std::min(to, stop.ended) - std::max(from, stop.begun));
    }
    return running;
}

} // namespace

/// \param owners by epoch
void check_owners(const known_store& known, const subscription_rules& rules,
    const std::vector<const ownership*>& owners, report& out) {
    for (std::size_t i = 1; i < owners.size(); ++i)
        if (owners[i]->epoch == owners[i - 1]->epoch)
            out.add(known.schema(), rule::owners_share_an_epoch, "subscription '", rules.name, "' to '", rules.stream,
                "': ", owner_text(known, *owners[i - 1]), " and ", owner_text(known, *owners[i]),
                " have it with the same epoch");

    instant next_begun = never; // the first of those with a higher epoch
    for (std::size_t i = owners.size(); i-- > 0;) {
        const ownership& owner = *owners[i];
        for (auto step = owner.steps.rbegin(); step != owner.steps.rend() && step->at > next_begun; ++step) {
            if (step->done != owner_step::kind::delivered) continue;
            const instant overlap = running_time(known, owner.process, next_begun, step->at);
            if (overlap <= rules.lease.count()) continue;
            out.add(known.schema(), rule::owners_overlap, "subscription '", rules.name, "' to '", rules.stream,
                "': ", owner_text(known, owner), " was given position ", step->position, " of stream '",
                known.names.name_of(step->stream), "' ", overlap / 1'000'000, " ms after a later owner had begun; ",
                rules.lease.count() / 1'000'000, " ms are allowed");
            break;
        }
        next_begun = std::min(next_begun, owner.begun);
    }
}

} // namespace eventstore::test::faults
