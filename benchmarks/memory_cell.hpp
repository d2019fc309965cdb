// M: how much memory a scanning client takes.
#pragma once

#include <string>

namespace eventstore::benchmarks {

/// The hidden first argument with which this program runs itself as the scanning client.
inline constexpr const char* scan_argument = "--scan-and-tell-memory";

/// The scanning client: reads everything, and prints how many events there were and the peak RSS in MB.
/// \returns the exit code
int scan_and_tell_memory(const std::string& url, const std::string& schema);

} // namespace eventstore::benchmarks
