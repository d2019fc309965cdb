#include "postgres/exclusive_pool_state.hpp"

#include <algorithm>
#include <utility>

namespace eventstore::postgres {

exclusive_pool_state::ticket exclusive_pool_state::wait(user who) {
    waiting_.push_back({++last_ticket_, who});
    return last_ticket_;
}

exclusive_pool_state::ticket exclusive_pool_state::wait_first(user who) {
    waiting_.push_front({++last_ticket_, who});
    return last_ticket_;
}

std::vector<exclusive_pool_state::ticket> exclusive_pool_state::refuse(user who) {
    std::vector<ticket> refused;
    std::erase_if(waiting_, [&](const one& each) {
        if (each.who == who) refused.push_back(each.which);
        return each.who == who;
    });
    return refused;
}

std::vector<exclusive_pool_state::ticket> exclusive_pool_state::refuse_all() {
    std::vector<ticket> refused;
    for (const one& each : std::exchange(waiting_, {})) refused.push_back(each.which);
    return refused;
}

std::optional<std::size_t> exclusive_pool_state::best_for(user who) const noexcept {
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < places_.size(); ++i) {
        if (places_[i].is != state::idle) continue;
        const bool is_own = places_[i].whose == who;
        const bool best_is_own = best && places_[*best].whose == who;
        const bool is_better = !best || (is_own && !best_is_own) ||
            (is_own == best_is_own &&
                (is_own ? places_[i].since >= places_[*best].since : places_[i].since < places_[*best].since));
        if (is_better) best = i;
    }
    return best;
}

std::optional<exclusive_pool_state::grant> exclusive_pool_state::grant_next() {
    if (waiting_.empty()) return std::nullopt;
    const auto chosen = best_for(waiting_.front().who);
    if (!chosen) return std::nullopt;
    const one next = waiting_.front();
    waiting_.pop_front();
    places_[*chosen].is = state::used;
    places_[*chosen].whose = next.who;
    return grant{next.which, *chosen};
}

std::optional<exclusive_pool_state::attempt> exclusive_pool_state::connect(time now) {
    const std::size_t connecting = count(state::connecting);
    if (connecting >= waiting_.size() || now < connects_.not_before()) return std::nullopt;
    const auto free = std::ranges::find(places_, state::empty, &slot::is);
    if (free == places_.end()) return std::nullopt;
    free->is = state::connecting;
    free->whose = waiting_[connecting].who;
    return attempt{static_cast<std::size_t>(free - places_.begin()), free->whose};
}

std::optional<exclusive_pool_state::time> exclusive_pool_state::retry_at(time now) const {
    const bool is_needed = count(state::connecting) < waiting_.size() && count(state::empty) > 0;
    if (is_needed && now < connects_.not_before()) return connects_.not_before();
    return std::nullopt;
}

void exclusive_pool_state::connected(std::size_t place, time now) {
    connects_.connected();
    connects_.answered(); // when it was looked at
    places_[place] = {state::idle, nullptr, now};
}

void exclusive_pool_state::connect_failed(std::size_t place, const failure& why, time now, std::uint64_t random) {
    places_[place] = {};
    connects_.failed(why, now, random);
}

std::optional<std::size_t> exclusive_pool_state::add(time now) {
    const auto free = std::ranges::find(places_, state::empty, &slot::is);
    if (free == places_.end()) return std::nullopt;
    const auto place = static_cast<std::size_t>(free - places_.begin());
    connected(place, now);
    return place;
}

bool exclusive_pool_state::take_again(std::size_t place, user who) noexcept {
    slot& wanted = places_[place];
    if (wanted.is != state::idle || wanted.whose != who) return false;
    wanted.is = state::used;
    return true;
}

void exclusive_pool_state::released(std::size_t place, time now) {
    slot& idle = places_[place];
    idle.is = state::idle;
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
    if (count(state::idle) <= (keeps_one ? 1u : 0u)) return std::nullopt;
    for (std::size_t i = 0; i < places_.size(); ++i) {
        if (places_[i].is != state::idle || now - places_[i].since < longest_idle_) continue;
        closed(i);
        return i;
    }
    return std::nullopt;
}

bool exclusive_pool_state::is_in_use_by(user who) const noexcept {
    return std::ranges::any_of(places_, [&](const slot& each) { return each.is == state::used && each.whose == who; });
}

std::size_t exclusive_pool_state::count(state which) const noexcept {
    return static_cast<std::size_t>(std::ranges::count(places_, which, &slot::is));
}

} // namespace eventstore::postgres
