#include "async/timer_queue.hpp"

#include <boost/asio/post.hpp>

#include <utility>

namespace eventstore::detail {

bool timed::watch(timer_queue& queue, steady_time deadline) {
    deadline_ = deadline;
    queue_ = queue.shared_from_this();
    return queue.add(*this);
}

void timed::unwatch() noexcept {
    if (queue_) std::exchange(queue_, nullptr)->remove(*this);
}

timed::~timed() {
    if (queue_) queue_->remove(*this); // whether it is in the queue is known under the queue's mutex alone
}

timer_queue::timer_queue(const asio::any_io_executor& executor, std::shared_ptr<clock> time)
    : clock_(std::move(time)), strand_(asio::make_strand(executor)), alarm_(clock_->make_alarm(*strand_)) {}

timer_queue::~timer_queue() { pending_.clear(); }

bool timer_queue::add(timed& entry) {
    const std::lock_guard lock(mutex_);
    if (is_abandoned_) return false;
    const auto place = pending_.insert(entry);
    if (place == pending_.begin()) arm_soon();
    return true;
}

void timer_queue::remove(timed& entry) noexcept {
    const std::lock_guard lock(mutex_);
    if (!entry.queue_hook.is_linked()) return;
    pending_.erase(pending_.iterator_to(entry));
    if (pending_.empty()) arm_soon(); // to stop the alarm
}

void timer_queue::abandon() noexcept {
    std::vector<std::shared_ptr<timed>> left;
    {
        const std::lock_guard lock(mutex_);
        is_abandoned_ = true;
        alarm_.reset();
        strand_.reset();
        left = take_while([](const timed&) { return true; });
    }
    for (const auto& entry : left) entry->close();
}

template <class Condition>
std::vector<std::shared_ptr<timed>> timer_queue::take_while(Condition is_wanted) {
    std::vector<std::shared_ptr<timed>> taken;
    for (auto entry = pending_.begin(); entry != pending_.end() && is_wanted(*entry);) {
        // Null where its last owner is just letting go of it; then that one unlinks it.
        auto owned = entry->weak_from_this().lock();
        if (!owned) {
            ++entry;
            continue;
        }
        entry = pending_.erase(entry);
        taken.push_back(std::move(owned));
    }
    return taken;
}

void timer_queue::arm_soon() {
    if (arming_ || !strand_) return;
    arming_ = true;
    asio::post(*strand_, [self = shared_from_this()] { self->arm(); });
}

void timer_queue::arm() {
    steady_time next = steady_time::max();
    {
        const std::lock_guard lock(mutex_);
        arming_ = false;
        if (!pending_.empty()) next = pending_.begin()->deadline();
    }
    if (next == steady_time::max()) {
        // Callers that come back at once find the alarm still set: it is stopped a moment later.
        if (std::exchange(is_idle_, true)) {
            armed_for_ = next;
            alarm_->stop();
        } else {
            const std::lock_guard lock(mutex_);
            arm_soon();
        }
        return;
    }
    is_idle_ = false;
    if (next >= armed_for_) // rings early, finds nothing due, and is set again
        return;
    armed_for_ = next;
    alarm_->set(next, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->expire_due();
    });
}

namespace {

class timed_call final : public timed {
public:
    explicit timed_call(std::function<void()> callback) : callback_(std::move(callback)) {}

private:
    void expire() noexcept override { callback_(); }
    void close() noexcept override {}

    const std::function<void()> callback_;
};

} // namespace

std::shared_ptr<timed> call_at(timer_queue& timers, steady_time when, std::function<void()> callback) {
    auto call = std::make_shared<timed_call>(std::move(callback));
    call->watch(timers, when);
    return call;
}

void timer_queue::expire_due() {
    armed_for_ = steady_time::max();
    std::vector<std::shared_ptr<timed>> due;
    {
        const std::lock_guard lock(mutex_);
        due = take_while([now = now()](const timed& entry) { return entry.deadline() <= now; });
    }
    for (const auto& entry : due) entry->expire();
    arm();
}

} // namespace eventstore::detail
