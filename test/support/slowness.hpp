// How slow a machine is at the moment.
#pragma once

#include "support/session.hpp"

#include <chrono>
#include <string>

namespace eventstore::test {

/// How long connections, commits and computing take, by the time that they take on two cores with nothing else to do: 1
/// there, more where the machine is slower or busy.
inline double slowness(const std::string& url) {
    constexpr int rounds = 30;
    constexpr std::chrono::duration<double> undisturbed = std::chrono::milliseconds(220);
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < rounds; ++i) {
        session(url).run("select pg_current_xact_id()"); // its commit is written to the log
        [[maybe_unused]] volatile unsigned sum = 0;
        for (unsigned step = 0; step < 3'000'000; ++step) sum = sum * 33 + step;
    }
    return (std::chrono::steady_clock::now() - begin) / undisturbed;
}

} // namespace eventstore::test
