// A program that a test starts, talks to by two pipes, and ends.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace eventstore::test {

class child_program {
public:
    /// The program reads from one of its file descriptors what the test writes, and writes to the other what the test
    /// reads. \param command found in PATH \param silent what it complains about is thrown away
    explicit child_program(
        std::vector<std::string> command, int reads_from = 0, int writes_to = 1, bool silent = false);
    /// Kills it, and what it has started, if it still runs.
    ~child_program();
    child_program(const child_program&) = delete;
    child_program& operator=(const child_program&) = delete;

    void write(std::string_view text);
    void end_input();
    /// What comes up to this character, which is dropped. \throws std::runtime_error if it has not come within 20 s
    std::string read_until(char end);
    void signal(int number);
    /// The exit code; 128 and the number of the signal if one has ended it, -1 if it has not ended within 20 s.
    int wait();

private:
    pid_t pid_ = 0;
    int input_ = -1;
    int output_ = -1;
    std::string read_ahead_;
};

} // namespace eventstore::test
