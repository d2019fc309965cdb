// Other programs, and the memory and processor time of this one.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace eventstore::benchmarks {

/// Runs a program to its end (the first argument names it; looked for in PATH if it has no slash) and returns what it
/// wrote to its standard output and error, interleaved.
/// \throws std::runtime_error with that text if the program cannot be started or does not end with 0
std::string run_program(const std::vector<std::string>& arguments);

/// A file for another program to read; removed at the end.
class temporary_file {
public:
    explicit temporary_file(const std::string& text);
    temporary_file(const temporary_file&) = delete;
    temporary_file& operator=(const temporary_file&) = delete;
    ~temporary_file();

    const std::string& path() const { return path_; }

private:
    std::string path_;
};

/// The highest resident set size that this process has had, in MB, since it was started or the peak was last reset.
double peak_rss_mb();

/// Begins a new peak at what is resident now. Does nothing where the kernel does not allow it.
void reset_peak_rss();

/// Processor time that this process has had so far, user and system together, in seconds.
double cpu_seconds();

/// The same of another process, in whole clock ticks (a hundredth of a second each, as a rule); none if it is gone.
std::optional<double> cpu_seconds_of(int process);

} // namespace eventstore::benchmarks
