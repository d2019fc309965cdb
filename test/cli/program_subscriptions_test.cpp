// `eventstore subscriptions`: what operators see and do.
#include "cli/program.hpp"

#include "support/receive.hpp"

#include <unistd.h>

#include <csignal>

using namespace eventstore::test;
using namespace std::chrono_literals;
namespace es = eventstore;

namespace {

/// Six events in two streams, and subscriptions made through the library.
struct subscriptions_fixture : program_fixture {
    subscriptions_fixture() {
        const auto body = [](es::store store) -> asio::awaitable<void> {
            co_await store.append("a", es::any_version, counted(3));
            co_await store.append("b", es::any_version, counted(3));
        };
        with_store(body);
    }

    template <class Body>
    void with_store(const Body& body) const {
        const auto open_and = [&]() -> asio::awaitable<void> {
            es::store store = co_await es::open(es::store_options(test_server::url()).schema(schema()));
            co_await body(std::move(store));
        };
        eventstore::test::run(open_and());
    }

    /// A subscription that has done everything up to this event, and is nobody's.
    void subscribed(const std::string& stream, const std::string& name, std::size_t done) const {
        const auto body = [&](es::store store) -> asio::awaitable<void> {
            es::subscription_options options;
            options.group_by(es::grouping::none);
            es::subscription reader = co_await store.subscribe(stream, name, options.max_batch(done));
            auto batch = co_await reader.next(5s);
            BOOST_TEST(batch->size() == done);
            batch->ack();
            co_await reader.unsubscribe();
        };
        with_store(body);
    }

    /// What the subscription delivers now.
    texts delivered(const std::string& stream, const std::string& name, std::size_t count) const {
        texts all;
        const auto body = [&](es::store store) -> asio::awaitable<void> {
            es::subscription reader = co_await store.subscribe(stream, name);
            all = co_await receive(reader, count);
            co_await reader.unsubscribe();
        };
        with_store(body);
        return all;
    }

    /// A subscription that has refused the second event of the stream "a" for good.
    void parked(const std::string& name) const {
        const auto body = [&](es::store store) -> asio::awaitable<void> {
            es::subscription_options options;
            options.max_batch(1).max_retries(1).retry_after(1ms);
            es::subscription reader = co_await store.subscribe("a", name, options);
            for (std::size_t done = 0; done < 3;) {
                auto batch = co_await reader.next(5s);
                BOOST_TEST_REQUIRE(batch->size() == 1u);
                if (batch->front().version() == 2) {
                    batch->nack("no\x1b room");
                    continue;
                }
                batch->ack();
                done += batch->front().version() == 3 ? 2 : 1;
            }
            co_await reader.unsubscribe();
        };
        with_store(body);
    }
};

const words subcommands = {"delete", "reset", "parked", "replay", "discard"};

} // namespace

BOOST_AUTO_TEST_SUITE(program_subscriptions_test)

