#include "subscription/event_filter.hpp"

#include <boost/uuid/uuid_hash.hpp>

#include <functional>
#include <string_view>

namespace eventstore::delivery {

event_filter::event_filter(const subscription_options& options)
    : options_(options), is_open_(!options.selector() && options.query().is_everything()) {}

ordering event_filter::order() const noexcept {
    if (options_.concurrency_limit() == 1) return ordering::total;
    if (options_.partition_key() || options_.partition_by() != partition::none) return ordering::by_key;
    return ordering::none;
}

bool event_filter::passes(const recorded_event& event) const {
    return options_.query().matches(event) && (!options_.selector() || options_.selector()(event));
}

std::uint64_t event_filter::key(const recorded_event& event) const {
    const std::hash<std::string_view> hash;
    if (options_.partition_key()) return hash(options_.partition_key()(event));
    switch (options_.partition_by()) {
    case partition::stream: return hash(event.stream());
    case partition::type: return hash(event.type());
    case partition::correlation: return event.correlation_id() ? boost::uuids::hash_value(*event.correlation_id()) : 0;
    case partition::none: break;
    }
    return 0;
}

event_filter::outcome event_filter::apply(
    const event_page& page, std::span<const std::uint32_t> indexes, const subscription_state::opening& room) const {
    const bool is_keyed = order() == ordering::by_key;
    outcome result;
    std::size_t bytes = 0;
    for (const std::uint32_t index : indexes.subspan(room.skip)) {
        const recorded_event& event = page[index];
        const std::size_t size = event.data().size() + event.metadata().size();
        const bool is_first = room.is_empty && result.passed.empty();
        // Before it is filtered: what has no room is filtered when it is read.
        if (result.passed.size() == room.events || (bytes + size > room.bytes && !is_first)) break;
        ++result.examined;
        if (!is_open_ && !passes(event)) continue;
        result.passed.push_back({index, is_keyed ? key(event) : 0});
        bytes += size;
    }
    return result;
}

std::vector<arrival> event_filter::apply(const event_page& page) const {
    const bool is_keyed = order() == ordering::by_key;
    std::vector<arrival> passed;
    passed.reserve(page.size());
    for (std::uint32_t index = 0; index < page.size(); ++index) {
        if (is_open_ || passes(page[index])) passed.push_back({index, is_keyed ? key(page[index]) : 0});
    }
    return passed;
}

} // namespace eventstore::delivery
