// One run of a schedule, in virtual time.
#pragma once

#include "simulation/checker.hpp"
#include "simulation/planted.hpp"
#include "simulation/schedule.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace eventstore::test::simulation {

struct outcome {
    std::optional<violation> found;
    std::uint64_t steps = 0; ///< of the loop
    std::int64_t events = 0; ///< in the log at the end
    checker::counts counted;
    milliseconds time{}; ///< virtual
};

/// What the database was asked in a run, and what it was like at the end.
struct observation {
    std::function<void(moment server_clock, const database_call& call, const std::string& answer)> on_call;
    std::function<void(const database_model& database)> at_end;
};

outcome run(const schedule& plan, bug planted = bug::none, const observation& observed = {});

/// The schedule without whatever it does not need to break the same rule.
schedule shrunk(schedule plan, bug planted, rule broken);

} // namespace eventstore::test::simulation
