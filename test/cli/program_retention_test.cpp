// `retention` and `scavenge`.

#include "cli/program.hpp"

#include "storage/statements.hpp"
#include "support/store_fixture.hpp"

#include <csignal>
#include <random>

using namespace eventstore::test;

namespace {

struct retained_streams : program_fixture {
    retained_streams() {
        append("a", 10);
        append("b", 4);
    }
    void append(const std::string& stream, int count) {
        std::string lines;
        for (int i = 1; i <= count; ++i) lines += R"({"type":"T","data":)" + std::to_string(i) + "}\n";
        BOOST_REQUIRE(run({"append", stream}, lines).exit_code == 0);
    }
    std::string value(const std::string& statement) {
        return session().value(eventstore::storage::for_schema(statement, schema()));
    }
};

} // namespace

BOOST_AUTO_TEST_SUITE(program_retention_test)

BOOST_FIXTURE_TEST_CASE(a_retention_is_set_shown_listed_and_removed, retained_streams) {
    const outcome set = run({"retention", "set", "a", "--max-count", "3", "--max-age", "36h"});
    BOOST_TEST(set.exit_code == 0, set.err);
    BOOST_TEST(set.out == "{\"stream\":\"a\",\"max_count\":3,\"max_age\":\"36h\"}\n");
    const outcome prefix = run({"retention", "set", "--prefix", "", "--truncate-before", "3", "--max-age", "30d"});
    BOOST_TEST(prefix.out == "{\"prefix\":\"\",\"truncate_before\":3,\"max_age\":\"30d\"}\n");
    const outcome shown = run({"retention", "show", "a"});
    BOOST_TEST(shown.out ==
        "{\"stream\":\"a\",\"truncate_before\":3,\"max_count\":3,\"max_age\":\"36h\",\"prefix\":\"\","
        "\"own\":{\"max_count\":3,\"max_age\":\"36h\"},\"version\":10,\"first_version\":8}\n");
    for (const words& list : {words{"retention"}, words{"retention", "list"}}) {
        const outcome listed = run(list);
        BOOST_TEST_REQUIRE(listed.lines().size() == 2u);
        BOOST_TEST(has_part(listed.lines()[0], "\"prefix\":\"\",\"truncate_before\":3"));
        BOOST_TEST(has_part(listed.lines()[1], "\"stream\":\"a\",\"max_count\":3"));
    }
    BOOST_TEST(run({"retention", "--table"}).lines().size() == 3u);
    BOOST_TEST(run({"read", "a"}).lines().size() == 3u);
    BOOST_TEST(run({"read", "b"}).lines().size() == 2u);
    BOOST_TEST(run({"read"}).lines().size() == 14u);
    BOOST_TEST(run({"retention", "remove", "a"}).out == "{\"stream\":\"a\",\"removed\":true}\n");
    BOOST_TEST(run({"retention", "remove", "", "--prefix"}).exit_code == 0);
    BOOST_TEST(run({"retention"}).out.empty());
    BOOST_TEST(run({"read", "a"}).lines().size() == 10u);
}

BOOST_FIXTURE_TEST_CASE(what_has_expired_is_scavenged, retained_streams) {
    run({"retention", "set", "a", "--max-count", "3"});
    const outcome done = run({"scavenge", "--portion", "2", "--rate", "0"});
    BOOST_TEST(done.exit_code == 0, done.err);
    BOOST_TEST(done.out.starts_with("{\"events\":7,\"links\":0,\"streams\":1,\"held_streams\":0,\"seconds\":"));
    BOOST_TEST(run({"read"}).lines().size() == 7u);
    run({"retention", "set", "b", "--truncate-before", "5"});
    const outcome shown = run_program_on_terminal({"scavenge", "--url", test_server::url(), "--schema", schema()}, 100);
    BOOST_TEST(has_part(shown.out, "events 4, links 0, streams 2"));
    BOOST_TEST(has_part(shown.out, "removed: events 4"));
}

BOOST_FIXTURE_TEST_CASE(bad_input_is_refused, retained_streams) {
    BOOST_TEST(run({"retention", "set", "a"}).exit_code == 2);
    BOOST_TEST(run({"retention", "set", "--max-count", "1"}).exit_code == 2);
    for (const char* const age : {"", "30", "d", "1y", "-1d", "1.5h", "30d ", "99999999999999999d"})
        BOOST_TEST(run({"retention", "set", "a", "--max-age", age}).exit_code == 2, age);
    BOOST_TEST(run({"retention", "set", "a", "--max-count", "0"}).exit_code == 2);
    BOOST_TEST(run({"retention", "set", "$all", "--max-count", "1"}).exit_code == 2);
    BOOST_TEST(run({"retention", "show"}).exit_code == 2);
    BOOST_TEST(run({"retention", "remove", "$all"}).exit_code == 2);
    BOOST_TEST(run({"scavenge", "--portion", "0"}).exit_code == 2);
    BOOST_TEST(run({"scavenge", "--rate", "-1"}).exit_code == 2);
    BOOST_TEST(run({"scavenge", "a"}).exit_code == 2);
}

// Killed at any moment, with SIGKILL: what is left is exact, and the next one goes on.
BOOST_FIXTURE_TEST_CASE(it_may_be_killed_at_any_moment, retained_streams) {
    append("a", 1'990);
    append("b", 1'996);
    run({"retention", "set", "--prefix", "", "--max-count", "100"});
    std::mt19937 random(1);
    const auto stored = [&] { return std::stoi(value("select count(*) from eventstore.events")); };
    int interrupted = 0;
    for (int round = 0; round < 20; ++round) {
        const int before = stored();
        words arguments = here();
        arguments.insert(arguments.begin(), {"scavenge", "--portion", "10", "--rate", "500"});
        {
            const running_program scavenging(arguments);
            const int goal = before - 10 * (1 + std::uniform_int_distribution<int>(0, 12)(random));
            const patience limit(std::chrono::seconds(20));
            while (stored() > goal && !limit.is_over()) {
            }                   // asked as often as it can answer
        }                       // killed here
        const auto gone = [&] { // the backend ends its statement
            return value("select count(*) from pg_stat_activity where query like '%.scavenge(%' and state = 'active'"
                         " and pid <> pg_backend_pid()") == "0";
        };
        const patience limit(std::chrono::seconds(20));
        while (!gone() && !limit.is_over()) {
        }
        const int after = stored();
        if (after > 200 && after < before) ++interrupted;
        for (const char* const stream : {"a", "b"}) {
            const std::string of = std::string("from eventstore.events join eventstore.streams as s using (stream_id)"
                                               " where s.name = '") +
                stream + "'";
            // The oldest are gone, whole portions, and no kept one is.
            BOOST_TEST(value("select count(*) = 2000 - min(stream_version) + 1 " + of) == "t");
            BOOST_TEST(value("select min(stream_version) <= 1901 " + of) == "t");
            BOOST_TEST(value("select max(stream_version) " + of) == "2000");
        }
        BOOST_TEST(run({"read", "a", "--count", "1000"}).lines().size() == 100u);
    }
    BOOST_TEST(interrupted >= 10);
    BOOST_TEST(run({"scavenge", "--rate", "0"}).exit_code == 0);
    BOOST_TEST(stored() == 200);
    append("a", 1);
    BOOST_TEST(run({"read", "a"}).lines().size() == 100u);
}

BOOST_AUTO_TEST_SUITE_END()
