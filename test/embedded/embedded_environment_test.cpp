#include "embedded/processes.hpp"

#include <eventstore/embedded_postgres.hpp>

#include <boost/test/unit_test.hpp>

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

using namespace eventstore;
using namespace eventstore::test;
namespace fs = std::filesystem;

namespace {

uid_t nobody() {
    const passwd* found = ::getpwnam("nobody");
    return found != nullptr ? found->pw_uid : 65534;
}

/// Starts a server, asks it something, stops it.
std::string start_and_ask(embedded_postgres_options options = embedded_postgres_options()) {
    embedded_postgres server = embedded_postgres::start_now(std::move(options));
    const std::string answer = value_of(server.url(), "select current_user || ' ' || 6 * 7");
    server.stop();
    return answer;
}

const std::string right_answer = "postgres 42";

} // namespace

BOOST_FIXTURE_TEST_SUITE(embedded_environment_test, private_folder)

BOOST_AUTO_TEST_CASE(an_ordinary_user_can_start_a_server) {
    if (::geteuid() != 0) return; // then every test shows as much
    const auto work = [this] {
        const std::string answer = start_and_ask();
        return leftovers().empty() ? answer : "error: something was left";
    };
    BOOST_TEST(in_child(work, nobody()) == right_answer);

    // In a folder whose parent is somebody else's.
    fs::create_directory(given("own"));
    BOOST_REQUIRE(::chown(given("own").c_str(), nobody(), nobody()) == 0);
    ::chmod(given("").c_str(), 0755);
    BOOST_TEST(in_child([this] { return start_and_ask(embedded_postgres_options().data_folder(given("own"))); },
                   nobody()) == right_answer);
    // Root comes later, and the server is the folder's owner still.
    BOOST_TEST(start_and_ask(embedded_postgres_options().data_folder(given("own"))) == right_answer);
    BOOST_TEST(in_child([this] { return start_and_ask(embedded_postgres_options().data_folder(given("own"))); },
                   nobody()) == right_answer);
}

BOOST_AUTO_TEST_CASE(started_as_root_the_server_runs_as_somebody_else) {
    if (::geteuid() != 0) return;
    const embedded_postgres server = embedded_postgres::start_now();
    struct stat process {};
    BOOST_REQUIRE(::stat(("/proc/" + std::to_string(server_process(server.data_folder()))).c_str(), &process) == 0);
    BOOST_TEST(process.st_uid != 0u);
    BOOST_TEST(process.st_gid != 0u);
    BOOST_TEST(::geteuid() == 0u);
}

BOOST_AUTO_TEST_CASE(other_users_do_not_get_in) {
    if (::geteuid() != 0) return;
    const embedded_postgres server = embedded_postgres::start_now();
    const uid_t somebody = 54'321;
    const std::string answer = in_child([&] { return value_of(server.url(), "select 'in'"); }, somebody);
    BOOST_TEST(answer.find("Permission denied") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_hostile_environment_does_no_harm) {
    // As a stranger with other habits: no standard descriptors, ignored signals, a closed umask, a working folder that the
    // server cannot enter, locales that are not installed, settings of libpq and of the server.
    const auto work = [this] {
        fs::create_directory(given("closed"));
        ::chmod(given("closed").c_str(), 0700);
        fs::current_path(given("closed"));
        for (int descriptor = 0; descriptor < 3; ++descriptor) ::close(descriptor);
        for (const int each : {SIGCHLD, SIGPIPE, SIGINT, SIGQUIT, SIGTERM, SIGHUP}) ::signal(each, SIG_IGN);
        sigset_t all;
        sigfillset(&all);
        ::sigprocmask(SIG_BLOCK, &all, nullptr);
        ::umask(0777);
        for (const char* name : {"LANG", "LC_ALL", "LC_MESSAGES"}) ::setenv(name, "xx_YY.UTF-8", 1);
        ::unsetenv("HOME");
        ::unsetenv("PATH");
        ::setenv("IFS", "/-", 1);
        ::setenv("ENV", "/nonexistent", 1);
        ::setenv("PGDATA", "/nonexistent", 1);
        ::setenv("PGPORT", "1", 1);
        ::setenv("PGDATABASE", "nonexistent", 1);
        ::setenv("PGUSER", "nonexistent", 1);
        ::setenv("PGHOST", "nonexistent", 1);
        return start_and_ask();
    };
    BOOST_TEST(in_child(work) == right_answer);
    if (::geteuid() == 0) {
        fs::remove(given("closed"));
        BOOST_TEST(in_child(work, nobody()) == right_answer);
    }
}

BOOST_AUTO_TEST_CASE(a_data_folder_below_new_folders_under_a_closed_umask) {
    const fs::path folder = given("x") / "y" / "data";
    BOOST_TEST(in_child([&] {
        ::umask(077);
        return start_and_ask(embedded_postgres_options().data_folder(folder));
    }) == right_answer);
}

BOOST_AUTO_TEST_CASE(a_working_folder_that_is_gone_does_no_harm) {
    BOOST_TEST(in_child([this] {
        fs::create_directory(given("gone"));
        fs::current_path(given("gone"));
        fs::remove(given("gone"));
        return start_and_ask();
    }) == right_answer);
}

BOOST_AUTO_TEST_CASE(a_TMPDIR_that_is_too_long_for_a_socket_still_gets_the_data) {
    const fs::path deep = given(std::string(100, 'd'));
    fs::create_directory(deep);
    ::chmod(deep.c_str(), 01777);
    BOOST_TEST(in_child([&] {
        ::setenv("TMPDIR", deep.c_str(), 1);
        std::string url;
        {
            const embedded_postgres server = embedded_postgres::start_now();
            if (!server.data_folder().native().starts_with(deep.native()))
                return std::string("error: the data are elsewhere");
            url = server.url();
            value_of(url, "select 1");
        }
        return fs::is_empty(deep) ? right_answer : "error: something was left";
    }) == right_answer);
}

BOOST_AUTO_TEST_CASE(a_TMPDIR_that_the_server_cannot_enter_is_passed_over) {
    BOOST_TEST(in_child([&] {
        ::setenv("TMPDIR", "/nonexistent", 1);
        return start_and_ask();
    }) == right_answer);
    fs::create_directory(given("roots"));
    ::chmod(given("roots").c_str(), ::geteuid() == 0 ? 0700 : 0500);
    BOOST_TEST(in_child([&] {
        ::setenv("TMPDIR", given("roots").c_str(), 1);
        return start_and_ask();
    }) == right_answer);
}

BOOST_AUTO_TEST_SUITE_END()
