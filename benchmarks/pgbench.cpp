#include "pgbench.hpp"

#include "process.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace eventstore::benchmarks {

namespace {

/// From "tps = 14486.101907 (without initial connection time)".
double mean_of_all(const std::string& output) {
    const auto at = output.find("\ntps = ");
    if (at == std::string::npos) throw std::runtime_error("no figure was found in what pgbench wrote:\n" + output);
    return std::stod(output.substr(at + 7));
}

/// From lines like "progress: 2.0 s, 15507.5 tps, lat 0.624 ms stddev 0.253, 0 failed", one a second. The first seconds
/// are warm-up: there each client prepares its statement, and its server process fills its caches. The line of the last
/// second may be missing; where it was the only one, the mean of all has to do.
double mean_of_progress(const std::string& output, int first_second) {
    std::istringstream lines(output);
    double sum = 0;
    int count = 0;
    for (std::string line; std::getline(lines, line);) {
        double second = 0;
        double rate = 0;
        if (std::sscanf(line.c_str(), "progress: %lf s, %lf tps", &second, &rate) == 2 && second > first_second + 0.5) {
            sum += rate;
            ++count;
        }
    }
    return count == 0 ? mean_of_all(output) : sum / count;
}

} // namespace

double run_pgbench(
    server& on, const options& wanted, const std::string& script, int clients, const pgbench_variables& variables) {
    const int threads = std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, clients);
    const int warm_up = wanted.quick ? 0 : static_cast<int>(std::ceil(wanted.warm_up)); // it knows whole seconds only
    const int seconds = static_cast<int>(std::ceil(wanted.seconds));
    std::vector<std::string> command = {on.pgbench(), "--no-vacuum", "--protocol=prepared",
        "--client=" + std::to_string(clients), "--jobs=" + std::to_string(threads),
        "--time=" + std::to_string(warm_up + seconds), "--progress=1", "--file=" + script};
    for (const auto& [name, value] : variables) command.push_back("--define=" + name + "=" + value);
    command.push_back(on.limit_url());

    const std::string output = run_program(command);
    return warm_up == 0 ? mean_of_all(output) : mean_of_progress(output, warm_up);
}

} // namespace eventstore::benchmarks
