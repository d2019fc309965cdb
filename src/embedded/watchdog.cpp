#include "embedded/watchdog.hpp"

#include "embedded/child.hpp"
#include "embedded/watchdog_script.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

namespace eventstore::embedded {

namespace {

/// Whether the other end is closed, or is so before the time is over. Nobody writes to these descriptors.
bool ends_within(const descriptor& what, std::chrono::milliseconds time) noexcept {
    const auto deadline = std::chrono::steady_clock::now() + time;
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
        pollfd waiting{what.get(), POLLIN, 0};
        const int ready = ::poll(&waiting, 1, left.count() > 0 ? static_cast<int>(left.count()) : 0);
        if (ready > 0) return true;
        if (ready == 0 || errno != EINTR) return false;
    }
}

} // namespace

watchdog::watchdog(const server_plan& plan, const descriptor& log, bool again)
    : data_folder_(plan.data_folder), socket_folder_(plan.socket_folder), temporary_(plan.temporary) {
    auto [ours, theirs] = make_socket_pair();
    auto [server_end, server_holds] = make_pipe();
    std::vector<std::string> command = {"/bin/sh", "-c", watchdog_script, "eventstore-watchdog",
        plan.data_folder.native(), plan.socket_folder.native(), plan.temporary ? "yes" : "no",
        again                  ? "again"
            : plan.initialised ? "reuse"
                               : "initialise",
        std::to_string(plan.user.uid), std::to_string(plan.user.gid), plan.user.drop_program,
        plan.binaries.folder / "initdb"};
    command.insert(command.end(), plan.command.begin(), plan.command.end());
    process_ = spawn(command, {theirs.get(), log.get(), log.get(), server_holds.get(), plan.lock.get()});
    orders_ = std::move(ours);
    server_ = std::move(server_end);
}

watchdog& watchdog::operator=(watchdog&& other) noexcept {
    if (this != &other) {
        end({});
        process_ = other.process_;
        orders_ = std::move(other.orders_);
        server_ = std::move(other.server_);
        data_folder_ = std::move(other.data_folder_);
        socket_folder_ = std::move(other.socket_folder_);
        temporary_ = other.temporary_;
        begun_ = other.begun_;
    }
    return *this;
}

void watchdog::begin() noexcept {
    begun_ = true;
    constexpr std::string_view order = "start\n";
    ::send(orders_.get(), order.data(), order.size(), MSG_NOSIGNAL); // if that fails, server_lives() tells
}

bool watchdog::server_lives(std::chrono::milliseconds time) const noexcept { return !ends_within(server_, time); }

void watchdog::end(std::string_view order) noexcept {
    if (!orders_) return;
    if (!order.empty()) ::send(orders_.get(), order.data(), order.size(), MSG_NOSIGNAL);
    ::shutdown(orders_.get(), SHUT_WR);                   // a forked child may hold the descriptor, too
    if (ends_within(orders_, std::chrono::seconds(60))) { // the script gives up earlier
        reap(process_);
        if (begun_ && !order.ends_with("keep\n")) clean_up();
    }
    orders_.close();
    server_.close();
}

void watchdog::clean_up() noexcept {
    if (server_lives(std::chrono::milliseconds(0))) {
        for (int left = 1'000; left > 0; --left) {
            long server = 0;
            std::ifstream(data_folder_ / "postmaster.pid") >> server;
            if (server > 0) ::kill(static_cast<pid_t>(server), left > 1 ? SIGQUIT : SIGKILL);
            if (!server_lives(std::chrono::milliseconds(10))) break;
        }
    }
    std::error_code ignored;
    std::filesystem::remove_all(socket_folder_, ignored);
    if (temporary_) std::filesystem::remove_all(data_folder_, ignored);
}

} // namespace eventstore::embedded
