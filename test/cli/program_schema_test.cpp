#include "cli/program.hpp"

#include "support/older_schema.hpp"
#include "support/store_fixture.hpp"

#include <poll.h>

#include <memory>
#include <stdexcept>

using namespace eventstore::test;

namespace {

/// A database of the test's own, with schemas of several ages.
class other_database {
public:
    std::string url() const { return database_.url(); }
    outcome run(words arguments) const {
        arguments.insert(arguments.end(), {"--url", url()});
        return run_program(arguments);
    }
    std::string version_of(const std::string& schema) const {
        return session(url()).value("select max(version) from " + quoted_name(schema) + ".schema_migrations");
    }

private:
    const fresh_schema unique_;
    const fresh_database database_{"database_of_" + unique_.name()};
};

/// Starts programs that all come to the point where one of them makes the schema, and lets them go at once.
void migrate_at_once(const std::string& schema, int from) {
    constexpr std::size_t count = 6;
    const std::string version = std::to_string(newest_version());
    blocker migration("select pg_advisory_xact_lock(hashtextextended('eventstore migration ' || '" + schema + "', 0))");
    std::vector<std::unique_ptr<running_program>> programs;
    for (std::size_t i = 0; i < count; ++i)
        programs.push_back(std::make_unique<running_program>(
            words{i % 2 == 0 ? "migrate" : "init", "--url", test_server::url(), "--schema", schema}));
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!migration.blocks(count)) {
        if (std::chrono::steady_clock::now() > end) throw std::runtime_error("the programs did not come that far");
        ::poll(nullptr, 0, 2);
    }
    migration.release();
    for (const auto& each : programs) {
        TEST_SAME(each->lines_to_the_end(),
            words({"{\"schema_version\":" + version + ",\"from\":" + std::to_string(from) + "}"}));
        BOOST_TEST(each->exit_code() == 0, each->err());
    }
    const std::string table = quoted_name(schema) + ".schema_migrations";
    BOOST_TEST(sql_value("select count(*) from " + table) == version);
}

} // namespace

BOOST_AUTO_TEST_SUITE(program_schema_test)

BOOST_AUTO_TEST_CASE(of_processes_that_migrate_at_once_one_does_it_and_all_succeed) {
    const fresh_schema made;
    migrate_at_once(made.name(), 0);
    // All of it came in one transaction.
    BOOST_TEST(
        sql_value("select count(distinct xmin::text) from " + quoted_name(made.name()) + ".schema_migrations") == "1");

    const fresh_schema older;
    make_older_schema(test_server::url(), older.name(), 2);
    migrate_at_once(older.name(), 2);
    BOOST_TEST(sql_value("select count(distinct xmin::text) from " + quoted_name(older.name()) +
                   ".schema_migrations where version > 2") == "1");
}

BOOST_AUTO_TEST_CASE(what_was_done_to_a_schema_is_said) {
    const std::string newest = std::to_string(newest_version());
    const fresh_schema made;
    const fresh_schema older;
    make_older_schema(test_server::url(), older.name(), 3);
    for (const char* const command : {"init", "migrate"}) {
        const fresh_schema& schema = command == std::string_view("init") ? made : older;
        const words arguments{command, "--table", "--url", test_server::url(), "--schema", schema.name()};
        const std::string first = "the schema " + schema.name() + " is at version " + newest;
        BOOST_TEST(run_program(arguments).out == first + (&schema == &made ? ", made now\n" : ", up from 3\n"));
        BOOST_TEST(run_program(arguments).out == first + ", as before\n");
    }
}

BOOST_FIXTURE_TEST_CASE(a_newer_schema_is_left_alone_by_every_command, program_fixture) {
    sql("insert into " + quoted_name(schema()) + ".schema_migrations (version, name) values (9999, 'of the future')");
    for (const char* const command : {"init", "migrate", "info", "read", "streams"}) {
        const outcome refused = run({command});
        BOOST_TEST(refused.exit_code == 1, command);
        BOOST_TEST(refused.out == "");
        BOOST_TEST(refused.err.find("has version 9999") != std::string::npos, refused.err);
        BOOST_TEST(refused.err.find("up to " + std::to_string(newest_version())) != std::string::npos, refused.err);
    }
    BOOST_TEST(sql_value("select count(*) from " + quoted_name(schema()) + ".schema_migrations") ==
        std::to_string(newest_version() + 1));
}

