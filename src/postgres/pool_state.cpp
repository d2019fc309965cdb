#include "postgres/pool_state.hpp"

#include <algorithm>

namespace eventstore::postgres {

std::optional<std::size_t> pool_state::take(request_kind kind) {
    const bool shares_all = slots_.size() == 1;
    if (kind == request_kind::write && !shares_all && connections_that_write() + 1 == slots_.size())
        return std::nullopt;
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        if (slots_[i].state != slot_state::ready || (slots_[i].writing > 0 && !shares_all)) continue;
        if (!best || slots_[i].in_flight < slots_[*best].in_flight) best = i;
    }
    if (!best) return best;
    slot& chosen = slots_[*best];
    sharing_ = chosen.in_flight++ > 0;
    if (kind == request_kind::write) ++chosen.writing;
    return best;
}

std::optional<std::size_t> pool_state::open(std::size_t waiting, time_point now) {
    if (connecting_ || now < connects_.not_before() || (waiting == 0 && !sharing_)) return std::nullopt;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        if (slots_[i].state == slot_state::empty) {
            slots_[i].state = slot_state::connecting;
            connecting_ = true;
            return i;
        }
    }
    return std::nullopt;
}

std::optional<pool_state::time_point> pool_state::retry_at(std::size_t waiting, time_point now) const {
    const bool is_room = ready() < slots_.size();
    if (waiting > 0 && is_room && !connecting_ && now < connects_.not_before()) return connects_.not_before();
    return std::nullopt;
}

void pool_state::connected(std::size_t index) {
    slots_[index] = {slot_state::ready, 0, 0};
    connecting_ = false;
    sharing_ = false;
    connects_.connected();
    connects_.proven();
}

void pool_state::connect_failed(std::size_t index, const failure& why, time_point now, std::uint64_t random) {
    slots_[index] = {};
    connecting_ = false;
    connects_.failed(why, now, random);
}

void pool_state::lost(std::size_t index, time_point now, std::uint64_t random) {
    slots_[index] = {};
    connects_.lost(now, random);
}

void pool_state::answered(std::size_t index, request_kind kind) {
    slot& one = slots_[index];
    if (one.in_flight > 0) --one.in_flight;
    if (kind == request_kind::write && one.writing > 0) --one.writing;
}

std::size_t pool_state::connections_that_write() const {
    return static_cast<std::size_t>(std::ranges::count_if(slots_, [](const slot& one) { return one.writing > 0; }));
}

std::size_t pool_state::ready() const {
    std::size_t count = 0;
    for (const slot& place : slots_) count += place.state == slot_state::ready ? 1 : 0;
    return count;
}

std::size_t pool_state::in_flight() const {
    std::size_t count = 0;
    for (const slot& place : slots_) count += place.in_flight;
    return count;
}

} // namespace eventstore::postgres
