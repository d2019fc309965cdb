// Runs the program `eventstore` as a user does: a process of its own, with words, input and output.
#pragma once

#include "support/server.hpp"

#include <string>
#include <vector>

namespace eventstore::test {

using words = std::vector<std::string>;

struct outcome {
    int exit_code = -1;
    std::string out;
    std::string err;

    /// The lines of the output.
    words lines() const;
};

outcome run_program(const words& arguments, const std::string& input = "");

/// The same, on a terminal with this many columns; what it prints on the standard error comes back in `out`, too.
outcome run_program_on_terminal(const words& arguments, unsigned short columns);

/// A store in a schema of its own, which the program has made.
class program_fixture {
public:
    program_fixture();

    /// Runs a command on the store.
    outcome run(words arguments, const std::string& input = "");
    /// Runs a script of bash in which `eventstore` stands for the program, with the options that say where the store is.
    outcome run_in_shell(const std::string& script);
    /// The options that say where the store is.
    words here() const;
    const std::string& schema() const { return schema_.name(); }

private:
    fresh_schema schema_;
};

} // namespace eventstore::test
