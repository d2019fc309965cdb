// What psql, or a program in another language, does with the functions of the schema.
#include "support/concurrently.hpp"
#include "support/store_fixture.hpp"

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;

namespace {

const std::string wrong_isolation_level = "25008";
const std::string insufficient_privilege = "42501";

std::string append_one(const std::string& stream, int expected, const std::string& data) {
    return "select eventstore.append_event(" + quoted_text(stream) + ", " + std::to_string(expected) +
        ", gen_random_uuid(), 'FromSql', convert_to(" + quoted_text(data) + ", 'UTF8'), '', null, null, null, false)";
}

// The batch function with two events for one stream.
std::string append_two(const std::string& stream, int expected, const std::string& data) {
    const std::string bytes = "convert_to(" + quoted_text(data) + ", 'UTF8')";
    const std::string exact = std::to_string(expected);
    return "select eventstore.append_events(array[" + quoted_text(stream) + "], array[" + exact +
        "]::bigint[], array[2], null, " + (expected == 0 ? "1" : "0") + ", array[1], array[" + exact +
        "]::bigint[], array[2], array[false], array[1, 1], array[1, 2], array[gen_random_uuid(), gen_random_uuid()],"
        " array['FromSql', 'FromSql'], array[" +
        bytes + ", " + bytes + "], null, null, null, null, null, null, 100, false)";
}

} // namespace

BOOST_AUTO_TEST_SUITE(sql_test)

BOOST_FIXTURE_TEST_CASE(the_functions_refuse_transactions_that_cannot_see_the_head, store_fixture) {
    run(es::migrate(options()));
    session writer;
    for (const char* const level : {"repeatable read", "serializable"})
        for (const std::string& append :
            {append_one("a", -1, "x"), append_two("a", -1, "x"), append_two("a", 0, "x")}) {
            BOOST_TEST(writer.state_of(here(std::string("begin isolation level ") + level + ";" + append)) ==
                wrong_isolation_level);
            writer.run("rollback");
        }
    BOOST_TEST(events_stored() == 0);
    BOOST_TEST(
        writer.state_of(here("begin isolation level read committed;" + append_one("a", 0, "x") + "; commit")) == "");
    BOOST_TEST(events_stored() == 1);
}

BOOST_FIXTURE_TEST_CASE(appends_of_plain_sql_and_of_the_library_make_one_log, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        session writer;
        co_await store.append("a", es::no_stream, counted_one("library 1"));
        BOOST_TEST(writer.value(here(append_one("a", 1, "sql 2"))).starts_with("{0,2,2,"));
        co_await store.append("a", 2, counted_one("library 3"));
        writer.run(here(append_two("a", 3, "sql 4 and 5")));
        writer.run(here(append_two("b", 0, "sql b")));
        writer.run(here(append_one("c", 0, "sql c")));
        const es::append_result done = co_await store.append("a", 5, counted(2, "library "));
        BOOST_TEST(done.first_position == 9);
        const es::event_page page = co_await store.read("a");
        TEST_SAME(data_of(page),
            texts({"library 1", "sql 2", "library 3", "sql 4 and 5", "sql 4 and 5", "library 1", "library 2"}));
        BOOST_TEST(page[1].type() == "FromSql");
        BOOST_TEST(page[1].metadata() == "");
        const es::event_page all = co_await store.read_all();
        TEST_SAME(positions_of(all), from_to(1, 10));
        const es::failure stale =
            co_await expect_error(es::errc::stream_exists, store.append("b", es::no_stream, counted_one("x")));
        BOOST_TEST(stale.actual().value() == 2);
    });
}

BOOST_FIXTURE_TEST_CASE(plain_sql_is_judged_by_the_same_rules, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        session writer;
        const es::event_data event = counted_one("library");
        co_await store.append("a", es::no_stream, event);
        // The first number is the kind of answer, the fourth the outcome: 2 wrong version, 3 exists, 4 not found.
        const auto outcome = [&](const std::string& append) {
            const std::string answer = writer.value(here(append));
            return answer.substr(0, 2) == "{1" ? writer.value("select ('" + answer + "'::bigint[])[5]") : "stored";
        };
        BOOST_TEST(outcome(append_one("a", 5, "x")) == "2");
        BOOST_TEST(outcome(append_one("a", 0, "x")) == "3");
        BOOST_TEST(outcome(append_one("missing", -2, "x")) == "4");
        BOOST_TEST(outcome(append_two("a", 5, "x")) == "2");
        BOOST_TEST(outcome(append_two("a", 0, "x")) == "3");
        BOOST_TEST(outcome(append_two("missing", -2, "x")) == "4");
        delete_stream_softly("a");
        BOOST_TEST(outcome(append_one("a", -1, "x")) == "5");
        BOOST_TEST(outcome(append_two("a", -1, "x")) == "5");
        BOOST_TEST(outcome(append_one("b", -1, "x")) == "stored");
    });
    BOOST_TEST(events_stored() == 2);
}

