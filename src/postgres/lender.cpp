#include "postgres/lender.hpp"

#include <algorithm>
#include <utility>

namespace eventstore::postgres {

void lender::ask(const std::shared_ptr<borrower>& who) {
    std::vector<grant> grants;
    std::vector<std::shared_ptr<borrower>> holders;
    bool is_refused = false;
    {
        const std::lock_guard lock(mutex_);
        is_refused = closed_;
        if (!closed_) waiting_.push_back(who);
        if (!closed_) wanted_.store(true);
        bool is_anyone_idle = false;
        if (idle_.empty() && !closed_) {
            for (const loan& each : lent_) {
                if (auto holder = each.whose.lock()) {
                    is_anyone_idle = is_anyone_idle || holder->is_idle();
                    holders.push_back(std::move(holder));
                }
            }
        }
        // Waiting for one that is not in use takes less time than connecting.
        if (is_anyone_idle)
            std::erase_if(holders, [](const auto& each) { return !each->is_idle(); });
        else
            holders.clear();
        if (holders.empty()) grants = hand_out();
    }
    if (is_refused) who->on_refused();
    carry_out(std::move(grants));
    for (const auto& each : holders) each->on_recalled();
}

void lender::give_back(const borrower* who, std::shared_ptr<connection> link) {
    std::vector<grant> grants;
    std::function<void()> tell;
    std::shared_ptr<connection> unwanted; // closed without the lock
    {
        const std::lock_guard lock(mutex_);
        const auto place = std::ranges::find(lent_, who, &loan::address);
        if (place != lent_.end()) lent_.erase(place);
        if (link && !link->is_open()) link.reset();
        if (closed_)
            unwanted = std::move(link);
        else if (link)
            idle_.push_back(std::move(link));
        grants = hand_out();
        tell = end_if_done();
    }
    if (unwanted) {
        lost();
        unwanted.reset();
    }
    carry_out(std::move(grants));
    if (tell) tell();
}

void lender::keeps() {
    std::vector<grant> grants;
    {
        const std::lock_guard lock(mutex_);
        grants = hand_out();
    }
    carry_out(std::move(grants));
}

std::vector<lender::grant> lender::hand_out() {
    std::vector<grant> grants;
    while (!closed_ && !waiting_.empty() && (!idle_.empty() || lent_.size() + idle_.size() < most_)) {
        auto next = waiting_.front().lock();
        waiting_.pop_front();
        if (!next) continue;
        lent_.push_back({next, next.get()});
        grant given{std::move(next), nullptr};
        if (!idle_.empty()) {
            given.link = std::move(idle_.front());
            idle_.pop_front();
        }
        grants.push_back(std::move(given));
    }
    wanted_.store(!waiting_.empty());
    return grants;
}

void lender::carry_out(std::vector<grant> grants) {
    for (grant& each : grants) each.to->on_lent(std::move(each.link));
}

void lender::add(std::shared_ptr<connection> link) {
    opened();
    give_back(nullptr, std::move(link));
}

void lender::opened() {
    connects_.fetch_add(1, std::memory_order_relaxed);
    open_.fetch_add(1, std::memory_order_relaxed);
    const std::lock_guard lock(mutex_);
    failure_.reset();
}

void lender::failed_to_open(const failure& why) {
    const std::lock_guard lock(mutex_);
    failure_ = why;
}

std::optional<failure> lender::last_failure() const {
    const std::lock_guard lock(mutex_);
    return failure_;
}

std::function<void()> lender::end_if_done() {
    if (!closed_ || !lent_.empty()) return nullptr;
    return std::exchange(when_closed_, nullptr);
}

void lender::close(std::function<void()> closed) {
    std::deque<std::shared_ptr<connection>> idle;
    std::deque<std::weak_ptr<borrower>> refused;
    std::function<void()> tell;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        when_closed_ = std::move(closed);
        refused.swap(waiting_);
        wanted_.store(false);
        idle.swap(idle_);
        tell = end_if_done();
    }
    open_.fetch_sub(idle.size(), std::memory_order_relaxed);
    idle.clear();
    for (const auto& each : refused) {
        if (const auto alive = each.lock()) alive->on_refused();
    }
    if (tell) tell();
}

void lender::abandon() noexcept {
    std::deque<std::shared_ptr<connection>> idle;
    const std::lock_guard lock(mutex_);
    closed_ = true;
    when_closed_ = nullptr;
    waiting_.clear();
    idle.swap(idle_);
}

} // namespace eventstore::postgres
