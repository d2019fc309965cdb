/// \file
/// A private PostgreSQL server from the installed binaries, which stops with its owner.
#pragma once

#include <eventstore/asio_settings.hpp>
#include <eventstore/export.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace eventstore {

using std::chrono::milliseconds;

namespace detail {
class embedded_server;
}

/// How to start an `embedded_postgres`. Options out of their bounds fail the start with `errc::invalid_argument`.
class embedded_postgres_options {
public:
    embedded_postgres_options() {} // user-provided: g++ 12 destroys temporary aggregates twice in a co_await expression

    /// The data folder. Created with its parents if missing; initialised if empty; reused otherwise. The start fails if
    /// the folder holds something else, was made by another major version of PostgreSQL, or is in use. By default the
    /// data is in a temporary folder, which is removed at the end.
    embedded_postgres_options& data_folder(std::filesystem::path value) & {
        return data_folder_ = std::move(value), *this;
    }
    embedded_postgres_options&& data_folder(std::filesystem::path value) && {
        return std::move(data_folder(std::move(value)));
    }

    /// The folder of `initdb` and `postgres`, version 14 or later. By default they are searched for in PATH, then where
    /// Linux distributions, PostgreSQL's own packages and Homebrew install them; the newest version is used, or the one
    /// that fits the data folder.
    embedded_postgres_options& binaries(std::filesystem::path value) & { return binaries_ = std::move(value), *this; }
    embedded_postgres_options&& binaries(std::filesystem::path value) && {
        return std::move(binaries(std::move(value)));
    }

    /// A setting of postgresql.conf, for this start only; it overrides the file. Repeatable; the last value of a name
    /// is used. Settings for listening and authentication are not accepted: see `port` and `data_folder`.
    embedded_postgres_options& setting(std::string name, std::string value) & {
        settings_.emplace_back(std::move(name), std::move(value));
        return *this;
    }
    embedded_postgres_options&& setting(std::string name, std::string value) && {
        return std::move(setting(std::move(name), std::move(value)));
    }

    /// Also listens on this TCP port of 127.0.0.1; 0, the default, means no TCP. TCP connections need a password, and
    /// the server has none until `ALTER ROLE postgres PASSWORD '...'` sets one.
    embedded_postgres_options& port(std::uint16_t value) & { return port_ = value, *this; }
    embedded_postgres_options&& port(std::uint16_t value) && { return std::move(port(value)); }

    /// The database in the url, created if missing; 1 to 63 bytes. By default `postgres`, which always exists.
    embedded_postgres_options& database(std::string value) & { return database_ = std::move(value), *this; }
    embedded_postgres_options&& database(std::string value) && { return std::move(database(std::move(value))); }

    /// Time limit of the start, including initialisation and crash recovery; 60 s by default, at least 1 ms.
    embedded_postgres_options& start_timeout(milliseconds value) & { return start_timeout_ = value, *this; }
    embedded_postgres_options&& start_timeout(milliseconds value) && { return std::move(start_timeout(value)); }

    const std::filesystem::path& data_folder() const noexcept { return data_folder_; }
    const std::filesystem::path& binaries() const noexcept { return binaries_; }
    const std::vector<std::pair<std::string, std::string>>& settings() const noexcept { return settings_; }
    std::uint16_t port() const noexcept { return port_; }
    const std::string& database() const noexcept { return database_; }
    milliseconds start_timeout() const noexcept { return start_timeout_; }

private:
    std::filesystem::path data_folder_;
    std::filesystem::path binaries_;
    std::vector<std::pair<std::string, std::string>> settings_;
    std::uint16_t port_ = 0;
    std::string database_ = "postgres";
    milliseconds start_timeout_{60'000};
};

/// A PostgreSQL server private to this process: a Unix socket in a folder that only this user (and root) can enter,
/// durable settings, encoding UTF8, locale C. If started as root, it runs as the owner of the data folder, or else as
/// `postgres` or `nobody`, since PostgreSQL refuses to run as root.
///
/// Nothing remains after the owner ends, even if it crashes: a watchdog (a small shell script in its own session) stops
/// the server and removes temporary files as soon as this object or the process ends; if the watchdog is killed, a
/// second one takes over. Both run as the server's user. A child that the process forks without exec counts as the
/// process, but destroying the object in the child has no effect. The watchdog is a child process: a `wait()` for any
/// child may report its end, which is harmless. No signal handler is installed or needed.
///
/// Thread safety: distinct objects are independent; one object must not be used by two threads at once.
class EVENTSTORE_EXPORT embedded_postgres {
public:
    enum class shutdown {
        fast,      ///< orderly: ends the sessions and writes everything
        immediate, ///< like a crash: the next start recovers committed data
    };

    /// No server, as after a move; for `co_spawn`, which needs a default-constructed value before the start is
    /// complete.
    embedded_postgres() noexcept;

    /// Starts a server, which accepts connections when the call completes. Never blocks the thread (a helper thread
    /// works). Takes about a second with new data, a tenth of that with existing data.
    ///
    /// Cancellation (all types): the start is undone, then the call fails with `errc::cancelled`. If the execution
    /// context is destroyed during the start, its destructor undoes the start.
    /// \throws error `embedded_server_failed` with the end of the server's log, `invalid_argument`, `cancelled`
    static boost::asio::awaitable<embedded_postgres> start(
        embedded_postgres_options options = embedded_postgres_options());

    /// Like start, but blocks; for `main()`.
    static embedded_postgres start_now(embedded_postgres_options options = embedded_postgres_options());

    /// Stops the server at once and removes temporary files; committed data in a given data folder is safe. Blocks
    /// until all of the server's processes have ended, about 50 ms.
    ~embedded_postgres();
    embedded_postgres(embedded_postgres&&) noexcept;
    embedded_postgres& operator=(embedded_postgres&&) noexcept;

    /// `postgresql://...` over the Unix socket, as the superuser `postgres`, for libpq and psql. Stays the same over a
    /// restart. Valid as long as the object; empty after it was moved from.
    const std::string& url() const noexcept;

    /// Absolute. Valid as long as the object.
    const std::filesystem::path& data_folder() const noexcept;

    /// Stops the server in order: ends the sessions, writes everything, removes temporary files. Blocks until all of
    /// its processes have ended; after 30 s it stops the server at once. Idempotent.
    void stop();

    /// Stops the server and starts it again, with the same data and url; blocks. For tests of how a program handles a
    /// temporary loss of its server.
    /// \throws error `embedded_server_failed`; the server is then stopped, and temporary files are removed
    void restart(shutdown mode = shutdown::fast);

private:
    explicit embedded_postgres(std::unique_ptr<detail::embedded_server> server) noexcept;

    std::unique_ptr<detail::embedded_server> server_;
};

} // namespace eventstore
