// The server of a run of the fault tests, which may be crashed, filled up and stopped.
#pragma once

#include <eventstore/embedded_postgres.hpp>

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace eventstore::test::faults {

/// A file system of a size of its own, in memory, that this process and those that it starts see, and nobody else. Only
/// root may make one. To be made before there are other threads.
class small_disk {
public:
    /// \param folder where it is mounted
    explicit small_disk(const std::string& folder);
    ~small_disk();
    small_disk(const small_disk&) = delete;
    small_disk& operator=(const small_disk&) = delete;

    /// Why there is none; empty if there is.
    const std::string& problem() const noexcept { return problem_; }

    /// Leaves no byte free; has room again.
    void fill();
    void empty();

private:
    bool resize(std::uint64_t bytes);

    std::string folder_;
    std::string problem_;
};

/// A PostgreSQL that listens on TCP, with TLS if a certificate can be made, and on a Unix socket.
class fault_server {
public:
    /// To be made before there are other threads, as it sets a variable of the environment. \param folder for its data; made
    explicit fault_server(std::string folder);

    /// As the owner of the database, by TCP through this port of 127.0.0.1. The password is in the environment of this
    /// process, and of those that it starts.
    std::string url(std::uint16_t port, bool is_secured) const;
    /// As the superuser, by the socket.
    std::string superuser_url() const;
    std::uint16_t port() const noexcept { return port_; }
    bool has_tls() const noexcept { return has_tls_; }

    /// Stops it at once, and starts it again; starts it if it has ended by itself.
    void crash();
    /// Waits until it takes sessions; starts it anew if it does not.
    void revive();

    /// Its processes, the first one first; none if they cannot be told from others.
    std::vector<pid_t> processes() const;
    /// Whether a process is one of them: it works in the data folder. A number that was one may be somebody else's by now.
    bool has(pid_t process) const;

private:
    void start();
    void make_certificate();

    std::string folder_;
    std::uint16_t port_;
    bool has_tls_ = false;
    std::optional<embedded_postgres> server_;
};

} // namespace eventstore::test::faults
