// What a subscription is to deliver, in which order, and what is known to have become of each event.
#pragma once

#include "faults/known_store.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <set>
#include <unordered_map>
#include <vector>

namespace eventstore::test::faults {

/// The events that a subscription is to deliver, and those of each key, in order. Events go by their places in
/// known_store::events.
class delivery_plan {
public:
    using place = std::uint32_t;
    static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();

    delivery_plan(const known_store& known, const subscription_rules& rules);

    const std::vector<place>& all() const noexcept { return all_; }
    bool has(place event) const noexcept { return keys_[event] != none; }
    std::uint32_t key_of(place event) const noexcept { return keys_[event]; }
    /// The events with a key, and where one of them is in that list.
    const std::vector<place>& with_key(std::uint32_t key) const noexcept { return lists_[key]; }
    std::size_t in_list(place event) const noexcept { return in_list_[event]; }
    /// The first event of a list after this position.
    std::size_t first_after(const std::vector<place>& list, std::int64_t position) const;
    /// It need not be delivered: its stream was hard-deleted, or it is a subscription to a stream that was deleted.
    bool is_optional(place event) const { return is_deletable_ || known_.events[event].stored == nullptr; }

private:
    const known_store& known_;
    bool is_deletable_;
    std::vector<place> all_;
    std::vector<std::uint32_t> keys_;
    std::vector<std::vector<place>> lists_;
    std::vector<std::uint32_t> in_list_;
};

/// What became of the events of a subscription, over all its owners.
struct delivery_past {
    explicit delivery_past(std::size_t events)
        : deliveries(events), acked_in(events), refused(events), parked(events) {}

    std::vector<std::uint32_t> deliveries;
    std::vector<std::uint32_t> acked_in; // the last owner who has acknowledged it, from 1; 0 = nobody
    std::vector<bool> refused;           // at least once
    std::vector<bool> parked;            // at the end
    std::uint32_t deaths = 0;            // owners that may have had an event of which there is no record
};

/// The order of delivery within one ownership: of each key, what was refused or given back comes again first, then what
/// has not been handed out yet.
class delivery_lines {
public:
    using place = delivery_plan::place;

    delivery_lines(const delivery_plan& plan, std::int64_t from) : plan_(plan), from_(from) {}

    /// Takes note of a delivery. Calls `skips(event)` for each event that should have come before, and returns whether
    /// the event was due at all.
    template <class Skips>
    bool deliver(place event, const Skips& skips) {
        line& of = line_of(plan_.key_of(event));
        while (!of.returned.empty() && *of.returned.begin() < event) {
            const place skipped = *of.returned.begin();
            of.returned.erase(of.returned.begin());
            of.skipped.insert(skipped);
            skips(skipped);
        }
        if (of.returned.erase(event) > 0 || of.skipped.erase(event) > 0) return true;
        const std::vector<place>& list = plan_.with_key(plan_.key_of(event));
        const std::size_t at = plan_.in_list(event);
        if (at < of.next) return false;
        for (; of.next < at; ++of.next) {
            of.skipped.insert(list[of.next]);
            skips(list[of.next]);
        }
        ++of.next;
        return true;
    }

    /// Whether nothing should come before it.
    bool is_next(place event) {
        const line& of = line_of(plan_.key_of(event));
        if (!of.returned.empty() && *of.returned.begin() <= event) return *of.returned.begin() == event;
        return plan_.in_list(event) == of.next;
    }

    /// It was refused, or its consumer has left: it is to be delivered again.
    void give_back(place event) {
        line& of = line_of(plan_.key_of(event));
        if (!of.skipped.contains(event)) of.returned.insert(event);
    }

private:
    struct line {
        std::size_t next = 0;     // in the list of the key: not handed out yet
        std::set<place> returned; // to be delivered again
        std::set<place> skipped;  // passed over: they may come later, and hold nothing up
    };

    line& line_of(std::uint32_t key) {
        const auto [found, is_new] = lines_.try_emplace(key);
        if (is_new) found->second.next = plan_.first_after(plan_.with_key(key), from_);
        return found->second;
    }

    const delivery_plan& plan_;
    std::int64_t from_;
    std::unordered_map<std::uint32_t, line> lines_;
};

} // namespace eventstore::test::faults
