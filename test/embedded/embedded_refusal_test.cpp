#include "embedded/processes.hpp"

#include <eventstore/embedded_postgres.hpp>
#include <eventstore/error.hpp>

#include <boost/test/unit_test.hpp>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

using namespace eventstore;
using namespace eventstore::test;
namespace fs = std::filesystem;

namespace {

/// Starts a server, which must fail with this code and a message that has all of these in it.
void expect_refusal(const embedded_postgres_options& options, errc code, const std::vector<std::string>& said,
    std::source_location where = std::source_location::current()) {
    try {
        embedded_postgres::start_now(options);
    } catch (const error& e) {
        const std::string message = e.what();
        BOOST_TEST_INFO_SCOPE("line " << where.line() << ", the message: " << message);
        BOOST_TEST((e.code() == code));
        for (const std::string& each : said) {
            BOOST_TEST_INFO("without: " << each);
            BOOST_TEST(message.find(each) != std::string::npos);
        }
        return;
    }
    BOOST_ERROR("line " << where.line() << ": the server started");
}

void expect_failure(const embedded_postgres_options& options, const std::vector<std::string>& said,
    std::source_location where = std::source_location::current()) {
    expect_refusal(options, errc::embedded_server_failed, said, where);
}

void write(const fs::path& file, const std::string& text) {
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
}

/// A folder of programs that say to be a server.
fs::path make_binaries(const fs::path& folder, const std::string& script) {
    for (const char* name : {"initdb", "postgres"}) {
        write(folder / name, "#!/bin/sh\n" + script + "\n");
        ::chmod((folder / name).c_str(), 0755);
    }
    ::chmod(folder.c_str(), 0755);
    return folder;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(embedded_refusal_test, private_folder)

BOOST_AUTO_TEST_CASE(options_out_of_bounds) {
    const auto refuse = [](const embedded_postgres_options& options, const std::vector<std::string>& said) {
        expect_refusal(options, errc::invalid_argument, said);
    };
    refuse(embedded_postgres_options().database(""), {"`database`", "1 to 63 bytes"});
    refuse(embedded_postgres_options().database(std::string(64, 'x')), {"`database`", "1 to 63 bytes"});
    refuse(embedded_postgres_options().database("\xff"), {"`database`", "\\xff"});
    refuse(embedded_postgres_options().start_timeout(milliseconds(0)), {"`start_timeout`", "0 ms"});
    refuse(embedded_postgres_options().setting("", "1"), {"`setting`"});
    refuse(embedded_postgres_options().setting("a b", "1"), {"`setting`", "'a b'"});
    refuse(embedded_postgres_options().setting("fsync", std::string(1, '\0')), {"NUL", "'fsync'"});
    for (const char* name : {"listen_addresses", "Port", "HBA_FILE", "unix_socket_directories", "data_directory"})
        refuse(embedded_postgres_options().setting(name, "1"), {"`setting`", "`port`"});
}

BOOST_AUTO_TEST_CASE(missing_binaries) {
    expect_failure(embedded_postgres_options().binaries(given("nowhere")),
        {"nowhere'", "initdb and postgres", "option `binaries`"});
    expect_failure(
        embedded_postgres_options().binaries(make_binaries(given("old"), "echo 'postgres (PostgreSQL) 13.4'")),
        {"version 13", "14 or later"});
    expect_failure(embedded_postgres_options().binaries(make_binaries(given("other"), "echo hello")), {"version 0"});
}

BOOST_AUTO_TEST_CASE(a_data_folder_of_another_major_version) {
    write(given("old") / "PG_VERSION", "13\n");
    expect_failure(embedded_postgres_options().data_folder(given("old")),
        {"made by PostgreSQL 13", "/usr/lib/postgresql/*/bin", "PATH", "found only: ", "apt install postgresql-13",
            "dnf", "brew"});
    BOOST_TEST(!fs::exists(given("old") / "postmaster.pid"));

    const fs::path binaries = make_binaries(given("bin"), "echo 'postgres (PostgreSQL) 14.1'");
    expect_failure(embedded_postgres_options().data_folder(given("old")).binaries(binaries),
        {"made by PostgreSQL 13", "is of version 14", "pg_upgrade"});
    write(given("odd") / "PG_VERSION", "nonsense");
    expect_failure(embedded_postgres_options().data_folder(given("odd")), {"PG_VERSION", "cannot be read"});
}

BOOST_AUTO_TEST_CASE(a_folder_with_something_else_in_it) {
    write(given("mine") / "letter.txt", "dear");
    expect_failure(embedded_postgres_options().data_folder(given("mine")), {"mine'", "'letter.txt'", "not empty"});
    BOOST_TEST(fs::exists(given("mine") / "letter.txt"));
    expect_failure(embedded_postgres_options().data_folder(given("mine") / "letter.txt"), {"is a file"});
    expect_failure(embedded_postgres_options().data_folder(given("mine") / "letter.txt" / "data"), {"data'"});
}

BOOST_AUTO_TEST_CASE(a_folder_in_use) {
    auto options = embedded_postgres_options().data_folder(given("data"));
    {
        embedded_postgres server = embedded_postgres::start_now(options);
        const std::string process = std::to_string(server_process(given("data")));
        expect_failure(options, {"in use", process});
        expect_failure(embedded_postgres_options().data_folder(given("") / "." / "data"), {"in use", process});
        BOOST_TEST(value_of(server.url(), "select 1") == "1");
        server.stop(); // gives the folder free, though the object lives on
        embedded_postgres::start_now(options);
    }
    BOOST_TEST(value_of(embedded_postgres::start_now(options).url(), "select 1") == "1");
}

BOOST_AUTO_TEST_CASE(a_process_id_that_another_program_of_the_same_user_has_now_is_no_server) {
    const auto work = [this] {
        const auto options = embedded_postgres_options().data_folder(given("data"));
        embedded_postgres::start_now(options).stop();
        write(given("data") / "postmaster.pid",
            std::to_string(::getpid()) + "\n" + given("data").string() + "\n1\n5432\n\n");
        return value_of(embedded_postgres::start_now(options).url(), "select 'started'");
    };
    BOOST_TEST(in_child(work, ::geteuid() == 0 ? 65'534 : 0) == "started");
}

BOOST_AUTO_TEST_CASE(a_folder_out_of_reach_of_the_servers_user) {
    if (::geteuid() != 0) {
        write(given("closed") / "x", "");
        ::chmod(given("closed").c_str(), 0500);
        expect_failure(embedded_postgres_options().data_folder(given("closed") / "data"), {"closed", "cannot be made"});
        return;
    }
    fs::create_directory(given("roots"));
    ::chmod(given("roots").c_str(), 0700);
    expect_failure(
        embedded_postgres_options().data_folder(given("roots") / "data"), {"roots", "cannot be reached", "user '"});
}

BOOST_AUTO_TEST_CASE(a_server_that_does_not_start_shows_the_end_of_its_log) {
    expect_failure(
        embedded_postgres_options().setting("no_such_setting", "1"), {"no_such_setting", "its log ends with"});
    expect_failure(
        embedded_postgres_options().setting("shared_buffers", "lots"), {"shared_buffers", "its log ends with"});

    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    BOOST_REQUIRE(::bind(socket, reinterpret_cast<const sockaddr*>(&address), size) == 0);
    BOOST_REQUIRE(::listen(socket, 1) == 0);
    ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
    expect_failure(embedded_postgres_options().port(ntohs(address.sin_port)), {"Address already in use"});
    ::close(socket);

    const std::string pretends =
        "case $1 in -V) echo 'postgres (PostgreSQL) 15.1' ;; *) echo broken >&2; exit 3 ;; esac";
    expect_failure(embedded_postgres_options().binaries(make_binaries(given("broken"), pretends)),
        {"ended while it was starting", "broken"});
}

BOOST_AUTO_TEST_CASE(a_server_that_takes_too_long) {
    expect_failure(embedded_postgres_options().start_timeout(milliseconds(20)), {"within 20 ms", "`start_timeout`"});

    // One that hangs, and does not listen to reason.
    const std::string hangs = "case $1 in -V) echo 'postgres (PostgreSQL) 15.1' ;; *) sleep 60 & wait ;; esac";
    expect_failure(
        embedded_postgres_options().binaries(make_binaries(given("hang"), hangs)).start_timeout(milliseconds(20)),
        {"within 20 ms"});

    // One that has something to finish, as initdb has: nothing of it runs any more when the failure is told.
    const std::string lingers = "case $1 in -V) echo 'postgres (PostgreSQL) 15.1' ;; "
                                "*) trap 'trap \"\" TERM; sleep 0.3; exit 1' TERM; sleep 60 & wait ;; esac";
    expect_failure(
        embedded_postgres_options().binaries(make_binaries(given("linger"), lingers)).start_timeout(milliseconds(200)),
        {"within 200 ms"});
    BOOST_TEST(processes_of(given("")).empty());
}

BOOST_AUTO_TEST_SUITE_END()
