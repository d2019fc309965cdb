// A shared_subscription's lease and checkpoint, as the keeper sees them.
#include "base/text.hpp"
#include "subscription/heart.hpp"

#include <algorithm>
#include <utility>

namespace eventstore::delivery {

// One of many stores goes along with the others, a little before its time. The timer may be late, when the machine was
// suspended: next() asks for a renewal then.
steady_time shared_subscription::renewal_due() const {
    const steady_time due = detail::lease_clock::for_timer(lease_->renew_at());
    return with_ && with_->beats ? with_->beats->beat_before(due, options.lease()) : due;
}

steady_time shared_subscription::due() const {
    const std::lock_guard lock(mutex_);
    if (!state_ || retired_ || writing_) return steady_time::max();
    if (ended_) return steady_time::min();
    return std::min(write_at_, renewal_due());
}

std::optional<shared_subscription::settlement> shared_subscription::collect(steady_time now, bool is_closing) {
    const std::lock_guard lock(mutex_);
    if (!state_ || retired_ || writing_) return std::nullopt;
    const bool releases = ended_ || is_closing;
    // A checkpoint that waits goes with those of others; a renewal that is due soon, too.
    const bool is_moved = write_at_ != steady_time::max();
    const steady_time soon =
        detail::lease_clock::for_timer(lease_->renew_at() - lease_state::renewal(options.lease()) / 2);
    const bool is_old = now >= std::min(renewal_due(), soon);
    if (!releases && !is_moved && !is_old) return std::nullopt;
    settlement what;
    what.whose = std::const_pointer_cast<shared_subscription>(shared_from_this());
    what.id = id_;
    what.epoch = epoch_;
    what.checkpoint = state_->done();
    what.is_moved = what.checkpoint.where != taken_at_;
    what.from = row_position_;
    what.timeline = timeline_;
    what.seen = state_->received().position;
    // Of a stream it may be one that the filter has left out, at another position; there the checkpoint's has to do.
    if (is_log() && seen_at_.position == what.seen) what.seen_event = seen_event_;
    what.handed_out = state_->announce();
    what.releases = releases;
    what.beat = ++beat_;
    what.is_urgent = releases || is_moved;
    what.serial = serial_;
    writing_ = true;
    write_at_ = steady_time::max();
    return what;
}

bool shared_subscription::settle(const settlement& what, settled how, lease_state::time sent) {
    const auto quoted = detail::quoted_for_message(name);
    switch (how) {
    case settled::done:
    case settled::replays: break;
    case settled::lost:
        retire(failure(errc::subscription_lost,
            detail::message(
                "subscription ", quoted, " has another owner by now; subscribe again to share it or wait")));
        return true;
    case settled::deleted:
        retire(failure(errc::subscription_deleted, detail::message("subscription ", quoted, " was deleted")));
        return true;
    case settled::truncated: retire(truncated(std::max(what.seen, what.checkpoint.where.position))); return true;
    }
    consequences todo;
    {
        const std::lock_guard lock(mutex_);
        writing_ = false;
        const bool was_trusted = lease_->is_trusted(detail::lease_clock::now());
        lease_->renewed(sent);
        written_ = what.checkpoint.where;
        written_events_ = what.checkpoint.events;
        if (what.is_moved) row_position_ = std::max(row_position_, what.checkpoint.where.position);
        durable_serial_ = what.serial;
        if (how == settled::replays) replay_wanted_ = true;
        const bool was_waited_for = state_->announced(what.handed_out);
        if (!was_trusted || was_waited_for || replay_wanted_) todo = changed();
        note_progress(now(), todo);
        wake_for_stage(todo);
    }
    carry_out(std::move(todo));
    if (what.releases)
        retire(failure(errc::subscription_lost, detail::message("subscription ", quoted, " was released")));
    return what.releases;
}

void shared_subscription::check_soon() {
    const std::lock_guard lock(mutex_);
    write_at_ = now();
}

void shared_subscription::settle_failed() {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    if (state_) write_at_ = now();
}

} // namespace eventstore::delivery
