#include "base/home_process.hpp"

#include <pthread.h>

#include <atomic>
#include <utility>
#include <vector>

namespace eventstore::detail {

namespace {

std::atomic<unsigned> generation{1};
[[maybe_unused]] const int fork_watch = pthread_atfork(nullptr, nullptr, [] { ++generation; });

} // namespace

unsigned fork_generation() noexcept { return generation.load(std::memory_order_relaxed); }

void keep_for_ever(std::shared_ptr<void> object) {
    static auto* const kept = new std::vector<std::shared_ptr<void>>(); // no leak: it can be reached
    kept->push_back(std::move(object));
}

} // namespace eventstore::detail
