// IDLE and MS: subscriptions that have nothing to do, and one that does nothing.
#pragma once

#include <string>

namespace eventstore::benchmarks {

/// The hidden first argument with which this program runs itself with a subscriber that stands still.
inline constexpr const char* stall_argument = "--stall-and-tell-memory";

/// Appends so many events while one of two subscribers stands still, and prints the peak RSS in MB, and how much of it
/// came after the first tenth.
/// \returns the exit code
int stall_and_tell_memory(const std::string& url, const std::string& schema, int events);

} // namespace eventstore::benchmarks
