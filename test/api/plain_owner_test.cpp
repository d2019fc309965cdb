// A role that owns its database, and may do nothing beyond that, is all that a store needs: what managed servers give.
#include "api/client_programs.hpp"
#include "support/group_fixture.hpp"
#include "support/older_schema.hpp"
#include "support/receive.hpp"

#include <eventstore/schemas.hpp>
#include <eventstore/transaction.hpp>

#include <cstdio>
#include <optional>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;

namespace {

/// What a program does with its store in all of its life.
asio::awaitable<void> use(es::store store) {
    co_await store.append("a", es::any_version, counted(3));
    co_await store.append("b", es::any_version, counted_one("0"));
    es::transaction both = co_await store.begin();
    both.append("a", es::any_version, counted_one("4"));
    co_await both.execute("select 1");
    co_await both.commit();
    es::subscription mailer = co_await store.subscribe("a", "mailer");
    const texts seen = co_await receive(mailer, 4);
    TEST_SAME(seen, texts({"1", "2", "3", "4"}));
    co_await mailer.unsubscribe();
    const es::snapshot state("a", 4, "T", "state");
    co_await store.record_snapshot(state);
    co_await store.delete_stream("b", es::any_version);
    co_await store.restore_stream("b");
    co_await store.delete_stream("b", es::any_version, es::deletion::hard);
    const es::event_page left = co_await store.read_all();
    TEST_SAME(data_of(left), texts({"1", "2", "3", "4"}));
}

} // namespace

BOOST_AUTO_TEST_SUITE(plain_owner_test)

BOOST_FIXTURE_TEST_CASE(the_tests_themselves_run_as_one, store_fixture) {
    BOOST_TEST(value("select rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls"
                     " from pg_roles where rolname = current_user") == "f");
    BOOST_TEST(value("select pg_get_userbyid(datdba) = current_user from pg_database"
                     " where datname = current_database()") == "t");
}

BOOST_FIXTURE_TEST_CASE(a_store_is_made_used_and_dropped, store_fixture) {
    expect_holes();
    BOOST_TEST(run(es::migrate(options())) == newest_version());
    with_store(options().allow_hard_delete(), use);
    ask("set client_min_messages = error; drop schema " + quoted_name(schema()) + " cascade");
    BOOST_TEST(value("select to_regnamespace(" + quoted_text(quoted_name(schema())) + ") is null") == "t");
}

BOOST_FIXTURE_TEST_CASE(a_store_of_any_older_version_is_brought_along, store_fixture) {
    expect_holes();
    for (const es::payload_format format : {es::payload_format::bytea, es::payload_format::jsonb}) {
        for (int version = 1; version < newest_version(); ++version) {
            BOOST_TEST_CONTEXT("from version " << version) {
                make_older_schema(test_server::url(), schema(), version, format);
                with_store(options().allow_hard_delete(), use);
                ask("set client_min_messages = error; drop schema " + quoted_name(schema()) + " cascade");
            }
        }
    }
}

BOOST_FIXTURE_TEST_CASE(tenants_are_made_and_dropped, group_fixture) {
    const auto body = [&]() -> asio::awaitable<void> {
        es::store_options how = options().allow_hard_delete();
        es::store_group group = co_await es::open_group(std::move(how));
        std::vector<es::store> tenants = co_await open_tenants(group, 3);
        for (const es::store& each : tenants) co_await use(each);
        for (const es::store& each : tenants) co_await each.close();
        ask("set client_min_messages = error; drop schema " + quoted_name(tenant(0)) + " cascade");
        BOOST_TEST(in(1, "select count(*) from tenant.events") == "4");
        co_await group.close();
    };
    run(body());
}

BOOST_FIXTURE_TEST_CASE(a_dump_is_restored_and_goes_on, store_fixture, *has_client_programs()) {
    expect_holes();
    with_store(options().allow_hard_delete(), use);
    const fresh_database other("restored_" + schema());
    const std::string file = "/tmp/" + schema() + ".dump";
    text_printed_by(client_program("pg_dump") + " --format=custom --schema=" + quoted_for_shell(quoted_name(schema())) +
        " --file=" + quoted_for_shell(file) + " --dbname=" + quoted_for_shell(test_server::url()));
    text_printed_by(client_program("pg_restore") + " --exit-on-error --dbname=" + quoted_for_shell(other.url()) + " " +
        quoted_for_shell(file));
    std::remove(file.c_str());

    const es::store_options there = options(other.url()).create(false).allow_hard_delete();
    BOOST_TEST(run(es::migrate_existing(there)) == newest_version());
    with_store(there, [](es::store store) -> asio::awaitable<void> {
        const es::append_result next = co_await store.append("a", 4, counted_one("5"));
        BOOST_TEST(next.last_position > 5); // no position is given out twice
        es::subscription mailer = co_await store.subscribe("a", "mailer");
        const texts seen = co_await receive(mailer, 1);
        TEST_SAME(seen, texts({"5"}));
        co_await mailer.unsubscribe();
        co_await store.append("c", es::no_stream, counted(2));
        co_await store.delete_stream("c", es::any_version, es::deletion::hard);
    });
}

BOOST_AUTO_TEST_SUITE_END()
