// The server that everything is measured on, and a database of the benchmarks' own on it.
#pragma once

#include "options.hpp"
#include "session.hpp"

#include <eventstore/embedded_postgres.hpp>

#include <map>
#include <optional>
#include <string>

namespace eventstore::benchmarks {

class server {
public:
    /// Starts an embedded server with durable settings, or takes the one of --url; makes a database.
    /// \throws std::runtime_error if a setting would make a figure dishonest
    explicit server(const options& wanted);
    server(const server&) = delete;
    server& operator=(const server&) = delete;
    ~server();

    /// Of the database.
    const std::string& url() const { return url_; }
    /// The same for whoever measures a limit: with the planner settings of the library's own sessions. Without them the
    /// server compiles the plan of each page that it reads, which takes a hundred times as long as the page.
    std::string limit_url() const;
    /// A session in the database, for the benchmarks' own statements.
    session& admin() { return *admin_; }
    /// Writes everything to disk, so that no measurement pays for what came before it.
    void checkpoint() { admin_->run("checkpoint"); }

    /// Processor time, in seconds, that each session in the database but admin() has had so far, by its process. Empty
    /// for a given server: its processes may be on another machine.
    std::map<int, double> session_cpu_seconds();

    /// Version, settings and file system, for people.
    std::string description();
    /// pgbench from beside the server's binaries; from PATH if they are not on this machine.
    std::string pgbench();

private:
    void check_settings(const options& wanted);
    std::string setting(const std::string& name) { return admin_->value("show " + name); }

    std::optional<embedded_postgres> embedded_;
    std::string server_url_;
    std::string database_;
    std::string url_;
    std::optional<session> admin_;
    std::string file_system_;
};

} // namespace eventstore::benchmarks
