// with_server [NAME=VALUE...] COMMAND [ARGUMENT...]: runs a command with a PostgreSQL beside it, with these settings (`port` for
// TCP, too), and ends with the command's exit code. EVENTSTORE_TEST_URL names it as the owner of a database, and
// EVENTSTORE_TEST_SUPERUSER_URL the same database as a superuser. A server that is named already is left to do. Unless
// EVENTSTORE_TEST_PATIENCE is given, it is how slow this machine is now.
#include "support/own_server.hpp"
#include "support/slowness.hpp"

#include <spawn.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>

int main(int, char* arguments[]) try {
    eventstore::embedded_postgres_options options;
    options.setting("max_connections", "200");
    options.setting("fsync", "off"); // no test pulls the plug, and the runs are many
    char** command = arguments + 1;
    for (; *command != nullptr; ++command) {
        const std::string_view each = *command;
        const auto equals = each.find('=');
        if (equals == each.npos) break;
        const std::string name(each.substr(0, equals));
        const std::string value(each.substr(equals + 1));
        if (name == "port")
            options.port(static_cast<std::uint16_t>(std::stoi(value)));
        else
            options.setting(name, value);
    }
    if (*command == nullptr) {
        std::cerr << "usage: with_server [NAME=VALUE...] COMMAND [ARGUMENT...]\n";
        return 2;
    }

    std::optional<eventstore::test::own_server> server;
    if (std::getenv("EVENTSTORE_TEST_URL") == nullptr) {
        server.emplace(options);
        setenv("EVENTSTORE_TEST_URL", server->url().c_str(), 1);
        setenv("EVENTSTORE_TEST_SUPERUSER_URL", server->superuser_url().c_str(), 1);
    }

    if (std::getenv("EVENTSTORE_TEST_PATIENCE") == nullptr) {
        const std::string measured = std::to_string(eventstore::test::slowness(std::getenv("EVENTSTORE_TEST_URL")));
        setenv("EVENTSTORE_TEST_PATIENCE", measured.c_str(), 1);
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
    const int refused = posix_spawnp(&child, *command, nullptr, &attributes, command, environ);
    posix_spawnattr_destroy(&attributes);
    if (refused != 0) {
        std::cerr << *command << ": " << std::strerror(refused) << '\n';
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
