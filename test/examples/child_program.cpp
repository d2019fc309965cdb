#include "examples/child_program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

extern char** environ;

namespace eventstore::test {

namespace {

constexpr int most_milliseconds = 20'000;

/// A pipe whose ends are far from the descriptors that a child is given.
std::pair<int, int> make_pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
    for (int& end : ends) {
        const int far = ::fcntl(end, F_DUPFD_CLOEXEC, 20);
        ::close(std::exchange(end, far));
    }
    return {ends[0], ends[1]};
}

} // namespace

child_program::child_program(std::vector<std::string> command, int reads_from, int writes_to, bool silent) {
    const auto [its_input, our_output] = make_pipe();
    const auto [our_input, its_output] = make_pipe();
    input_ = our_output;
    output_ = our_input;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, its_input, reads_from);
    posix_spawn_file_actions_adddup2(&actions, its_output, writes_to);
    if (silent) posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_t attributes; // a process group of its own, so that its children can be ended with it
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    std::vector<char*> words;
    for (std::string& word : command) words.push_back(word.data());
    words.push_back(nullptr);
    const int refused = ::posix_spawnp(&pid_, words[0], &actions, &attributes, words.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    ::close(its_input);
    ::close(its_output);
    if (refused == 0) return;
    ::close(input_);
    ::close(output_);
    throw std::system_error(refused, std::generic_category(), command[0]);
}

child_program::~child_program() {
    if (pid_ > 0) {
        ::kill(-pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    end_input();
    ::close(output_);
}

void child_program::write(std::string_view text) {
    while (!text.empty()) {
        const ssize_t size = ::write(input_, text.data(), text.size());
        if (size < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "write to a program");
        if (size > 0) text.remove_prefix(std::size_t(size));
    }
}

void child_program::end_input() {
    if (input_ >= 0) ::close(std::exchange(input_, -1));
}

std::string child_program::read_until(char end) {
    for (std::size_t looked_at = 0;;) {
        if (const std::size_t at = read_ahead_.find(end, looked_at); at != read_ahead_.npos) {
            std::string text = read_ahead_.substr(0, at);
            read_ahead_.erase(0, at + 1);
            return text;
        }
        looked_at = read_ahead_.size();
        pollfd readable{output_, POLLIN, 0};
        char block[65536];
        const ssize_t size =
            ::poll(&readable, 1, most_milliseconds) > 0 ? ::read(output_, block, sizeof block) : ssize_t{0};
        if (size <= 0) throw std::runtime_error("the program says nothing more than: " + read_ahead_);
        read_ahead_.append(block, std::size_t(size));
    }
}

void child_program::signal(int number) { ::kill(pid_, number); }

int child_program::wait() {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(most_milliseconds);
    int status = 0;
    while (::waitpid(pid_, &status, WNOHANG) == 0) {
        if (std::chrono::steady_clock::now() > end) return -1;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

} // namespace eventstore::test
