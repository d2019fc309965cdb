// `eventstore drop`, `validate`, and the scripts of `init --sql` and `migrate --sql`.
#include "cli/program.hpp"

#include "support/older_schema.hpp"
#include "support/session.hpp"

#include <boost/test/unit_test.hpp>

using namespace eventstore::test;

namespace {

struct dropping_program : program_fixture {
    dropping_program() {
        BOOST_REQUIRE(
            run({"append", "a"}, "{\"type\":\"T\",\"data\":1}\n{\"type\":\"T\",\"data\":2}\n").exit_code == 0);
    }
    bool is_there() const {
        return sql_value("select to_regnamespace(" + quoted_text(schema()) + ") is not null") == "t";
    }
    outcome run_on_terminal(words arguments, const std::string& typed) const {
        const words where = here();
        arguments.insert(arguments.end(), where.begin(), where.end());
        return run_program_on_terminal(arguments, 200, typed);
    }
};

/// Runs a script by psql, as somebody does who makes the changes of schemas.
outcome run_by_psql(const std::string& script) {
    return run_path("/usr/bin/env", {"psql", "--no-psqlrc", "--quiet", "--dbname", test_server::url()}, script);
}

std::string version_of(const std::string& schema) {
    return sql_value("select max(version) from " + quoted_name(schema) + ".schema_migrations");
}

} // namespace

BOOST_AUTO_TEST_SUITE(program_drop_test)

BOOST_FIXTURE_TEST_CASE(without_a_terminal_it_needs_yes, dropping_program) {
    const outcome refused = run({"drop"});
    BOOST_TEST(refused.exit_code == 2);
    BOOST_TEST(refused.err.find("say --yes to drop the store") != std::string::npos, refused.err);
    BOOST_TEST(run({"drop", "--yes", "--dry-run"}).exit_code == 2);
    const outcome counted = run({"drop", "--dry-run"});
    BOOST_TEST(counted.exit_code == 0);
    BOOST_TEST(counted.out.starts_with(
                   "{\"schema\":\"" + schema() + "\",\"events\":2,\"streams\":1,\"subscriptions\":0,\"size\":"),
        counted.out);
    BOOST_TEST(is_there());
    const outcome done = run({"drop", "--yes"});
    BOOST_TEST(done.exit_code == 0);
    BOOST_TEST(done.out.ends_with(",\"dropped\":true}\n"));
    BOOST_TEST(!is_there());
    BOOST_TEST(run({"drop", "--yes"}).exit_code == 1);
}

BOOST_FIXTURE_TEST_CASE(on_a_terminal_the_name_has_to_be_typed, dropping_program) {
    const outcome other = run_on_terminal({"drop"}, "eventstore\n");
    BOOST_TEST(other.exit_code == 3);
    BOOST_TEST(other.out.find("holds 2 events in 1 stream, 0 subscriptions, ") != std::string::npos, other.out);
    BOOST_TEST(other.out.find("another name was typed: nothing is dropped") != std::string::npos, other.out);
    BOOST_TEST(is_there());
    BOOST_TEST(run_on_terminal({"drop"}, "\n").exit_code == 3);
    BOOST_TEST(is_there());
    const outcome done = run_on_terminal({"drop"}, schema() + "\n");
    BOOST_TEST(done.exit_code == 0, done.out);
    BOOST_TEST(!is_there());
}

BOOST_FIXTURE_TEST_CASE(a_store_in_use_is_refused_and_can_be_forced, dropping_program) {
    running_program user({"tail", "--verbose", "--url", test_server::url(), "--schema", schema()});
    user.wait_until_it_says("listening");
    const outcome refused = run({"drop", "--yes"});
    BOOST_TEST(refused.exit_code == 1);
    BOOST_TEST(refused.err.find("sessions use it: ") != std::string::npos, refused.err);
    const outcome unasked = run_on_terminal({"drop"}, schema() + "\n");
    BOOST_TEST(unasked.exit_code == 1);
    BOOST_TEST(unasked.out.find("sessions use it: ") != std::string::npos, unasked.out);
    BOOST_TEST(is_there());
    BOOST_TEST(run({"drop", "--yes", "--force"}).exit_code == 0);
    BOOST_TEST(!is_there());
}

