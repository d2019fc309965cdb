// Runs the program `eventstore` as a user does: a process of its own, with words, input and output.
#pragma once

#include "support/server.hpp"

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
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
/// Another program, by its path.
outcome run_path(const std::string& path, const words& arguments, const std::string& input = "");

/// The same, on a terminal with this many columns; what it prints on the standard error comes back in `out`, too.
/// \param typed what its user types
outcome run_program_on_terminal(const words& arguments, unsigned short columns, const std::string& typed = "");

/// The program while it runs, and its output through a pipe. Killed at the end if it runs still. What does not come in
/// time ends the test with an exception.
class running_program {
public:
    explicit running_program(const words& arguments);
    ~running_program();
    running_program(const running_program&) = delete;
    running_program& operator=(const running_program&) = delete;

    /// The next line that it prints; nothing when the output has ended.
    std::optional<std::string> line();
    /// The next lines, as many as were asked for, or up to the end.
    words lines(std::size_t count);
    words lines_to_the_end();
    /// Waits until the standard error holds this text.
    void wait_until_it_says(const std::string& text) const;
    /// Waits until this many bytes of the output wait to be read.
    void wait_until_unread(std::size_t bytes) const;
    std::string err() const;

    void send_signal(int number) const;
    /// Nobody reads its output any more.
    void close_output();
    /// Waits for its end.
    int exit_code();

private:
    struct inside;
    [[noreturn]] void fail(const std::string& what) const;

    const std::unique_ptr<inside> inside_;
};

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

inline bool has_part(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

} // namespace eventstore::test
