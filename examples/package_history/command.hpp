// Other programs' output.
#pragma once

#include <cstddef>
#include <cstdio>
#include <stdexcept>
#include <string>

namespace package_history {

/// The text as one word for the shell.
inline std::string quoted(const std::string& text) {
    std::string out = "'";
    for (const char c : text)
        if (c == '\'')
            out += R"('\'')";
        else
            out += c;
    return out + '\'';
}

/// What a shell command prints. \throws std::runtime_error if it fails
inline std::string output_of(const std::string& command) {
    std::FILE* const pipe = popen(command.c_str(), "r");
    if (pipe == nullptr) throw std::runtime_error("cannot run " + command);
    std::string out;
    char block[65536];
    for (std::size_t size; (size = std::fread(block, 1, sizeof block, pipe)) > 0;) out.append(block, size);
    if (pclose(pipe) != 0) throw std::runtime_error("this command failed: " + command);
    return out;
}

} // namespace package_history
