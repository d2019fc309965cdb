/// What is to be started, and where: everything that is decided before the first process runs.
#pragma once

#include "embedded/binaries.hpp"
#include "embedded/descriptor.hpp"
#include "embedded/server_user.hpp"

#include <eventstore/embedded_postgres.hpp>

#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

namespace eventstore::embedded {

struct server_plan {
    std::filesystem::path data_folder;
    std::filesystem::path socket_folder; ///< not made yet; its path is short enough for a socket in it
    bool temporary = false;              ///< the data goes with the server
    bool initialised = false;            ///< the data is there
    descriptor lock;                     ///< of the data folder, unless that is temporary
    server_user user;
    server_binaries binaries;
    std::vector<std::string> command; ///< the server and its arguments
    std::string url;                  ///< of the database that the options name
    std::string administration_url;   ///< of one that is always there
};

/// Checks the options, makes and locks a given data folder. Throws `error`.
server_plan make_plan(const embedded_postgres_options& options, std::stop_token stop);

} // namespace eventstore::embedded
