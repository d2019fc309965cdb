#include "subscription/event_filter.hpp"

#include <boost/uuid/uuid_hash.hpp>

#include <algorithm>
#include <functional>
#include <string_view>

namespace eventstore::delivery {

event_filter::event_filter(const subscription_options& options)
    : options_(options), is_open_(!options.selector() && options.types().empty() && options.stream_prefix().empty()) {}

ordering event_filter::order() const noexcept {
    if (options_.concurrency_limit() == 1) return ordering::total;
    if (options_.partition_key() || options_.partition_by() != partition::none) return ordering::by_key;
    return ordering::none;
}

bool event_filter::passes(const recorded_event& event) const {
    const auto& types = options_.types();
    if (!types.empty() && std::ranges::find(types, event.type()) == types.end()) return false;
    if (!event.stream().starts_with(options_.stream_prefix())) return false;
    return !options_.selector() || options_.selector()(event);
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

std::vector<arrival> event_filter::apply(const event_page& page, std::span<const std::uint32_t> which) const {
    const bool is_keyed = order() == ordering::by_key;
    std::vector<arrival> passed;
    passed.reserve(which.size());
    for (const std::uint32_t index : which) {
        const recorded_event& event = page[index];
        if (is_open_ || passes(event)) passed.push_back({index, is_keyed ? key(event) : 0});
    }
    return passed;
}

std::vector<arrival> event_filter::apply(const event_page& page) const {
    std::vector<std::uint32_t> all(page.size());
    for (std::uint32_t i = 0; i < all.size(); ++i) all[i] = i;
    return apply(page, all);
}

} // namespace eventstore::delivery
