/// \file
/// The expected version of a stream: optimistic concurrency control.
#pragma once

#include <concepts>
#include <cstdint>

namespace eventstore {

/// The version that a stream must have for an append to succeed: an exact version (a stream's number of events),
/// `no_stream`, `any_version` or `stream_exists`.
///
/// Any integer converts to it, as in `store.append("account-1", 3, event)`. A negative one is refused with
/// `errc::invalid_argument` when the append is awaited.
class expected_version {
public:
    template <std::integral Integer>
        requires(!std::same_as<Integer, bool>)
    constexpr expected_version(Integer exact) noexcept : value_(static_cast<std::int64_t>(exact)) {
        if (value_ < 0) value_ = invalid;
    }

    /// 0 or more: exact (0 = no stream); -1: any version; -2: the stream exists; -3: not valid.
    constexpr std::int64_t value() const noexcept { return value_; }

    friend constexpr bool operator==(expected_version, expected_version) noexcept = default;

private:
    friend struct expected_versions;
    static constexpr std::int64_t invalid = -3;

    struct special {
        std::int64_t value;
    };
    constexpr explicit expected_version(special version) noexcept : value_(version.value) {}

    std::int64_t value_;
};

/// The expected versions that are not numbers; use the constants below.
struct expected_versions {
    static constexpr expected_version any() noexcept { return expected_version(expected_version::special{-1}); }
    static constexpr expected_version exists() noexcept { return expected_version(expected_version::special{-2}); }
};

/// The stream must not exist yet; else the append fails with `errc::stream_exists`.
inline constexpr expected_version no_stream = expected_version(0);
/// The append succeeds at any version, and creates the stream if it does not exist.
inline constexpr expected_version any_version = expected_versions::any();
/// The stream must exist, at any version; else the append fails with `errc::stream_not_found`.
inline constexpr expected_version stream_exists = expected_versions::exists();

} // namespace eventstore