BOOST_FIXTURE_TEST_CASE(subscriptions_are_listed_with_checkpoint_lag_and_owner, subscriptions_fixture) {
    BOOST_TEST(run({"subscriptions"}).out == "");
    subscribed("b", "one", 2);
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        es::subscription held = co_await store.subscribe_to_all("all", es::subscription_options().after(1));
        const outcome listed = run({"subscriptions"});
        BOOST_TEST(listed.exit_code == 0);
        BOOST_TEST(listed.err == "");
        const words all = listed.lines();
        BOOST_TEST_REQUIRE(all.size() == 2u);
        BOOST_TEST(all[0].starts_with(R"({"stream":"$all","name":"all","checkpoint":1,"lag_events":5,"lag_seconds":)"),
            all[0]);
        BOOST_TEST(all[0].find(R"("parked":0,"owner":")") != std::string::npos, all[0]);
        BOOST_TEST(all[0].find(std::to_string(getpid())) != std::string::npos, all[0]);
        // Of a stream the checkpoint is a version, and nobody has it.
        BOOST_TEST(
            all[1].starts_with(R"({"stream":"b","name":"one","checkpoint":2,"lag_events":1,"lag_seconds":)"), all[1]);
        BOOST_TEST(all[1].find("owner") == std::string::npos, all[1]);
        co_await held.unsubscribe();
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(on_a_terminal_they_are_a_table, subscriptions_fixture) {
    subscribed("a", "mailer", 3);
    subscribed("$all", "ledger", 6);
    const words table = run({"subscriptions", "--table"}).lines();
    BOOST_TEST_REQUIRE(table.size() == 3u);
    BOOST_TEST(table[0] == "NAME    STREAM  CHECKPOINT  LAG  SECONDS  PARKED  OWNER");
    BOOST_TEST(table[1] == "ledger  $all             6    0      0.0       0  ");
    BOOST_TEST(table[2] == "mailer  a                3    0      0.0       0  ");
}

BOOST_FIXTURE_TEST_CASE(a_deleted_subscription_is_gone_and_no_other, subscriptions_fixture) {
    subscribed("a", "mailer", 2);
    subscribed("b", "mailer", 2);
    const outcome done = run({"subscriptions", "delete", "a", "mailer"});
    BOOST_TEST(done.exit_code == 0);
    BOOST_TEST(done.out ==
        R"({"stream":"a","name":"mailer","deleted":true})"
        "\n");
    const words left = run({"subscriptions"}).lines();
    BOOST_TEST_REQUIRE(left.size() == 1u);
    BOOST_TEST(left[0].starts_with(R"({"stream":"b","name":"mailer",)"));
    BOOST_TEST(run({"subscriptions", "delete", "b", "mailer", "--table"}).out ==
        "the subscription 'mailer' to 'b' is deleted\n");
    BOOST_TEST(run({"subscriptions"}).out == "");
}

BOOST_FIXTURE_TEST_CASE(a_reset_subscription_delivers_again, subscriptions_fixture) {
    subscribed("$all", "ledger", 6);
    const outcome done = run({"subscriptions", "reset", "$all", "ledger", "--to", "4"});
    BOOST_TEST(done.exit_code == 0);
    BOOST_TEST(done.out ==
        R"({"stream":"$all","name":"ledger","checkpoint":4})"
        "\n");
    TEST_SAME(delivered("$all", "ledger", 2), texts({"2", "3"})); // of the stream "b"

    BOOST_TEST(run({"subscriptions", "reset", "$all", "ledger", "--table"}).out ==
        "the subscription 'ledger' to '$all' goes on after 0\n");
    BOOST_TEST(delivered("$all", "ledger", 6).size() == 6u);

    subscribed("a", "mailer", 3);
    BOOST_TEST(run({"subscriptions", "reset", "a", "mailer", "--to=1"}).exit_code == 0);
    TEST_SAME(delivered("a", "mailer", 2), texts({"2", "3"}));
}

BOOST_FIXTURE_TEST_CASE(parked_events_are_listed_with_the_reason, subscriptions_fixture) {
    parked("mailer");
    const words listed = run({"subscriptions", "parked", "a", "mailer"}).lines();
    BOOST_TEST_REQUIRE(listed.size() == 1u);
    BOOST_TEST(listed[0].starts_with(
                   R"({"position":2,"stream":"a","version":2,"type":"Counted","deliveries":2,"parked_at":"20)"),
        listed[0]);
    BOOST_TEST(listed[0].ends_with(R"(Z","reason":"no\u001b room"})"), listed[0]);
    BOOST_TEST(run({"subscriptions"}).out.find(R"("parked":1,)") != std::string::npos);

    const words table = run({"subscriptions", "parked", "a", "mailer", "--table"}).lines();
    BOOST_TEST_REQUIRE(table.size() == 2u);
    BOOST_TEST(table[0] == "POSITION  VERSION  DELIVERIES  PARKED AT                    STREAM  TYPE     REASON");
    BOOST_TEST(table[1].starts_with("       2        2           2  20"), table[1]);
    BOOST_TEST(table[1].ends_with("Z  a       Counted  no  room"), table[1]); // and no escape
}

BOOST_FIXTURE_TEST_CASE(parked_events_are_delivered_again_when_that_is_asked_for, subscriptions_fixture) {
    parked("mailer");
    BOOST_TEST(run({"subscriptions", "replay", "a", "mailer", "--position", "3"}).out ==
        R"({"stream":"a","name":"mailer","replayed":0})"
        "\n"); // it is not parked
    const outcome done = run({"subscriptions", "replay", "a", "mailer", "--position", "2", "--position=7"});
    BOOST_TEST(done.exit_code == 0);
    BOOST_TEST(done.err == "");
    BOOST_TEST(done.out ==
        R"({"stream":"a","name":"mailer","replayed":1})"
        "\n");
    TEST_SAME(delivered("a", "mailer", 1), texts({"2"}));
    BOOST_TEST(run({"subscriptions", "replay", "a", "mailer", "--table"}).out ==
        "0 events of the subscription 'mailer' to 'a' to be delivered again\n"); // it is parked no longer
}

BOOST_FIXTURE_TEST_CASE(parked_events_are_forgotten_only_where_it_is_said_which, subscriptions_fixture) {
    parked("mailer");
    const words discard = {"subscriptions", "discard", "a", "mailer"};
    const outcome refused = run(discard);
    BOOST_TEST(refused.exit_code == 2);
    BOOST_TEST(refused.err.find("--all") != std::string::npos, refused.err);
    BOOST_TEST(run({"subscriptions", "discard", "a", "mailer", "--position", "1"}).out ==
        R"({"stream":"a","name":"mailer","discarded":0})"
        "\n");
    BOOST_TEST(run({"subscriptions", "parked", "a", "mailer"}).lines().size() == 1u);
    BOOST_TEST(run({"subscriptions", "discard", "a", "mailer", "--all", "--table"}).out ==
        "1 event of the subscription 'mailer' to 'a' forgotten\n");
    BOOST_TEST(run({"subscriptions", "parked", "a", "mailer"}).out == "");
    BOOST_TEST(delivered("a", "mailer", 0).empty());
}

BOOST_FIXTURE_TEST_CASE(a_subscription_with_nothing_parked_is_no_error, subscriptions_fixture) {
    subscribed("a", "mailer", 1);
    const outcome none = run({"subscriptions", "parked", "a", "mailer"});
    BOOST_TEST(none.exit_code == 0);
    BOOST_TEST(none.out == "");
    BOOST_TEST(none.err == "");
}

BOOST_FIXTURE_TEST_CASE(
    a_subscription_that_is_not_there_is_named_and_has_an_exit_code_of_its_own, subscriptions_fixture) {
    subscribed("a", "mailer", 1);
    for (const std::string& subcommand : subcommands) {
        words command = {"subscriptions", subcommand, "a", "miller"};
        if (subcommand == "discard") command.emplace_back("--all");
        const outcome name = run(command);
        BOOST_TEST(name.exit_code == 3);
        BOOST_TEST(name.out == "");
        BOOST_TEST(name.err == "eventstore: there is no subscription 'miller' to 'a'\n");
        command[2] = "$all";
        command[3] = "mailer";
        const outcome stream = run(command);
        BOOST_TEST(stream.exit_code == 3);
        BOOST_TEST(stream.err == "eventstore: there is no subscription 'mailer' to '$all'\n");
    }
    BOOST_TEST(run({"subscriptions"}).lines().size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(what_is_not_said_in_full_is_refused_and_nothing_done, subscriptions_fixture) {
    subscribed("a", "mailer", 1);
    for (const words& bad : {words{"delete"}, words{"delete", "mailer"}, words{"reset", "a"}, words{"parked", "a"},
             words{"delete", "a", "mailer", "x"}, words{"reset", "a", "mailer", "--to=-1"},
             words{"reset", "a", "mailer", "--to", "x"}, words{"replay", "a"},
             words{"replay", "a", "mailer", "--position", "x"}, words{"replay", "a", "mailer", "--all"},
             words{"delete", "a", "mailer", "--to", "1"}, words{"frobnicate"}, words{"a", "mailer"}}) {
        words command = bad;
        command.insert(command.begin(), "subscriptions");
        const outcome refused = run(command);
        BOOST_TEST(refused.exit_code == 2);
        BOOST_TEST(refused.out == "");
        BOOST_TEST(refused.err.starts_with("eventstore: "));
    }
    BOOST_TEST(run({"subscriptions"}).out.find(R"("checkpoint":1,)") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(help_is_there_for_each_subcommand) {
    const std::string program = run_program({"--help"}).out;
    for (const std::string& subcommand : subcommands) {
        BOOST_TEST(program.find("\n  subscriptions " + subcommand) != std::string::npos);
        const outcome help = run_program({"subscriptions", subcommand, "--help"});
        BOOST_TEST(help.exit_code == 0);
        BOOST_TEST(
            help.out.starts_with("usage: eventstore subscriptions " + subcommand + " STREAM NAME [OPTION...]\n"));
    }
}

BOOST_FIXTURE_TEST_CASE(watched_they_have_a_line_for_each_change, subscriptions_fixture) {
    subscribed("a", "mailer", 2);
    subscribed("$all", "ledger", 6);
    words arguments = {"subscriptions", "--watch", "--every", "0.1"};
    for (const std::string& word : here()) arguments.push_back(word);
    running_program watch(arguments);
    const words first = watch.lines(2);
    BOOST_TEST(first[0].starts_with(R"({"stream":"$all","name":"ledger","checkpoint":6,"lag_events":0,)"), first[0]);
    BOOST_TEST(first[1].starts_with(R"({"stream":"a","name":"mailer","checkpoint":2,"lag_events":1,)"), first[1]);
    BOOST_TEST(first[1].find(R"("events_per_second":0.0)") != std::string::npos, first[1]);
    BOOST_TEST(first[1].find("seconds_left") == std::string::npos, first[1]);

    // What does not change has no line: the next one is of the change.
    BOOST_TEST(run({"subscriptions", "reset", "$all", "ledger", "--to", "1"}).exit_code == 0);
    BOOST_TEST(watch.line().value().starts_with(R"({"stream":"$all","name":"ledger","checkpoint":1,"lag_events":5,)"));
    BOOST_TEST(run({"subscriptions", "delete", "a", "mailer"}).exit_code == 0);
    BOOST_TEST(watch.line().value() == R"({"stream":"a","name":"mailer","gone":true})");
    watch.send_signal(SIGINT);
    BOOST_TEST(watch.exit_code() == 0);
    BOOST_TEST(watch.err() == "");
}

BOOST_FIXTURE_TEST_CASE(watching_ends_with_its_reader_and_refuses_bad_times, subscriptions_fixture) {
    words arguments = {"subscriptions", "--watch", "--every", "0.1"};
    for (const std::string& word : here()) arguments.push_back(word);
    running_program watch(arguments);
    watch.close_output();
    BOOST_TEST(watch.exit_code() == 0);
    for (const char* const bad : {"0", "-1", "3601", "x", "nan"})
        BOOST_TEST(run({"subscriptions", "--watch", "--every", bad}).exit_code == 2, bad);
    BOOST_TEST(run({"subscriptions", "--every", "1"}).exit_code == 2);
}

BOOST_AUTO_TEST_SUITE_END()
