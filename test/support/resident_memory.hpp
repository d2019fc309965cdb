// The memory of this process, where a test is about that.
#pragma once

#include <unistd.h>

#include <cstddef>
#include <fstream>
#include <stdexcept>

namespace eventstore::test {

/// What is resident now, in bytes.
inline std::size_t resident_bytes() {
    std::ifstream in("/proc/self/statm");
    std::size_t all = 0;
    std::size_t resident = 0;
    if (!(in >> all >> resident)) throw std::runtime_error("cannot read /proc/self/statm");
    return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

/// False in a build whose sanitizer keeps what was freed, and has memory of its own.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool memory_is_exact = false;
#elif defined(__has_feature)
inline constexpr bool memory_is_exact = !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer);
#else
inline constexpr bool memory_is_exact = true;
#endif

} // namespace eventstore::test
