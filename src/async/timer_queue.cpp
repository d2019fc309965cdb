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
    if (queue_hook.is_linked()) queue_->remove(*this); // dropped by a queue that went with its store
}

timer_queue::timer_queue(const asio::any_io_executor& executor, std::shared_ptr<clock> time)
    : clock_(std::move(time)), strand_(asio::make_strand(executor)), alarm_(clock_->make_alarm(*strand_)) {}

timer_queue::~timer_queue() { pending_.clear(); }

bool timer_queue::add(timed& what) {
    const std::lock_guard lock(mutex_);
    if (is_abandoned_) return false;
    const auto place = pending_.insert(what);
    if (place == pending_.begin()) arm_soon();
    return true;
}

void timer_queue::remove(timed& what) noexcept {
    const std::lock_guard lock(mutex_);
    if (!what.queue_hook.is_linked()) return;
    pending_.erase(pending_.iterator_to(what));
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
    for (const auto& each : left) each->close();
}

template <class Condition>
std::vector<std::shared_ptr<timed>> timer_queue::take_while(Condition is_wanted) {
    std::vector<std::shared_ptr<timed>> taken;
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
    explicit timed_call(std::function<void()> what) : what_(std::move(what)) {}

private:
    void expire() noexcept override { what_(); }
    void close() noexcept override {}

    const std::function<void()> what_;
};

} // namespace

std::shared_ptr<timed> call_at(timer_queue& timers, steady_time when, std::function<void()> what) {
    auto call = std::make_shared<timed_call>(std::move(what));
    call->watch(timers, when);
    return call;
}

void timer_queue::expire_due() {
    armed_for_ = steady_time::max();
    std::vector<std::shared_ptr<timed>> due;
    {
        const std::lock_guard lock(mutex_);
        due = take_while([now = now()](const timed& each) { return each.deadline() <= now; });
    }
    for (const auto& each : due) each->expire();
    arm();
}

} // namespace eventstore::detail
