/// How long to wait before a look at the database is taken again, and whether its failure is worth a word.
#pragma once

#include <eventstore/error.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

namespace eventstore::detail {

/// For what is asked again and again until it succeeds. A connection that was lost may be back soon, and whoever makes it
/// backs off already. What the server refuses, because a schema was dropped or a privilege revoked, may stay so for ever:
/// the pauses double, each drawn from the upper half of its step, so that those who were refused together do not come
/// back together.
class retry_pace {
public:
    using duration = std::chrono::milliseconds;

    struct step {
        duration pause;
        bool is_news; ///< it has not failed so before, since the last success; then after 10 failures, 100, 1000...
    };

    /// \param random any number; the jitter is taken from it
    step failed(errc why, std::uint64_t random) noexcept {
        const bool is_news = is_worth_a_word(why);
        if (passes_by_itself(why)) {
            refusals_ = 0;
            return {first, is_news};
        }
        const auto longer = std::min(longest, first * (std::int64_t{1} << std::min(refusals_++, 16)));
        const auto half = longer / 2;
        return {
            half + duration(static_cast<std::int64_t>(random % static_cast<std::uint64_t>(half.count() + 1))), is_news};
    }

    void succeeded() noexcept {
        last_.reset();
        refusals_ = 0;
        same_ = 0;
    }

    /// A connection that was lost may be back soon; a refusal stays until somebody does something about it.
    static bool passes_by_itself(errc why) noexcept {
        return why == errc::connection_lost || why == errc::timeout || why == errc::cancelled ||
            why == errc::store_closed;
    }

    static constexpr duration first{100};
    static constexpr duration longest{5000};

private:
    bool is_worth_a_word(errc why) noexcept {
        if (last_ != why) {
            last_ = why;
            same_ = 0;
            next_word_ = 1;
        }
        if (++same_ < next_word_) return false;
        next_word_ *= 10;
        return true;
    }
    std::optional<errc> last_; // of the failures since the last success
    int refusals_ = 0;
    std::uint64_t same_ = 0; // failures in a row
    std::uint64_t next_word_ = 1;
};

} // namespace eventstore::detail
