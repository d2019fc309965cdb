// The watchdogs: whoever is killed, in whatever order, nothing is left running; and nobody else is killed.
#include "embedded/processes.hpp"

#include <eventstore/embedded_postgres.hpp>

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <optional>
#include <thread>

using namespace eventstore;
using namespace eventstore::test;
namespace fs = std::filesystem;
namespace data = boost::unit_test::data;

namespace {

/// Those of the server with its socket or its data in the folder.
std::vector<pid_t> watchdogs_of(const fs::path& folder) {
    std::vector<pid_t> all = processes_of(folder);
    std::erase_if(all, [](pid_t each) {
        std::ifstream file("/proc/" + std::to_string(each) + "/cmdline", std::ios::binary);
        const std::string line{std::istreambuf_iterator<char>(file), {}};
        return line.find("eventstore-watchdog") == std::string::npos;
    });
    return all;
}

/// Nothing for a process that has ended, as a session's or a worker's may at any time.
std::optional<uid_t> user_of(pid_t process) {
    struct stat status {};
    if (::stat(("/proc/" + std::to_string(process)).c_str(), &status) != 0) return std::nullopt;
    return status.st_uid;
}

bool runs(pid_t process) {
    std::ifstream file("/proc/" + std::to_string(process) + "/stat");
    std::string number, name, state;
    file >> number >> name >> state;
    return !state.empty() && state != "Z" && state != "X";
}

/// A program of this user's that has nothing to do with any server.
class bystander {
public:
    bystander() : pid_(::fork()) {
        if (pid_ == 0) {
            ::execlp("sleep", "sleep", "120", nullptr);
            ::_exit(127);
        }
    }
    ~bystander() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    bystander(const bystander&) = delete;
    bystander& operator=(const bystander&) = delete;

    pid_t pid() const noexcept { return pid_; }
    bool is_alive() const { return ::waitpid(pid_, nullptr, WNOHANG) == 0; }

private:
    pid_t pid_;
};

enum class victim { owner, first, second };

std::ostream& boost_test_print_type(std::ostream& out, victim who) {
    return out << (who == victim::owner ? "owner" : who == victim::first ? "first" : "second");
}

const auto victims = data::make({victim::owner, victim::first, victim::second});

/// An owner in a process of its own, its server, and the two watchdogs.
class guarded {
public:
    guarded() : owner_(std::in_place, std::vector<std::string>()) {
        url_ = owner_->read_line();
        folder_ = fs::path(owner_->read_line()).parent_path();
        other_child_ = static_cast<pid_t>(std::stol(owner_->read_line()));
        std::vector<pid_t> both = watchdogs_of(folder_);
        BOOST_REQUIRE(both.size() == 2u);
        std::ranges::sort(both); // the first one starts the other
        watchdogs_ = both;
    }
    ~guarded() { ::kill(other_child_, SIGKILL); }

    const std::string& url() const noexcept { return url_; }
    const fs::path& folder() const noexcept { return folder_; }
    void kill(victim who) {
        if (who != victim::owner)
            ::kill(watchdogs_[who == victim::first ? 0 : 1], SIGKILL);
        else
            owner_.reset(); // by SIGKILL
    }

private:
    std::optional<owner_process> owner_;
    std::string url_;
    fs::path folder_;
    pid_t other_child_ = 0;
    std::vector<pid_t> watchdogs_;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(embedded_guard_test, private_folder)

BOOST_DATA_TEST_CASE(two_that_are_killed_leave_nothing_if_the_owner_is_one_of_them,
    victims* victims* data::make({0, 2, 40}), first, second, milliseconds_between) {
    if (first == second || (first != victim::owner && second != victim::owner)) return;
    guarded all;
    all.kill(first);
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds_between));
    all.kill(second);
    wait_until_clean();
}

BOOST_DATA_TEST_CASE(a_watchdog_alone_does_no_harm_to_the_server_and_the_other_one_is_enough,
    data::make({victim::first, victim::second}), killed) {
    guarded all;
    all.kill(killed);
    wait_until("the end of the one that was killed", [&] { return watchdogs_of(all.folder()).size() == 1; });
    BOOST_TEST(value_of(all.url(), "select 1") == "1");
    all.kill(victim::owner);
    wait_until_clean();
}

