/// The processes between this one and the server, which outlive both and clean up: two, so that one can be killed.
#pragma once

#include "base/home_process.hpp"
#include "embedded/descriptor.hpp"
#include "embedded/server_plan.hpp"

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace eventstore::embedded {

class watchdog {
public:
    watchdog() = default;

    /// Starts the processes, as the server's user; they wait for begin(). From now on they clean up when this process ends.
    /// `again`: the folder of the socket is there, left by another watchdog. Throws std::system_error.
    watchdog(const server_plan& plan, const descriptor& log, bool again);
    watchdog(watchdog&&) noexcept = default;
    watchdog& operator=(watchdog&&) noexcept;
    ~watchdog() { end({}); }

    /// Makes the data if need be, and starts the server.
    void begin() noexcept;

    /// Returns early, and false, if all of the server's processes have ended.
    bool server_lives(std::chrono::milliseconds time) const noexcept;

    /// Orders the end ("fast\n", "fast keep\n", "immediate keep\n"; nothing: at once), and waits until it has come.
    /// "keep" leaves what is temporary to another watchdog. Does nothing when called again; in a forked child, to which the
    /// server does not belong, it only lets go of it.
    void end(std::string_view order) noexcept;

private:
    void clean_up() noexcept; // in case somebody killed both

    detail::home_process home_;
    pid_t process_ = 0;
    descriptor orders_; ///< its end of file tells that the processes have ended
    descriptor server_; ///< its end of file tells that the server has ended
    std::vector<std::string> command_to_clean_;
    std::filesystem::path socket_folder_;
    bool begun_ = false;
};

} // namespace eventstore::embedded
