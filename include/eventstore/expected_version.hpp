/// \file
/// The expected version of a stream: optimistic concurrency control.
#pragma once

#include <eventstore/uuid.hpp>

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <optional>

namespace eventstore {

/// The version that a stream must have for an append to succeed: an exact version (a stream's number of events),
/// `no_stream`, `any_version`, `stream_exists`, or an exact version and the last event there (`after`).
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

    /// This version, 1 or more, and there the event with this id: the stream is the one that was read.
    ///
    /// A stream that was deleted for good and made anew, or whose end was lost (a fail-over) and written anew, may be at
    /// the same version with other events; then the append fails with `errc::wrong_expected_version`, and the failure
    /// has the same number as expected and actual version. For a decision from a state that was kept for some time. Of
    /// a link as the last event the id does not fit: use its version alone. Only for appends and links; delete_stream
    /// refuses it with `errc::invalid_argument`.
    static constexpr expected_version after(std::int64_t version, const uuid& last_event) noexcept {
        expected_version made(version < 1 ? std::int64_t{invalid} : version);
        made.last_event_ = last_event;
        return made;
    }

    /// 0 or more: exact (0 = no stream); -1: any version; -2: the stream exists; -3: not valid.
    constexpr std::int64_t value() const noexcept { return value_; }
    /// The id of the last event that is expected; nothing if any event will do.
    constexpr const std::optional<uuid>& last_event() const noexcept { return last_event_; }

    friend constexpr bool operator==(const expected_version& left, const expected_version& right) noexcept {
        if (left.value_ != right.value_ || left.last_event_.has_value() != right.last_event_.has_value()) return false;
        return !left.last_event_ ||
            std::equal(left.last_event_->data, left.last_event_->data + 16, right.last_event_->data);
    }

private:
    friend struct expected_versions;
    static constexpr std::int64_t invalid = -3;

    struct special {
        std::int64_t value;
    };
    constexpr explicit expected_version(special version) noexcept : value_(version.value) {}

    std::int64_t value_;
    std::optional<uuid> last_event_;
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
