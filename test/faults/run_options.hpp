// The command line of fault_run.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace eventstore::test::faults {

struct run_options {
    std::chrono::milliseconds length{600'000};
    std::chrono::milliseconds lease{2'000};
    std::uint64_t seed = 0;
    std::vector<std::string> faults; ///< none = all
    bool is_short = false;           ///< each fault for as short as it can be
    bool keeps_records = false;
    pid_t parent = 0; ///< with which the run ends, if that has started it; 0 = none

    /// What repeats the run.
    std::string command() const;
};

/// \throws std::invalid_argument
run_options parse_run_options(int count, const char* const arguments[]);

} // namespace eventstore::test::faults
