#include "base/live_objects.hpp"

#include <atomic>

namespace eventstore::detail {

namespace {
std::atomic<long> alive{0};
}

long live_objects() noexcept { return alive.load(std::memory_order_acquire); }

live_object::live_object() noexcept { alive.fetch_add(1, std::memory_order_relaxed); }
live_object::live_object(const live_object&) noexcept { alive.fetch_add(1, std::memory_order_relaxed); }
live_object::~live_object() { alive.fetch_sub(1, std::memory_order_release); }

} // namespace eventstore::detail
