#include "target.hpp"

#include "refusal.hpp"

#include <algorithm>
#include <charconv>

namespace live_feed {

namespace {

/// The text up to the separator, which is taken away from `rest` with it; all of it if there is none.
std::string_view take_until(std::string_view& rest, char separator) {
    const std::size_t size = std::min(rest.find(separator), rest.size());
    const std::string_view taken = rest.substr(0, size);
    rest.remove_prefix(std::min(size + 1, rest.size()));
    return taken;
}

std::string query_text(std::string_view encoded) {
    std::string text(encoded);
    std::replace(text.begin(), text.end(), '+', ' '); // as forms and URLSearchParams write a space
    return percent_decoded(text);
}

} // namespace

std::string percent_decoded(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        unsigned value = 0;
        const std::string_view digits = text.substr(i + 1, 2);
        const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
        if (failed != std::errc() || end != digits.data() + 2)
            throw refusal(http::status::bad_request, "a % in a URL is followed by two hexadecimal digits");
        out += static_cast<char>(value);
        i += 2;
    }
    return out;
}

std::string percent_encoded(std::string_view text) {
    constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (plain.find(c) != plain.npos)
            out += c;
        else
            ((out += '%') += digits[byte / 16]) += digits[byte % 16];
    }
    return out;
}

std::optional<std::int64_t> parse_number(std::string_view text, std::int64_t least) {
    std::int64_t value = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failed != std::errc() || end != text.data() + text.size() || value < least) return std::nullopt;
    return value;
}

std::optional<std::int64_t> target::number(const std::string& name, std::int64_t least) const {
    const auto given = query.find(name);
    if (given == query.end()) return std::nullopt;
    const std::optional<std::int64_t> value = parse_number(given->second, least);
    if (!value)
        throw refusal(http::status::bad_request,
            "'" + name + "' is a whole number of at least " + std::to_string(least) + ", not '" + given->second + "'");
    return value;
}

target parse_target(std::string_view text, std::string_view known_names) {
    target parsed;
    parsed.path = take_until(text, '?');
    while (!text.empty()) {
        std::string_view value = take_until(text, '&');
        const std::string name = query_text(take_until(value, '='));
        const std::string known = " " + std::string(known_names) + " ";
        if (known.find(" " + name + " ") == known.npos)
            throw refusal(http::status::bad_request, "the query '" + name + "' means nothing here");
        parsed.query[name] = query_text(value);
    }
    return parsed;
}

} // namespace live_feed
