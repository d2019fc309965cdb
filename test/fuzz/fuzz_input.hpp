/// What a fuzz target makes of the bytes that it is given.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

namespace eventstore::test {

/// Bytes that are taken one after the other; behind their end come zeros.
class fuzz_input {
public:
    fuzz_input(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

    bool is_empty() const noexcept { return rest_.empty(); }

    std::uint8_t byte() {
        if (rest_.empty()) return 0;
        const auto value = static_cast<std::uint8_t>(rest_.front());
        rest_.remove_prefix(1);
        return value;
    }
    bool flag() { return (byte() & 1) != 0; }
    std::uint64_t number() {
        std::uint64_t value = 0;
        for (int i = 0; i < 8; ++i) value = value << 8 | byte();
        return value;
    }
    std::int64_t integer() { return static_cast<std::int64_t>(number()); }
    /// Less than `end`, which is 256 at most.
    std::size_t below(std::size_t end) { return byte() % end; }
    template <class T>
    const T& one_of(std::span<const T> choices) {
        return choices[below(choices.size())];
    }

    /// Up to 255 bytes.
    std::string_view text() { return bytes(byte()); }
    std::string_view bytes(std::size_t most) {
        const std::string_view taken = rest_.substr(0, most);
        rest_.remove_prefix(taken.size());
        return taken;
    }
    /// What comes before the character, or the end, and that character with it.
    std::string_view until(char end) {
        const std::string_view taken = bytes(std::min(rest_.find(end), rest_.size()));
        rest_.remove_prefix(std::min<std::size_t>(1, rest_.size()));
        return taken;
    }

private:
    std::string_view rest_;
};

/// Ends the program, so that the fuzzer keeps the input, where something does not hold that must.
inline void must(bool holds, std::string_view what) {
    if (holds) return;
    std::fprintf(stderr, "does not hold: %.*s\n", static_cast<int>(what.size()), what.data());
    std::abort();
}

} // namespace eventstore::test

/// Of the fuzzer: runs the target once.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
