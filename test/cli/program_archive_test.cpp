// `archive`.
#include "cli/two_stores.hpp"

#include "support/store_fixture.hpp"

#include <algorithm>

using namespace eventstore::test;

BOOST_AUTO_TEST_SUITE(program_archive_test)

BOOST_AUTO_TEST_CASE(the_beginning_of_the_log_moves_to_a_file_and_comes_back) {
    const two_stores both;
    append_many(both.original, 100, 7);
    const rows before = everything_in(both.original.name());
    const fresh_file file;
    const outcome done = both.from_original({"archive", "--before", "61", "--to", file.path(), "--portion", "7"});
    BOOST_TEST(done.exit_code == 0, done.err);
    BOOST_TEST(done.err == "");
    BOOST_TEST(
        done.out.starts_with(R"({"removed":60,"dropped_links":0,"written":60,"events":60,"links":0,"after_position":0,)"
                             R"("through_position":60,"streams":0,)"),
        done.out);
    BOOST_TEST(both.count(both.original) == 40);
    BOOST_TEST(run_program({"check", file.path()}).exit_code == 0);
    BOOST_TEST(both.from_original({"verify"}).exit_code == 0);
    // The same again: there is nothing left to do.
    const outcome again = both.from_original({"archive", "--before", "61", "--to", file.path(), "--table"});
    BOOST_TEST(
        again.out == "60 events, positions 1 to 60, are in " + file.path() + "; 0 were removed from the log now\n");
    const fresh_file none;
    const outcome nothing = both.from_original({"archive", "--before", "61", "--to", none.path(), "--table"});
    BOOST_TEST(nothing.exit_code == 0);
    BOOST_TEST(nothing.out == "the log holds no events before that position; no file was written\n");
    BOOST_TEST(none.size() == 0u);
    // Back in the same store, and in one of its own.
    const outcome back = both.from_original({"import", file.path()});
    BOOST_TEST(back.out.starts_with("{\"stored\":60,"), back.out + back.err);
    const rows after = everything_in(both.original.name());
    BOOST_TEST(after.size() == before.size());
    for (std::size_t i = 0; i < std::min(after.size(), before.size()); ++i) TEST_SAME(after[i], before[i]);
    BOOST_TEST(both.from_original({"verify"}).exit_code == 0);
    const outcome copied = both.into_copy({"import", file.path()});
    BOOST_TEST(copied.out.starts_with("{\"stored\":60,"), copied.out + copied.err);
    BOOST_TEST(both.into_copy({"verify"}).exit_code == 0);
}

BOOST_AUTO_TEST_CASE(a_stream_that_was_made_anew_does_not_take_its_old_events) {
    const two_stores both;
    append_many(both.original, 20, 2);
    const fresh_file file;
    BOOST_TEST(both.from_original({"archive", "--before", "11", "--to", file.path()}).exit_code == 0);
    BOOST_TEST(both.from_original({"delete", "stream-1", "--for-good"}).exit_code == 0);
    append_many(both.original, 2, 2);
    const outcome refused = both.from_original({"import", file.path()});
    BOOST_TEST(refused.exit_code != 0);
    BOOST_TEST(says(refused, "import into a store of its own"), refused.err);
    BOOST_TEST(both.into_copy({"import", file.path()}).exit_code == 0);
}

BOOST_AUTO_TEST_CASE(links_behind_the_position_are_dropped_when_told_so) {
    const two_stores both;
    append_many(both.original, 10, 1);
    BOOST_TEST(both.from_original({"read", "stream-0", "--count", "1"}).exit_code == 0);
    const std::string id =
        sql_value(in_schema(both.original.name(), "select event_id from eventstore.events where position = 3"));
    BOOST_TEST(both.from_original({"link", "links", "--event", id}).exit_code == 0);
    const fresh_file file;
    const outcome refused = both.from_original({"archive", "--before", "6", "--to", file.path()});
    BOOST_TEST(refused.exit_code == 1);
    BOOST_TEST(says(refused, "the link at position 11, in stream 'links', is to the event at position 3"), refused.err);
    BOOST_TEST(both.count(both.original) == 11);
    const outcome done = both.from_original({"archive", "--before", "6", "--to", file.path(), "--drop-links"});
    BOOST_TEST(done.out.starts_with("{\"removed\":6,\"dropped_links\":1,\"written\":5,"), done.out + done.err);
}

