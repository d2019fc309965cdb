#include "base/deadlines.hpp"

#include <boost/asio/post.hpp>

#include <utility>
#include <vector>

namespace eventstore::detail {

deadlines::deadlines(const asio::any_io_executor& executor) : strand_(asio::make_strand(executor)), timer_(*strand_) {}

deadlines::~deadlines() { pending_.clear(); }

bool deadlines::add(operation& what) {
    const std::lock_guard lock(mutex_);
    if (is_abandoned_) return false;
    const auto place = pending_.insert(what);
    if (place == pending_.begin()) arm_soon();
    return true;
}

void deadlines::remove(operation& what) noexcept {
    const std::lock_guard lock(mutex_);
    if (!what.deadline_hook.is_linked()) return;
    pending_.erase(pending_.iterator_to(what));
    if (pending_.empty()) arm_soon(); // to stop the timer
}

void deadlines::abandon() noexcept {
    std::vector<std::shared_ptr<operation>> left;
    {
        const std::lock_guard lock(mutex_);
        is_abandoned_ = true;
        timer_.reset();
        strand_.reset();
        left = take_while([](const operation&) { return true; });
    }
    for (const auto& each : left) each->close();
}

template <class Condition>
std::vector<std::shared_ptr<operation>> deadlines::take_while(Condition is_wanted) {
    std::vector<std::shared_ptr<operation>> taken;
    for (auto each = pending_.begin(); each != pending_.end() && is_wanted(*each);) {
        // Null where its last owner is just letting go of it; then that one unlinks it.
        auto owned = each->weak_from_this().lock();
        if (!owned) {
            ++each;
            continue;
        }
        each = pending_.erase(each);
        taken.push_back(std::move(owned));
    }
    return taken;
}

void deadlines::arm_soon() {
    if (arming_ || !strand_) return;
    arming_ = true;
    asio::post(*strand_, [self = shared_from_this()] { self->arm(); });
}

void deadlines::arm() {
    steady_time next = steady_time::max();
    {
        const std::lock_guard lock(mutex_);
        arming_ = false;
        if (!pending_.empty()) next = pending_.begin()->deadline();
    }
    if (next == steady_time::max()) {
        // Callers that come back at once find the timer still running: it is stopped a moment later.
        if (std::exchange(is_idle_, true)) {
            armed_for_ = next;
            timer_->cancel();
        } else {
            const std::lock_guard lock(mutex_);
            arm_soon();
        }
        return;
    }
    is_idle_ = false;
    if (next >= armed_for_) // fires early, finds nothing due, and is armed again
        return;
    armed_for_ = next;
    timer_->expires_at(next);
    timer_->async_wait([weak = weak_from_this()](const boost::system::error_code& ec) {
        const auto self = weak.lock();
        if (!ec && self) self->expire_due();
    });
}

void deadlines::expire_due() {
    armed_for_ = steady_time::max();
    std::vector<std::shared_ptr<operation>> due;
    {
        const std::lock_guard lock(mutex_);
        const auto now = std::chrono::steady_clock::now();
        due = take_while([&](const operation& each) { return each.deadline() <= now; });
    }
    for (const auto& each : due) each->expire();
    arm();
}

} // namespace eventstore::detail
