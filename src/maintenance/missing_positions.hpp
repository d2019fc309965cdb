/// The positions that are missing in a log, as far as a hard delete or scavenging may have removed them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace eventstore::maintenance {

/// Ranges of missing positions, added in order, and the question how many there are between two others. No I/O.
class missing_positions {
public:
    /// \param most ranges that are kept; what comes behind them is counted only
    explicit missing_positions(std::size_t most = std::size_t{1} << 20) : most_(most) {}

    /// \pre first is behind all that was added before
    void add(std::int64_t first, std::int64_t last);

    /// All that were added.
    std::int64_t count() const noexcept { return count_; }
    /// How many of those that are kept lie between the two, both included.
    std::int64_t count_in(std::int64_t first, std::int64_t last) const noexcept;

private:
    struct range {
        std::int64_t first;
        std::int64_t last;
        std::int64_t before; // missing positions in the ranges before it
    };
    std::int64_t count_through(std::int64_t position) const noexcept;

    std::size_t most_;
    std::int64_t count_ = 0;
    std::vector<range> ranges_;
};

} // namespace eventstore::maintenance
