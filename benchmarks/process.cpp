#include "process.hpp"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace eventstore::benchmarks {

namespace {

class descriptor {
public:
    explicit descriptor(int fd) : fd_(fd) {}
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;
    ~descriptor() { close(); }

    int get() const { return fd_; }
    void close() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }

private:
    int fd_;
};

std::string read_all_of(int fd) {
    std::string text;
    char buffer[4096];
    for (;;) {
        const ssize_t got = ::read(fd, buffer, sizeof buffer);
        if (got == 0) return text;
        if (got > 0)
            text.append(buffer, static_cast<std::size_t>(got));
        else if (errno != EINTR)
            throw std::system_error(errno, std::generic_category(), "cannot read what a program writes");
    }
}

int wait_for(pid_t child) {
    int status = 0;
    while (::waitpid(child, &status, 0) < 0)
        if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "cannot wait for a program");
    return status;
}

} // namespace

std::string run_program(const std::vector<std::string>& arguments) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "cannot make a pipe");
    descriptor reading(ends[0]);
    descriptor writing(ends[1]);

    std::vector<char*> argv;
    for (const std::string& argument : arguments)
        argv.push_back(const_cast<char*>(argument.c_str())); // posix_spawn takes char*, and leaves it alone
    argv.push_back(nullptr);

    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, writing.get(), STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, writing.get(), STDERR_FILENO);
    pid_t child = 0;
    const int failed = ::posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) throw std::system_error(failed, std::generic_category(), "cannot start " + arguments[0]);

    writing.close();
    std::string text = read_all_of(reading.get());
    if (wait_for(child) != 0) throw std::runtime_error(arguments[0] + " failed:\n" + text);
    return text;
}

temporary_file::temporary_file(const std::string& text)
    : path_((std::filesystem::temp_directory_path() / "eventstore_benchmarks_XXXXXX").string()) {
    const descriptor made(::mkstemp(path_.data()));
    if (made.get() < 0) throw std::system_error(errno, std::generic_category(), "cannot make " + path_);
    std::ofstream out(path_);
    out << text;
    if (!out.flush()) throw std::runtime_error("cannot write " + path_);
}

temporary_file::~temporary_file() { ::unlink(path_.c_str()); }

double peak_rss_mb() {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;)
        if (double kilobytes = 0; word == "VmHWM:" && status >> kilobytes) return kilobytes / 1024;
    throw std::runtime_error("the peak of the resident set size cannot be read from /proc/self/status");
}

void reset_peak_rss() { std::ofstream("/proc/self/clear_refs") << '5'; }

double cpu_seconds() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
    };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

std::optional<double> cpu_seconds_of(int process) {
    std::ifstream stat("/proc/" + std::to_string(process) + "/stat");
    std::string line;
    if (!std::getline(stat, line)) return std::nullopt;
    // The second field is the program's name in parentheses, which may hold anything; utime and stime are the 14th and
    // the 15th.
    std::istringstream fields(line.substr(line.rfind(')') + 1));
    std::string skipped;
    for (int field = 3; field < 14; ++field) fields >> skipped;
    double user_ticks = 0;
    double system_ticks = 0;
    if (!(fields >> user_ticks >> system_ticks)) throw std::runtime_error("cannot read /proc/.../stat: " + line);
    return (user_ticks + system_ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

} // namespace eventstore::benchmarks
