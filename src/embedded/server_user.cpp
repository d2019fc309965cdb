#include "embedded/server_user.hpp"

#include "embedded/start_failure.hpp"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <vector>

namespace eventstore::embedded {

namespace fs = std::filesystem;

namespace {

template <class Ask> // getpwnam_r or getpwuid_r without their key
std::optional<server_user> look_up(Ask ask) {
    std::vector<char> buffer(16'384);
    passwd entry;
    passwd* found = nullptr;
    if (ask(&entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return std::nullopt;
    return server_user{found->pw_uid, found->pw_gid, found->pw_name, {}};
}

std::optional<server_user> user_named(const char* name) {
    return look_up([name](auto... rest) { return ::getpwnam_r(name, rest...); });
}

std::optional<server_user> user_with_id(uid_t uid) {
    return look_up([uid](auto... rest) { return ::getpwuid_r(uid, rest...); });
}

std::string find_drop_program() {
    for (const char* program : {"/usr/bin/setpriv", "/bin/setpriv", "/usr/local/bin/setpriv"})
        if (::access(program, X_OK) == 0 && !fs::is_symlink(program)) // a link leads to busybox, which knows no --reuid
            return program;
    for (const char* program : {"/usr/sbin/chroot", "/usr/bin/chroot", "/sbin/chroot"})
        if (::access(program, X_OK) == 0) return program;
    fail("started as root, the embedded PostgreSQL must change to another user, but neither setpriv (util-linux) nor "
         "chroot "
         "(coreutils) is there: install one of them, or start as an ordinary user");
}

server_user unprivileged_user(const fs::path& data_folder) {
    struct stat folder;
    if (!data_folder.empty() && ::stat(data_folder.c_str(), &folder) == 0 && folder.st_uid != 0) {
        if (auto owner = user_with_id(folder.st_uid)) return *owner;
        return {folder.st_uid, folder.st_gid, std::to_string(folder.st_uid), {}};
    }
    for (const char* name : {"postgres", "nobody"})
        if (auto user = user_named(name)) return *user;
    fail("PostgreSQL refuses to run as root, and there is neither a user `postgres` nor a user `nobody` to run it as: "
         "make one "
         "(useradd --system postgres), or start as an ordinary user");
}

/// \param right 1 to enter, 2 to write
bool has_right(const server_user& user, const struct stat& status, mode_t right) {
    const int place = status.st_uid == user.uid ? 6 : status.st_gid == user.gid ? 3 : 0;
    return (status.st_mode >> place & right) != 0;
}

bool can_write(const server_user& user, const fs::path& folder) {
    if (user.drop_program.empty()) return ::access(folder.c_str(), W_OK | X_OK) == 0;
    struct stat status;
    return ::stat(folder.c_str(), &status) == 0 && has_right(user, status, 2);
}

} // namespace

server_user choose_server_user(const fs::path& data_folder) {
    if (::geteuid() != 0) return {::geteuid(), ::getegid(), std::to_string(::geteuid()), {}};
    server_user user = unprivileged_user(data_folder);
    user.drop_program = find_drop_program();
    return user;
}

std::vector<std::string> server_user::prefix() const {
    const std::string own = std::to_string(uid);
    const std::string group = std::to_string(gid);
    if (drop_program.empty()) return {};
    if (drop_program.ends_with("/setpriv"))
        return {drop_program, "--reuid=" + own, "--regid=" + group, "--clear-groups"};
    return {drop_program, "--userspec=+" + own + ":+" + group, "--groups=", "/"}; // chroot
}

bool can_enter(const server_user& user, const fs::path& folder) {
    if (user.drop_program.empty()) return ::access(folder.c_str(), X_OK) == 0;
    fs::path passed;
    for (const fs::path& part : folder) {
        passed /= part;
        struct stat status;
        if (::stat(passed.c_str(), &status) != 0) return false;
        if (S_ISDIR(status.st_mode) && !has_right(user, status, 1)) return false;
    }
    return true;
}

std::vector<fs::path> temporary_folders(const server_user& user) {
    std::vector<fs::path> wanted;
    if (const char* own = std::getenv("TMPDIR"); own != nullptr && own[0] == '/') wanted.emplace_back(own);
    for (const char* usual : {"/tmp", "/var/tmp", "/dev/shm"}) wanted.emplace_back(usual);
    std::vector<fs::path> usable;
    for (const fs::path& folder : wanted)
        if (can_write(user, folder) && can_enter(user, folder)) usable.push_back(folder);
    if (usable.empty())
        fail("no folder for temporary files is writable: set TMPDIR to one, or make /tmp usable (chmod 1777 /tmp)");
    return usable;
}

} // namespace eventstore::embedded
