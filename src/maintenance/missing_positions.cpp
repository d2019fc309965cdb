#include "maintenance/missing_positions.hpp"

#include <algorithm>

namespace eventstore::maintenance {

void missing_positions::add(std::int64_t first, std::int64_t last) {
    if (first > last) return;
    if (ranges_.size() < most_) ranges_.push_back({first, last, count_});
    count_ += last - first + 1;
}

std::int64_t missing_positions::count_through(std::int64_t position) const noexcept {
    const auto behind = std::upper_bound(ranges_.begin(), ranges_.end(), position,
        [](std::int64_t wanted, const range& one) { return wanted < one.first; });
    if (behind == ranges_.begin()) return 0;
    const range& last = *(behind - 1);
    return last.before + std::min(position, last.last) - last.first + 1;
}

std::int64_t missing_positions::count_in(std::int64_t first, std::int64_t last) const noexcept {
    return first > last ? 0 : count_through(last) - count_through(first - 1);
}

} // namespace eventstore::maintenance
