// Faults of client processes, and of the whole machine.

#include "faults/faults.hpp"

#include <signal.h>

#include <set>
#include <string>

namespace eventstore::test::faults {

namespace {

class client_fault : public seeded_fault {
public:
    using seeded_fault::seeded_fault;

protected:
    client_process& any_client() { return *bed().clients()[below(bed().clients().size())]; }
};

/// Kills a client after the other, and starts each anew.
class kill_clients : public client_fault {
public:
    using client_fault::client_fault;

    void tick() override {
        if (!once_in(random(), 15)) return;
        client_process& victim = any_client();
        if (!victim.is_running() || victim.is_paused() || !victim.how().is_checked) return;
        victim.kill();
        victim.start();
    }
};

/// Stops some clients, half of them beyond their leases.
class pause_clients : public client_fault {
public:
    using client_fault::client_fault;

    void begin() override {
        for (std::uint64_t count = 1 + below(3); count > 0; --count) {
            client_process& victim = any_client();
            if (victim.how().is_checked && chosen_.insert(&victim).second) victim.pause();
        }
    }
    void end() override {
        for (client_process* const victim : chosen_) victim->resume();
    }

private:
    std::set<client_process*> chosen_;
};

/// The machine sleeps: all clients and the server stand still, for longer than a lease.
class suspend_host : public seeded_fault {
public:
    using seeded_fault::seeded_fault;

    void begin() override {
        for (const auto& client : bed().clients()) client->pause();
        // A server that has just begun a process has it here the next time.
        for (int round = 0; round < 2; ++round)
            for (const pid_t process : bed().server().processes())
                if (stopped_.insert(process).second) ::kill(process, SIGSTOP);
    }
    void end() override {
        for (const pid_t process : stopped_)
            if (bed().server().has(process)) ::kill(process, SIGCONT);
        for (const auto& client : bed().clients()) client->resume();
    }

private:
    std::set<pid_t> stopped_;
};

} // namespace

std::vector<fault_kind> client_faults() {
    using std::chrono_literals::operator""ms;
    return {
        {{"kill_clients", 1500ms, 5000ms}, "SIGKILL of clients, which start anew", make_fault<kill_clients>},
        {{"pause_clients", 1000ms, 6000ms}, "SIGSTOP of one to three clients, then SIGCONT", make_fault<pause_clients>},
        {{"suspend_host", 3000ms, 6000ms, true}, "SIGSTOP of all clients and of the server, for longer than the lease",
            make_fault<suspend_host>,
            [](testbed& bed) {
                const bool is_known = !bed.server().processes().empty();
                return std::string(is_known ? "" : "the server's processes cannot be told from others");
            }},
    };
}

} // namespace eventstore::test::faults
