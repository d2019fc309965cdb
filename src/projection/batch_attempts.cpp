#include "projection/batch_attempts.hpp"

#include <algorithm>

namespace eventstore::projection {

batch_attempts::range batch_attempts::next() const noexcept {
    std::size_t count = end_ - first_;
    if (suspect_end_ > first_) count = std::max<std::size_t>((suspect_end_ - first_) / 2, 1);
    if (most_ > 0) count = std::min(count, most_);
    return {first_, count};
}

void batch_attempts::succeeded(std::size_t count) noexcept {
    first_ += count;
    if (first_ >= suspect_end_) suspect_end_ = 0;
}

bool batch_attempts::failed(std::size_t count) noexcept {
    if (count <= 1) return true;
    suspect_end_ = first_ + count;
    return false;
}

void batch_attempts::took_too_long(std::size_t count) noexcept { most_ = std::max<std::size_t>(count / 2, 1); }

} // namespace eventstore::projection
