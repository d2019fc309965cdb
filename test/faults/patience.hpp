// Limits of time on a slow machine.
#pragma once

#include <chrono>
#include <cmath>
#include <cstdlib>

namespace eventstore::test::faults {

/// The limit, as many times as long as this machine is slower than usual: EVENTSTORE_TEST_PATIENCE, which with_server
/// measures.
inline std::chrono::milliseconds patient(std::chrono::milliseconds limit) {
    const char* const factor = std::getenv("EVENTSTORE_TEST_PATIENCE");
    const double times = factor != nullptr ? std::atof(factor) : 1;
    return times > 1 ? std::chrono::milliseconds(std::llround(static_cast<double>(limit.count()) * times)) : limit;
}

} // namespace eventstore::test::faults
