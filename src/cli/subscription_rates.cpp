#include "cli/subscription_rates.hpp"

namespace eventstore::cli {

namespace {

/// Of two looks the newer one counts more, and the older ones do not vanish at once.
constexpr double weight = 0.5;

double smoothed(double before, double now, bool is_first) { return is_first ? now : before + weight * (now - before); }

std::int64_t done_by(const subscription_info& info) { return info.stream == "$all" ? info.position : info.version; }

bool is_same(const subscription_info& a, const subscription_info& b) {
    return a.position == b.position && a.version == b.version && a.lag_events == b.lag_events && a.parked == b.parked &&
        a.owner == b.owner;
}

} // namespace

std::vector<subscription_rates::watched> subscription_rates::look(
    const std::vector<subscription_info>& list, seconds passed) {
    for (auto& [name, one] : known_) one.is_seen = false;
    std::vector<watched> all;
    for (const subscription_info& info : list) {
        watched now;
        now.info = info;
        const auto [place, is_added] = known_.try_emplace({info.stream, info.name});
        known& before = place->second;
        before.is_seen = true;
        if (!is_added && passed.count() > 0) {
            const auto done = double(done_by(info) - done_by(before.info));
            const auto gained = double(before.info.lag_events - info.lag_events);
            before.rate = smoothed(before.rate, done < 0 ? 0 : done / passed.count(), before.is_new);
            before.gain = smoothed(before.gain, gained / passed.count(), before.is_new);
            before.is_new = false;
        }
        now.is_changed = is_added || !is_same(before.info, info);
        before.info = info;
        now.rate = before.rate;
        if (info.lag_events == 0)
            now.left = seconds(0);
        else if (before.gain > 0)
            now.left = seconds(double(info.lag_events) / before.gain);
        all.push_back(std::move(now));
    }
    for (auto place = known_.begin(); place != known_.end();) {
        if (place->second.is_seen) {
            ++place;
            continue;
        }
        watched gone;
        gone.info = place->second.info;
        gone.is_gone = true;
        all.push_back(std::move(gone));
        place = known_.erase(place);
    }
    return all;
}

} // namespace eventstore::cli
