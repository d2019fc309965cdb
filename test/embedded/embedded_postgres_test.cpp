#include "embedded/processes.hpp"

#include <eventstore/embedded_postgres.hpp>

#include <boost/test/unit_test.hpp>

#include <netinet/in.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

using namespace eventstore;
using namespace eventstore::test;
namespace fs = std::filesystem;

namespace {

/// As whom a server runs that root starts.
uid_t server_user() {
    for (const char* const name : {"postgres", "nobody"})
        if (const passwd* const found = ::getpwnam(name)) return found->pw_uid;
    return 0;
}

/// The local addresses, "0100007F:1538", on which the process listens by TCP.
std::set<std::string> listening_addresses(pid_t process) {
    const fs::path folder = "/proc/" + std::to_string(process);
    std::set<std::string> own;
    for (const fs::directory_entry& each : fs::directory_iterator(folder / "fd")) {
        const std::string target = fs::read_symlink(each.path()).string();
        if (target.starts_with("socket:[")) own.insert(target.substr(8, target.size() - 9));
    }
    std::set<std::string> addresses;
    for (const char* table : {"tcp", "tcp6"}) {
        std::ifstream file(folder / "net" / table);
        std::string line;
        while (std::getline(file, line)) {
            std::istringstream words(line);
            std::string number, local, remote, state, queues, timer, retransmits, user, timeout, inode;
            words >> number >> local >> remote >> state >> queues >> timer >> retransmits >> user >> timeout >> inode;
            if (state == "0A" && own.contains(inode)) addresses.insert(local);
        }
    }
    return addresses;
}

std::uint16_t free_port() {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(socket, reinterpret_cast<const sockaddr*>(&address), size);
    ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
    ::close(socket);
    return ntohs(address.sin_port);
}

mode_t mode_of(const fs::path& path) {
    struct stat status {};
    ::stat(path.c_str(), &status);
    return status.st_mode & 07777;
}

std::size_t open_descriptors() {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()));
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(embedded_postgres_test, private_folder)

BOOST_AUTO_TEST_CASE(a_server_with_the_defaults_is_durable_private_and_utf8) {
    const std::size_t descriptors = open_descriptors();
    {
        const embedded_postgres server = embedded_postgres::start_now();
        const auto shows = [&](const std::string& name) { return value_of(server.url(), "show " + name); };
        BOOST_TEST(shows("fsync") == "on");
        BOOST_TEST(shows("synchronous_commit") == "on");
        BOOST_TEST(shows("full_page_writes") == "on");
        BOOST_TEST(shows("server_encoding") == "UTF8");
        BOOST_TEST(
            value_of(server.url(), "select datcollate from pg_database where datname = current_database()") == "C");
        BOOST_TEST(shows("listen_addresses") == "");
        BOOST_TEST(shows("data_directory") == server.data_folder().string());
        BOOST_TEST(value_of(server.url(), "select current_user || '@' || current_database()") == "postgres@postgres");

        BOOST_TEST(listening_addresses(server_process(server.data_folder())).size() == 0u);
        BOOST_TEST(mode_of(server.data_folder()) == 0700u);
        BOOST_TEST(mode_of(server.data_folder().parent_path()) == 0700u);
        BOOST_TEST(mode_of(server.data_folder().parent_path() / ".s.PGSQL.5432") == 0700u);
    }
    BOOST_TEST(leftovers().size() == 0u);
    BOOST_TEST(open_descriptors() == descriptors);
}

BOOST_AUTO_TEST_CASE(the_url_works_with_psql) {
    if (std::system("command -v psql >/dev/null") != 0) {
        BOOST_TEST_MESSAGE("there is no psql here");
        return;
    }
    embedded_postgres_options options;
    options.database("we'ird \"name\"/?%#@ \xc3\xa4");
    const embedded_postgres server = embedded_postgres::start_now(options);
    const std::string command = "psql -X -c 'select 1' '" + server.url() + "' >/dev/null";
    BOOST_TEST(std::system(command.c_str()) == 0);
    BOOST_TEST(value_of(server.url(), "select current_database()") == options.database());
}

BOOST_AUTO_TEST_CASE(settings_are_applied_and_the_last_value_of_a_name_holds) {
    const embedded_postgres server = embedded_postgres::start_now(embedded_postgres_options()
                                                                      .setting("max_connections", "33")
                                                                      .setting("work_mem", "1MB")
                                                                      .setting("work_mem", "7MB")
                                                                      .setting("my.text", "a 'b' \"c\" = $HOME; ä"));
    BOOST_TEST(value_of(server.url(), "show max_connections") == "33");
    BOOST_TEST(value_of(server.url(), "show work_mem") == "7MB");
    BOOST_TEST(value_of(server.url(), "show my.text") == "a 'b' \"c\" = $HOME; ä");
}

