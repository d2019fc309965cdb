#include "embedded/data_folder.hpp"

#include "embedded/start_failure.hpp"

#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <string>
#include <system_error>
#include <thread>

namespace eventstore::embedded {

namespace fs = std::filesystem;

namespace {

std::string quoted(const fs::path& path) { return detail::quoted_for_message(path.native()); }

[[noreturn]] void fail_folder(const fs::path& folder, const char* what, int error_number) {
    fail("the data folder ", quoted(folder), " cannot be ", what, ": ", std::strerror(error_number),
        "; give one that this user can write to");
}

long pid_in(const fs::path& folder) {
    long pid = 0;
    std::ifstream(folder / "postmaster.pid") >> pid;
    return pid;
}

bool is_same(const fs::path& a, const fs::path& b) {
    struct stat first;
    struct stat second;
    return ::stat(a.c_str(), &first) == 0 && ::stat(b.c_str(), &second) == 0 && first.st_dev == second.st_dev &&
        first.st_ino == second.st_ino;
}

enum class working_place { here, elsewhere, unknown };

/// Where a process works: a server does so in its data folder.
working_place place_of(long pid, const fs::path& folder) {
    const fs::path link = "/proc/" + std::to_string(pid) + "/cwd";
    struct stat status;
    if (::stat(link.c_str(), &status) == 0)
        return is_same(link, folder) ? working_place::here : working_place::elsewhere;
    // A dead process that nobody has waited for works nowhere.
    return errno == ENOENT && ::access("/proc/self/cwd", F_OK) == 0 ? working_place::elsewhere : working_place::unknown;
}

} // namespace

folder_state inspect_data_folder(const fs::path& folder) {
    std::error_code failed;
    const fs::file_status status = fs::status(folder, failed);
    if (status.type() == fs::file_type::not_found) return {};
    if (failed) fail_folder(folder, "read", failed.value());
    if (!fs::is_directory(status)) fail("the data folder ", quoted(folder), " is a file: give a folder");

    if (fs::exists(folder / "PG_VERSION", failed)) {
        folder_state state;
        state.initialised = true;
        std::ifstream(folder / "PG_VERSION") >> state.major;
        if (state.major <= 0)
            fail("the data folder ", quoted(folder),
                " has a PG_VERSION that cannot be read: give another folder, or repair it");
        return state;
    }
    fs::directory_iterator entries(folder, failed);
    if (failed) fail_folder(folder, "read", failed.value());
    for (const fs::directory_entry& entry : entries)
        if (entry.path().filename() != ".eventstore-initdb") // what an interrupted start left
            fail("the data folder ", quoted(folder), " is not empty and holds no PostgreSQL data (it has ",
                quoted(entry.path().filename()),
                " but no PG_VERSION): give an empty or a new folder; below a mount point, a folder in it");
    return {};
}

void make_data_folder(const fs::path& folder, const server_user& user) {
    fs::path made;
    for (const fs::path& part : folder) {
        made /= part;
        if (::mkdir(made.c_str(), 0700) == 0) {
            if (!user.drop_program.empty() && made != folder)
                ::chmod(made.c_str(), 0711); // the server's user has to pass through
        } else if (errno != EEXIST && !fs::is_directory(made)) {
            fail_folder(folder, "made", errno);
        }
    }
    if (!can_enter(user, folder.parent_path()))
        fail("the data folder ", quoted(folder), " cannot be reached by the user '", user.name,
            "', as whom the server runs: give a folder below one that is open to all, such as /var/lib, or make its "
            "parents so "
            "(chmod o+x)");
}

descriptor lock_data_folder(const fs::path& folder, std::stop_token stop) {
    descriptor lock = open_folder(folder.c_str());
    if (!lock) fail_folder(folder, "opened", errno);
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(2);
    while (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) break; // a file system without locks: postmaster.pid has to do
        if (std::chrono::steady_clock::now() > patience || stop.stop_requested()) {
            const long pid = pid_in(folder);
            fail("the data folder ", quoted(folder), " is in use by another server",
                pid > 0 ? " (process " + std::to_string(pid) + ")" : std::string(),
                ": stop its owner, use its url, or give another folder");
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return lock;
}

void remove_stale_pid_file(const fs::path& folder) {
    const long pid = pid_in(folder);
    if (pid <= 0) return;
    const bool runs = ::kill(static_cast<pid_t>(pid), 0) == 0 || errno == EPERM;
    if (!runs) return; // PostgreSQL sees as much
    const working_place place = place_of(pid, folder);
    if (place == working_place::elsewhere) ::unlink((folder / "postmaster.pid").c_str());
    if (place == working_place::here)
        fail("the data folder ", quoted(folder), " is in use by the PostgreSQL server with the process id ",
            std::to_string(pid), ": stop that, or give another folder");
}

void hand_over(const fs::path& folder, const descriptor& lock, const server_user& user) {
    if (!user.drop_program.empty() && ::fchown(lock.get(), user.uid, user.gid) != 0)
        fail_folder(folder, "given to the server's user", errno);
    if (::fchmod(lock.get(), 0700) != 0) fail_folder(folder, "closed to other users", errno);
}

} // namespace eventstore::embedded
