#include "faults/client_process.hpp"

#include "faults/end_signals.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

extern char** environ;

namespace eventstore::test::faults {

namespace {

class spawn_actions {
public:
    explicit spawn_actions(const std::string& log) {
        ::posix_spawn_file_actions_init(&actions_);
        ::posix_spawn_file_actions_addopen(&actions_, STDERR_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
        close_from(STDERR_FILENO + 1);
        // A client lets it through when it can tell what is to be done then.
        sigset_t held_back;
        sigemptyset(&held_back);
        sigaddset(&held_back, SIGTERM);
        ::posix_spawnattr_init(&attributes_);
        ::posix_spawnattr_setsigmask(&attributes_, &held_back);
        sigset_t ignored_here;
        sigemptyset(&ignored_here);
        sigaddset(&ignored_here, SIGPIPE);
        ::posix_spawnattr_setsigdefault(&attributes_, &ignored_here);
        ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    }
    ~spawn_actions() {
        ::posix_spawn_file_actions_destroy(&actions_);
        ::posix_spawnattr_destroy(&attributes_);
    }
    spawn_actions(const spawn_actions&) = delete;
    spawn_actions& operator=(const spawn_actions&) = delete;

    const posix_spawn_file_actions_t* get() const noexcept { return &actions_; }
    const posix_spawnattr_t* attributes() const noexcept { return &attributes_; }

private:
    /// Asio opens and accepts without close-on-exec. A connection of which a client has a copy does not end where a proxy
    /// cuts it: it goes silent for as long as that client lives.
    void close_from([[maybe_unused]] int lowest) {
#if defined(__GLIBC__)
#    if __GLIBC_PREREQ(2, 34)
        ::posix_spawn_file_actions_addclosefrom_np(&actions_, lowest);
#    endif
#endif
    }

    posix_spawn_file_actions_t actions_;
    posix_spawnattr_t attributes_;
};

} // namespace

client_process::client_process(client_start how, std::string program, std::string folder, recorder& pauses)
    : how_(std::move(how)), program_(std::move(program)), folder_(std::move(folder)), pauses_(pauses) {}

client_process::~client_process() { kill(); }

void client_process::start() {
    process_ = how_.name + "." + std::to_string(++starts_);
    records_.push_back(folder_ + "/" + process_ + ".records");
    std::vector<std::string> arguments = {program_, "--role", how_.role, "--url", how_.url, "--schema", how_.schema,
        "--process", process_, "--records", records_.back(), "--streams", how_.name, "--seed",
        std::to_string(how_.seed + static_cast<std::uint64_t>(starts_)), "--lease", std::to_string(how_.lease.count()),
        "--parent", std::to_string(::getpid())};
    std::vector<char*> list;
    for (std::string& argument : arguments) list.push_back(argument.data());
    list.push_back(nullptr);
    const spawn_actions actions(log());
    const int refused = ::posix_spawn(&pid_, list[0], actions.get(), actions.attributes(), list.data(), environ);
    if (refused != 0) throw std::system_error(refused, std::generic_category(), "cannot start " + arguments[0]);
    is_asked_ = is_paused_ = false;
}

void client_process::kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    note_end(status, true);
    if (std::exchange(is_paused_, false)) pauses_.resumed(process_);
}

void client_process::pause() {
    if (!is_running() || is_paused_) return;
    pauses_.paused(process_);
    ::kill(pid_, SIGSTOP);
    is_paused_ = true;
}

void client_process::resume() {
    if (!is_paused_) return;
    ::kill(pid_, SIGCONT);
    pauses_.resumed(process_);
    is_paused_ = false;
}

void client_process::ask_to_stop() {
    if (!is_running()) return;
    is_asked_ = true;
    ::kill(pid_, SIGTERM);
}

bool client_process::has_ended_within(std::chrono::milliseconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (is_running()) {
        throw_if_told_to_end();
        if (std::chrono::steady_clock::now() >= deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return true;
}

bool client_process::is_running() {
    if (pid_ <= 0) return false;
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) != pid_) return true;
    note_end(status, false);
    return false;
}

// Who is killed may have ended by itself a moment before.
void client_process::note_end(int status, bool was_killed) {
    pid_ = 0;
    if (was_killed && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return;
    const bool is_in_order = WIFEXITED(status) && WEXITSTATUS(status) == how_.exit_code;
    if (is_in_order && (is_asked_ || how_.ends_by_itself)) return;
    const std::string end = WIFEXITED(status) ? "exit code " + std::to_string(WEXITSTATUS(status))
                                              : "signal " + std::to_string(WTERMSIG(status));
    unexpected_ends_.push_back("client " + process_ + " has ended by itself, with " + end + "; see " + log());
}

} // namespace eventstore::test::faults
