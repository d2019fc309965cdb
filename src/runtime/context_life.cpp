#include "runtime/context_life.hpp"

#include "async/operation.hpp"

#include <algorithm>
#include <utility>

namespace eventstore::detail {

asio::execution_context::id context_life::id;

void context_life::add(const std::shared_ptr<context_member>& member) {
    const std::lock_guard lock(mutex_);
    if (all_.size() >= clear_at_) { // not with each of a thousand
        std::erase_if(all_, [](const auto& weak) { return weak.expired(); });
        clear_at_ = std::max<std::size_t>(16, all_.size() * 2);
    }
    all_.push_back(member);
}

void context_life::shutdown() {
    std::vector<std::weak_ptr<context_member>> all;
    {
        const std::lock_guard lock(mutex_);
        all.swap(all_);
    }
    std::ranges::reverse(all); // a store before the group that it is of
    std::vector<std::shared_ptr<context_member>> alive;
    for (const auto& weak : all) {
        if (auto found = weak.lock()) alive.push_back(std::move(found));
    }
    for (const auto& member : alive) member->refuse();
    // The callers of this context itself come first: nobody can be told here any more.
    operation::abandon_all_in(context());
    for (const auto& member : alive) member->abandon();
}

} // namespace eventstore::detail
