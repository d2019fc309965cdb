// T: a thousand stores in one process.
#pragma once

#include <string>

namespace eventstore::benchmarks {

/// The hidden first argument with which this program runs itself as the process with the tenants.
inline constexpr const char* tenants_argument = "--open-tenants-and-tell";

/// Opens so many tenants, subscribes to each, and prints what that took: see tenants_cell.cpp.
/// \returns the exit code
int open_tenants_and_tell(const std::string& url, int count, double seconds);

} // namespace eventstore::benchmarks