BOOST_AUTO_TEST_CASE(what_a_subscription_needs_goes_when_told_so) {
    const two_stores both;
    append_many(both.original, 10, 1);
    both.sql_in(
        both.original, "insert into eventstore.subscriptions (stream, name, position) values ('$all', 'late', 0)");
    const fresh_file file;
    const outcome refused = both.from_original({"archive", "--before", "6", "--to", file.path()});
    BOOST_TEST(refused.exit_code == 1);
    BOOST_TEST(says(refused, "the subscription 'late' to '$all'"), refused.err);
    BOOST_TEST(file.size() == 0u);
    BOOST_TEST(
        both.from_original({"archive", "--before", "6", "--to", file.path(), "--ignore-subscriptions"}).exit_code == 0);
    BOOST_TEST(both.count(both.original) == 5);
}

// The disk is full in the middle of the file: nothing is removed, and the next one goes on.
BOOST_FIXTURE_TEST_CASE(a_disk_that_is_full_is_an_error_and_costs_nothing, program_fixture) {
    sql(in_schema(schema(),
        "select eventstore.append_event('a', -1, gen_random_uuid(), 'T', convert_to(repeat('x', 1000),"
        " 'UTF8'), '', null, null, null, false) from generate_series(1, 200)"));
    const fresh_file file;
    const std::string command = "archive --before 201 --rate 0 --to " + file.path();
    const outcome full = run_in_shell("trap '' XFSZ; ulimit -f 64; eventstore " + command);
    BOOST_TEST(full.exit_code == 1, full.out);
    BOOST_TEST(says(full, "cannot write "), full.err);
    BOOST_TEST(file.size() > 0u);
    const auto stored = [&] { return sql_value(in_schema(schema(), "select count(*) from eventstore.events")); };
    BOOST_TEST(stored() == "200");
    const outcome done = run_in_shell("eventstore " + command);
    BOOST_TEST(done.exit_code == 0, done.err);
    BOOST_TEST(stored() == "0");
}

BOOST_AUTO_TEST_CASE(each_step_has_a_bar_on_a_terminal) {
    const two_stores both;
    append_many(both.original, 3000, 3);
    const fresh_file file;
    const outcome shown = run_program_on_terminal({"archive", "--before", "3001", "--to", file.path(), "--rate", "4000",
                                                      "--url", test_server::url(), "--schema", both.original.name()},
        100);
    BOOST_TEST(shown.exit_code == 0, shown.out);
    for (const char* const step : {"exporting ", "checking ", "removing "})
        BOOST_TEST(shown.out.find(step) != std::string::npos, shown.out);
    BOOST_TEST(shown.out.find(" left") != std::string::npos, shown.out);
    BOOST_TEST(shown.out.find("3000 were removed from the log now") != std::string::npos, shown.out);
}

BOOST_AUTO_TEST_CASE(wrong_arguments_are_refused) {
    const two_stores both;
    append_many(both.original, 10, 1);
    const fresh_file file;
    for (const words& wrong : {words{"archive"}, words{"archive", "--before", "5"},
             words{"archive", "--to", file.path()}, words{"archive", "--before", "0", "--to", file.path()},
             words{"archive", "--before", "x", "--to", file.path()}, words{"archive", "--before", "5", "--to", ""},
             words{"archive", "--before", "5", "--to", "-"}, words{"archive", "--before", "12", "--to", file.path()},
             words{"archive", "--before", "5", "--to", file.path(), "--rate", "-1"},
             words{"archive", "--before", "5", "--to", file.path(), "--portion", "0"},
             words{"archive", "--before", "5", "--to", file.path(), "another"}}) {
        const outcome refused = both.from_original(wrong);
        BOOST_TEST(refused.exit_code == 2, refused.err);
        BOOST_TEST(refused.out == "");
    }
    BOOST_TEST(file.size() == 0u);
    const outcome nowhere = both.from_original({"archive", "--before", "5", "--to", file.path() + "/missing/file"});
    BOOST_TEST(nowhere.exit_code == 1);
    const outcome device = both.from_original({"archive", "--before", "5", "--to", "/dev/full"});
    BOOST_TEST(device.exit_code == 1);
    BOOST_TEST(says(device, "no regular file"), device.err);
    BOOST_TEST(both.count(both.original) == 10);
    const outcome help = run_program({"archive", "--help"});
    BOOST_TEST(help.out.find("--before POSITION") != std::string::npos, help.out);
    BOOST_TEST(run_program({"completion", "bash"}).out.find("drop-links") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
