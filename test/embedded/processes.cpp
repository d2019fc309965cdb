#include "embedded/processes.hpp"

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <grp.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace eventstore::test {

namespace fs = std::filesystem;

namespace {

std::string file_text(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf(); // empty, and no exception, where the process ends meanwhile
    return text.str();
}

std::string read_all(int descriptor) {
    std::string text;
    char piece[4096];
    for (;;) {
        const ssize_t size = ::read(descriptor, piece, sizeof piece);
        if (size > 0)
            text.append(piece, static_cast<std::size_t>(size));
        else if (size == 0 || errno != EINTR)
            return text;
    }
}

void wait_for(pid_t child) {
    while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
}

} // namespace

private_folder::private_folder() {
    char name[] = "/tmp/es-test-XXXXXX";
    if (::mkdtemp(name) == nullptr) throw std::runtime_error("mkdtemp failed");
    folder_ = name;
    given_ = folder_ / "given";
    fs::create_directory(given_);
    for (const fs::path& each : {folder_, given_}) ::chmod(each.c_str(), 01777);
    if (const char* old = std::getenv("TMPDIR")) old_tmpdir_ = old;
    ::setenv("TMPDIR", folder_.c_str(), 1);
}

private_folder::~private_folder() {
    for (const std::string& name : leftovers()) BOOST_ERROR("left behind: " << name);
    for (const pid_t pid : processes_of(folder_)) BOOST_ERROR("still running: " << pid);
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
    if (old_tmpdir_.empty())
        ::unsetenv("TMPDIR");
    else
        ::setenv("TMPDIR", old_tmpdir_.c_str(), 1);
}

std::vector<std::string> private_folder::leftovers() const {
    std::vector<std::string> names;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder_))
        if (entry.path() != given_) names.push_back(entry.path().string());
    return names;
}

void private_folder::wait_until_clean() const {
    wait_until("the end of what was started", [this] { return leftovers().empty() && processes_of(folder_).empty(); });
}

std::vector<pid_t> processes_of(const fs::path& folder) {
    std::vector<pid_t> found;
    std::error_code ignored;
    for (const fs::directory_entry& entry : fs::directory_iterator("/proc")) {
        const std::string name = entry.path().filename();
        if (name.find_first_not_of("0123456789") != std::string::npos || std::stol(name) == ::getpid()) continue;
        const bool named = file_text(entry.path() / "cmdline").find(folder.native()) != std::string::npos;
        const bool works_there = fs::read_symlink(entry.path() / "cwd", ignored).native().starts_with(folder.native());
        if (named || works_there) found.push_back(static_cast<pid_t>(std::stol(name)));
    }
    return found;
}

void wait_until(const std::string& what, const std::function<bool()>& yes, std::source_location where) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!yes()) {
        if (std::chrono::steady_clock::now() > end)
            throw std::runtime_error(std::string(where.file_name()) + ":" + std::to_string(where.line()) +
                ": did not come to pass in time: " + what);
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
}

std::string in_child(const std::function<std::string()>& work, uid_t user) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe2 failed");
    const pid_t child = ::fork();
    if (child == 0) {
        ::signal(SIGABRT, SIG_DFL); // Boost.Test's handlers would report as if this were the test program
        std::string answer;
        try {
            const int out = ::fcntl(ends[1], F_DUPFD_CLOEXEC, 100); // the work may close the low ones
            ::close(ends[1]);
            ends[1] = out;
            if (user != 0 && (::setgroups(0, nullptr) != 0 || ::setgid(user) != 0 || ::setuid(user) != 0))
                answer = "error: cannot become another user";
            else
                answer = work();
        } catch (const std::exception& e) {
            answer = std::string("error: ") + e.what();
        }
        const ssize_t written = ::write(ends[1], answer.data(), answer.size());
        ::_exit(written < 0 ? 1 : 0);
    }
    ::close(ends[1]);
    const std::string answer = read_all(ends[0]);
    ::close(ends[0]);
    wait_for(child);
    return answer;
}

std::string value_of(const std::string& url, const std::string& query) { return sql(url, query).at(0).at(0); }

pid_t server_process(const fs::path& data_folder) {
    pid_t pid = 0;
    std::ifstream(data_folder / "postmaster.pid") >> pid;
    return pid;
}

owner_process::owner_process(const std::vector<std::string>& arguments) {
    const std::string program = fs::read_symlink("/proc/self/exe").parent_path() / "embedded_owner";
    std::vector<char*> command = {const_cast<char*>(program.c_str())};
    for (const std::string& each : arguments) command.push_back(const_cast<char*>(each.c_str()));
    command.push_back(nullptr);

    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe2 failed");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    const int refused = ::posix_spawn(&pid_, program.c_str(), &actions, nullptr, command.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    output_ = ends[0];
    if (refused != 0) throw std::runtime_error(program + " cannot be started");
}

owner_process::~owner_process() {
    if (pid_ != 0) kill(SIGKILL);
    ::close(output_);
}

std::string owner_process::read_line() {
    std::string line;
    char c = 0;
    while (::read(output_, &c, 1) == 1 && c != '\n') line += c;
    return line;
}

void owner_process::kill(int signal) {
    ::kill(pid_, signal);
    wait_for(std::exchange(pid_, 0));
}

} // namespace eventstore::test
