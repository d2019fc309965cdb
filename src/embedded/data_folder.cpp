#include "embedded/data_folder.hpp"

#include "async/clock.hpp"
#include "embedded/folder_path.hpp"
#include "embedded/small_file.hpp"
#include "embedded/start_failure.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <memory>
#include <string>
#include <system_error>
#include <thread>

namespace eventstore::embedded {

namespace fs = std::filesystem;

namespace {

std::string quoted(const fs::path& path) { return detail::quoted_for_message(path.native()); }

[[noreturn]] void fail_folder(const fs::path& folder, const char* action, int error_number) {
    fail("the data folder ", quoted(folder), " cannot be ", action, ": ", std::strerror(error_number),
        "; give one that this user can write to");
}

long number_in(const descriptor& folder, const char* file) {
    const std::string text = small_file(folder.get(), file);
    long number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

long pid_in(const descriptor& folder) { return number_in(folder, "postmaster.pid"); }

enum class working_place { here, elsewhere, unknown };

/// Where a process works: a server does so in its data folder.
working_place place_of(long pid, const descriptor& folder) {
    struct stat place;
    struct stat own;
    if (::stat(("/proc/" + std::to_string(pid) + "/cwd").c_str(), &place) == 0 && ::fstat(folder.get(), &own) == 0)
        return place.st_dev == own.st_dev && place.st_ino == own.st_ino ? working_place::here
                                                                        : working_place::elsewhere;
    // A dead process that nobody has waited for works nowhere.
    return errno == ENOENT && ::access("/proc/self/cwd", F_OK) == 0 ? working_place::elsewhere : working_place::unknown;
}

struct close_directory {
    void operator()(DIR* entries) const noexcept { ::closedir(entries); }
};

/// The name of something in the folder that a start has not left there; empty if there is nothing.
std::string foreign_entry_in(const fs::path& folder, const descriptor& opened) {
    const int copy = ::openat(opened.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const std::unique_ptr<DIR, close_directory> entries(copy < 0 ? nullptr : ::fdopendir(copy));
    if (!entries) {
        const int why = errno;
        if (copy >= 0) ::close(copy);
        fail_folder(folder, "read", why);
    }
    while (const dirent* const entry = ::readdir(entries.get())) {
        std::string name = entry->d_name;
        if (name != "." && name != ".." && name != ".eventstore-initdb") return name; // that, an interrupted start left
    }
    return {};
}

} // namespace

folder_state inspect_data_folder(const fs::path& folder) {
    const descriptor opened = open_folder(folder.c_str());
    if (opened) return inspect_data_folder(folder, opened);
    if (errno == ENOENT) return {};
    std::error_code unknown;
    if (errno == ENOTDIR && fs::exists(folder, unknown))
        fail("the data folder ", quoted(folder), " is a file: give a folder");
    fail_folder(folder, "read", errno);
}

folder_state inspect_data_folder(const fs::path& folder, const descriptor& opened) {
    struct stat version;
    if (::fstatat(opened.get(), "PG_VERSION", &version, AT_SYMLINK_NOFOLLOW) == 0) {
        folder_state state;
        state.initialised = true;
        state.major = static_cast<int>(number_in(opened, "PG_VERSION"));
        if (state.major <= 0)
            fail("the data folder ", quoted(folder),
                " has a PG_VERSION that cannot be read: give another folder, or repair it");
        return state;
    }
    if (const std::string name = foreign_entry_in(folder, opened); !name.empty())
        fail("the data folder ", quoted(folder), " is not empty and holds no PostgreSQL data (it has ",
            quoted(fs::path(name)),
            " but no PG_VERSION): give an empty or a new folder; below a mount point, a folder in it");
    return {};
}

descriptor open_data_folder(const fs::path& folder, const server_user& user) {
    const bool is_root = !user.drop_program.empty();
    descriptor opened;
    if (is_root) {
        opened = open_as_root(folder);
    } else {
        fs::path made;
        for (const fs::path& part : folder) {
            made /= part;
            if (::mkdir(made.c_str(), 0700) != 0 && errno != EEXIST && !fs::is_directory(made))
                fail_folder(folder, "made", errno);
        }
        opened = open_folder(folder.c_str());
    }
    if (!opened) fail_folder(folder, "opened", errno);
    if (!can_enter(user, folder.parent_path()))
        fail("the data folder ", quoted(folder), " cannot be reached by the user '", user.name,
            "', as whom the server runs: give a folder below one that is open to all, such as /var/lib, or make its "
            "parents so (chmod o+x)");
    struct stat status;
    if (is_root && ::fstat(opened.get(), &status) == 0 && status.st_uid != 0 && status.st_uid != user.uid)
        fail("the data folder ", quoted(folder),
            " belongs to another user than a moment ago: give one in a folder to which "
            "only root, or the user '",
            user.name, "', can write");
    return opened;
}

void lock_data_folder(const fs::path& folder, const descriptor& opened, std::stop_token stop) {
    const auto deadline = detail::machine_time() + std::chrono::seconds(2);
    while (::flock(opened.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) break; // a file system without locks: postmaster.pid has to do
        if (detail::machine_time() > deadline || stop.stop_requested()) {
            const long pid = pid_in(opened);
            fail("the data folder ", quoted(folder), " is in use by another server",
                pid > 0 ? " (process " + std::to_string(pid) + ")" : std::string(),
                ": stop its owner, use its url, or give another folder");
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
}

void remove_stale_pid_file(const fs::path& folder, const descriptor& opened) {
    const long pid = pid_in(opened);
    if (pid <= 0) return;
    const bool runs = ::kill(static_cast<pid_t>(pid), 0) == 0 || errno == EPERM;
    if (!runs) return; // PostgreSQL sees as much
    const working_place place = place_of(pid, opened);
    if (place == working_place::elsewhere) ::unlinkat(opened.get(), "postmaster.pid", 0);
    if (place == working_place::here)
        fail("the data folder ", quoted(folder), " is in use by the PostgreSQL server with the process id ",
            std::to_string(pid), ": stop that, or give another folder");
}

void hand_over(const fs::path& folder, const descriptor& opened, const server_user& user) {
    if (!user.drop_program.empty() && ::fchown(opened.get(), user.uid, user.gid) != 0)
        fail_folder(folder, "given to the server's user", errno);
    if (::fchmod(opened.get(), 0700) != 0) fail_folder(folder, "closed to other users", errno);
}

} // namespace eventstore::embedded
