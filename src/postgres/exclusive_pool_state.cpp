#include "postgres/exclusive_pool_state.hpp"

#include <algorithm>
#include <utility>

namespace eventstore::postgres {

exclusive_pool_state::ticket exclusive_pool_state::wait(user requester) {
    waiting_.push_back({++last_ticket_, requester});
    return last_ticket_;
}

exclusive_pool_state::ticket exclusive_pool_state::wait_first(user requester) {
    waiting_.push_front({++last_ticket_, requester});
    return last_ticket_;
}

std::vector<exclusive_pool_state::ticket> exclusive_pool_state::refuse(user requester) {
    std::vector<ticket> refused;
    std::erase_if(waiting_, [&](const waiter& waiting) {
        if (waiting.requester == requester) refused.push_back(waiting.number);
        return waiting.requester == requester;
    });
    return refused;
}

std::vector<exclusive_pool_state::ticket> exclusive_pool_state::refuse_all() {
    std::vector<ticket> refused;
    for (const waiter& waiting : std::exchange(waiting_, {})) refused.push_back(waiting.number);
    return refused;
}

std::optional<std::size_t> exclusive_pool_state::best_for(user requester) const noexcept {
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < places_.size(); ++i) {
        if (places_[i].state != slot_state::idle) continue;
        const bool is_own = places_[i].last_user == requester;
        const bool best_is_own = best && places_[*best].last_user == requester;
        const bool is_better = !best || (is_own && !best_is_own) ||
            (is_own == best_is_own &&
                (is_own ? places_[i].since >= places_[*best].since : places_[i].since < places_[*best].since));
        if (is_better) best = i;
    }
    return best;
}

std::optional<exclusive_pool_state::grant> exclusive_pool_state::grant_next() {
    if (waiting_.empty()) return std::nullopt;
    const auto chosen = best_for(waiting_.front().requester);
    if (!chosen) return std::nullopt;
    const waiter next = waiting_.front();
    waiting_.pop_front();
    places_[*chosen].state = slot_state::used;
    places_[*chosen].last_user = next.requester;
    return grant{next.number, *chosen};
}

std::optional<exclusive_pool_state::attempt> exclusive_pool_state::connect(time now) {
    const std::size_t connecting = count(slot_state::connecting);
    if (connecting >= waiting_.size() || now < connects_.not_before()) return std::nullopt;
    const auto free = std::ranges::find(places_, slot_state::empty, &slot::state);
    if (free == places_.end()) return std::nullopt;
    free->state = slot_state::connecting;
    free->last_user = waiting_[connecting].requester;
    return attempt{static_cast<std::size_t>(free - places_.begin()), free->last_user};
}

std::optional<exclusive_pool_state::time> exclusive_pool_state::retry_at(time now) const {
    const bool is_needed = count(slot_state::connecting) < waiting_.size() && count(slot_state::empty) > 0;
    if (is_needed && now < connects_.not_before()) return connects_.not_before();
    return std::nullopt;
}

void exclusive_pool_state::connected(std::size_t place, time now) {
    connects_.connected();
    connects_.answered(); // when it was looked at
    places_[place] = {slot_state::idle, nullptr, now};
}

void exclusive_pool_state::connect_failed(std::size_t place, const failure& why, time now, std::uint64_t random) {
    places_[place] = {};
    connects_.failed(why, now, random);
}

std::optional<std::size_t> exclusive_pool_state::add(time now) {
    const auto free = std::ranges::find(places_, slot_state::empty, &slot::state);
    if (free == places_.end()) return std::nullopt;
    const auto place = static_cast<std::size_t>(free - places_.begin());
    connected(place, now);
    return place;
}

bool exclusive_pool_state::take_again(std::size_t place, user requester) noexcept {
    slot& wanted = places_[place];
    if (wanted.state != slot_state::idle || wanted.last_user != requester) return false;
    wanted.state = slot_state::used;
    return true;
}

void exclusive_pool_state::released(std::size_t place, time now) {
    slot& idle = places_[place];
    idle.state = slot_state::idle;
    idle.since = now;
    if (!std::exchange(idle.is_proven, true)) connects_.proven();
}

void exclusive_pool_state::closed(std::size_t place) { places_[place] = {}; }

void exclusive_pool_state::lost(std::size_t place, time now, std::uint64_t random) {
    if (is_used(place) && !places_[place].is_proven) connects_.lost(now, random);
    closed(place);
}

std::optional<std::size_t> exclusive_pool_state::close_unused(time now) {
    const bool keeps_one = longest_idle_.count() > 0;
    if (count(slot_state::idle) <= (keeps_one ? 1u : 0u)) return std::nullopt;
    for (std::size_t i = 0; i < places_.size(); ++i) {
        if (places_[i].state != slot_state::idle || now - places_[i].since < longest_idle_) continue;
        closed(i);
        return i;
    }
    return std::nullopt;
}

bool exclusive_pool_state::is_in_use_by(user holder) const noexcept {
    return std::ranges::any_of(
        places_, [&](const slot& place) { return place.state == slot_state::used && place.last_user == holder; });
}

std::size_t exclusive_pool_state::count(slot_state state) const noexcept {
    return static_cast<std::size_t>(std::ranges::count(places_, state, &slot::state));
}

} // namespace eventstore::postgres
