#include "append/commit_pace.hpp"

#include <algorithm>

namespace eventstore::append {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t fewest_writers = 12; // for two groups
constexpr std::size_t epoch_groups = 24;   // an epoch has as many at least
constexpr auto shortest_epoch = 20ms;
constexpr double gain = 1.03; // which is worth a change
constexpr int longest_interval = 256;
constexpr commit_pace::duration shortest_wait = 20us;
constexpr commit_pace::duration longest_wait = 2ms;

commit_pace::duration smoothed(commit_pace::duration before, commit_pace::duration now) {
    return before.count() == 0 ? now : (before * 7 + now) / 8;
}

} // namespace

void commit_pace::arrived(time now) noexcept {
    if (awaited_ == 0 || --awaited_ > 0) return;
    rejoin_time_ = smoothed(rejoin_time_, now - resumed_at_);
}

bool commit_pace::may_send(bool may_follow) const noexcept {
    if (in_flight_ == 0) return awaited_ == 0 || (two_ && may_follow && (released_ - awaited_) * 2 >= released_);
    return in_flight_ == 1 && two_ && may_follow && awaited_ == 0;
}

void commit_pace::sent(std::size_t appends, time now) noexcept {
    if (in_flight_++ == 0) sent_at_ = now;
    appends_in_flight_ += appends;
    epoch_writers_ = std::max(epoch_writers_, appends_in_flight_ + awaited_);
}

void commit_pace::answered(std::size_t appends, time now) noexcept {
    server_time_ = smoothed(server_time_, now - sent_at_);
    --in_flight_;
    appends_in_flight_ -= appends;
    sent_at_ = now; // the one behind it is at the server from here on
    released_ = awaited_ = 0;
    ++round_;
}

bool commit_pace::resumed(std::size_t appends, time now) noexcept {
    released_ = awaited_ = appends;
    resumed_at_ = now;
    count(appends, now);
    return appends > 0;
}

void commit_pace::waited(std::uint64_t round, time now) noexcept {
    if (round != round_ || awaited_ == 0) return;
    if (awaited_ < released_) rejoin_time_ = smoothed(rejoin_time_, (now - resumed_at_) * 2); // too short for some
    awaited_ = 0;
}

commit_pace::duration commit_pace::rejoin_wait() const noexcept {
    return std::clamp(
        rejoin_time_ * 2, shortest_wait, std::clamp<duration>(server_time_ / 8, shortest_wait, longest_wait));
}

void commit_pace::begin_epoch(time now) noexcept {
    epoch_began_ = now;
    epoch_groups_ = epoch_appends_ = epoch_writers_ = 0;
}

void commit_pace::count(std::size_t appends, time now) noexcept {
    if (epoch_began_ == time()) return begin_epoch(now);
    epoch_appends_ += appends;
    const duration passed = now - epoch_began_;
    if (++epoch_groups_ < epoch_groups || passed < shortest_epoch) return;
    judge(static_cast<double>(epoch_appends_) / std::chrono::duration<double>(passed).count());
    begin_epoch(now);
}

void commit_pace::judge(double rate) noexcept {
    const bool is_another_load = epoch_writers_ > writers_ * 2 || epoch_writers_ * 2 < writers_;
    if (epoch_writers_ < fewest_writers || is_another_load) {
        writers_ = epoch_writers_;
        two_ = is_trial_ = false;
        rates_ = {};
        until_trial_ = 1;
        trial_interval_ = 4;
        return;
    }
    double& known = rates_[two_];
    known = known == 0 || is_trial_ ? rate : (known + rate) / 2;
    if (is_trial_) {
        is_trial_ = false;
        const bool is_better = rates_[two_] > rates_[!two_] * gain;
        if (!is_better) two_ = !two_;
        trial_interval_ = is_better ? 4 : std::min(trial_interval_ * 2, longest_interval);
        until_trial_ = trial_interval_;
    } else if (--until_trial_ <= 0) {
        is_trial_ = true;
        two_ = !two_;
    }
}

} // namespace eventstore::append
