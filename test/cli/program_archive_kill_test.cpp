// `archive` is killed at random moments of its export, check and removal: each event is in the log, or in a file that is
// whole.
#include "cli/two_stores.hpp"

#include "support/store_fixture.hpp"

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <map>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

using namespace eventstore::test;

namespace {

constexpr int rounds = 20;
constexpr int events = 6000;

using ids_by_position = std::map<std::int64_t, std::string>;

/// The events of the file, if `check` says that it is whole.
ids_by_position events_in(const fresh_file& file) {
    ids_by_position found;
    if (file.size() == 0 || run_program({"check", file.path()}).exit_code != 0) return found;
    std::istringstream lines(file.content());
    const std::string position = "{\"position\":", id = ",\"id\":\"";
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with(position)) continue;
        found.emplace(std::stoll(line.substr(position.size())), line.substr(line.find(id) + id.size(), 36));
    }
    return found;
}

/// Whether its last line is there.
bool is_whole(const fresh_file& file) {
    const std::string content = file.content();
    return content.ends_with('\n') && content.rfind("\n{\"end\":") + 500 > content.size();
}

ids_by_position events_of(const fresh_schema& schema) {
    ids_by_position found;
    for (const auto& row : sql(in_schema(schema.name(), "select position, event_id from eventstore.events")))
        found.emplace(std::stoll(row[0]), row[1]);
    return found;
}

} // namespace

BOOST_AUTO_TEST_SUITE(program_archive_kill_test)

BOOST_AUTO_TEST_CASE(it_may_be_killed_at_any_moment) {
    const two_stores both;
    both.sql_in(both.original,
        "select eventstore.append_event('stream-' || n % 20, -1, gen_random_uuid(), 'T', convert_to(repeat('x', 1500),"
        " 'UTF8'), '', null, null, null, false) from generate_series(1, " +
            std::to_string(events) + ") as n");
    const ids_by_position all = events_of(both.original);
    const rows everything = everything_in(both.original.name());
    std::mt19937 random(std::random_device{}());
    const auto upto = [&random](int most) { return std::uniform_int_distribution<int>(0, most)(random); };

    std::vector<std::unique_ptr<fresh_file>> files;
    std::int64_t before = 1;
    std::int64_t in_export = 0, in_check = 0, in_removal = 0;
    const auto command = [&] {
        return words{"archive", "--before", std::to_string(before), "--to", files.back()->path(), "--portion", "50",
            "--rate", "5000", "--url", test_server::url(), "--schema", both.original.name()};
    };
    const auto stored = [&] { return both.count(both.original); };
    for (int round = 0; round < rounds; ++round) {
        // Four archives, one after the other, five kills each: the first three while the file comes to be.
        if (round % 5 == 0) {
            if (!files.empty()) BOOST_TEST(run_program(command()).exit_code == 0);
            files.push_back(std::make_unique<fresh_file>());
            before += events / 4;
        }
        const std::uintmax_t file_before = files.back()->size();
        const std::int64_t stored_before = stored();
        const int step = round % 5;
        {
            running_program running(command());
            const patience limit(std::chrono::seconds(20));
            constexpr std::uintmax_t nearly_whole = 2'200'000;
            const std::uintmax_t goal =
                std::min(nearly_whole, file_before + static_cast<std::uintmax_t>(upto(1'500'000)));
            std::int64_t left = stored_before;
            if (step >= 3) left = std::max(left - 50 * (1 + upto(8)), events - (before - 1));
            while (!limit.is_over()) {
                const bool is_there = step < 2 ? files.back()->size() >= goal
                    : step == 2                ? is_whole(*files.back())
                                               : stored() <= left;
                if (is_there) break;
            }
            // When it is killed is what this is about.
            std::this_thread::sleep_for(std::chrono::microseconds(upto(step == 2 ? 10'000 : 3'000)));
            running.send_signal(SIGKILL);
            running.exit_code();
        }
        // The backend ends its statement.
        const patience limit(std::chrono::seconds(20));
        while (
            sql_value("select count(*) from pg_stat_activity where query like '%remove_archived%' and state = 'active'"
                      " and pid <> pg_backend_pid()") != "0" &&
            !limit.is_over()) {
        }
        ids_by_position found = events_of(both.original);
        const std::int64_t now = static_cast<std::int64_t>(found.size());
        const ids_by_position last = events_in(*files.back());
        if (last.empty())
            ++in_export;
        else if (now == stored_before)
            ++in_check;
        else if (now > events - (before - 1))
            ++in_removal;
        for (const auto& file : files) found.merge(events_in(*file));
        BOOST_TEST((found == all), "round " << round << ": " << found.size() << " of " << all.size());
    }
    BOOST_TEST(run_program(command()).exit_code == 0);
    BOOST_TEST_MESSAGE("killed in export " << in_export << ", check " << in_check << ", removal " << in_removal);
    BOOST_TEST(in_export > 0);
    BOOST_TEST(in_removal > 0);

    BOOST_TEST(stored() == 0);
    ids_by_position archived;
    for (const auto& file : files) {
        const ids_by_position of_file = events_in(*file);
        BOOST_TEST(of_file.size() == static_cast<std::size_t>(events / 4));
        archived.insert(of_file.begin(), of_file.end());
    }
    BOOST_TEST((archived == all));
    BOOST_TEST(both.from_original({"verify"}).exit_code == 0);
    // All of it comes back, to the same store and to another one.
    for (const auto& file : files) {
        BOOST_TEST(both.from_original({"import", file->path()}).exit_code == 0);
        both.import_from(*file);
    }
    both.compare();
    const rows back = everything_in(both.original.name());
    BOOST_TEST((back == everything));
    BOOST_TEST(both.from_original({"verify"}).exit_code == 0);
    BOOST_TEST(both.into_copy({"verify"}).exit_code == 0);
}

BOOST_AUTO_TEST_SUITE_END()
