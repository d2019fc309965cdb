/// Numbers, sizes and times as text.
#pragma once

#include <cstdint>
#include <string>

namespace eventstore::maintenance {

inline std::string text(std::int64_t number) { return std::to_string(number); }

inline constexpr std::int64_t megabyte = std::int64_t{1} << 20;
inline std::string megabytes(std::int64_t bytes) { return text(bytes / megabyte) + " MB"; }

/// Of seconds the two largest units: "3 days 4 h", "2 min 5 s".
inline std::string duration_text(std::int64_t seconds) {
    const auto two = [](std::int64_t large, const char* unit, std::int64_t small, const char* small_unit) {
        std::string text = std::to_string(large) + unit;
        if (small > 0) text += ' ' + std::to_string(small) + small_unit;
        return text;
    };
    constexpr std::int64_t minute = 60;
    constexpr std::int64_t hour = 60 * minute;
    constexpr std::int64_t day = 24 * hour;
    if (seconds >= day) return two(seconds / day, seconds < 2 * day ? " day" : " days", seconds % day / hour, " h");
    if (seconds >= hour) return two(seconds / hour, " h", seconds % hour / minute, " min");
    if (seconds >= minute) return two(seconds / minute, " min", seconds % minute, " s");
    return std::to_string(seconds) + " s";
}

} // namespace eventstore::maintenance
