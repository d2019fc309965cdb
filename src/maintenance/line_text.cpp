#include "maintenance/line_text.hpp"

#include <boost/endian/conversion.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace eventstore::maintenance {

namespace {

constexpr int deepest_value = 200; // what is deeper is written as text

constexpr char digits[] = "0123456789abcdef";
constexpr char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What each byte stands for; -1 for one that is no digit.
template <std::size_t Count>
constexpr std::array<signed char, 256> values_of(const char (&all)[Count]) {
    std::array<signed char, 256> values{};
    values.fill(-1);
    for (std::size_t i = 0; i + 1 < Count; ++i)
        values[static_cast<unsigned char>(all[i])] = static_cast<signed char>(i);
    return values;
}
constexpr auto hex_values = values_of(digits);
constexpr auto base64_values = values_of(base64_digits);

/// True if none of eight bytes ends a run of plain characters: a control character, a quotation mark, a backslash, or one
/// beyond ASCII.
bool are_plain(const char* at) noexcept {
    constexpr std::uint64_t ones = 0x0101010101010101;
    constexpr std::uint64_t high = ones * 0x80;
    std::uint64_t eight = 0;
    std::memcpy(&eight, at, sizeof eight);
    const auto has_zero = [](std::uint64_t value) { return (value - ones) & ~value & high; };
    const std::uint64_t control = (eight - ones * 0x20) & ~eight & high;
    return ((eight & high) | control | has_zero(eight ^ (ones * '"')) | has_zero(eight ^ (ones * '\\'))) == 0;
}

/// The length of a well-formed sequence of more than one byte; 0 if there is none.
std::size_t sequence_length(const char* at, const char* end) noexcept {
    const auto byte = [&](int i) { return static_cast<unsigned char>(at[i]); };
    const auto continues = [&](int i) { return end - at > i && (byte(i) & 0xc0) == 0x80; };
    const unsigned char first = byte(0);
    if (first < 0xc2) return 0;
    if (first < 0xe0) return continues(1) ? 2 : 0;
    if (first < 0xf0) {
        if (!continues(1) || !continues(2)) return 0;
        return (first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) >= 0xa0) ? 0 : 3;
    }
    if (first < 0xf5) {
        if (!continues(1) || !continues(2) || !continues(3)) return 0;
        return (first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) >= 0x90) ? 0 : 4;
    }
    return 0;
}

/// Walks over one JSON value. Each step returns where it ends, or null.
class json_walker {
public:
    explicit json_walker(std::string_view text) : end_(text.data() + text.size()) {}

    const char* value(const char* at, int depth) const noexcept {
        if (at == end_ || depth > deepest_value) return nullptr;
        switch (*at) {
        case '{': return object(at + 1, depth);
        case '[': return array(at + 1, depth);
        case '"': return string(at + 1);
        case 't': return word(at, "true");
        case 'f': return word(at, "false");
        case 'n': return word(at, "null");
        default: return number(at);
        }
    }

private:
    const char* space(const char* at) const noexcept {
        while (at != end_ && (*at == ' ' || *at == '\t')) ++at;
        return at;
    }
    const char* word(const char* at, std::string_view wanted) const noexcept {
        return std::string_view(at, static_cast<std::size_t>(end_ - at)).starts_with(wanted) ? at + wanted.size()
                                                                                             : nullptr;
    }
    const char* object(const char* at, int depth) const noexcept {
        at = space(at);
        if (at != end_ && *at == '}') return at + 1;
        for (;;) {
            if (at == end_ || *at != '"' || !(at = string(at + 1))) return nullptr;
            at = space(at);
            if (at == end_ || *at != ':' || !(at = value(space(at + 1), depth + 1))) return nullptr;
            at = space(at);
            if (at == end_) return nullptr;
            if (*at == '}') return at + 1;
            if (*at != ',') return nullptr;
            at = space(at + 1);
        }
    }
    const char* array(const char* at, int depth) const noexcept {
        at = space(at);
        if (at != end_ && *at == ']') return at + 1;
        for (;;) {
            if (!(at = value(at, depth + 1))) return nullptr;
            at = space(at);
            if (at == end_) return nullptr;
            if (*at == ']') return at + 1;
            if (*at != ',') return nullptr;
            at = space(at + 1);
        }
    }
    const char* string(const char* at) const noexcept {
        for (;;) {
            while (end_ - at >= 8 && are_plain(at)) at += 8;
            if (at == end_) return nullptr;
            const auto c = static_cast<unsigned char>(*at);
            if (c == '"') return at + 1;
            if (c < 0x20) return nullptr;
            if (c >= 0x80) {
                const std::size_t length = sequence_length(at, end_);
                if (length == 0) return nullptr;
                at += length;
            } else if (c == '\\') {
                if (!(at = escape(at + 1))) return nullptr;
            } else {
                ++at;
            }
        }
    }
    const char* escape(const char* at) const noexcept {
        if (at == end_) return nullptr;
        if (*at != 'u') return std::strchr("\"\\/bfnrt", *at) && *at != '\0' ? at + 1 : nullptr;
        if (end_ - at < 5) return nullptr;
        const bool are_digits = std::all_of(at + 1, at + 5,
            [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); });
        return are_digits ? at + 5 : nullptr;
    }
    const char* some_digits(const char* at) const noexcept {
        const char* const begin = at;
        while (at != end_ && *at >= '0' && *at <= '9') ++at;
        return at == begin ? nullptr : at;
    }
    const char* number(const char* at) const noexcept {
        if (*at == '-') ++at;
        if (at == end_) return nullptr;
        if (*at == '0')
            ++at;
        else if (!(at = some_digits(at)))
            return nullptr;
        if (at != end_ && *at == '.' && !(at = some_digits(at + 1))) return nullptr;
        if (at != end_ && (*at == 'e' || *at == 'E')) {
            ++at;
            if (at != end_ && (*at == '+' || *at == '-')) ++at;
            at = some_digits(at);
        }
        return at;
    }

    const char* end_;
};

} // namespace

