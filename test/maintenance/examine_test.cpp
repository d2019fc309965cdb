// Examining real servers, as a plain owner.
#include "support/receive.hpp"

#include <eventstore/doctor.hpp>

#include <algorithm>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(examine_test)

namespace {

class examined_store : public store_fixture {
public:
    examined_store() {
        with_store(
            [](es::store store) -> asio::awaitable<void> { co_await store.append("a", es::no_stream, counted(3)); });
    }
    void teardown() {
        drop_schema(schema());
        store_fixture::teardown();
    }

    es::doctor_report examined(es::doctor_options how = es::doctor_options()) {
        return run(es::examine(options(), how), 60s);
    }
    static std::vector<es::finding> of(const es::doctor_report& report, const std::string& check) {
        std::vector<es::finding> found;
        for (const es::finding& one : report.findings)
            if (one.check == check) found.push_back(one);
        return found;
    }
    es::finding only(const std::string& check, es::doctor_options how = es::doctor_options()) {
        const auto found = of(examined(how), check);
        BOOST_TEST_REQUIRE(found.size() == 1u, check);
        return found[0];
    }
    bool finds(const std::string& check, es::doctor_options how = es::doctor_options()) {
        return !of(examined(how), check).empty();
    }
    static es::doctor_options at_once() { return es::doctor_options().long_transaction(0s).lag(0s).abandoned(0s); }
    void subscribed(const std::string& name) {
        with_store([&](es::store store) -> asio::awaitable<void> {
            es::subscription reader = co_await store.subscribe_to_all(name);
            co_await reader.unsubscribe();
        });
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(a_fresh_store_has_what_it_needs, examined_store) {
    const es::doctor_report report = examined();
    // Of the schema and the sessions; the settings of the server of the tests are another matter.
    for (const char* const check :
        {"schema", "missing_index", "invalid_index", "index_bloat", "table_bloat", "dead_rows", "sequence", "lag",
            "abandoned_subscription", "parked_events", "unfinished_delete", "log_lock", "encoding", "wraparound"})
        BOOST_TEST(of(report, check).empty(), check);
    for (const es::finding& one : report.findings) {
        BOOST_TEST(!one.message.empty());
        BOOST_TEST(!one.advice.empty());
    }
}

BOOST_FIXTURE_TEST_CASE(settings_of_the_role_and_the_database_are_found, examined_store) {
    const fresh_role role("writer_of_" + schema());
    ask("grant usage on schema " + quoted_name(schema()) + " to " + quoted_name(role.name()));
    sql(test_server::superuser_url(), "alter role " + quoted_name(role.name()) + " set synchronous_commit = off");
    const es::finding of_role = only("synchronous_commit");
    BOOST_TEST((of_role.severity == es::severity::problem));
    BOOST_TEST(of_role.message.find("for the role '" + role.name() + "'") != std::string::npos, of_role.message);
    sql(test_server::superuser_url(), of_role.command);
    BOOST_TEST(!finds("synchronous_commit"));
    // A role that may not use the store is no concern of it.
    const fresh_role stranger("stranger_of_" + schema());
    sql(test_server::superuser_url(), "alter role " + quoted_name(stranger.name()) + " set synchronous_commit = off");
    BOOST_TEST(!finds("synchronous_commit"));
}

BOOST_FIXTURE_TEST_CASE(a_missing_index_is_found_and_its_command_makes_it, examined_store) {
    ask("alter table eventstore.events drop constraint events_event_id_key; drop index "
        "eventstore.deleted_streams_by_age");
    const auto found = of(examined(), "missing_index");
    BOOST_TEST_REQUIRE(found.size() == 2u);
    for (const es::finding& one : found) session().run(one.command);
    BOOST_TEST(!finds("missing_index"));
}

BOOST_FIXTURE_TEST_CASE(an_index_that_was_broken_off_is_found_and_its_command_drops_it, examined_store) {
    ask("create index extra on eventstore.events (type)");
    sql(test_server::superuser_url(),
        here("update pg_index set indisvalid = false where indexrelid = 'eventstore.extra'::regclass"));
    session().run(only("invalid_index").command);
    BOOST_TEST(!finds("invalid_index"));
}

BOOST_FIXTURE_TEST_CASE(a_bloated_table_is_found_and_its_command_shrinks_it, examined_store) {
    subscribed("mailer");
    ask("alter table eventstore.subscriptions set (autovacuum_enabled = off)");
    BOOST_TEST(only("autovacuum").subject == "subscriptions");
    session().run(only("autovacuum").command);
    BOOST_TEST(!finds("autovacuum"));
    // The pages of rows that are gone stay, where one behind them is in use.
    ask("insert into eventstore.subscriptions (stream, name, position) select 'x' || n, repeat('y', 400), 0"
        " from generate_series(1, 40000) as n; delete from eventstore.subscriptions where stream like 'x%' and stream "
        "<> 'x40000'");
    session().run(here("vacuum analyze eventstore.subscriptions"));
    session().run(only("table_bloat").command);
    BOOST_TEST(!finds("table_bloat"));
}

BOOST_FIXTURE_TEST_CASE(a_sequence_behind_is_found_and_its_command_sets_it, examined_store) {
    ask("insert into eventstore.subscriptions (subscription_id, stream, name, position) overriding system value"
        " values (1000, '$all', 'copied', 3)");
    session().run(only("sequence").command);
    BOOST_TEST(!finds("sequence"));
    subscribed("new");
}

BOOST_FIXTURE_TEST_CASE(subscriptions_that_lag_are_found, examined_store) {
    subscribed("mailer");
    BOOST_TEST(!finds("lag"));
    ask("alter table eventstore.events disable trigger user;"
        "update eventstore.events set created_at = now() - interval '1 hour';"
        "alter table eventstore.events enable trigger user");
    const es::finding lag = only("lag");
    BOOST_TEST(lag.subject == "mailer");
    BOOST_TEST(lag.message.find("is 3 events behind, the oldest of which has waited for 1 h") != std::string::npos,
        lag.message);
    const es::finding abandoned = only("abandoned_subscription", es::doctor_options().abandoned(1800s));
    BOOST_TEST(
        abandoned.message.find("nobody has had the subscription 'mailer' to '$all' for 1 h") == 0u, abandoned.message);
    ask("insert into eventstore.parked_events (subscription_id, position, reason, deliveries)"
        " select subscription_id, 2, 'no', 3 from eventstore.subscriptions");
    BOOST_TEST(finds("parked_events"));
}

BOOST_FIXTURE_TEST_CASE(a_hard_delete_that_was_broken_off_is_found_and_its_command_goes_on, examined_store) {
    expect_holes();
    ask("select eventstore.delete_stream('a', -1, true, gen_random_uuid())");
    const es::finding one = only("unfinished_delete");
    session().run(one.command);
    session().run(one.command);
    BOOST_TEST(!finds("unfinished_delete"));
    BOOST_TEST(events_stored() == 0);
}

BOOST_FIXTURE_TEST_CASE(who_holds_the_log_is_found_and_the_command_ends_it, examined_store) {
    session holder;
    holder.run(
        here("begin; select pg_advisory_xact_lock('eventstore.log_state'::regclass::bigint + 7311000000000000000)"));
    BOOST_TEST(!finds("log_lock")); // for so short a time it may be an append
    // Time is the server's, and goes on: the limit of the lock is ten seconds.
    run([&]() -> asio::awaitable<void> { co_await let_pass(11s); }(), 60s);
    const es::finding one = only("log_lock");
    BOOST_TEST((one.severity == es::severity::problem));
    BOOST_TEST(one.subject == std::to_string(holder.pid()));
    session().run(one.command);
    BOOST_TEST(!finds("log_lock"));
}

BOOST_FIXTURE_TEST_CASE(long_transactions_are_found, examined_store) {
    session idle;
    idle.run("begin; select 1");
    const auto is_his = [&](const es::finding& one) { return one.subject == std::to_string(idle.pid()); };
    run([&]() -> asio::awaitable<void> { co_await let_pass(1100ms); }());
    const auto found = of(examined(at_once()), "idle_in_transaction");
    BOOST_TEST(std::any_of(found.begin(), found.end(), is_his));
    const auto usual = of(examined(), "idle_in_transaction");
    BOOST_TEST(std::none_of(usual.begin(), usual.end(), is_his));
}

BOOST_FIXTURE_TEST_CASE(what_a_plain_owner_may_not_see_is_said, examined_store) {
    session other(test_server::superuser_url());
    other.run("begin; select 1");
    const es::doctor_report plain = examined();
    BOOST_TEST_REQUIRE(plain.unseen.size() == 1u);
    BOOST_TEST(plain.unseen[0].find("grant pg_read_all_stats to ") != std::string::npos, plain.unseen[0]);
    const es::doctor_report all = run(es::examine(options(test_server::superuser_url())), 60s);
    BOOST_TEST(all.unseen.empty());
}

BOOST_FIXTURE_TEST_CASE(a_reader_without_rights_is_told_what_it_cannot_see, examined_store) {
    const fresh_role reader("reader_of_" + schema(), "login");
    const std::string url = url_with(test_server::superuser_url(), {{"options", "-c role=" + reader.name()}});
    const es::doctor_report report = run(es::examine(options(url)), 60s);
    BOOST_TEST(of(report, "schema").empty());
    BOOST_TEST(std::any_of(report.unseen.begin(), report.unseen.end(),
        [](const std::string& one) { return one.find("the tables of the schema, which this role may not use") == 0; }));
}

BOOST_FIXTURE_TEST_CASE(a_missing_schema_and_one_of_another_version_are_findings, examined_store) {
    const es::doctor_report report = run(es::examine(options().schema("no_such_schema")), 60s);
    BOOST_TEST_REQUIRE(of(report, "schema").size() == 1u);
    BOOST_TEST(of(report, "schema")[0].command == "eventstore init --schema no_such_schema");
    BOOST_TEST(of(report, "missing_index").empty());
    ask("delete from eventstore.schema_migrations where version > 10");
    BOOST_TEST(only("schema").command == "eventstore migrate --schema " + schema());
    ask("insert into eventstore.schema_migrations (version, name) values (9999, 'future')");
    BOOST_TEST(only("schema").command == "");
}

BOOST_FIXTURE_TEST_CASE(bad_options_are_refused, examined_store) {
    const auto body = [&]() -> asio::awaitable<void> {
        const auto why =
            co_await expect_error(es::errc::invalid_argument, es::examine(options(), es::doctor_options().lag(-1s)));
        BOOST_TEST(why.message() == "lag is negative; it is a time in seconds, from 0");
        co_await expect_error(es::errc::invalid_argument, es::examine(options(), es::doctor_options().abandoned(-1s)));
        co_await expect_error(
            es::errc::invalid_argument, es::examine(options(), es::doctor_options().long_transaction(-1s)));
        co_await expect_error(es::errc::connection_lost, es::examine(es::store_options("host=/nowhere")));
    };
    run(body());
}

BOOST_AUTO_TEST_SUITE_END()
