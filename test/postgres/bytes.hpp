// Bytes as the documentation of a protocol writes them.
#pragma once

#include <string>
#include <string_view>

namespace eventstore::test {

/// "00 01 ff" as the three bytes; spaces may be anywhere.
inline std::string bytes(std::string_view hex) {
    const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    std::string digits;
    for (const char c : hex)
        if (c != ' ') digits += c;
    std::string out;
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
        out += static_cast<char>(digit(digits[i]) * 16 + digit(digits[i + 1]));
    return out;
}

/// The other way round: two digits for each byte, no spaces.
inline std::string hex(std::string_view text) {
    std::string out;
    for (const char c : text) {
        out += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
        out += "0123456789abcdef"[static_cast<unsigned char>(c) & 15];
    }
    return out;
}

} // namespace eventstore::test
