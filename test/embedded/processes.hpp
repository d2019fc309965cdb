// Looking at processes and folders from outside, for what the embedded server leaves behind.
#pragma once

#include "support/server.hpp"

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <source_location>
#include <string>
#include <vector>

namespace eventstore::test {

/// A folder for temporary files that TMPDIR names as long as this lives; at the end nothing may be left in it, and no
/// process may run in it.
class private_folder {
public:
    private_folder();
    ~private_folder();
    private_folder(const private_folder&) = delete;
    private_folder& operator=(const private_folder&) = delete;

    /// For what a test makes itself; removed at the end.
    std::filesystem::path given(const std::string& name) const { return given_ / name; }
    /// What the server has left in TMPDIR so far.
    std::vector<std::string> leftovers() const;
    /// For servers whose owner was killed.
    void wait_until_clean() const;

private:
    std::filesystem::path folder_;
    std::filesystem::path given_;
    std::string old_tmpdir_;
};

/// The processes whose command line names the folder, or that work in it.
std::vector<pid_t> processes_of(const std::filesystem::path& folder);

/// Asks until the answer is yes; fails the test, and says what did not come, if that takes longer than 20 s.
void wait_until(const std::string& what, const std::function<bool()>& yes,
    std::source_location where = std::source_location::current());

/// Runs `work` in a forked child, as a user with this id unless that is 0, and returns what it returns, or "error: ..."
/// with what it throws.
std::string in_child(const std::function<std::string()>& work, uid_t user = 0);

/// The one value of a query.
std::string value_of(const std::string& url, const std::string& query);

/// The process id of the server that runs on these data.
pid_t server_process(const std::filesystem::path& data_folder);

/// A program that runs a server (see owner.cpp).
class owner_process {
public:
    explicit owner_process(const std::vector<std::string>& arguments);
    ~owner_process();
    owner_process(const owner_process&) = delete;
    owner_process& operator=(const owner_process&) = delete;

    pid_t pid() const noexcept { return pid_; }
    /// What it says when the server runs.
    std::string read_line();
    /// Sends the signal and waits for the end of the process.
    void kill(int signal);

private:
    pid_t pid_ = 0;
    int output_ = -1;
};

} // namespace eventstore::test
