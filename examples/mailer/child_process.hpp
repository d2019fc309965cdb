// A program that is started, and killed.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

extern char** environ;

namespace mailer {

/// Its standard input is empty, and ends when this object or this process does.
class child_process {
public:
    explicit child_process(std::vector<std::string> command) {
        int input[2]{};
        if (::pipe2(input, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
        std::vector<char*> words;
        for (std::string& word : command) words.push_back(word.data());
        words.push_back(nullptr);
        const int refused = ::posix_spawnp(&pid_, words[0], &actions, nullptr, words.data(), environ);
        posix_spawn_file_actions_destroy(&actions);
        ::close(input[0]);
        input_ = input[1];
        if (refused == 0) return;
        ::close(input_);
        throw std::system_error(refused, std::generic_category(), command[0]);
    }
    ~child_process() { kill(); }
    child_process(const child_process&) = delete;
    child_process& operator=(const child_process&) = delete;

    /// At once: no destructor runs, nothing is released.
    void kill() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        wait();
    }

    /// Ends its standard input and waits for what it makes of it: its exit code, or -1 if it did not exit.
    int stop() {
        ::close(std::exchange(input_, -1));
        const int status = wait();
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

private:
    int wait() {
        int status = 0;
        while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
        pid_ = 0;
        if (input_ >= 0) ::close(std::exchange(input_, -1));
        return status;
    }

    pid_t pid_ = 0;
    int input_ = -1;
};

} // namespace mailer