BOOST_AUTO_TEST_CASE(all_schemas_of_a_database_are_migrated_with_a_line_for_each) {
    const other_database there;
    const std::string newest = std::to_string(newest_version());
    make_older_schema(there.url(), "a-current", newest_version());
    make_older_schema(there.url(), "b", 3);
    make_older_schema(there.url(), "c \"quoted\"", 1);
    const outcome done = there.run({"migrate", "--all-schemas"});
    BOOST_TEST(done.exit_code == 0);
    BOOST_TEST(done.err == "");
    const words lines = done.lines();
    BOOST_REQUIRE(lines.size() == 3U);
    BOOST_TEST(
        lines[0] == R"({"schema":"a-current","number":1,"count":3,"from":)" + newest + ",\"to\":" + newest + "}");
    BOOST_TEST(lines[1] == R"({"schema":"b","number":2,"count":3,"from":3,"to":)" + newest + "}");
    BOOST_TEST(lines[2] == R"({"schema":"c \"quoted\"","number":3,"count":3,"from":1,"to":)" + newest + "}");
    for (const char* const schema : {"a-current", "b", "c \"quoted\""}) BOOST_TEST(there.version_of(schema) == newest);
    // Other schemas have not become stores.
    BOOST_TEST(session(there.url()).value("select to_regclass('public.events') is null") == "t");

    make_older_schema(there.url(), "d", 2);
    const words table = there.run({"migrate", "--all-schemas", "--table"}).lines();
    TEST_SAME(table,
        words({"1 of 4  a-current: up to date", "2 of 4  b: up to date", "3 of 4  c \"quoted\": up to date",
            "4 of 4  d: 2 -> " + newest}));
}

BOOST_AUTO_TEST_CASE(a_schema_that_cannot_be_migrated_does_not_keep_the_others_from_it) {
    const other_database there;
    const std::string newest = std::to_string(newest_version());
    make_older_schema(there.url(), "a-newer", newest_version());
    session(there.url())
        .run("insert into \"a-newer\".schema_migrations (version, name) values (9999, 'of the future')");
    make_older_schema(there.url(), "b-broken", 3);
    session(there.url()).run("create function \"b-broken\".refuse_change() returns int language sql as 'select 1'");
    make_older_schema(there.url(), "c-older", 3);
    const outcome failed = there.run({"migrate", "--all-schemas"});
    BOOST_TEST(failed.exit_code == 1);
    BOOST_TEST(failed.err == "eventstore: these schemas could not be migrated: 'a-newer', 'b-broken'\n");
    const words lines = failed.lines();
    BOOST_REQUIRE(lines.size() == 3U);
    BOOST_TEST(lines[0].starts_with(R"({"schema":"a-newer","number":1,"count":3,"from":9999,"error":")"), lines[0]);
    BOOST_TEST(lines[1].starts_with(R"({"schema":"b-broken","number":2,"count":3,"from":3,"error":")"), lines[1]);
    BOOST_TEST(lines[2] == R"({"schema":"c-older","number":3,"count":3,"from":3,"to":)" + newest + "}");
    BOOST_TEST(there.version_of("a-newer") == "9999");
    BOOST_TEST(there.version_of("b-broken") == "3");
    BOOST_TEST(there.version_of("c-older") == newest);

    const words table = there.run({"migrate", "--all-schemas", "--table"}).lines();
    BOOST_REQUIRE(table.size() == 3U);
    BOOST_TEST(table[0].starts_with("1 of 3  a-newer: FAILED: "), table[0]);
    BOOST_TEST(table[1].starts_with("2 of 3  b-broken: FAILED: "), table[1]);
    BOOST_TEST(table[2] == "3 of 3  c-older: up to date");
}

BOOST_AUTO_TEST_CASE(a_database_without_stores_has_nothing_to_migrate) {
    const other_database there;
    const outcome json = there.run({"migrate", "--all-schemas"});
    BOOST_TEST(json.exit_code == 0);
    BOOST_TEST(json.out == "");
    const outcome table = there.run({"migrate", "--all-schemas", "--table"});
    BOOST_TEST(table.exit_code == 0);
    BOOST_TEST(table.out == "no schema of this database holds an event store\n");
    BOOST_TEST(there.run({"migrate", "--all-schemas", "--schema", "a"}).exit_code == 2);
    BOOST_TEST(there.run({"init", "--all-schemas"}).exit_code == 2);
}

BOOST_AUTO_TEST_SUITE_END()
