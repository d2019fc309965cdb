#include <eventstore/uuid.hpp>

#include "base/home_process.hpp"

#include <boost/endian/conversion.hpp>
#include <boost/uuid/string_generator.hpp>
#include <boost/uuid/uuid_io.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <random>

namespace eventstore {

namespace {

/// xoshiro256**, seeded by the system for each thread. A forked child does not go on with its parent's numbers.
class random_bits {
public:
    std::uint64_t next() {
        if (const unsigned now = detail::fork_generation(); now != generation_) {
            std::random_device system;
            for (std::uint64_t& word : state_) word = (std::uint64_t{system()} << 32) | system();
            generation_ = now;
        }
        const std::uint64_t result = rotate(state_[1] * 5, 7) * 9;
        const std::uint64_t shifted = state_[1] << 17;
        state_[2] ^= state_[0];
        state_[3] ^= state_[1];
        state_[1] ^= state_[2];
        state_[0] ^= state_[3];
        state_[2] ^= shifted;
        state_[3] = rotate(state_[3], 45);
        return result;
    }

private:
    static std::uint64_t rotate(std::uint64_t value, int by) { return (value << by) | (value >> (64 - by)); }

    unsigned generation_ = 0;
    std::uint64_t state_[4] = {};
};

/// Milliseconds since 1970 and a 12-bit counter below them; each call gives a greater value.
std::uint64_t next_tick() {
    static std::atomic<std::uint64_t> last{0};
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto clock = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count())
        << 12;
    std::uint64_t seen = last.load(std::memory_order_relaxed);
    std::uint64_t next = 0;
    do {
        next = clock > seen ? clock : seen + 1;
    } while (!last.compare_exchange_weak(seen, next, std::memory_order_relaxed));
    return next;
}

} // namespace

uuid make_uuid() {
    thread_local random_bits random;
    const std::uint64_t tick = next_tick();
    const std::uint64_t head = ((tick >> 12) << 16) | 0x7000 | (tick & 0x0fff);
    const std::uint64_t tail = (random.next() >> 2) | (std::uint64_t{2} << 62);

    uuid id;
    boost::endian::store_big_u64(id.data, head);
    boost::endian::store_big_u64(id.data + 8, tail);
    return id;
}

std::string to_string(const uuid& id) { return boost::uuids::to_string(id); }

std::optional<uuid> parse_uuid(std::string_view text) noexcept {
    try {
        return boost::uuids::string_generator()(text.begin(), text.end());
    } catch (const std::exception&) {
        return std::nullopt;
    }
}

} // namespace eventstore
