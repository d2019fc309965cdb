/// Decides whether a folder may hold the server's data, and locks it.
#pragma once

#include "embedded/descriptor.hpp"
#include "embedded/server_user.hpp"

#include <chrono>
#include <filesystem>
#include <stop_token>

namespace eventstore::embedded {

struct folder_state {
    bool initialised = false;
    int major = 0; ///< of the PostgreSQL that made it, if initialised
};

/// Throws `error` if there is something that is no PostgreSQL data.
folder_state inspect_data_folder(const std::filesystem::path& folder);
/// The same of a folder that is open; the path is for messages.
folder_state inspect_data_folder(const std::filesystem::path& folder, const descriptor& opened);

/// Opens the folder, makes it and its parents where missing, and sees that the server's user can get there. Throws `error`.
///
/// From here on the folder is the one that the descriptor stands for: its path may lead elsewhere by now, where others can
/// write to a part of it. As root, which could be led anywhere, it follows no link but root's own.
descriptor open_data_folder(const std::filesystem::path& folder, const server_user& user);

/// Takes the folder for one server: no other start gets it while the descriptor, or a copy of it, is open in any
/// process. Waits a little for one that is just being stopped. Throws `error` if it is in use.
void lock_data_folder(const std::filesystem::path& folder, const descriptor& opened, std::stop_token stop);

/// With the lock held: removes the postmaster.pid of a server that was killed, if its process id belongs to another
/// program now, which PostgreSQL itself takes for a running server. Throws `error` if a server that someone else
/// started runs there.
void remove_stale_pid_file(const std::filesystem::path& folder, const descriptor& opened);

/// With the lock held, for a folder that is empty: gives it to the server alone.
void hand_over(const std::filesystem::path& folder, const descriptor& opened, const server_user& user);

} // namespace eventstore::embedded
