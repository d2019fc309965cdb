// The clients of a run, as processes.
#pragma once

#include "faults/record.hpp"

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace eventstore::test::faults {

/// What a client is started with, again after each end.
struct client_start {
    std::string name; ///< of the client; each process of it has a name of its own
    std::string role;
    std::string url;
    std::string schema;
    std::uint64_t seed = 0;
    std::chrono::milliseconds lease{2'000};
    bool is_checked = true;      ///< its records are part of the proof
    bool ends_by_itself = false; ///< else when it is asked to
    int exit_code = 0;           ///< that it is to end with
};

/// One client: at most one process at a time.
class client_process {
public:
    /// \param program fault_client
    /// \param folder for its records and its log
    client_process(client_start how, std::string program, std::string folder, recorder& pauses);
    ~client_process(); ///< kills it
    client_process(const client_process&) = delete;
    client_process& operator=(const client_process&) = delete;

    void start();
    void kill();
    /// Stops and continues it (SIGSTOP, SIGCONT); each pause is recorded.
    void pause();
    void resume();
    bool is_paused() const noexcept { return is_paused_; }
    /// Asks it to end in order (SIGTERM), and waits until it has.
    void ask_to_stop();
    bool has_ended_within(std::chrono::milliseconds limit); ///< \throws if the run was told to end

    /// Whether it has a process, which may have ended by itself.
    bool is_running();
    /// Of all its processes, those that have ended in another way than they were to, or than kill() had them end.
    const std::vector<std::string>& unexpected_ends() const noexcept { return unexpected_ends_; }

    const client_start& how() const noexcept { return how_; }
    std::string log() const { return folder_ + "/" + process_ + ".log"; }
    /// Of all its processes.
    const std::vector<std::string>& records() const noexcept { return records_; }

private:
    void note_end(int status, bool was_killed);

    client_start how_;
    std::string program_;
    std::string folder_;
    recorder& pauses_;
    pid_t pid_ = 0;
    int starts_ = 0;
    bool is_asked_ = false;
    bool is_paused_ = false;
    std::string process_;
    std::vector<std::string> unexpected_ends_;
    std::vector<std::string> records_;
};

using client_list = std::vector<std::unique_ptr<client_process>>;

} // namespace eventstore::test::faults
