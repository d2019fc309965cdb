/// Who the server runs as, and where that user can go.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace eventstore::embedded {

struct server_user {
    uid_t uid = 0;
    gid_t gid = 0;
    std::string name;         ///< for messages
    std::string drop_program; ///< setpriv or chroot, which changes to the user; empty if this process is that user

    /// What to put before a command to have it run as the user.
    std::vector<std::string> prefix() const;
};

/// This process's user, unless that is root: then the owner of the folder if it exists and is not root's, or
/// `postgres`, or `nobody`. Throws `error` if root has no way to become that user.
server_user choose_server_user(const std::filesystem::path& data_folder);

/// Whether the user may pass through every folder of the path (which exists).
bool can_enter(const server_user& user, const std::filesystem::path& folder);

/// Existing folders for temporary files that the user can write to, the best one first.
std::vector<std::filesystem::path> temporary_folders(const server_user& user);

} // namespace eventstore::embedded
