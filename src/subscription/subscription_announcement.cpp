// What the row of a subscription says of hand-outs.
//
// An event that was handed out must never be taken for a new one by the next owner, and one that nobody had must not be
// counted. So an event is announced before it is handed out for the first time: a hand-out that is not covered waits
// until the row was written. After a number of such waits without a pause, the row looks ahead, twice as far with each
// further wait, so that a busy subscription hardly ever waits. What an owner that died had looked ahead over may or may
// not have been handed out: the next one reports that, and does not count it as a try.
#include "subscription/subscription_state.hpp"

#include <algorithm>
#include <utility>

namespace eventstore::delivery {

namespace {

constexpr int exact_waits = 4;
constexpr std::size_t walked_at_once = 64;
constexpr std::int64_t furthest_look = std::int64_t{1} << 20;

} // namespace

void subscription_state::remember(const announcement& row) noexcept {
    earlier_ = row;
    announced_ = std::max({announced_, row.delivered, row.through});
}

// An event of a stream's former incarnation has no successor that could be mistaken, and a parked event keeps its own count.
bool subscription_state::is_announced(const queue_entry& entry) const noexcept {
    return entry.is_replay || entry.incarnation < incarnation_ || entry.event().link_position() <= announced_;
}

subscription_state::announcement subscription_state::announce() {
    // What was announced before stays true. So the walk over many events in flight is made once for many calls.
    if (!wanted_ && ++reports_ * walked_at_once < in_flight() && told_) return *told_;
    reports_ = 0;
    announcement row;
    const auto is_wanted = [&](sequence_number number) {
        return wanted_ && number >= wanted_->first && number < wanted_->first + wanted_->count;
    };
    const std::int64_t before = std::max(earlier_.delivered, earlier_.through);
    bool is_run = true;
    for (auto number = first_; number < end(); ++number) {
        const queue_entry& entry = at(number);
        if (entry.is_replay) continue; // those that are done out of order come again, too, should the owner die
        const std::int64_t position = entry.event().link_position();
        const bool is_next = is_wanted(number);
        if (entry.reported() > 0 || is_next) row.through = std::max(row.through, position);
        if (const int times = entry.deliveries + (is_next ? 1 : 0); is_run && times > 0) {
            is_run = row.deliveries == 0 || row.deliveries == times;
            if (!is_run) continue;
            row.deliveries = times;
            row.delivered = position;
            continue;
        }
        is_run = false;
        const bool may_follow = wanted_ && number < wanted_->first + wanted_->count;
        if (position > std::max(furthest_, before) && !may_follow) break;
    }
    if (before > received_.position) { // of owners before, and not received yet
        row.through = std::max(row.through, before);
        if (row.deliveries == 0 && entries_.empty()) {
            row.deliveries = earlier_.deliveries;
            row.delivered = earlier_.delivered;
        }
    }

    if (const std::int64_t ahead = next_look(); ahead > 0) {
        const std::int64_t next = entries_.empty() ? received_.position : 0;
        row.through = std::max({row.through, furthest_, next}) + ahead;
    }
    announced_ = std::min(announced_, std::max(row.delivered, row.through));
    told_ = row;
    return row;
}

bool subscription_state::announced(const announcement& written) noexcept {
    announced_ = std::max(written.delivered, written.through);
    if (told_) announced_ = std::min(announced_, std::max(told_->delivered, told_->through)); // which is written next
    const bool was_quiet = !std::exchange(has_handed_out_, false);
    if (!wanted_) {
        if (was_quiet) waits_ = 0;
        if (was_quiet) looks_ahead_ = 0;
        return false;
    }
    const sequence_number last = wanted_->first + wanted_->count - 1;
    if (last >= first_ && last < end() && !is_announced(at(last)))
        return false; // the next one, which is due, covers it
    looks_ahead_ = next_look();
    ++waits_;
    wanted_.reset(); // who still wants it says so again
    return true;
}

// How far a hand-out that waits now has the row look ahead.
std::int64_t subscription_state::next_look() const noexcept {
    if (!wanted_ || waits_ < exact_waits) return looks_ahead_;
    return std::clamp(looks_ahead_ * 2, std::int64_t{8}, furthest_look);
}

} // namespace eventstore::delivery
