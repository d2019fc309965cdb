// Findings of verify, doctor and validate, for people and for scripts.
#pragma once

#include "cli/arguments.hpp"

#include <eventstore/finding.hpp>

#include <stdexcept>
#include <string>
#include <vector>

namespace eventstore::cli {

/// Ends the program with this exit code, and a line on the standard error.
class unsound : public std::runtime_error {
public:
    unsound(int exit_code, const std::string& message) : runtime_error(message), exit_code_(exit_code) {}
    int exit_code() const noexcept { return exit_code_; }

private:
    int exit_code_;
};

/// One JSON line each; or a paragraph each, the command on a line of its own, so that it can be pasted.
void print_findings(const task& work, const std::vector<finding>& findings);

/// A text from the database as a line for a terminal.
std::string printable(std::string text);

/// "1 problem", "2 problems"
std::string count_text(std::size_t count, const char* noun);

} // namespace eventstore::cli
