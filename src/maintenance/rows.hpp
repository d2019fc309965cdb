/// Fields of answers in text form, as scripts get them.
#pragma once

#include "postgres/answer.hpp"

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace eventstore::maintenance {

/// 0 for null, and for what is no number.
inline std::int64_t number_in(const postgres::answer& from, int row, int column) noexcept {
    const std::string_view text = from.bytes(row, column);
    std::int64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

inline double real_in(const postgres::answer& from, int row, int column) noexcept {
    const std::string_view text = from.bytes(row, column);
    double value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

/// Empty for null.
inline std::string text_in(const postgres::answer& from, int row, int column) {
    return std::string(from.bytes(row, column));
}

inline bool flag_in(const postgres::answer& from, int row, int column) noexcept {
    return from.bytes(row, column) == "t";
}

} // namespace eventstore::maintenance
