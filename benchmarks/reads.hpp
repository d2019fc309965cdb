// The 200,000 events that reads and catching up work on, and how fast bare libpq reads them.
#pragma once

#include "cell.hpp"

#include <string>

namespace eventstore::benchmarks {

inline const std::string reads_schema = "reads";

/// Fills the schema, once in a run of the program.
void load_reads(bench& b);
/// How many events it holds.
std::uint64_t events_to_read(const bench& b);
/// Events a second of one session, in binary, a page of 1000 after the other. Checks what it reads.
double limit_of_reading(bench& b);

} // namespace eventstore::benchmarks
