// with_server COMMAND [ARGUMENT...]: runs a command with a PostgreSQL beside it that EVENTSTORE_TEST_URL names, and ends
// with the command's exit code. A server that is named already is left to do.
#include <eventstore/embedded_postgres.hpp>

#include <spawn.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <iostream>
#include <optional>

int main(int count, char* arguments[]) try {
    if (count < 2) {
        std::cerr << "usage: with_server COMMAND [ARGUMENT...]\n";
        return 2;
    }

    std::optional<eventstore::embedded_postgres> server;
    if (std::getenv("EVENTSTORE_TEST_URL") == nullptr) {
        eventstore::embedded_postgres_options options;
        options.setting("max_connections", "200");
        options.setting("fsync", "off"); // no test pulls the plug, and the runs are many
        server.emplace(eventstore::embedded_postgres::start_now(options));
        setenv("EVENTSTORE_TEST_URL", server->url().c_str(), 1);
    }

    // Ctrl-C goes to the command, too; its end is ours.
    std::signal(SIGINT, SIG_IGN);
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGINT);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);

    pid_t child = 0;
    const int refused = posix_spawnp(&child, arguments[1], nullptr, &attributes, arguments + 1, environ);
    posix_spawnattr_destroy(&attributes);
    if (refused != 0) {
        std::cerr << arguments[1] << ": " << std::strerror(refused) << '\n';
        return 127;
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
} catch (const std::exception& e) {
    std::cerr << "with_server: " << e.what() << '\n';
    return 1;
}
