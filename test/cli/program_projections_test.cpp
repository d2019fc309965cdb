// `eventstore projections`: what operators see and do.
#include "cli/program.hpp"
#include "cli/two_stores.hpp"

#include "support/concurrently.hpp"
#include "support/receive.hpp"
#include "support/store_fixture.hpp"

#include <eventstore/projection.hpp>

#include <csignal>

using namespace eventstore::test;
using namespace std::chrono_literals;
namespace es = eventstore;

namespace {

/// Six events; version 1 of `balances`, which the library has kept, and version 2 with two consumers, which replays.
struct projections_fixture : program_fixture {
    projections_fixture() {
        const auto body = [](es::store store) -> asio::awaitable<void> {
            const auto last = co_await store.append("a", es::any_version, counted(6));
            auto running = co_await start(es::run_projection(store, "balances", nothing, es::projection_options()));
            co_await es::projection_handle(store, "balances").wait_for(last.last_position);
            co_await store.close();
            co_await eventually([&] { return running.done(); });
        };
        with_store(body);
        change("insert into eventstore.projections (name, version, consumers, started_at) values ('balances', 2, 2,"
               " clock_timestamp() - interval '1000 seconds');"
               "insert into eventstore.subscriptions (stream, name, position) values ('$all', 'balances@2/1', 3),"
               " ('$all', 'balances@2/2', 4);"
               "insert into eventstore.parked_events (subscription_id, position, reason, deliveries)"
               " select subscription_id, 2, 'no', 6 from eventstore.subscriptions where name like 'balances@2/%'");
    }

    static asio::awaitable<void> nothing(es::transaction&, const es::projection_batch&) { co_return; }

    void change(const std::string& statements) const { sql(in_schema(schema(), statements)); }
    std::string value(const std::string& statement) const { return sql_value(in_schema(schema(), statement)); }

    template <class Body>
    void with_store(const Body& body) const {
        const auto open_and = [&]() -> asio::awaitable<void> {
            es::store store = co_await es::open(es::store_options(test_server::url()).schema(schema()));
            co_await body(std::move(store));
        };
        eventstore::test::run(open_and());
    }

    outcome run_on_terminal(words arguments, const std::string& typed) const {
        for (const std::string& word : here()) arguments.push_back(word);
        return run_program_on_terminal(arguments, 200, typed);
    }
};

} // namespace

BOOST_AUTO_TEST_SUITE(program_projections_test)

