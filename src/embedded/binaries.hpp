/// Finds the programs of the PostgreSQL server.
#pragma once

#include <filesystem>

namespace eventstore::embedded {

struct server_binaries {
    std::filesystem::path folder; ///< holds initdb and postgres
    int major = 0;                ///< the server's version
};

/// Looks in `given`, or if that is empty wherever they usually are, for a server of version 14 or later; of exactly
/// `major` unless that is 0. Throws `error` if there is none, which tells where it looked and what to install.
server_binaries find_binaries(const std::filesystem::path& given, int major);

} // namespace eventstore::embedded
