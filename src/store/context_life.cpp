#include "store/context_life.hpp"

#include "store/store_core.hpp"

namespace eventstore::detail {

asio::execution_context::id context_life::id;

void context_life::add(const std::shared_ptr<store_core>& store) {
    const std::lock_guard lock(mutex_);
    std::erase_if(stores_, [](const auto& each) { return each.expired(); });
    stores_.push_back(store);
}

void context_life::shutdown() {
    std::vector<std::weak_ptr<store_core>> stores;
    {
        const std::lock_guard lock(mutex_);
        stores.swap(stores_);
    }
    for (const auto& each : stores) {
        if (const auto store = each.lock()) store->abandon();
    }
}

} // namespace eventstore::detail
