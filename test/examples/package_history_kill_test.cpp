// package_history is killed again and again while it imports a log that grows, and keeps its read model: each event counts
// once.
#include "examples/child_program.hpp"

#include "support/conditions.hpp"
#include "support/store_fixture.hpp"

#include <eventstore/uuid.hpp>

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <utility>

using namespace eventstore::test;
namespace fs = std::filesystem;

namespace {

constexpr int rounds = 20;
constexpr int lines_of_round = 300;
constexpr std::chrono::seconds longest(60);

/// A log of dpkg that grows, and what somebody who reads it knows of the packages.
class growing_log {
public:
    growing_log()
        : path_((fs::temp_directory_path() / ("dpkg-" + eventstore::to_string(eventstore::make_uuid()) + ".log"))
                    .string()) {}
    ~growing_log() {
        std::error_code ignored;
        fs::remove(path_, ignored);
    }
    growing_log(const growing_log&) = delete;
    growing_log& operator=(const growing_log&) = delete;

    const std::string& path() const noexcept { return path_; }

    /// All lines of a call have the same time: some are equal.
    void grow(int round, std::mt19937& random) {
        std::ofstream out(path_, std::ios::app | std::ios::binary);
        for (int i = 0; i < lines_of_round; ++i)
            out << "2025-06-24 14:36:" << 10 + round << ' ' << next_line(random) << '\n';
    }

    /// Of packages only.
    std::int64_t events() const {
        std::int64_t sum = 0;
        for (const auto& [name, package] : packages_) sum += package.events;
        return sum;
    }
    rows contents() const {
        rows all;
        for (const auto& [name, package] : packages_)
            all.push_back({name, std::to_string(package.events), package.status, package.version});
        return all;
    }

private:
    struct known {
        std::int64_t events = 0;
        std::string status, version;
    };

    std::string next_line(std::mt19937& random) {
        if (random() % 20 == 0) return "startup packages configure";
        const std::string name = "package" + std::to_string(random() % 13) + ":all";
        const std::string version = std::to_string(random() % 5) + "-1";
        known& package = packages_[name];
        ++package.events;
        switch (random() % 4) {
        case 0: return "configure " + name + ' ' + version + " <none>";
        case 1: package.status = "not-installed"; return "disappear " + name + ' ' + version + " <none>";
        default:
            package.version = version;
            return "status " + (package.status = "installed") + ' ' + name + ' ' + version;
        }
    }

    const std::string path_;
    std::map<std::string, known> packages_;
};

class killed_history : public store_fixture {
public:
    growing_log log;
    std::mt19937 random{5};

    std::int64_t up_to(std::int64_t most) {
        return std::uniform_int_distribution<std::int64_t>(0, std::max<std::int64_t>(most, 0))(random);
    }

    texts command() const {
        return {PACKAGE_HISTORY_PROGRAM, "--url", url(), "--schema", schema(), "--lease", "500", log.path()};
    }
    bool is_there(const std::string& table) {
        return value("select to_regclass('eventstore." + table + "')") != "NULL";
    }
    std::int64_t imported() {
        if (!is_there("events")) return 0;
        return number("select count(*) from eventstore.events as e join eventstore.streams as s using (stream_id)"
                      " where starts_with(s.name, 'package-')");
    }
    std::int64_t kept() {
        if (!is_there("installed_packages")) return 0;
        return number("select coalesce(sum(events), 0) from eventstore.installed_packages");
    }

    /// What the read model holds, as of one moment, is what the log has up to the checkpoint.
    void check_the_checkpoint() {
        if (!is_there("installed_packages")) return;
        const rows found =
            ask("select (select coalesce(sum(events), 0) from eventstore.installed_packages), (select count(*) from"
                " eventstore.events as e join eventstore.streams as s using (stream_id) where starts_with(s.name, "
                "'package-')"
                " and e.position <= (select coalesce(max(position), 0) from eventstore.subscriptions where name ="
                " 'installed@1'))");
        BOOST_TEST(found[0][0] == found[0][1]);
    }

