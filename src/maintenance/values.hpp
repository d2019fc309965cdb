/// Values in the text of a statement that is run as a script.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace eventstore::maintenance {

/// Puts the values, which are SQL already (numbers, quoted literals), in the place of $1 to $9.
inline std::string with_values(std::string_view sql, std::span<const std::string> values) {
    std::string text;
    text.reserve(sql.size() + 64);
    for (std::size_t i = 0; i < sql.size(); ++i) {
        const bool is_parameter = sql[i] == '$' && i + 1 < sql.size() && sql[i + 1] >= '1' && sql[i + 1] <= '9';
        const std::size_t number = is_parameter ? std::size_t(sql[i + 1] - '1') : values.size();
        if (number < values.size()) {
            text += values[number];
            ++i;
        } else {
            text += sql[i];
        }
    }
    return text;
}

} // namespace eventstore::maintenance
