#include "cli/program.hpp"

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
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

using clock = std::chrono::steady_clock;
constexpr std::chrono::seconds deadline(60); // for what takes seconds at most

/// Asks again and again; false when it has not become true in time.
template <class Predicate>
bool comes_true(const Predicate& predicate) {
    const auto end = clock::now() + deadline;
    while (!predicate()) {
        if (clock::now() >= end) return false;
        poll(nullptr, 0, 1);
    }
    return true;
}

/// Nothing while it runs.
std::optional<int> exit_code_now(pid_t child) {
    int status = 0;
    if (waitpid(child, &status, WNOHANG) != child) return std::nullopt;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void kill_now(pid_t child) {
    kill(child, SIGKILL);
    while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
}

int exit_code_of(pid_t child) {
    std::optional<int> code;
    if (!comes_true([&] { return (code = exit_code_now(child)).has_value(); })) {
        kill_now(child);
        throw std::runtime_error("the program did not end in time");
    }
    return *code;
}

} // namespace

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

words outcome::lines() const {
    words all;
    std::istringstream in(out);
    for (std::string line; std::getline(in, line);) all.push_back(line);
    return all;
}

outcome run_program(const words& arguments, const std::string& input) {
    return run_path(EVENTSTORE_PROGRAM, arguments, input);
}

outcome run_program_on_terminal(const words& arguments, unsigned short columns, const std::string& typed) {
    const descriptor master(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (grantpt(master.get()) != 0 || unlockpt(master.get()) != 0) throw std::runtime_error("no terminal");
    winsize size{};
    size.ws_row = 24;
    size.ws_col = columns;

    outcome result;
    pid_t child = 0;
    {
        const descriptor slave(::open(ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
        ioctl(slave.get(), TIOCSWINSZ, &size);
        child = start(EVENTSTORE_PROGRAM, arguments, slave.get(), slave.get(), slave.get());
    }
    if (!typed.empty() && write(master.get(), typed.data(), typed.size()) != ssize_t(typed.size()))
        throw std::runtime_error("cannot type");
    char block[4096];
    for (ssize_t got; (got = read(master.get(), block, sizeof block)) > 0;) result.out.append(block, std::size_t(got));
    result.exit_code = exit_code_of(child);
    std::erase(result.out, '\r');
    return result;
}

namespace {

descriptor make_pipe(std::optional<descriptor>& reader) {
    int both[2];
    if (pipe2(both, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    reader.emplace(both[0]);
    return descriptor(both[1]);
}

} // namespace

struct running_program::inside {
    std::optional<descriptor> out;
    descriptor err = memory_file();
    pid_t child = 0;
    std::optional<int> exit_code;
    std::string unread;

    bool has_ended() {
        if (!exit_code) exit_code = exit_code_now(child);
        return exit_code.has_value();
    }
};

running_program::running_program(const words& arguments) : inside_(std::make_unique<inside>()) {
    const descriptor in = memory_file();
    const descriptor out = make_pipe(inside_->out);
    inside_->child = start(EVENTSTORE_PROGRAM, arguments, in.get(), out.get(), inside_->err.get());
}

running_program::~running_program() {
    if (!inside_->has_ended()) kill_now(inside_->child);
}

void running_program::fail(const std::string& what) const {
    throw std::runtime_error("the program " + what + " in time; its errors: '" + err() + "'");
}

std::string running_program::err() const {
    // Not content_of: the program writes where this file stands.
    std::string text(4096, '\0');
    text.resize(std::size_t(std::max<ssize_t>(0, pread(inside_->err.get(), text.data(), text.size(), 0))));
    return text;
}

std::optional<std::string> running_program::line() {
    std::string& text = inside_->unread;
    const auto end = clock::now() + deadline;
    for (;;) {
        if (const auto stop = text.find('\n'); stop != text.npos) {
            std::string next = text.substr(0, stop);
            text.erase(0, stop + 1);
            return next;
        }
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - clock::now());
        pollfd reader{inside_->out->get(), POLLIN, 0};
        if (left.count() <= 0 || poll(&reader, 1, int(left.count())) == 0) fail("printed no line");
        char block[4096];
        const ssize_t got = read(inside_->out->get(), block, sizeof block);
        if (got > 0) text.append(block, std::size_t(got));
        if (got == 0 && !text.empty()) throw std::runtime_error("half a line: " + text);
        if (got == 0) return std::nullopt;
    }
}

words running_program::lines(std::size_t count) {
    words all;
    while (all.size() < count) {
        std::optional<std::string> next = line();
        if (!next) break;
        all.push_back(std::move(*next));
    }
    return all;
}

words running_program::lines_to_the_end() { return lines(std::string::npos); }

void running_program::wait_until_it_says(const std::string& text) const {
    if (!comes_true([&] { return err().find(text) != std::string::npos; })) fail("did not say '" + text + "'");
}

void running_program::wait_until_unread(std::size_t bytes) const {
    const auto is_there = [&] {
        int size = 0;
        return ioctl(inside_->out->get(), FIONREAD, &size) == 0 && std::size_t(size) >= bytes;
    };
    if (!comes_true(is_there)) fail("did not print " + std::to_string(bytes) + " bytes");
}

void running_program::send_signal(int number) const { kill(inside_->child, number); }

void running_program::close_output() { inside_->out.reset(); }

int running_program::exit_code() {
    if (!comes_true([&] { return inside_->has_ended(); })) fail("did not end");
    return *inside_->exit_code;
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
