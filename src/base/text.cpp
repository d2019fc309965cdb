#include "base/text.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace eventstore::detail {

namespace {

/// The length of the well-formed sequence at the beginning of the text; 0 if there is none.
std::size_t sequence_length(std::string_view text) noexcept {
    const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(text[at]); };
    const auto continues = [&](std::size_t at) { return at < text.size() && (byte(at) & 0xc0) == 0x80; };
    const std::uint8_t first = byte(0);
    if (first < 0x80) return first == 0 ? 0 : 1;
    if (first < 0xc2) // a continuation byte, or an overlong form
        return 0;
    if (first < 0xe0) return continues(1) ? 2 : 0;
    if (first < 0xf0) {
        if (!continues(1) || !continues(2)) return 0;
        const bool overlong = first == 0xe0 && byte(1) < 0xa0;
        const bool surrogate = first == 0xed && byte(1) >= 0xa0;
        return overlong || surrogate ? 0 : 3;
    }
    if (first < 0xf5) {
        if (!continues(1) || !continues(2) || !continues(3)) return 0;
        const bool overlong = first == 0xf0 && byte(1) < 0x90;
        const bool beyond_unicode = first == 0xf4 && byte(1) >= 0x90;
        return overlong || beyond_unicode ? 0 : 4;
    }
    return 0;
}

} // namespace

bool is_storable_text(std::string_view text) noexcept {
    for (;;) {
        const auto is_plain = [](char c) { return static_cast<signed char>(c) > 0; }; // ASCII without NUL
        const auto rest = std::find_if_not(text.begin(), text.end(), is_plain);
        text.remove_prefix(static_cast<std::size_t>(rest - text.begin()));
        if (text.empty()) return true;
        const std::size_t length = sequence_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
}

std::string storable_text(std::string_view text, std::size_t most) {
    constexpr std::string_view replacement = "\xef\xbf\xbd";
    std::string kept;
    kept.reserve(std::min(text.size(), most));
    while (!text.empty()) {
        const std::size_t length = sequence_length(text);
        const std::string_view next = length == 0 ? replacement : text.substr(0, length);
        if (kept.size() + next.size() > most) break;
        kept += next;
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return kept;
}

std::string quoted_for_message(std::string_view text) {
    constexpr std::size_t longest = 80;
    constexpr char digits[] = "0123456789abcdef";
    std::string quoted = "'";
    while (!text.empty()) {
        if (quoted.size() > longest) {
            quoted += "...";
            break;
        }
        const std::size_t length = sequence_length(text);
        const auto first = static_cast<std::uint8_t>(text[0]);
        if (length == 0 || first < 0x20 || first == 0x7f) {
            quoted += "\\x";
            quoted += digits[first >> 4];
            quoted += digits[first & 15];
            text.remove_prefix(1);
        } else {
            quoted += text.substr(0, length);
            text.remove_prefix(length);
        }
    }
    return quoted += '\'';
}

std::string one_line(std::string_view text) {
    std::string line;
    for (const char c : text) {
        if (c != '\n' && c != '\t')
            line += c;
        else if (!line.empty() && line.back() != ' ')
            line += ' ';
    }
    while (!line.empty() && line.back() == ' ') line.pop_back();
    return line;
}

} // namespace eventstore::detail
