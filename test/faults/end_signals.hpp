// How the programs of a run end: in order when they are told to, and with whoever has started them.
#pragma once

#include <sys/prctl.h>
#include <sys/types.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>

namespace eventstore::test::faults {

/// Has the kernel send this signal to this process when the thread ends that has started it. False if its process is not
/// this one any more: then no signal will come.
inline bool end_with(pid_t parent, int signal) {
    ::prctl(PR_SET_PDEATHSIG, signal);
    return ::getppid() == parent;
}

inline volatile std::sig_atomic_t was_told_to_end = 0;

/// From now on SIGTERM and SIGINT are only noted, for throw_if_told_to_end(). Nor does it end the process any more that
/// nobody reads what it says.
inline void note_end_signals() {
    struct sigaction noting {};
    noting.sa_handler = [](int) { was_told_to_end = 1; };
    noting.sa_flags = SA_RESTART;
    ::sigaction(SIGTERM, &noting, nullptr);
    ::sigaction(SIGINT, &noting, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
}

inline void throw_if_told_to_end() {
    if (was_told_to_end != 0) throw std::runtime_error("it was told to end");
}

} // namespace eventstore::test::faults
