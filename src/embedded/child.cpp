#include "embedded/child.hpp"

#include "embedded/descriptor.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <system_error>

namespace eventstore::embedded {

namespace {

std::vector<std::string> environment() {
    std::string path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    if (const char* own = std::getenv("PATH")) path.append(":").append(own);
    std::vector<std::string> all = {path, "LC_ALL=C", "HOME=/"};
    for (const char* name : {"TZ", "LD_LIBRARY_PATH"})
        if (const char* value = std::getenv(name)) all.push_back(std::string(name) + "=" + value);
    return all;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
    std::vector<char*> all;
    for (const std::string& text : texts)
        all.push_back(const_cast<char*>(text.c_str())); // the interface is older than const
    all.push_back(nullptr);
    return all;
}

class spawn_actions {
public:
    spawn_actions() {
        posix_spawn_file_actions_init(&actions_);
        posix_spawnattr_init(&attributes_);
        sigset_t signals;
        sigemptyset(&signals);
        posix_spawnattr_setsigmask(&attributes_, &signals);
        sigfillset(&signals);
        sigdelset(&signals, SIGKILL);
        sigdelset(&signals, SIGSTOP);
        posix_spawnattr_setsigdefault(&attributes_, &signals);
        posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    }
    ~spawn_actions() {
        posix_spawn_file_actions_destroy(&actions_);
        posix_spawnattr_destroy(&attributes_);
    }
    spawn_actions(const spawn_actions&) = delete;
    spawn_actions& operator=(const spawn_actions&) = delete;

    void descriptor(int source, int target) {
        const int refused = source < 0 ? posix_spawn_file_actions_addopen(&actions_, target, "/dev/null", O_RDWR, 0)
                                       : posix_spawn_file_actions_adddup2(&actions_, source, target);
        if (refused != 0) throw std::system_error(refused, std::generic_category(), "cannot start a program");
    }

    /// What somebody in this process opened without close-on-exec is not for the program, either.
    void close_from([[maybe_unused]] int lowest) {
#if defined(__GLIBC__)
#    if __GLIBC_PREREQ(2, 34)
        posix_spawn_file_actions_addclosefrom_np(&actions_, lowest);
#    endif
#endif
    }

    const posix_spawn_file_actions_t* actions() const noexcept { return &actions_; }
    const posix_spawnattr_t* attributes() const noexcept { return &attributes_; }

private:
    posix_spawn_file_actions_t actions_;
    posix_spawnattr_t attributes_;
};

} // namespace

pid_t spawn(const std::vector<std::string>& command, const std::vector<int>& descriptors) {
    spawn_actions actions;
    for (std::size_t target = 0; target < descriptors.size(); ++target)
        actions.descriptor(descriptors[target], static_cast<int>(target));
    actions.close_from(static_cast<int>(descriptors.size()));
    const std::vector<std::string> variables = environment();
    pid_t child = 0;
    const int refused = posix_spawn(&child, command.front().c_str(), actions.actions(), actions.attributes(),
        pointers(command).data(), pointers(variables).data());
    if (refused != 0) throw std::system_error(refused, std::generic_category(), "cannot start " + command.front());
    return child;
}

void reap(pid_t child) noexcept {
    while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
}

std::string output_of(const std::vector<std::string>& command) {
    auto [read_end, write_end] = make_pipe();
    pid_t child = 0;
    try {
        child = spawn(command, {-1, write_end.get(), -1});
    } catch (const std::system_error&) {
        return {};
    }
    write_end.close();
    std::string output;
    char piece[512];
    for (;;) {
        const ssize_t size = ::read(read_end.get(), piece, sizeof piece);
        if (size > 0)
            output.append(piece, static_cast<std::size_t>(size));
        else if (size == 0 || errno != EINTR)
            break;
    }
    reap(child);
    return output;
}

} // namespace eventstore::embedded
