#include "faults/fault_server.hpp"

#include "faults/patience.hpp"
#include "support/session.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

namespace eventstore::test::faults {

namespace {

constexpr char owner[] = "fault_owner";
constexpr char password[] = "of the fault tests";
constexpr char database[] = "fault_test";
constexpr std::uint64_t whole_disk = std::uint64_t{2} << 30;
constexpr std::chrono::seconds longest_statement{5}; // of the superuser: a key is made, a schema dropped

std::uint16_t free_port() {
    const int made = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof where;
    auto* const address = reinterpret_cast<sockaddr*>(&where);
    const bool has_it = ::bind(made, address, size) == 0 && ::getsockname(made, address, &size) == 0;
    ::close(made);
    if (!has_it) throw std::runtime_error("there is no free port");
    return ntohs(where.sin_port);
}

/// The parent of a process; 0 if it has ended.
pid_t parent_of(const std::string& process) {
    std::ifstream file("/proc/" + process + "/stat");
    const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    const std::size_t name_end = text.rfind(')'); // followed by the state and the parent
    if (name_end == std::string::npos || text.size() < name_end + 5) return 0;
    pid_t parent = 0;
    std::from_chars(text.data() + name_end + 4, text.data() + text.size(), parent);
    return parent;
}

} // namespace

small_disk::small_disk(const std::string& folder) : folder_(folder) {
    const bool is_mounted = ::unshare(CLONE_NEWNS) == 0 &&
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
        ::mount("faults", folder.c_str(), "tmpfs", 0, "mode=0755") == 0 && resize(whole_disk);
    if (!is_mounted) problem_ = std::string("no file system can be mounted: ") + std::strerror(errno);
}

small_disk::~small_disk() {
    if (problem_.empty()) ::umount2(folder_.c_str(), MNT_DETACH);
}

void small_disk::fill() {
    // What others take meanwhile makes it too small: then again.
    for (int attempts = 0; attempts < 10; ++attempts) {
        struct statvfs disk {};
        if (::statvfs(folder_.c_str(), &disk) != 0 || disk.f_bfree == 0) return;
        if (resize((disk.f_blocks - disk.f_bfree) * disk.f_frsize)) return;
    }
}

void small_disk::empty() { resize(whole_disk); }

bool small_disk::resize(std::uint64_t bytes) {
    const std::string option = "size=" + std::to_string(bytes);
    return ::mount("faults", folder_.c_str(), "tmpfs", MS_REMOUNT, option.c_str()) == 0;
}

fault_server::fault_server(std::string folder) : folder_(std::move(folder)), port_(free_port()) {
    ::setenv("PGPASSWORD", password, 1); // for clients, too: whoever lists processes sees their arguments
    start();
    session administrator(superuser_url());
    administrator.run("create role " + std::string(owner) + " login password '" + password + "'");
    administrator.run("alter database " + std::string(database) + " owner to " + owner);
    make_certificate();
}

void fault_server::start() {
    embedded_postgres_options options;
    options.data_folder(folder_).database(database).port(port_);
    options.setting("max_connections", "110");
    options.setting("max_wal_size", "96MB");
    options.setting("min_wal_size", "32MB");
    server_.emplace(embedded_postgres::start_now(options));
}

std::string fault_server::url(std::uint16_t port, bool is_secured) const {
    return "host=127.0.0.1 port=" + std::to_string(port) + " dbname=" + database + " user=" + owner +
        " gssencmode=disable connect_timeout=5 sslmode=" + (is_secured ? "require" : "disable");
}

std::string fault_server::superuser_url() const {
    const std::string limit = std::to_string(patient(longest_statement).count());
    return url_with(server_->url(), {{"connect_timeout", "3"}, {"options", "-c statement_timeout=" + limit}});
}

void fault_server::make_certificate() {
    // The server's user makes the key, which must be its own.
    session administrator(superuser_url());
    try {
        administrator.run("copy (select 1) to program 'cat >/dev/null; umask 077; openssl req -x509 -newkey rsa:2048 "
                          "-nodes -days 2 -subj /CN=localhost -keyout server.key -out server.crt 2>openssl.log'");
        administrator.run("alter system set ssl = on");
        administrator.run("select pg_reload_conf()");
        const auto deadline = std::chrono::steady_clock::now() + patient(std::chrono::seconds(10));
        while (!has_tls_ && std::chrono::steady_clock::now() < deadline) {
            try {
                has_tls_ = session(url(port_, true)).is_secured();
            } catch (const std::exception&) { // it has not read its settings yet
                std::this_thread::sleep_for(std::chrono::milliseconds(50));
            }
        }
    } catch (const sql_error&) { // no openssl, or a server that was built without it
    }
}

void fault_server::crash() {
    try {
        server_->restart(embedded_postgres::shutdown::immediate);
    } catch (const std::exception&) {
        start(); // it had ended by itself
    }
}

void fault_server::revive() {
    const auto deadline = std::chrono::steady_clock::now() + patient(std::chrono::seconds(5));
    while (std::chrono::steady_clock::now() < deadline) {
        try {
            session(superuser_url()).run("select 1");
            return;
        } catch (const std::exception&) {
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
        }
    }
    crash();
}

std::vector<pid_t> fault_server::processes() const {
    std::vector<pid_t> found;
    pid_t first = 0;
    std::ifstream(folder_ + "/postmaster.pid") >> first;
    if (first <= 0 || !has(first)) return found;
    found.push_back(first);
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        const std::string name = entry.path().filename();
        if (name.find_first_not_of("0123456789") != std::string::npos || parent_of(name) != first) continue;
        if (has(std::stoi(name))) found.push_back(std::stoi(name));
    }
    return found;
}

bool fault_server::has(pid_t process) const {
    std::error_code unknown; // it has ended, or this process has not the right to know
    return std::filesystem::equivalent("/proc/" + std::to_string(process) + "/cwd", folder_, unknown) && !unknown;
}

} // namespace eventstore::test::faults
