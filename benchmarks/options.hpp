// The command line.
#pragma once

#include <string>
#include <vector>

namespace eventstore::benchmarks {

/// A cell asked for: `A1`, or `A1:100` for one concurrency of it.
struct chosen_cell {
    std::string name;
    int concurrency = 0; // 0 = every one
};

struct options {
    std::vector<chosen_cell> cells; // none = all
    std::string json;               // the file to write; empty = none
    std::string url;                // empty = an embedded server
    int rounds = 3;
    double seconds = 4; // each measurement of the library, and of the limit
    double warm_up = 1; // before each
    int threads = 1;    // that run the client's io_context
    bool quick = false;
    bool list = false;
    bool help = false;
};

inline constexpr const char* usage =
    R"(usage: eventstore_benchmarks [options]

Measures the library beside the limit of the same PostgreSQL server, in turn, and prints medians.

  --cell LIST    only these cells: A1,R100 or A1:100 for one concurrency
  --list         prints the cells and ends
  --rounds N     rounds of library and limit; 3 by default
  --seconds S    the length of each measurement; 4 by default
  --quick        one round, small data, about a second a cell: shows that everything works, not how fast
  --json FILE    writes the figures, one object a line
  --threads N    threads that run the client's io_context; 1 by default
  --url URL      a given server (a database is made on it, and dropped) in place of an embedded one
)";

/// \throws std::invalid_argument with a line for the user
options parse_options(int count, char** arguments);

} // namespace eventstore::benchmarks