    /// Computed by the server, without the model and its library.
    rows computed_from_events() {
        return ask("select package, count(*),"
                   " coalesce((array_agg(coalesce(data->>'status', 'not-installed') order by position desc)"
                   "     filter (where type in ('PackageStatusChanged', 'PackageDisappeared')))[1], ''),"
                   " coalesce((array_agg(data->>'version' order by position desc)"
                   "     filter (where type = 'PackageStatusChanged'))[1], '') "
                   "from (select substr(s.name, 9) collate \"C\" as package, e.position, e.type,"
                   "     convert_from(e.data, 'UTF8')::jsonb as data"
                   "     from eventstore.events as e join eventstore.streams as s using (stream_id)"
                   "     where starts_with(s.name, 'package-')) as of_packages "
                   "group by package order by package");
    }
    rows contents_of_the_model() {
        return ask("select package, events, status, version from eventstore.installed_packages order by package");
    }

    /// Runs the program until the import, or the model, has come to a random place between what it has and what the log
    /// holds; or, in some rounds, for a random time.
    void run_and_kill(int round) {
        const bool by_the_model = round % 3 == 0;
        const std::int64_t before = by_the_model ? kept() : imported();
        const std::int64_t goal = before + up_to(log.events() - before);
        child_program program(command());
        if (round % 3 == 2) {
            std::this_thread::sleep_for(std::chrono::milliseconds(up_to(400)));
        } else {
            const patience limit(longest);
            while ((by_the_model ? kept() : imported()) < goal && !limit.is_over()) {
            } // asked as often as the server can answer
            BOOST_TEST(!limit.is_over());
        }
        program.signal(SIGKILL);
        // Where the place is the end of the log, the program may have come to its own end first.
        const int code = program.wait();
        if (code == 128 + SIGKILL) return;
        check_the_answer(program);
        check_the_code(code);
    }

    /// The program once more, to its end.
    void run_to_the_end() {
        child_program program(command());
        check_the_answer(program);
        check_the_code(program.wait());
    }

private:
    /// That it found the same in the model and in the events.
    void check_the_answer(child_program& program) {
        std::string line;
        while (line.find("both say") == line.npos && line.find("DIFFER") == line.npos) line = program.read_until('\n');
        BOOST_TEST(line.find("both say the same") != line.npos, line);
    }
    /// dpkg knows nothing of these packages, which the program tells by its exit code.
    void check_the_code(int code) { BOOST_TEST((code == 0 || code == 1), "exit code " << code); }
};

void check_same(const rows& left, const rows& right) {
    BOOST_TEST_REQUIRE(left.size() == right.size());
    for (std::size_t i = 0; i < left.size(); ++i) TEST_SAME(left[i], right[i]);
}

} // namespace

BOOST_AUTO_TEST_SUITE(package_history_kill_test)

BOOST_FIXTURE_TEST_CASE(killed_at_random_moments_the_read_model_has_each_event_once, killed_history, *own_sessions()) {
    int in_the_import = 0, in_the_model = 0;
    for (int round = 0; round < rounds; ++round) {
        log.grow(round, random);
        run_and_kill(round);
        in_the_import += imported() < log.events() ? 1 : 0;
        in_the_model += kept() < log.events() ? 1 : 0;
        check_the_checkpoint();
    }
    BOOST_TEST(in_the_import >= rounds / 4); // else the moments are not what they should be
    BOOST_TEST(in_the_model >= rounds / 4);
    run_to_the_end();

    check_the_checkpoint();
    BOOST_TEST(imported() == log.events());
    check_same(computed_from_events(), log.contents());
    check_same(contents_of_the_model(), log.contents());
    BOOST_TEST(number("select count(*) from eventstore.parked_events") == 0);
}

BOOST_AUTO_TEST_SUITE_END()
