// The end of a run: everything recovers and is finished, then the records and the database are compared.
#pragma once

#include "faults/caller_pauses.hpp"
#include "faults/testbed.hpp"

#include <string>
#include <vector>

namespace eventstore::test::faults {

struct run_result {
    std::vector<std::string> violations;
    std::string table; ///< of faults and pauses
    std::string counts;
};

/// Heals everything, waits until subscribers have everything, stops the clients in order, and checks.
run_result finish_run(testbed& bed, const std::vector<fault_window>& windows);

} // namespace eventstore::test::faults
