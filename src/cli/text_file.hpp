// Files that the program writes.
#pragma once

#include <cerrno>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

namespace eventstore::cli {

/// \throws std::system_error when it cannot be written
inline void write_file(const std::string& path, std::string_view text) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << text;
    file.close();
    if (!file) throw std::system_error(errno, std::generic_category(), "cannot write the file " + path);
}

} // namespace eventstore::cli
