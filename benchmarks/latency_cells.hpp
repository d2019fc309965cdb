// SL: how long after an append its subscriber has the event.
#pragma once

#include <string>

namespace eventstore::benchmarks {

/// The hidden first argument with which this program runs itself as the writer of another process.
inline constexpr const char* append_argument = "--append-and-tell-latencies";

/// The writer: appends an event each 5 ms, whose data is the time before the append, and prints the p50 and the p99 of the
/// appends themselves in ms.
/// \returns the exit code
int append_and_tell_latencies(const std::string& url, const std::string& schema, int events);

} // namespace eventstore::benchmarks
