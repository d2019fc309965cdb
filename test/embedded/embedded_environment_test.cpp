#include "embedded/processes.hpp"

#include <eventstore/embedded_postgres.hpp>
#include <eventstore/error.hpp>

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <pwd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iterator>

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

BOOST_AUTO_TEST_CASE(a_TMPDIR_with_a_comma_still_gets_the_data) {
    const fs::path odd = given("a,b 'c\"d");
    fs::create_directory(odd);
    ::chmod(odd.c_str(), 01777);
    BOOST_TEST(in_child([&] {
        ::setenv("TMPDIR", odd.c_str(), 1);
        {
            const embedded_postgres server = embedded_postgres::start_now();
            if (!server.data_folder().native().starts_with(odd.native())) return std::string("the data are elsewhere");
            value_of(server.url(), "select 1");
        }
        return fs::is_empty(odd) ? right_answer : "something was left";
    }) == right_answer);
}

BOOST_AUTO_TEST_CASE(thousands_of_open_descriptors_do_no_harm_and_reach_no_server) {
    BOOST_TEST(in_child([&] {
        const rlimit many{8'192, 8'192};
        ::setrlimit(RLIMIT_NOFILE, &many);
        for (int i = 0; i < 3'000; ++i)
            if (::open("/dev/null", O_RDONLY) < 0) return std::string("there are no descriptors");
        const embedded_postgres server = embedded_postgres::start_now();
        const fs::path of_server = "/proc/" + std::to_string(server_process(server.data_folder())) + "/fd";
        const auto count = std::distance(fs::directory_iterator(of_server), fs::directory_iterator());
        if (count > 100) return std::string("the server has inherited descriptors");
        return value_of(server.url(), "select current_user || ' ' || 6 * 7");
    }) == right_answer);
}

BOOST_AUTO_TEST_CASE(a_program_that_is_started_inherits_no_descriptor) {
    const auto inherited = [] {
        std::vector<int> all;
        for (int each = 3; each < 1'024; ++each)
            if (const int flags = ::fcntl(each, F_GETFD); flags >= 0 && (flags & FD_CLOEXEC) == 0) all.push_back(each);
        return all;
    };
    const std::vector<int> before = inherited();
    const embedded_postgres server =
        embedded_postgres::start_now(embedded_postgres_options().data_folder(given("data")));
    BOOST_TEST((inherited() == before));
}

// Whoever can write to the folder above could have root give them any folder of root's.
BOOST_AUTO_TEST_CASE(root_follows_no_link_of_another_user) {
    if (::geteuid() != 0) return;
    fs::create_directory(given("roots"));
    fs::create_directory(given("theirs"));
    BOOST_REQUIRE(::chown(given("theirs").c_str(), nobody(), nobody()) == 0);
    const auto owner_of = [](const fs::path& what) {
        struct stat status {};
        ::stat(what.c_str(), &status);
        return status.st_uid;
    };
    for (const char* const way : {"theirs/data", "theirs/data/", "theirs/data/below"}) {
        fs::remove(given("theirs/data"));
        fs::create_directory_symlink(given("roots"), given("theirs/data"));
        BOOST_REQUIRE(::lchown(given("theirs/data").c_str(), nobody(), nobody()) == 0);
        try {
            embedded_postgres::start_now(embedded_postgres_options().data_folder(given(way)));
            BOOST_ERROR("started in " << way);
        } catch (const error& e) {
            BOOST_TEST(std::string(e.what()).find("link") != std::string::npos, e.what());
        }
        BOOST_TEST(fs::is_empty(given("roots")));
        BOOST_TEST(owner_of(given("roots")) == 0u);
    }
    // One of root's own is another matter.
    fs::create_directory_symlink(given("roots"), given("link"));
    BOOST_TEST(start_and_ask(embedded_postgres_options().data_folder(given("link/data"))) == right_answer);
    BOOST_TEST(owner_of(given("roots/data")) != 0u);
}

BOOST_AUTO_TEST_CASE(files_that_are_none_do_not_hold_root_up) {
    fs::create_directory(given("data"));
    if (::geteuid() == 0) BOOST_REQUIRE(::chown(given("data").c_str(), nobody(), nobody()) == 0);
    BOOST_REQUIRE(::mkfifo(given("data/PG_VERSION").c_str(), 0600) == 0);
    BOOST_CHECK_THROW(embedded_postgres::start_now(embedded_postgres_options().data_folder(given("data"))), error);
}

BOOST_AUTO_TEST_SUITE_END()
