/// The process between this one and the server, which outlives both and cleans up.
#pragma once

#include "embedded/descriptor.hpp"
#include "embedded/server_plan.hpp"

#include <sys/types.h>

#include <chrono>
#include <string_view>

namespace eventstore::embedded {

class watchdog {
public:
    watchdog() = default;

    /// Starts the process, which waits for begin(). From now on it cleans up when this one ends. `again`: the folder of
    /// the socket is there, left by another watchdog. Throws std::system_error.
    watchdog(const server_plan& plan, const descriptor& log, bool again);
    watchdog(watchdog&&) noexcept = default;
    watchdog& operator=(watchdog&&) noexcept;
    ~watchdog() { end({}); }

    /// Makes the data if need be, and starts the server.
    void begin() noexcept;

    /// Returns early, and false, if all of the server's processes have ended.
    bool server_lives(std::chrono::milliseconds time) const noexcept;

    /// Orders the end ("fast\n", "fast keep\n", "immediate keep\n"; nothing: at once), and waits until it has come.
    /// "keep" leaves what is temporary to another watchdog. Does nothing when called again.
    void end(std::string_view order) noexcept;

private:
    void clean_up() noexcept; // in case somebody killed the watchdog

    pid_t process_ = 0;
    descriptor orders_; ///< its end of file tells that the process has ended
    descriptor server_; ///< its end of file tells that the server has ended
    std::filesystem::path data_folder_;
    std::filesystem::path socket_folder_;
    bool temporary_ = false;
    bool begun_ = false;
};

} // namespace eventstore::embedded
