#include "base/crc32c.hpp"

#include <boost/endian/conversion.hpp>

#include <array>
#include <cstddef>

namespace eventstore::detail {

namespace {

/// For each byte, and for each of eight places of it, what it adds: eight bytes are taken at a time.
using tables = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr tables make_tables() {
    constexpr std::uint32_t polynomial = 0x82f63b78; // reversed
    tables made{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t value = byte;
        for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? polynomial : 0);
        made[0][byte] = value;
    }
    for (std::size_t place = 1; place < made.size(); ++place)
        for (std::size_t byte = 0; byte < 256; ++byte)
            made[place][byte] = (made[place - 1][byte] >> 8) ^ made[0][made[place - 1][byte] & 0xff];
    return made;
}

constexpr tables table = make_tables();

#if defined(__x86_64__) && defined(__GNUC__)
[[gnu::target("sse4.2")]] std::uint32_t by_instruction(std::uint32_t so_far, std::string_view bytes) noexcept {
    std::uint64_t value = ~so_far;
    const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
    std::size_t left = bytes.size();
    for (; left >= 8; left -= 8, at += 8) value = __builtin_ia32_crc32di(value, boost::endian::load_little_u64(at));
    auto rest = static_cast<std::uint32_t>(value);
    for (; left > 0; --left, ++at) rest = __builtin_ia32_crc32qi(rest, *at);
    return ~rest;
}

bool has_instruction() noexcept {
    static const bool has = [] {
        __builtin_cpu_init();
        return __builtin_cpu_supports("sse4.2") != 0;
    }();
    return has;
}
#endif

} // namespace

std::uint32_t crc32c_by_table(std::uint32_t so_far, std::string_view bytes) noexcept {
    std::uint32_t value = ~so_far;
    const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
    std::size_t left = bytes.size();
    for (; left >= 8; left -= 8, at += 8) {
        const std::uint64_t eight = boost::endian::load_little_u64(at) ^ value;
        value = table[7][eight & 0xff] ^ table[6][(eight >> 8) & 0xff] ^ table[5][(eight >> 16) & 0xff] ^
            table[4][(eight >> 24) & 0xff] ^ table[3][(eight >> 32) & 0xff] ^ table[2][(eight >> 40) & 0xff] ^
            table[1][(eight >> 48) & 0xff] ^ table[0][eight >> 56];
    }
    for (; left > 0; --left, ++at) value = table[0][(value ^ *at) & 0xff] ^ (value >> 8);
    return ~value;
}

std::uint32_t crc32c(std::uint32_t so_far, std::string_view bytes) noexcept {
#if defined(__x86_64__) && defined(__GNUC__)
    if (has_instruction()) return by_instruction(so_far, bytes);
#endif
    return crc32c_by_table(so_far, bytes);
}

} // namespace eventstore::detail
