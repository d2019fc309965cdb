/// Which events of a batch are tried in one transaction. Without I/O.
#pragma once

#include <cstddef>

namespace eventstore::projection {

/// All of them; if that fails, halves of what holds the event that fails, until it stands alone. So one such event costs
/// as many attempts as its batch has halves, and no event is tried twice after it was committed.
class batch_attempts {
public:
    explicit batch_attempts(std::size_t events) noexcept : end_(events) {}

    struct range {
        std::size_t first = 0;
        std::size_t count = 0; ///< 0 = all is done
        friend bool operator==(const range&, const range&) = default;
    };
    range next() const noexcept;

    /// The first `count` events of the attempt are committed: all of them, or fewer if no more were tried.
    void succeeded(std::size_t count) noexcept;
    /// Returns true if the one event that was tried is to blame.
    bool failed(std::size_t count) noexcept;
    /// They took too long: fewer are tried, and none is to blame.
    void took_too_long(std::size_t count) noexcept;

private:
    std::size_t first_ = 0;
    std::size_t end_;
    std::size_t suspect_end_ = 0; // one of first_ to here fails; 0 = none is known to
    std::size_t most_ = 0;        // so many at a time do not take too long; 0 = not known
};

} // namespace eventstore::projection