std::size_t json_length(std::string_view text) noexcept {
    if (text.empty()) return 0;
    const char* const end = json_walker(text).value(text.data(), 0);
    return end ? static_cast<std::size_t>(end - text.data()) : 0;
}

bool is_utf8(std::string_view bytes) noexcept {
    const char* at = bytes.data();
    const char* const end = at + bytes.size();
    while (at != end) {
        if (static_cast<unsigned char>(*at) < 0x80) {
            ++at;
        } else {
            const std::size_t length = sequence_length(at, end);
            if (length == 0) return false;
            at += length;
        }
    }
    return true;
}

payload_kind kind_of(std::string_view bytes) noexcept {
    if (json_length(bytes) == bytes.size()) return payload_kind::json;
    return is_utf8(bytes) ? payload_kind::text : payload_kind::bytes;
}

void add_string(std::string& line, std::string_view text) {
    line += '"';
    const char* at = text.data();
    const char* const end = at + text.size();
    while (at != end) {
        const char* const begin = at;
        for (;;) {
            while (end - at >= 8 && are_plain(at)) at += 8;
            if (at == end) break;
            const auto c = static_cast<unsigned char>(*at);
            if (c < 0x20 || c == '"' || c == '\\') break;
            ++at;
        }
        line.append(begin, at);
        if (at == end) break;
        const auto c = static_cast<unsigned char>(*at++);
        line += '\\';
        switch (c) {
        case '\n': line += 'n'; break;
        case '\r': line += 'r'; break;
        case '\t': line += 't'; break;
        case '"':
        case '\\': line += static_cast<char>(c); break;
        default:
            line += "u00";
            line += digits[c >> 4];
            line += digits[c & 15];
        }
    }
    line += '"';
}

void add_number(std::string& line, std::int64_t value) {
    char text[24];
    const auto end = std::to_chars(text, text + sizeof text, value).ptr;
    line.append(text, end);
}

void add_uuid(std::string& line, const unsigned char* bytes) {
    char text[36];
    char* at = text;
    for (int i = 0; i < 16; ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *at++ = '-';
        *at++ = digits[bytes[i] >> 4];
        *at++ = digits[bytes[i] & 15];
    }
    line.append(text, sizeof text);
}

void add_hex(std::string& line, std::uint32_t value) {
    for (int shift = 28; shift >= 0; shift -= 4) line += digits[(value >> shift) & 15];
}

void add_base64(std::string& line, std::string_view bytes) {
    line.reserve(line.size() + (bytes.size() + 2) / 3 * 4);
    const auto byte = [&](std::size_t i) { return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U; };
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::uint32_t three = (byte(i) << 16) | (byte(i + 1) << 8) | byte(i + 2);
        line += base64_digits[three >> 18];
        line += base64_digits[(three >> 12) & 63];
        line += i + 1 < bytes.size() ? base64_digits[(three >> 6) & 63] : '=';
        line += i + 2 < bytes.size() ? base64_digits[three & 63] : '=';
    }
}

bool add_from_base64(std::string& bytes, std::string_view text) {
    if (text.size() % 4 != 0) return false;
    std::size_t padding = 0;
    while (padding < 2 && text.ends_with('=')) text.remove_suffix(1), ++padding;
    bytes.reserve(bytes.size() + text.size() / 4 * 3 + 2);
    std::uint32_t gathered = 0;
    int bits = 0;
    for (const char c : text) {
        const int value = base64_values[static_cast<unsigned char>(c)];
        if (value < 0) return false;
        gathered = (gathered << 6) | static_cast<std::uint32_t>(value);
        bits += 6;
        if (bits < 8) continue;
        bits -= 8;
        bytes += static_cast<char>(gathered >> bits);
        gathered &= (1U << bits) - 1;
    }
    return gathered == 0; // the bits that are left over
}

std::optional<std::uint32_t> from_hex(std::string_view text) noexcept {
    if (text.size() != 8) return std::nullopt;
    std::uint32_t value = 0;
    for (const char c : text) {
        const int digit = hex_values[static_cast<unsigned char>(c)];
        if (digit < 0) return std::nullopt;
        value = (value << 4) | static_cast<std::uint32_t>(digit);
    }
    return value;
}

std::optional<uuid> uuid_of(std::string_view text) noexcept {
    constexpr std::size_t length = 36;
    if (text.size() != length) return std::nullopt;
    uuid id;
    const char* at = text.data();
    for (int i = 0; i < 16; ++i) {
        if ((i == 4 || i == 6 || i == 8 || i == 10) && *at++ != '-') return std::nullopt;
        const int high = hex_values[static_cast<unsigned char>(at[0])];
        const int low = hex_values[static_cast<unsigned char>(at[1])];
        if (high < 0 || low < 0) return std::nullopt;
        id.data[i] = static_cast<unsigned char>((high << 4) | low);
        at += 2;
    }
    return id;
}

} // namespace eventstore::maintenance
