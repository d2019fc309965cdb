// Ages as text: 30d, 12h, 90m, 45s, 500ms.
#pragma once

#include <charconv>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

namespace eventstore::cli {

struct age_unit {
    std::string_view name;
    std::int64_t milliseconds;
};

inline constexpr age_unit age_units[] = {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}};

/// Nothing if the text is no age, or one that milliseconds cannot count.
inline std::optional<std::chrono::milliseconds> parse_age(std::string_view text) {
    std::int64_t number = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failed != std::errc() || number < 0) return std::nullopt;
    const std::string_view name = text.substr(static_cast<std::size_t>(end - text.data()));
    for (const age_unit& unit : age_units) {
        if (unit.name != name) continue;
        constexpr std::int64_t most = std::int64_t{1} << 62;
        if (number > most / unit.milliseconds) return std::nullopt;
        return std::chrono::milliseconds(number * unit.milliseconds);
    }
    return std::nullopt;
}

/// In the largest unit that divides it.
inline std::string to_text(std::chrono::milliseconds age) {
    for (const age_unit& unit : age_units) {
        if (age.count() % unit.milliseconds == 0)
            return std::to_string(age.count() / unit.milliseconds) + std::string(unit.name);
    }
    return {}; // not reached: 1 divides all
}

} // namespace eventstore::cli
