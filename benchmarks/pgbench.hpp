// The limit of the server, by PostgreSQL's own benchmark.
#pragma once

#include "options.hpp"
#include "server.hpp"

#include <string>
#include <utility>
#include <vector>

namespace eventstore::benchmarks {

using pgbench_variables = std::vector<std::pair<std::string, std::string>>;

/// Transactions a second of a script (a file) with prepared statements, so many clients, and a thread for each
/// processor; without the time to connect, nor the warm-up.
double run_pgbench(
    server& on, const options& wanted, const std::string& script, int clients, const pgbench_variables& variables);

} // namespace eventstore::benchmarks
