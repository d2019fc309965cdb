#include "embedded/processes.hpp"

#include <eventstore/embedded_postgres.hpp>
#include <eventstore/error.hpp>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <thread>

using namespace eventstore;
using namespace eventstore::test;
namespace fs = std::filesystem;

namespace {

bool has_children() { return ::waitpid(-1, nullptr, WNOHANG) >= 0 || errno != ECHILD; }

bool is_alive(pid_t process) { return ::kill(process, 0) == 0 || errno != ESRCH; }

pid_t parent_of(pid_t process) {
    std::ifstream file("/proc/" + std::to_string(process) + "/stat");
    std::string number, name, state;
    pid_t parent = 0;
    file >> number >> name >> state >> parent;
    return parent;
}

/// A session that does not look up from its work.
class busy_session {
public:
    explicit busy_session(std::string url)
        : thread_([url] {
              try {
                  sql(url, "set application_name = 'busy'; do $$ begin loop end loop; end $$");
              } catch (const std::exception&) {
              }
          }) {
        wait_until("a busy session", [&] {
            return value_of(url,
                       "select count(*) from pg_stat_activity where application_name = 'busy' "
                       "and state = 'active'") == "1";
        });
    }

private:
    std::jthread thread_;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(embedded_end_test, private_folder)

BOOST_AUTO_TEST_CASE(stop_ends_all_processes_and_can_be_called_again) {
    embedded_postgres server = embedded_postgres::start_now();
    const busy_session busy(server.url());
    BOOST_TEST(processes_of(server.data_folder().parent_path()).size() > 2u);
    server.stop();
    BOOST_TEST(processes_of(server.data_folder().parent_path()).size() == 0u);
    BOOST_TEST(leftovers().size() == 0u);
    BOOST_TEST(!has_children());
    server.stop();
    BOOST_CHECK_EXCEPTION(
        server.restart(), error, [](const error& e) { return e.code() == errc::embedded_server_failed; });
}

BOOST_AUTO_TEST_CASE(the_destructor_ends_all_processes_even_if_they_are_busy) {
    std::optional<embedded_postgres> server = embedded_postgres::start_now();
    const fs::path folder = server->data_folder().parent_path();
    const busy_session busy(server->url());
    server.reset();
    BOOST_TEST(processes_of(folder).size() == 0u);
    BOOST_TEST(leftovers().size() == 0u);
    BOOST_TEST(!has_children());
}

BOOST_AUTO_TEST_CASE(an_exception_of_the_owner_ends_all) {
    try {
        const embedded_postgres server = embedded_postgres::start_now();
        throw std::logic_error("of the owner");
    } catch (const std::logic_error&) {
    }
    BOOST_TEST(leftovers().size() == 0u);
    BOOST_TEST(!has_children());
}

BOOST_DATA_TEST_CASE(a_signal_that_ends_the_owner_ends_all, boost::unit_test::data::make({SIGINT, SIGTERM, SIGKILL})) {
    owner_process owner({});
    const std::string url = owner.read_line();
    owner.read_line();
    const pid_t other_child = static_cast<pid_t>(std::stol(owner.read_line()));
    {
        const busy_session busy(url);
        owner.kill(sample);
    }
    wait_until_clean();
    BOOST_TEST(is_alive(other_child)); // which holds nothing of the server's
    ::kill(other_child, SIGKILL);
}

BOOST_AUTO_TEST_CASE(data_of_a_killed_owner_are_there_for_the_next_who_may_come_at_once) {
    const fs::path folder = given("data");
    owner_process owner({folder.string()});
    const std::string url = owner.read_line();
    owner.read_line();
    const pid_t other_child = static_cast<pid_t>(std::stol(owner.read_line()));
    sql(url, "create table t as select 42 as n");
    owner.kill(SIGKILL);
    ::kill(other_child, SIGKILL);

    const embedded_postgres server = embedded_postgres::start_now(embedded_postgres_options().data_folder(folder));
    BOOST_TEST(value_of(server.url(), "select n from t") == "42");
}

BOOST_AUTO_TEST_CASE(an_owner_killed_while_the_data_are_made_leaves_nothing_that_looks_complete) {
    const fs::path folder = given("data");
    {
        owner_process owner({folder.string()});
        wait_until("initdb at work", [&] { return fs::exists(folder / ".eventstore-initdb" / "PG_VERSION"); });
        owner.kill(SIGKILL);
    }
    wait_until_clean();
    BOOST_TEST(!fs::exists(folder / "PG_VERSION"));

    const embedded_postgres server = embedded_postgres::start_now(embedded_postgres_options().data_folder(folder));
    BOOST_TEST(value_of(server.url(), "select 1") == "1");
}

BOOST_AUTO_TEST_CASE(an_owner_killed_while_temporary_data_are_made_leaves_nothing) {
    {
        owner_process owner({});
        wait_until("initdb at work", [&] {
            const auto names = leftovers();
            return !names.empty() && fs::exists(fs::path(names.front()) / "data" / "PG_VERSION");
        });
        owner.kill(SIGKILL);
    }
    wait_until_clean();
    BOOST_TEST(leftovers().size() == 0u);
}

BOOST_AUTO_TEST_CASE(data_of_a_server_that_was_killed_with_its_watchdog_start_again) {
    const fs::path folder = given("data");
    const auto options = embedded_postgres_options().data_folder(folder);
    {
        embedded_postgres server = embedded_postgres::start_now(options);
        sql(server.url(), "create table t as select 42 as n");
        for (const pid_t each : processes_of(folder)) ::kill(each, SIGKILL);
    }
    BOOST_TEST(fs::exists(folder / "postmaster.pid"));
    const embedded_postgres server = embedded_postgres::start_now(options);
    BOOST_TEST(value_of(server.url(), "select n from t") == "42");
}

BOOST_AUTO_TEST_CASE(stop_cleans_up_itself_if_the_watchdog_was_killed) {
    embedded_postgres server = embedded_postgres::start_now();
    const fs::path folder = server.data_folder().parent_path();
    ::kill(parent_of(server_process(server.data_folder())), SIGKILL);
    server.stop();
    BOOST_TEST(processes_of(folder).size() == 0u);
    BOOST_TEST(leftovers().size() == 0u);
}

BOOST_AUTO_TEST_CASE(sessions_that_outlive_a_killed_server_are_ended) {
    embedded_postgres server = embedded_postgres::start_now();
    const fs::path folder = server.data_folder().parent_path();
    const busy_session busy(server.url());
    const pid_t process = server_process(server.data_folder());
    ::kill(process, SIGKILL);
    server.stop();
    BOOST_TEST(processes_of(folder).size() == 0u);
    BOOST_TEST(leftovers().size() == 0u);
}

BOOST_AUTO_TEST_CASE(a_server_that_was_stopped_by_a_debugger_ends_with_its_owner) {
    embedded_postgres server = embedded_postgres::start_now();
    const fs::path folder = server.data_folder().parent_path();
    ::kill(server_process(server.data_folder()), SIGSTOP);
    { const embedded_postgres ended = std::move(server); }
    BOOST_TEST(processes_of(folder).size() == 0u);
    BOOST_TEST(leftovers().size() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