BOOST_FIXTURE_TEST_CASE(validate_ends_with_0_or_3, dropping_program) {
    const outcome fine = run({"validate"});
    BOOST_TEST(fine.exit_code == 0, fine.out);
    BOOST_TEST(
        fine.out.starts_with("{\"as_expected\":true,\"version\":" + std::to_string(newest_version()) + ","), fine.out);
    sql("alter table " + quoted_name(schema()) + ".events disable trigger user");
    const outcome changed = run({"validate", "--table"});
    BOOST_TEST(changed.exit_code == 3);
    BOOST_TEST(changed.err == "eventstore: the schema is not as it should be: 1 problem\n");
    BOOST_TEST(changed.lines().back().ends_with(": the schema is not as it should be."));
    BOOST_TEST(run({"validate", "extra"}).exit_code == 2);
}

BOOST_AUTO_TEST_CASE(the_script_of_init_makes_the_same_schema_by_psql) {
    const fresh_schema made;
    const words where = {"--url", test_server::url(), "--schema", made.name()};
    const outcome script = run_program({"init", "--sql", "--url", test_server::url(), "--schema", made.name()});
    BOOST_TEST(script.exit_code == 0);
    BOOST_TEST(sql_value("select to_regnamespace(" + quoted_text(made.name()) + ") is null") == "t");
    const outcome done = run_by_psql(script.out);
    BOOST_TEST(done.exit_code == 0, done.err);
    BOOST_TEST(done.err == "");
    BOOST_TEST(done.out == "");
    const outcome valid = run_program({"validate", "--url", test_server::url(), "--schema", made.name()});
    BOOST_TEST(valid.exit_code == 0, valid.out);
    BOOST_TEST(run_program({"append", "a", "--url", test_server::url(), "--schema", made.name()},
                   "{\"type\":\"T\",\"data\":1}\n")
                   .exit_code == 0);
    // It is for a schema that was not there: now it is.
    const outcome again = run_by_psql(script.out);
    BOOST_TEST(again.exit_code == 3);
    BOOST_TEST(again.err.find("and this script is for version 0") != std::string::npos, again.err);
    const outcome nothing = run_program({"migrate", "--sql", "--url", test_server::url(), "--schema", made.name()});
    BOOST_TEST(nothing.out.find("there is nothing to do") != std::string::npos);
    BOOST_TEST(run_by_psql(nothing.out).exit_code == 0);
}

BOOST_AUTO_TEST_CASE(the_script_of_migrate_brings_an_older_schema_along_by_psql) {
    const fresh_schema older;
    make_older_schema(test_server::url(), older.name(), 9, eventstore::payload_format::jsonb);
    sql("grant execute on function " + quoted_name(older.name()) + ".delete_snapshot to public");
    const outcome script = run_program({"migrate", "--sql", "--url", test_server::url(), "--schema", older.name()});
    BOOST_TEST(version_of(older.name()) == "9");
    // One transaction: a failure at its end changes nothing.
    std::string broken = script.out;
    broken.replace(broken.rfind("commit;"), 7, "select 1 / 0; commit;");
    BOOST_TEST(run_by_psql(broken).exit_code == 3);
    BOOST_TEST(version_of(older.name()) == "9");
    const outcome done = run_by_psql(script.out);
    BOOST_TEST(done.exit_code == 0, done.err);
    BOOST_TEST(version_of(older.name()) == std::to_string(newest_version()));
    // What was granted is granted again, which is what validate finds.
    const outcome valid = run_program({"validate", "--url", test_server::url(), "--schema", older.name()});
    BOOST_TEST(valid.lines().size() == 2u, valid.out);
    BOOST_TEST(valid.out.find("public_privilege") != std::string::npos, valid.out);
}

BOOST_AUTO_TEST_CASE(without_a_url_the_script_is_for_a_new_schema) {
    const outcome script = run_program({"init", "--sql", "--schema", "it's \"odd\"", "--payload", "jsonb"});
    BOOST_TEST(script.exit_code == 0, script.err);
    BOOST_TEST(script.out.find("create schema \"it's \"\"odd\"\"\"") != std::string::npos);
    BOOST_TEST(script.out.find("jsonb") != std::string::npos);
    const outcome done = run_by_psql(script.out);
    BOOST_TEST(done.exit_code == 0, done.err);
    sql("drop schema \"it's \"\"odd\"\"\" cascade");
    for (const words& bad : {words{"init"}, words{"migrate"}, words{"migrate", "--functions"},
             words{"migrate", "--sql", "--functions"}, words{"migrate", "--sql", "--all-schemas"},
             words{"init", "--sql", "--payload", "x"}, words{"migrate", "--all-schemas"}})
        BOOST_TEST(run_program(bad).exit_code == 2);
    BOOST_TEST(run_program({"init", "--sql", "--schema", "pg_x"}).exit_code == 2);
}

BOOST_AUTO_TEST_SUITE_END()