BOOST_AUTO_TEST_CASE(a_given_data_folder_keeps_its_data_and_is_used_again) {
    // Longer than a path of a socket may be, with all that a shell or a list of folders could stumble over.
    const fs::path folder = given("a") / std::string(100, 'x') / "it's \"the\", $(data)\\ \xc3\xa4;*";
    embedded_postgres_options options;
    options.data_folder(folder).database("shop");
    {
        embedded_postgres server = embedded_postgres::start_now(options);
        BOOST_TEST(server.data_folder() == folder);
        sql(server.url(), "create table t as select 42 as n");
        server.stop();
    }
    BOOST_TEST(fs::exists(folder / "PG_VERSION"));
    BOOST_TEST(!fs::exists(folder / "postmaster.pid"));
    BOOST_TEST(!fs::exists(folder / ".eventstore-initdb"));
    BOOST_TEST(leftovers().size() == 0u); // the folder of the socket
    {
        const embedded_postgres server = embedded_postgres::start_now(options);
        sql(server.url(), "update t set n = 43");
    } // at once, as in a crash
    const embedded_postgres server = embedded_postgres::start_now(options);
    BOOST_TEST(value_of(server.url(), "select n from t") == "43");
}

BOOST_AUTO_TEST_CASE(an_empty_data_folder_is_filled_and_closed_to_others) {
    const fs::path folder = given("empty");
    fs::create_directory(folder);
    fs::create_directory(folder / ".eventstore-initdb"); // of a start that was interrupted
    std::ofstream(folder / ".eventstore-initdb" / "base") << "half";
    if (::geteuid() == 0)
        for (const char* const each : {".eventstore-initdb", ".eventstore-initdb/base"})
            BOOST_REQUIRE(::chown((folder / each).c_str(), server_user(), server_user()) == 0);
    const embedded_postgres server = embedded_postgres::start_now(embedded_postgres_options().data_folder(folder / ""));
    BOOST_TEST(value_of(server.url(), "select 1") == "1");
    BOOST_TEST(server.data_folder() == folder);
    BOOST_TEST(mode_of(folder) == 0700u);
}

BOOST_AUTO_TEST_CASE(a_relative_data_folder_is_below_the_working_folder) {
    const fs::path before = fs::current_path();
    fs::current_path(given(""));
    const embedded_postgres server =
        embedded_postgres::start_now(embedded_postgres_options().data_folder("./x/../data"));
    fs::current_path(before);
    BOOST_TEST(server.data_folder() == given("data"));
}

BOOST_AUTO_TEST_CASE(a_port_listens_on_the_loopback_and_asks_for_a_password) {
    embedded_postgres_options options;
    options.port(free_port()).database("shop");
    const embedded_postgres server = embedded_postgres::start_now(options);
    const std::string tcp =
        "host=127.0.0.1 user=postgres dbname=shop connect_timeout=10 port=" + std::to_string(options.port());

    const auto addresses = listening_addresses(server_process(server.data_folder()));
    BOOST_REQUIRE(addresses.size() == 1u);
    BOOST_TEST(addresses.begin()->starts_with("0100007F:"));
    BOOST_CHECK_THROW(sql(tcp, "select 1"), std::runtime_error);

    sql(server.url(), "alter role postgres password 'secret'");
    BOOST_CHECK_THROW(sql(tcp + " password=wrong", "select 1"), std::runtime_error);
    BOOST_TEST(value_of(tcp + " password=secret", "select current_database()") == "shop");
}

BOOST_AUTO_TEST_CASE(two_servers_run_side_by_side) {
    const embedded_postgres first = embedded_postgres::start_now();
    const embedded_postgres second = embedded_postgres::start_now();
    BOOST_TEST(first.url() != second.url());
    sql(first.url(), "create table t()");
    BOOST_CHECK_THROW(sql(second.url(), "select from t"), std::runtime_error);
}

BOOST_AUTO_TEST_CASE(a_restart_keeps_url_and_data) {
    embedded_postgres server = embedded_postgres::start_now();
    const std::string url = server.url();
    sql(url, "create table t(n int)");
    for (const auto how : {embedded_postgres::shutdown::fast, embedded_postgres::shutdown::immediate}) {
        const pid_t before = server_process(server.data_folder());
        sql(url, "insert into t values (1)");
        server.restart(how);
        BOOST_TEST(server.url() == url);
        BOOST_TEST(server_process(server.data_folder()) != before);
    }
    BOOST_TEST(value_of(url, "select count(*) from t") == "2");
}

BOOST_AUTO_TEST_CASE(a_moved_server_has_one_owner) {
    embedded_postgres first = embedded_postgres::start_now();
    const std::string url = first.url();
    embedded_postgres second = std::move(first);
    BOOST_TEST(second.url() == url);
    BOOST_TEST(first.url() == ""); // what is said of it
    first.stop();
    BOOST_TEST(value_of(url, "select 1") == "1");
    second = embedded_postgres::start_now();
    BOOST_CHECK_THROW(sql(url, "select 1"), std::runtime_error);
    BOOST_TEST(value_of(second.url(), "select 1") == "1");
}

BOOST_AUTO_TEST_SUITE_END()
