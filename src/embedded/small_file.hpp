/// Files of the server's, read by a process that may have more rights than it.
#pragma once

#include <string>

namespace eventstore::embedded {

/// What a regular file in the folder holds, some 4 kB at most; empty if there is none. Follows no link, and waits for nobody.
/// \param folder AT_FDCWD with a path as the name
std::string small_file(int folder, const char* name);

} // namespace eventstore::embedded