BOOST_FIXTURE_TEST_CASE(versions_are_listed_with_state_and_progress, projections_fixture) {
    const outcome listed = run({"projections"});
    BOOST_TEST(listed.exit_code == 0);
    BOOST_TEST(listed.err == "");
    const words all = listed.lines();
    BOOST_TEST_REQUIRE(all.size() == 2u);
    BOOST_TEST(all[0].starts_with(R"({"name":"balances","version":1,"state":"in_use","position":6,"lag_events":0,)"
                                  R"("percent":100.0,"consumers":1,"parked":0,"started_at":"20)"),
        all[0]);
    BOOST_TEST(has_part(all[0], R"(,"switched_at":"20)"), all[0]);
    BOOST_TEST(!has_part(all[0], "seconds_left"), all[0]);
    // As far as the slower of its consumers: half of the log in 1,000 seconds, and as much is left.
    BOOST_TEST(all[1].starts_with(R"({"name":"balances","version":2,"state":"replaying","position":3,"lag_events":3,)"
                                  R"("percent":50.0,"consumers":2,"parked":2,"started_at":"20)"),
        all[1]);
    BOOST_TEST(has_part(all[1], R"(,"seconds_left":10)"), all[1]);
    BOOST_TEST(!has_part(all[1], "switched_at"), all[1]);
    const fresh_schema empty;
    BOOST_TEST(two_stores::run(empty.name(), {"init"}).exit_code == 0);
    const outcome none = two_stores::run(empty.name(), {"projections"});
    BOOST_TEST(none.exit_code == 0);
    BOOST_TEST(none.out == "");
}

BOOST_FIXTURE_TEST_CASE(on_a_terminal_they_are_a_table, projections_fixture) {
    const words table = run({"projections", "--table"}).lines();
    BOOST_TEST_REQUIRE(table.size() == 3u);
    BOOST_TEST(table[0] == "NAME      VERSION  STATE      POSITION  LAG  PERCENT     LEFT  CONSUMERS  PARKED");
    BOOST_TEST(table[1] == "balances        1  in use            6    0    100.0                   1       0");
    BOOST_TEST(table[2].starts_with("balances        2  replaying         3    3     50.0  0:16:4"), table[2]);
    BOOST_TEST(table[2].ends_with("          2       2"), table[2]);
}

BOOST_FIXTURE_TEST_CASE(what_is_not_done_is_never_told_as_all, projections_fixture) {
    change("update eventstore.subscriptions set position = 5999 where name = 'balances@1';"
           "update eventstore.log_state set floor = 6000");
    const outcome listed = run({"projections"});
    BOOST_TEST(has_part(listed.lines().at(0), R"("lag_events":1,"percent":99.9,)"), listed.out);
}

BOOST_FIXTURE_TEST_CASE(a_dropped_version_is_gone_and_no_other, projections_fixture) {
    const outcome done = run({"projections", "drop", "balances", "2", "--yes"});
    BOOST_TEST(done.exit_code == 0, done.err);
    BOOST_TEST(done.out ==
        R"({"name":"balances","version":2,"dropped":true})"
        "\n");
    BOOST_TEST(run({"projections"}).lines().size() == 1u);
    BOOST_TEST(value("select string_agg(name, ' ') from eventstore.subscriptions") == "balances@1");
    BOOST_TEST(value("select count(*) from eventstore.parked_events") == "0");
    // The last one may go though it is in use.
    BOOST_TEST(run({"projections", "drop", "balances", "1", "--yes", "--table"}).out ==
        "version 1 of the projection balances is dropped; its tables are yours to drop\n");
    BOOST_TEST(run({"projections"}).out == "");
}

BOOST_FIXTURE_TEST_CASE(before_a_version_is_dropped_its_name_has_to_be_typed, projections_fixture) {
    const outcome refused = run({"projections", "drop", "balances", "2"});
    BOOST_TEST(refused.exit_code == 2);
    BOOST_TEST(has_part(refused.err, "say --yes to drop the version"), refused.err);
    const outcome other = run_on_terminal({"projections", "drop", "balances", "2"}, "balances@1\n");
    BOOST_TEST(other.exit_code == 3);
    BOOST_TEST(has_part(other.out, "Version 2 of the projection balances is replaying, at position 3"), other.out);
    BOOST_TEST(has_part(other.out, "2 parked events will be lost"), other.out);
    BOOST_TEST(has_part(other.out, "nothing is dropped"), other.out);
    BOOST_TEST(run({"projections"}).lines().size() == 2u);
    const outcome done = run_on_terminal({"projections", "drop", "balances", "2"}, "balances@2\n");
    BOOST_TEST(done.exit_code == 0, done.out);
    BOOST_TEST(run({"projections"}).lines().size() == 1u);
    const outcome missing = run_on_terminal({"projections", "drop", "balances", "2"}, "");
    BOOST_TEST(missing.exit_code == 3);
    BOOST_TEST(has_part(missing.out, "projection 'balances' has no version 2"), missing.out);
}

BOOST_FIXTURE_TEST_CASE(what_is_wrong_is_told_and_nothing_dropped, projections_fixture) {
    for (const words& bad :
        {words{"drop"}, words{"drop", "balances"}, words{"drop", "balances", "x"}, words{"drop", "balances", "0"},
            words{"drop", "balances", "-1"}, words{"drop", "balances", "2x"}, words{"drop", "balances", "2.0"},
            words{"drop", "balances", ""}, words{"drop", "balances", "99999999999999999999"}, words{"drop", "", "2"},
            words{"drop", std::string(481, 'n'), "2"}, words{"drop", "balances", "2", "3"}, words{"frobnicate"},
            words{"drop", "balances", "1"}}) {
        words command = bad;
        command.insert(command.begin(), "projections");
        command.emplace_back("--yes");
        const outcome refused = run(command);
        BOOST_TEST(refused.exit_code == 2, refused.err);
        BOOST_TEST(refused.out == "");
        BOOST_TEST(refused.err.starts_with("eventstore: "));
    }
    const outcome in_use = run({"projections", "drop", "balances", "1", "--yes"});
    BOOST_TEST(has_part(in_use.err, "is in use, and there are others"), in_use.err);
    const outcome name = run({"projections", "drop", "balance", "1", "--yes"});
    BOOST_TEST(name.exit_code == 3);
    BOOST_TEST(name.err == "eventstore: projection 'balance' has no version 1\n");
    BOOST_TEST(run({"projections", "drop", "balances", "3", "--yes"}).exit_code == 3);
    BOOST_TEST(run({"projections"}).lines().size() == 2u);
    BOOST_TEST(run({"projections", "--yes"}).exit_code == 2);
    BOOST_TEST(run({"projections", "--every", "1"}).exit_code == 2);
    BOOST_TEST(run({"projections", "--watch", "--every", "0"}).exit_code == 2);
}

BOOST_FIXTURE_TEST_CASE(watched_they_have_a_line_for_each_change, projections_fixture) {
    words arguments = {"projections", "--watch", "--every", "0.1"};
    for (const std::string& word : here()) arguments.push_back(word);
    running_program watch(arguments);
    const words first = watch.lines(2);
    BOOST_TEST(has_part(first[0], R"("version":1,"state":"in_use","position":6,)"), first[0]);
    BOOST_TEST(has_part(first[1], R"("version":2,"state":"replaying","position":3,)"), first[1]);
    BOOST_TEST(has_part(first[1], R"("events_per_second":0.0)"), first[1]);
    BOOST_TEST(!has_part(first[1], "seconds_left"), first[1]);
    change("update eventstore.subscriptions set position = 5 where name like 'balances@2/%'");
    const std::string moved = watch.line().value();
    BOOST_TEST(
        has_part(moved, R"("version":2,"state":"replaying","position":5,"lag_events":1,"percent":83.3,)"), moved);
    BOOST_TEST(has_part(moved, "\"seconds_left\":"), moved);
    change("update eventstore.projections set live_after = 5 where version = 2");
    BOOST_TEST(has_part(watch.line().value(), R"("state":"taking_over")"));
    BOOST_TEST(run({"projections", "drop", "balances", "1", "--yes"}).exit_code == 2); // it is in use yet
    change("update eventstore.projections set live_until = 5 where version = 1;"
           "update eventstore.projections set switched_at = clock_timestamp() where version = 2");
    BOOST_TEST(has_part(watch.line().value(), R"("version":1,"state":"superseded")"));
    BOOST_TEST(has_part(watch.line().value(), R"("version":2,"state":"in_use")"));
    BOOST_TEST(run({"projections", "drop", "balances", "1", "--yes"}).exit_code == 0);
    BOOST_TEST(watch.line().value() == R"({"name":"balances","version":1,"gone":true})");
    watch.send_signal(SIGINT);
    BOOST_TEST(watch.exit_code() == 0);
    BOOST_TEST(watch.err() == "");
}

BOOST_AUTO_TEST_CASE(help_is_there) {
    const std::string program = run_program({"--help"}).out;
    BOOST_TEST(has_part(program, "\n  projections  "));
    BOOST_TEST(has_part(program, "\n  projections drop  "));
    BOOST_TEST(run_program({"projections", "drop", "--help"})
                   .out.starts_with("usage: eventstore projections drop NAME VERSION [OPTION...]\n"));
}

BOOST_AUTO_TEST_SUITE_END()
