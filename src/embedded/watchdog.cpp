#include "embedded/watchdog.hpp"

#include "async/clock.hpp"
#include "embedded/child.hpp"
#include "embedded/watchdog_script.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

namespace eventstore::embedded {

namespace {

/// Whether the other end is closed, or is so before the time is over. Nobody writes to these descriptors.
bool ends_within(const descriptor& channel, std::chrono::milliseconds time) noexcept {
    const auto deadline = detail::machine_time() + time;
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - detail::machine_time());
        pollfd waiting{channel.get(), POLLIN, 0};
        const int ready = ::poll(&waiting, 1, left.count() > 0 ? static_cast<int>(left.count()) : 0);
        if (ready > 0) return true;
        if (ready == 0 || errno != EINTR) return false;
    }
}

} // namespace

watchdog::watchdog(const server_plan& plan, const descriptor& log, bool again) : socket_folder_(plan.socket_folder) {
    const auto command = [&](const char* step) {
        std::vector<std::string> all = plan.user.prefix();
        all.insert(all.end(),
            {"/bin/sh", "-c", watchdog_script, "eventstore-watchdog", plan.data_folder.native(),
                plan.socket_folder.native(), plan.temporary ? "yes" : "no", step, plan.binaries.folder / "initdb"});
        all.insert(all.end(), plan.command.begin(), plan.command.end());
        return all;
    };
    auto [own_end, child_end] = make_socket_pair();
    auto [server_end, server_holds] = make_pipe();
    const auto [second_end, first_holds] = make_pipe();
    command_to_clean_ = command("again");
    process_ = spawn(command(again              ? "again"
                             : plan.initialised ? "reuse"
                                                : "initialise"),
        {child_end.get(), log.get(), log.get(), server_holds.get(), plan.lock.get(), second_end.get(),
            first_holds.get()});
    orders_ = std::move(own_end);
    server_ = std::move(server_end);
}

watchdog& watchdog::operator=(watchdog&& other) noexcept {
    if (this != &other) {
        end({});
        process_ = other.process_;
        orders_ = std::move(other.orders_);
        server_ = std::move(other.server_);
        home_ = other.home_;
        command_to_clean_ = std::move(other.command_to_clean_);
        socket_folder_ = std::move(other.socket_folder_);
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
    if (home_.is_here()) {
        if (!order.empty()) ::send(orders_.get(), order.data(), order.size(), MSG_NOSIGNAL);
        ::shutdown(orders_.get(), SHUT_WR);                   // a forked child may hold the descriptor, too
        if (ends_within(orders_, std::chrono::seconds(60))) { // the script gives up earlier
            reap(process_);
            if (begun_ && !order.ends_with("keep\n")) clean_up();
        }
    }
    orders_.close();
    server_.close();
}

// By another watchdog: it has the rights that this takes, and no more.
void watchdog::clean_up() noexcept try {
    std::error_code unknown;
    if (!server_lives(std::chrono::milliseconds(0)) && !std::filesystem::exists(socket_folder_, unknown)) return;
    auto [own_end, child_end] = make_socket_pair();
    const auto [second_end, first_holds] = make_pipe();
    const pid_t helper =
        spawn(command_to_clean_, {child_end.get(), -1, -1, -1, -1, second_end.get(), first_holds.get()});
    child_end.close();
    ::shutdown(own_end.get(), SHUT_WR); // no order: nothing is started, and what is there goes
    if (ends_within(own_end, std::chrono::seconds(60))) reap(helper);
} catch (const std::exception&) {
    // No descriptors or no processes left: what is temporary stays.
}

} // namespace eventstore::embedded
