/// \file
/// A private PostgreSQL server from the installed binaries, that lives as long as its owner.
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

    /// Where the data stays. Made, with its parents, if missing; filled if empty; used again otherwise. The start
    /// refuses a folder that holds something else, that another major version of PostgreSQL made, or that is in use. By
    /// default the data is in a temporary folder, which is removed at the end.
    embedded_postgres_options& data_folder(std::filesystem::path value) & {
        return data_folder_ = std::move(value), *this;
    }
    embedded_postgres_options&& data_folder(std::filesystem::path value) && {
        return std::move(data_folder(std::move(value)));
    }

    /// The folder of `initdb` and `postgres`, version 14 or later. By default it is looked for: in PATH, then where
    /// Linux distributions, PostgreSQL's own packages and Homebrew put it; the newest, or the one that fits the data
    /// folder.
    embedded_postgres_options& binaries(std::filesystem::path value) & { return binaries_ = std::move(value), *this; }
    embedded_postgres_options&& binaries(std::filesystem::path value) && {
        return std::move(binaries(std::move(value)));
    }

    /// A setting of postgresql.conf, for this start only; it wins over the file. Repeatable, the last value of a name
    /// holds. Where the server listens and who gets in is not open to it: see `port` and `data_folder`.
    embedded_postgres_options& setting(std::string name, std::string value) & {
        settings_.emplace_back(std::move(name), std::move(value));
        return *this;
    }
    embedded_postgres_options&& setting(std::string name, std::string value) && {
        return std::move(setting(std::move(name), std::move(value)));
    }

    /// Listens on this TCP port of 127.0.0.1, too; 0, the default, means no TCP at all. Whoever comes by TCP needs a
    /// password, and the server has none until `ALTER ROLE postgres PASSWORD '...'` sets one.
    embedded_postgres_options& port(std::uint16_t value) & { return port_ = value, *this; }
    embedded_postgres_options&& port(std::uint16_t value) && { return std::move(port(value)); }

    /// The database that the url names, made if missing; 1 to 63 bytes. By default `postgres`, which is always there.
    embedded_postgres_options& database(std::string value) & { return database_ = std::move(value), *this; }
    embedded_postgres_options&& database(std::string value) && { return std::move(database(std::move(value))); }

    /// How long the start may take, the making of the data and recovery after a crash included; 60 s by default, at
    /// least 1 ms.
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

/// A PostgreSQL server of this process's own: a Unix socket in a folder that only this user (and root) can enter,
/// durable settings, encoding UTF8, locale C. Started as root it runs as the owner of the data folder, or else as
/// `postgres` or `nobody`, since PostgreSQL refuses root.
///
/// Nothing stays behind when the owner goes, however it goes: a watchdog (a small shell script in a session of its own)
/// stops the server and removes what was temporary as soon as this object, or the process, is no more; a second one takes
/// its place, should it be killed. They run as the server's user, too. A child that the process forks without exec counts
/// as the process, except that the end of the object there ends nothing. The watchdog is a child process: a `wait()` for
/// any child may see its end, which does no harm; no signal handler is installed, and none is needed.
///
/// Thread safety: distinct objects are independent; one object is not for two threads at once.
class EVENTSTORE_EXPORT embedded_postgres {
public:
    enum class shutdown {
        fast,      ///< sessions are ended, everything is written, in order
        immediate, ///< as in a crash: the next start recovers what was committed
    };

    /// No server, as after a move; for `co_spawn`, which wants one of these before the start is done.
    embedded_postgres() noexcept;

    /// Starts a server; it takes connections when the call completes. Never blocks the thread (a helper thread does).
    /// Takes about a second for new data, a tenth for existing.
    ///
    /// Cancellation (all types): the start is undone, then the call fails with `errc::cancelled`. If the
    /// execution context is destroyed meanwhile, its destructor undoes the start.
    /// \throws error `embedded_server_failed` with the end of the server's log, `invalid_argument`, `cancelled`
    static boost::asio::awaitable<embedded_postgres> start(
        embedded_postgres_options options = embedded_postgres_options());

    /// The same, blocking: for `main()`.
    static embedded_postgres start_now(embedded_postgres_options options = embedded_postgres_options());

    /// Stops the server at once and removes what was temporary; committed data of a given data folder is safe. Blocks
    /// until all of the server's processes have ended, some 50 ms.
    ~embedded_postgres();
    embedded_postgres(embedded_postgres&&) noexcept;
    embedded_postgres& operator=(embedded_postgres&&) noexcept;

    /// `postgresql://...` over the Unix socket, as the superuser `postgres`, for libpq and psql. Stays the same over a
    /// restart. Valid as long as the object, and empty in one that was moved from.
    const std::string& url() const noexcept;

    /// Absolute. Valid as long as the object.
    const std::filesystem::path& data_folder() const noexcept;

    /// Stops the server in order: ends the sessions, writes everything, removes what was temporary. Blocks until all of
    /// its processes have ended, 30 s at most; then it stops the server at once. Does nothing when called again.
    void stop();

    /// Stops the server and starts it again, with the same data and url; blocks. For tests of what a program does when
    /// its server goes away for a moment.
    /// \throws error `embedded_server_failed`; the server is stopped then, and what was temporary is gone
    void restart(shutdown how = shutdown::fast);

private:
    explicit embedded_postgres(std::unique_ptr<detail::embedded_server> server) noexcept;

    std::unique_ptr<detail::embedded_server> server_;
};

} // namespace eventstore