BOOST_FIXTURE_TEST_CASE(what_is_rolled_back_leaves_no_hole, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        session writer;
        co_await store.append("a", es::no_stream, counted_one("1"));
        writer.run(here("begin;" + append_one("a", 1, "never") + ";" + append_two("new", 0, "never") + "; rollback"));
        const es::append_result done = co_await store.append("a", 1, counted_one("2"));
        BOOST_TEST(done.first_position == 2);
        co_await expect_error(es::errc::stream_not_found, store.read("new"));
    });
}

// Until it commits nobody sees it, nobody can append behind it, and readers do not wait.
BOOST_FIXTURE_TEST_CASE(an_append_waits_for_the_transaction_before_it, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted_one("1"));
        blocker transaction(here(append_one("a", 1, "2") + ";" + append_one("a", 2, "3")));
        started<es::append_result> waiting = co_await start(store.append("a", 3, counted_one("4")));
        co_await eventually([&] { return transaction.blocks(); });
        const es::event_page before = co_await store.read_all();
        TEST_SAME(data_of(before), texts({"1"}));
        BOOST_TEST(!waiting.done());
        transaction.commit();
        co_await eventually([&] { return waiting.done(); });
        BOOST_TEST(waiting.value().first_position == 4);
        const es::event_page after = co_await store.read_all();
        TEST_SAME(data_of(after), texts({"1", "2", "3", "4"}));
    });
}

// A writer needs no right on the tables, only one on the functions: it appends by them, or not at all.
BOOST_FIXTURE_TEST_CASE(a_role_may_append_without_rights_on_the_tables, store_fixture) {
    run(es::migrate(options()));
    const fresh_role appending(schema() + "_writer");
    const std::string role = quoted_name(appending.name());
    ask("grant usage on schema " + quoted_name(schema()) + " to " + role);
    {
        session writer;
        writer.run("set role " + role);
        BOOST_TEST(writer.state_of(here(append_one("a", -1, "x"))) == insufficient_privilege);
        BOOST_TEST(writer.state_of(here(append_two("a", -1, "x"))) == insufficient_privilege);
        ask("grant execute on function eventstore.append_event, eventstore.append_events to " + role);
        BOOST_TEST(writer.state_of(here(append_one("a", -1, "x"))) == "");
        BOOST_TEST(writer.state_of(here(append_two("a", -1, "x"))) == "");
        BOOST_TEST(writer.state_of(here(append_two("a", 0, "x"))) == ""); // an outcome, not an error
        for (const char* const statement :
            {"insert into eventstore.streams (name, version, created_at) values ('forged', 1, now())",
                "update eventstore.streams set version = 100", "select * from eventstore.events",
                "delete from eventstore.events", "update eventstore.log_state set floor = 100"})
            BOOST_TEST(writer.state_of(here(statement)) == insufficient_privilege, statement);
        // What such a role puts in the way must not be taken for the real thing.
        writer.run(
            "create temp table events (like pg_class); create temp table streams (name text);"
            "create temp table log_state (floor bigint);"
            "create function pg_temp.clock_timestamp() returns timestamptz language sql as 'select null::timestamptz';"
            "create function pg_temp.pg_advisory_xact_lock(bigint) returns void language sql as 'select';"
            "set search_path = pg_temp, public");
        BOOST_TEST(writer.state_of(here(append_one("b", -1, "y"))) == "");
        BOOST_TEST(writer.state_of(here(append_two("b", -1, "y"))) == "");
    }
    BOOST_TEST(events_stored() == 6);
    BOOST_TEST(number("select version from eventstore.streams where name = 'b'") == 3);
}

BOOST_AUTO_TEST_SUITE_END()