BOOST_AUTO_TEST_CASE(an_owner_that_has_lost_both_cleans_up_itself) {
    embedded_postgres server = embedded_postgres::start_now();
    const fs::path folder = server.data_folder().parent_path();
    for (const pid_t each : watchdogs_of(folder)) ::kill(each, SIGKILL);
    BOOST_TEST(value_of(server.url(), "select 1") == "1");
    server.stop();
    BOOST_TEST(processes_of(folder).size() == 0u);
    BOOST_TEST(leftovers().size() == 0u);
}

BOOST_DATA_TEST_CASE(a_server_whose_watchdogs_are_killed_is_started_again, data::make({1, 2}), killed) {
    embedded_postgres server = embedded_postgres::start_now();
    sql(server.url(), "create table t as select 42 as n");
    std::vector<pid_t> both = watchdogs_of(server.data_folder().parent_path());
    BOOST_REQUIRE(both.size() == 2u);
    both.resize(static_cast<std::size_t>(killed));
    for (const pid_t each : both) ::kill(each, SIGKILL);
    server.restart();
    BOOST_TEST(value_of(server.url(), "select n from t") == "42");
    // A shell that starts something is two for a moment.
    wait_until("two watchdogs", [&] { return watchdogs_of(server.data_folder().parent_path()).size() == 2u; });
}

BOOST_AUTO_TEST_CASE(a_first_watchdog_killed_while_the_data_are_made_is_replaced) {
    for (const bool owner_too : {false, true}) {
        owner_process owner({});
        wait_until("initdb at work", [&] {
            const auto names = leftovers();
            return !names.empty() && fs::exists(fs::path(names.front()) / "data" / "PG_VERSION");
        });
        std::vector<pid_t> both = watchdogs_of(fs::path(leftovers().front()));
        BOOST_REQUIRE(both.size() >= 2u);
        ::kill(*std::ranges::min_element(both), SIGKILL);
        if (!owner_too) {
            BOOST_TEST(value_of(owner.read_line(), "select 1") == "1");
            owner.read_line();
            ::kill(static_cast<pid_t>(std::stol(owner.read_line())), SIGKILL);
        }
        owner.kill(SIGKILL);
        wait_until_clean();
    }
}

BOOST_AUTO_TEST_CASE(a_process_whose_number_a_file_of_the_servers_holds_is_not_killed) {
    const bystander other;
    for (const bool in_order : {false, true}) {
        embedded_postgres server = embedded_postgres::start_now();
        const fs::path folder = server.data_folder().parent_path();
        const pid_t process = server_process(server.data_folder());
        std::ofstream(server.data_folder() / "postmaster.pid") << other.pid() << '\n';
        for (const fs::directory_entry& each : fs::directory_iterator(folder))
            if (each.path().extension() == ".job") std::ofstream(each.path()) << other.pid() << '\n';
        if (!in_order)
            for (const pid_t each : watchdogs_of(folder)) ::kill(each, SIGKILL);
        server.stop();
        BOOST_TEST(!runs(process));
        BOOST_TEST(leftovers().size() == 0u);
    }
    BOOST_TEST(other.is_alive());
}

BOOST_AUTO_TEST_CASE(started_as_root_nothing_runs_as_root) {
    if (::geteuid() != 0) return;
    const embedded_postgres server = embedded_postgres::start_now();
    int seen = 0;
    for (const pid_t each : processes_of(server.data_folder().parent_path())) {
        const std::optional<uid_t> user = user_of(each);
        if (!user) continue;
        BOOST_TEST(*user != 0u);
        ++seen;
    }
    BOOST_TEST(seen > 4);
    BOOST_TEST(watchdogs_of(server.data_folder().parent_path()).size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_forked_child_that_destroys_the_object_does_not_end_the_server) {
    std::optional<embedded_postgres> server = embedded_postgres::start_now();
    const std::string answer = in_child([&] {
        server.reset();
        return std::string("destroyed");
    });
    BOOST_TEST(answer == "destroyed");
    BOOST_TEST(value_of(server->url(), "select 1") == "1");
    server->restart();
    BOOST_TEST(value_of(server->url(), "select 1") == "1");
}

BOOST_AUTO_TEST_SUITE_END()
