#include "cli/program.hpp"

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace eventstore::test {

namespace {

class descriptor {
public:
    explicit descriptor(int number) : number_(number) {
        if (number < 0) throw std::runtime_error("no file descriptor");
    }
    descriptor(descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    ~descriptor() {
        if (number_ >= 0) close(number_);
    }
    int get() const noexcept { return number_; }

private:
    int number_;
};

/// A file in memory: unlike a pipe it can take any amount before somebody reads.
descriptor memory_file(const std::string& content = "") {
    descriptor file(memfd_create("test", MFD_CLOEXEC));
    if (!content.empty() && write(file.get(), content.data(), content.size()) != ssize_t(content.size()))
        throw std::runtime_error("cannot write to memory");
    lseek(file.get(), 0, SEEK_SET);
    return file;
}

std::string content_of(const descriptor& file) {
    lseek(file.get(), 0, SEEK_SET);
    std::string text;
    char block[4096];
    for (ssize_t size; (size = read(file.get(), block, sizeof block)) > 0;) text.append(block, std::size_t(size));
    return text;
}

pid_t start(const std::string& path, const words& arguments, int in, int out, int err) {
    std::vector<char*> list;
    list.push_back(const_cast<char*>(path.c_str()));
    for (const std::string& each : arguments) list.push_back(const_cast<char*>(each.c_str()));
    list.push_back(nullptr);

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
    pid_t child = 0;
    const int refused = posix_spawn(&child, path.c_str(), &actions, nullptr, list.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (refused != 0) throw std::runtime_error("cannot run " + path);
    return child;
}

int exit_code_of(pid_t child) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

outcome run_path(const std::string& path, const words& arguments, const std::string& input) {
    const descriptor in = memory_file(input);
    const descriptor out = memory_file();
    const descriptor err = memory_file();
    outcome result;
    result.exit_code = exit_code_of(start(path, arguments, in.get(), out.get(), err.get()));
    result.out = content_of(out);
    result.err = content_of(err);
    return result;
}

} // namespace

words outcome::lines() const {
    words all;
    std::istringstream in(out);
    for (std::string line; std::getline(in, line);) all.push_back(line);
    return all;
}

outcome run_program(const words& arguments, const std::string& input) {
    return run_path(EVENTSTORE_PROGRAM, arguments, input);
}

outcome run_program_on_terminal(const words& arguments, unsigned short columns) {
    const descriptor master(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (grantpt(master.get()) != 0 || unlockpt(master.get()) != 0) throw std::runtime_error("no terminal");
    winsize size{};
    size.ws_row = 24;
    size.ws_col = columns;

    outcome result;
    pid_t child = 0;
    {
        const descriptor slave(open(ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
        ioctl(slave.get(), TIOCSWINSZ, &size);
        child = start(EVENTSTORE_PROGRAM, arguments, slave.get(), slave.get(), slave.get());
    }
    char block[4096];
    for (ssize_t got; (got = read(master.get(), block, sizeof block)) > 0;) result.out.append(block, std::size_t(got));
    result.exit_code = exit_code_of(child);
    std::erase(result.out, '\r');
    return result;
}

program_fixture::program_fixture() { BOOST_REQUIRE(run({"init"}).exit_code == 0); }

outcome program_fixture::run_in_shell(const std::string& script) {
    // As variables: nothing in a URL means anything to the shell.
    const words list = {
        "program=" + std::string(EVENTSTORE_PROGRAM), "url=" + test_server::url(), "schema=" + schema()};
    words arguments = list;
    arguments.insert(arguments.end(),
        {"/bin/bash", "-c",
            R"script(eventstore() { "$program" "$@" --url "$url" --schema "$schema"; }; )script" + script});
    return run_path("/usr/bin/env", arguments, "");
}

words program_fixture::here() const { return {"--url", test_server::url(), "--schema", schema_.name()}; }

outcome program_fixture::run(words arguments, const std::string& input) {
    const words where = here();
    arguments.insert(arguments.end(), where.begin(), where.end());
    return run_program(arguments, input);
}

} // namespace eventstore::test
