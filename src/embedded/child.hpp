/// Starts programs in a session of their own: no signal of the terminal reaches them, none is blocked or ignored.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace eventstore::embedded {

/// Descriptor i of the list becomes i in the program, -1 is /dev/null there; all of them above 9, and nothing else is
/// inherited but what lacks close-on-exec. The environment holds what the tools need and no setting of a locale or of
/// PostgreSQL. Throws std::system_error when the program cannot be started.
pid_t spawn(const std::vector<std::string>& command, const std::vector<int>& descriptors);

/// Waits for the end of a child. Returns at once if somebody else has seen it.
void reap(pid_t child) noexcept;

/// What the command writes to its standard output; empty if it cannot be started.
std::string output_of(const std::vector<std::string>& command);

} // namespace eventstore::embedded
