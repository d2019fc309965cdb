#include "server.hpp"

#include "process.hpp"

#include <cstdio>
#include <filesystem>
#include <stdexcept>

#include <sys/vfs.h>
#include <unistd.h>

namespace eventstore::benchmarks {

namespace {

constexpr const char* shared_buffers = "1GB";
constexpr const char* max_wal_size = "4GB";
// pgbench takes 100 connections, and the default is 100 with all others. It has no influence on speed.
constexpr const char* max_connections = "200";

std::string file_system_of(const std::string& folder) {
    struct statfs found {};
    if (::statfs(folder.c_str(), &found) != 0) return "a file system that cannot be looked at from here";
    switch (static_cast<unsigned long>(found.f_type)) {
    case 0x01021994: return "tmpfs";
    case 0xef53: return "ext4";
    case 0x58465342: return "xfs";
    case 0x9123683e: return "btrfs";
    case 0x794c7630: return "overlayfs";
    case 0x2fc12fc1: return "zfs";
    default: {
        char text[32];
        std::snprintf(text, sizeof text, "file system %#lx", static_cast<unsigned long>(found.f_type));
        return text;
    }
    }
}

} // namespace

server::server(const options& wanted) : server_url_(wanted.url) {
    if (wanted.url.empty()) {
        embedded_postgres_options durable;
        durable.setting("shared_buffers", shared_buffers);
        durable.setting("max_wal_size", max_wal_size);
        durable.setting("max_connections", max_connections);
        embedded_ = embedded_postgres::start_now(std::move(durable));
        server_url_ = embedded_->url();
    }
    const std::string name = "eventstore_benchmarks_" + std::to_string(::getpid());
    session(server_url_).run("create database " + name);
    database_ = name;
    url_ = with_parameters(server_url_, {{"dbname", database_}});
    try {
        admin_.emplace(url_);
        check_settings(wanted);
    } catch (...) {
        // A constructor that throws is followed by no destructor.
        admin_.reset();
        session(server_url_).run("drop database " + database_ + " with (force)");
        throw;
    }
}

server::~server() {
    if (embedded_) return; // it takes its data along
    try {
        admin_.reset();
        session(server_url_).run("drop database " + database_ + " with (force)");
    } catch (const std::exception& e) {
        std::fprintf(stderr, "the database %s could not be dropped: %s\n", database_.c_str(), e.what());
    }
}

void server::check_settings(const options& wanted) {
    const auto expect = [&](const std::string& name, const std::string& value) {
        if (setting(name) != value)
            throw std::runtime_error("the server runs with " + name + " = " + setting(name) + " instead of " + value);
    };
    for (const char* durable : {"fsync", "synchronous_commit", "full_page_writes"}) expect(durable, "on");
    if (embedded_) {
        expect("shared_buffers", shared_buffers);
        expect("max_wal_size", max_wal_size);
    }
    file_system_ = file_system_of(setting("data_directory"));
    if (file_system_ == "tmpfs" && !wanted.quick)
        throw std::runtime_error(
            "the server's data is on tmpfs, where fsync costs nothing: set TMPDIR to a folder on a disk");
}

std::string server::limit_url() const {
    return with_parameters(
        url_, {{"options", "-c jit=off -c plan_cache_mode=force_generic_plan -c enable_seqscan=off"}});
}

std::map<int, double> server::session_cpu_seconds() {
    std::map<int, double> all;
    if (!embedded_) return all;
    for (const auto& row : admin_->rows("select pid from pg_stat_activity where backend_type = 'client backend'"
                                        " and datname = current_database() and pid <> pg_backend_pid()")) {
        const int process = std::stoi(row[0]);
        if (const std::optional<double> seconds = cpu_seconds_of(process)) all[process] = *seconds;
    }
    return all;
}

std::string server::description() {
    std::string text = "PostgreSQL " + setting("server_version") + ", data on " + file_system_;
    for (const char* name : {"shared_buffers", "max_wal_size", "fsync", "synchronous_commit", "full_page_writes",
             "wal_level", "max_connections"})
        text += std::string("; ") + name + " = " + setting(name);
    return text;
}

std::string server::pgbench() {
    const std::filesystem::path beside =
        std::filesystem::path(admin_->value("select setting from pg_config where name = 'BINDIR'")) / "pgbench";
    return std::filesystem::exists(beside) ? beside.string() : "pgbench";
}

} // namespace eventstore::benchmarks
