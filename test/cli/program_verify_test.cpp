// `eventstore verify` and `eventstore doctor`: what operators see, and the exit codes.
#include "cli/program.hpp"

#include "support/session.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace eventstore::test;

namespace {

struct verified_program : program_fixture {
    verified_program() {
        BOOST_REQUIRE(
            run({"append", "a"}, "{\"type\":\"T\",\"data\":1}\n{\"type\":\"T\",\"data\":2}\n").exit_code == 0);
    }
    void damage(const std::string& change) const {
        std::string events = quoted_name(schema()) + ".events";
        sql("alter table " + events + " disable trigger user; " + change + "; alter table " + events +
            " enable trigger user");
    }
    std::string events() const { return quoted_name(schema()) + ".events"; }
};

} // namespace

BOOST_AUTO_TEST_SUITE(program_verify_test)

BOOST_FIXTURE_TEST_CASE(a_sound_store_ends_with_0, verified_program) {
    const outcome done = run({"verify"});
    BOOST_TEST(done.exit_code == 0);
    BOOST_TEST(done.err == "");
    const words lines = done.lines();
    BOOST_TEST_REQUIRE(lines.size() == 4u);
    BOOST_TEST(lines[0].starts_with("{\"not_proven\":"));
    BOOST_TEST(lines[3] ==
        R"({"sound":true,"problems":0,"events":2,"links":0,"streams":1,"subscriptions":0,"parked_events":0,"head":2,"missing":0,"left_out":0})");
    const words table = run({"verify", "--table"}).lines();
    BOOST_TEST(table.front() ==
        "Looked at 2 events (0 links among them) up to position 2, 1 stream, 0 subscriptions and 0 parked events.");
    BOOST_TEST(table.back() == "The store is sound.");
}

BOOST_FIXTURE_TEST_CASE(a_damaged_store_ends_with_3_and_names_the_places, verified_program) {
    damage("delete from " + events() + " where position = 1");
    const outcome done = run({"verify"});
    BOOST_TEST(done.exit_code == 3);
    BOOST_TEST(done.err == "eventstore: the store is damaged: 2 problems\n");
    const words lines = done.lines();
    BOOST_TEST(lines[0].starts_with(
                   R"({"severity":"problem","check":"missing_event","position":1,"message":"position 1 is missing)"),
        lines[0]);
    BOOST_TEST(lines[1].starts_with(R"({"severity":"problem","check":"missing_version","subject":"a","version":1,)"),
        lines[1]);
    BOOST_TEST(lines.back().starts_with(R"({"sound":false,"problems":2,)"));
    const outcome table = run({"verify", "--table", "--findings", "1"});
    BOOST_TEST(table.exit_code == 3);
    BOOST_TEST(table.lines()[0].starts_with("problem: position 1 is missing"));
    BOOST_TEST(table.out.find("... and 1 finding more") != std::string::npos);
    BOOST_TEST(table.lines().back() == "The store is damaged.");
}

BOOST_FIXTURE_TEST_CASE(on_a_terminal_a_bar_shows_how_far_it_has_come, verified_program) {
    words arguments = {"verify"};
    for (const std::string& word : here()) arguments.push_back(word);
    const outcome done = run_program_on_terminal(arguments, 100);
    BOOST_TEST(done.exit_code == 0);
    BOOST_TEST(has_part(done.out, "events 100% ["), done.out);
    BOOST_TEST(done.out.find("The store is sound.") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(bad_options_of_verify_are_refused, verified_program) {
    for (const words& bad : {words{"verify", "--page", "0"}, words{"verify", "--page", "99"},
             words{"verify", "--page", "x"}, words{"verify", "--findings", "0"}, words{"verify", "a"}})
        BOOST_TEST(run(bad).exit_code == 2);
    BOOST_TEST(run_program({"verify", "--url", test_server::url(), "--schema", "no_such_schema"}).exit_code == 1);
}

BOOST_FIXTURE_TEST_CASE(the_exit_code_of_doctor_tells_the_worst, verified_program) {
    // The server of the tests has findings of its own: it does without fsync.
    const outcome usual = run({"doctor"});
    BOOST_TEST((usual.exit_code == 0 || usual.exit_code == 3 || usual.exit_code == 4), usual.err);
    BOOST_TEST(usual.out.find("missing_index") == std::string::npos);
    sql("alter table " + events() + " drop constraint events_event_id_key");
    const outcome done = run({"doctor"});
    BOOST_TEST(done.exit_code == 3);
    BOOST_TEST(done.err.starts_with("eventstore: the store has "), done.err);
    BOOST_TEST(done.err.find(" problem") != std::string::npos, done.err);
    BOOST_TEST(
        done.out.find(R"({"severity":"problem","check":"missing_index","subject":"events_event_id_key","message":)") !=
            std::string::npos,
        done.out);
    const words table = run({"doctor", "--table"}).lines();
    const auto found = std::find_if(table.begin(), table.end(),
        [](const std::string& line) { return line.starts_with("problem: the table events has no index by event_id"); });
    BOOST_TEST_REQUIRE((table.end() - found > 2));
    BOOST_TEST(
        found[2] == "        create unique index concurrently events_event_id_key on " + events() + " (event_id);");
    sql(found[2]);
    BOOST_TEST(run({"doctor"}).exit_code == usual.exit_code);
}

BOOST_FIXTURE_TEST_CASE(warnings_of_doctor_end_with_4, verified_program) {
    session idle;
    idle.run("begin; select 1");
    sql("select pg_sleep(1.1)");
    const outcome done = run({"doctor", "--transaction", "0"});
    // A problem of the server of the tests is worse.
    BOOST_TEST(done.exit_code == (done.out.find(R"("severity":"problem")") == std::string::npos ? 4 : 3));
    BOOST_TEST(done.out.find("idle_in_transaction") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(bad_options_of_doctor_are_refused, verified_program) {
    for (const words& bad : {words{"doctor", "--lag", "-1"}, words{"doctor", "--abandoned", "x"}, words{"doctor", "a"}})
        BOOST_TEST(run(bad).exit_code == 2);
}

BOOST_AUTO_TEST_SUITE_END()
