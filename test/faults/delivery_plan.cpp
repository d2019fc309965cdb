#include "faults/delivery_plan.hpp"

#include <algorithm>

namespace eventstore::test::faults {

namespace {

/// Of an event that is gone, what the rules may look at.
stored_event as_stored(const known_event& event) {
    if (event.stored != nullptr) return *event.stored;
    stored_event made;
    made.position = event.position;
    made.version = event.version;
    made.id = event.id;
    return made;
}

} // namespace

delivery_plan::delivery_plan(const known_store& known, const subscription_rules& rules)
    : known_(known), is_deletable_(false), keys_(known.events.size(), none), in_list_(known.events.size(), none) {
    std::unordered_map<std::string, std::uint32_t> keys;
    std::unordered_map<name_number, std::uint32_t> streams;
    const auto number_in = [](auto& numbers, const auto& key) {
        return numbers.try_emplace(key, static_cast<std::uint32_t>(numbers.size())).first->second;
    };
    const auto key_of = [&](place event) {
        const known_event& of = known.events[event];
        switch (rules.order) {
        case ordering::log: return std::uint32_t{0};
        case ordering::stream: return number_in(streams, of.stream);
        case ordering::key: return number_in(keys, rules.key(known.names.name_of(of.stream), as_stored(of)));
        case ordering::none: break;
        }
        return event;
    };
    for (place event = 0; event < known.events.size(); ++event) {
        const known_event& of = known.events[event];
        const std::string& stream = known.names.name_of(of.stream);
        if (of.position <= rules.after) continue;
        if (rules.stream != "$all") {
            if (rules.stream != stream) continue;
            is_deletable_ = is_deletable_ || !known.changes_of(of.stream).empty();
        }
        if (rules.selects && !rules.selects(stream, as_stored(of))) continue;
        const std::uint32_t key = key_of(event);
        keys_[event] = key;
        if (key >= lists_.size()) lists_.resize(key + 1);
        in_list_[event] = static_cast<std::uint32_t>(lists_[key].size());
        lists_[key].push_back(event);
        all_.push_back(event);
    }
}

std::size_t delivery_plan::first_after(const std::vector<place>& list, std::int64_t position) const {
    const auto found = std::upper_bound(list.begin(), list.end(), position,
        [&](std::int64_t value, place event) { return value < known_.events[event].position; });
    return static_cast<std::size_t>(found - list.begin());
}

} // namespace eventstore::test::faults
