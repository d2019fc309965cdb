// From every older schema to the newest one.

#include "api/client_programs.hpp"
#include "support/concurrently.hpp"
#include "support/older_schema.hpp"
#include "support/store_fixture.hpp"

#include <eventstore/schemas.hpp>

#include <sstream>
#include <stdexcept>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;
using namespace std::chrono_literals;

namespace {

constexpr es::payload_format formats[] = {es::payload_format::bytea, es::payload_format::jsonb};

void make_older(store_fixture& in, int version, es::payload_format format = es::payload_format::bytea) {
    make_older_schema(in.url(), in.schema(), version, format);
}

/// Three events in two streams, in the oldest tables.
void write_events(store_fixture& in, es::payload_format format) {
    const std::string data = format == es::payload_format::jsonb ? "'{\"n\": 1}'" : "'{\"n\":1}'";
    in.ask("insert into eventstore.streams (name, version, created_at) values ('a', 2, now()), ('b', 1, now());"
           "insert into eventstore.events (position, stream_id, stream_version, created_at, event_id, type, data,"
           " metadata) select n, s.stream_id, case n when 3 then 2 else 1 end, now(), gen_random_uuid(), 'Old', " +
        data + ", " + data +
        " from generate_series(1, 3) as n"
        " join eventstore.streams as s on s.name = case n when 2 then 'b' else 'a' end order by n");
}

/// What pg_dump says of the schema, but for the random keys of \restrict, which are new in each dump.
std::string dump(store_fixture& in) {
    const std::string all = text_printed_by(client_program("pg_dump") + " --schema-only --schema=" +
        quoted_for_shell(quoted_name(in.schema())) + " --dbname=" + quoted_for_shell(test_server::url()));
    std::istringstream lines(all);
    std::string text;
    for (std::string line; std::getline(lines, line);)
        if (!line.starts_with("\\restrict ") && !line.starts_with("\\unrestrict ")) text += line + '\n';
    return text;
}

/// The first line in which they differ, for the message.
std::string difference(const std::string& left, const std::string& right) {
    std::istringstream a(left), b(right);
    for (std::string x, y; std::getline(a, x) && std::getline(b, y);)
        if (x != y) return "'" + x + "' and '" + y + "'";
    return left.size() == right.size() ? "" : "one ends earlier";
}

void drop(store_fixture& in) {
    in.ask("set client_min_messages = error; drop schema " + quoted_name(in.schema()) + " cascade");
}

texts schema_names_of(const std::vector<es::schema_info>& list) {
    texts names;
    for (const es::schema_info& each : list) names.push_back(each.name);
    return names;
}

} // namespace

BOOST_AUTO_TEST_SUITE(migration_test)

BOOST_FIXTURE_TEST_CASE(a_migrated_schema_is_the_same_as_a_fresh_one, store_fixture, *has_client_programs()) {
    for (const es::payload_format format : formats) {
        run(es::migrate(options().payload(format)));
        const std::string fresh = dump(*this);
        BOOST_REQUIRE(fresh.find("CREATE TABLE") != std::string::npos);
        drop(*this);
        for (int version = 0; version < newest_version(); ++version) {
            BOOST_TEST_CONTEXT("from version " << version) {
                if (version > 0)
                    make_older(*this, version, format);
                else
                    ask("create schema " + quoted_name(schema())); // made by an administrator, and empty
                const int reached = run(es::migrate(options().payload(format)));
                BOOST_TEST(reached == newest_version());
                const std::string migrated = dump(*this);
                BOOST_TEST((migrated == fresh), difference(migrated, fresh));
                drop(*this);
            }
        }
    }
}

BOOST_FIXTURE_TEST_CASE(a_schema_is_migrated_for_the_payload_that_it_has, store_fixture, *has_client_programs()) {
    for (const es::payload_format format : formats) {
        run(es::migrate(options().payload(format)));
        const std::string fresh = dump(*this);
        drop(*this);
        make_older(*this, 1, format);
        run(es::migrate(options().payload(format == formats[0] ? formats[1] : formats[0])));
        const std::string migrated = dump(*this);
        BOOST_TEST((migrated == fresh), difference(migrated, fresh));
        drop(*this);
    }
}

BOOST_FIXTURE_TEST_CASE(what_a_member_migrates_still_belongs_to_its_owner, store_fixture) {
    make_older(*this, 9, es::payload_format::bytea);
    const std::string member = schema() + "_member";
    session root(test_server::superuser_url());
    root.run("create role " + quoted_name(member) + " login in role " + quoted_name(value("select current_user")));
    run(es::migrate(es::store_options(url_with(test_server::url(), {{"user", member}})).schema(schema())));
    root.run("drop role " + quoted_name(member)); // it owns nothing
    const std::string owner =
        "(select n.oid, n.nspowner from pg_namespace as n join pg_class as c on c.relnamespace = n.oid "
        "where c.oid = 'eventstore.log_state'::regclass) as s";
    const auto others = [&](const std::string& list) { return number("select count(*) from " + owner + list); };
    BOOST_TEST(others(" join pg_proc as p on p.pronamespace = s.oid and p.proowner <> s.nspowner") == 0);
    BOOST_TEST(others(" join pg_class as c on c.relnamespace = s.oid and c.relowner <> s.nspowner") == 0);
    with_store([](es::store store) -> asio::awaitable<void> { co_await store.append("a", es::no_stream, counted(1)); });
}

BOOST_FIXTURE_TEST_CASE(what_was_written_before_a_migration_is_there_after_it, store_fixture) {
    for (const es::payload_format format : formats) {
        for (int version = 1; version < newest_version(); ++version) {
            BOOST_TEST_CONTEXT("from version " << version) {
                make_older(*this, version, format);
                write_events(*this, format);
                const std::string made_at = value("select created_at from eventstore.log_state");
                with_store(options().payload(format), [&](es::store store) -> asio::awaitable<void> {
                    const es::event_page a = co_await store.read("a");
                    const std::string data = format == es::payload_format::jsonb ? "{\"n\": 1}" : "{\"n\":1}";
                    TEST_SAME(data_of(a), texts({data, data}));
                    BOOST_TEST(a[1].metadata() == data);
                    const es::event_page all = co_await store.read_all();
                    TEST_SAME(positions_of(all), numbers({1, 2, 3}));
                    // And goes on from there.
                    co_await expect_error(
                        es::errc::wrong_expected_version, store.append("a", 1, es::event_data("New", "{}")));
                    const es::append_result next = co_await store.append("a", 2, es::event_data("New", "{}"));
                    BOOST_TEST(next.last_position == 4);
                    co_await store.append("c", es::no_stream, es::event_data("New", "{}"));
                    const std::vector<es::stream_info> list = co_await store.streams();
                    BOOST_TEST(list.size() == 3u);
                    es::subscription reader = co_await store.subscribe_to_all("reader");
                    const auto batch = co_await reader.next(5s);
                    BOOST_TEST((batch && !batch->empty()));
                    const es::snapshot state("a", 3, "T", "state");
                    co_await store.record_snapshot(state);
                });
                BOOST_TEST(value("select created_at from eventstore.log_state") == made_at);
                BOOST_TEST(number("select count(*) from eventstore.schema_migrations") == newest_version());
                drop(*this);
            }
        }
    }
}

BOOST_FIXTURE_TEST_CASE(an_older_schema_is_migrated_by_one_of_many, store_fixture) {
    make_older(*this, 3);
    write_events(*this, es::payload_format::bytea);
    const auto body = [&]() -> asio::awaitable<void> {
        std::vector<asio::awaitable<int>> work;
        for (int i = 0; i < 8; ++i) work.push_back(es::migrate(options()));
        const auto reached = co_await concurrently(std::move(work));
        for (const int each : reached) BOOST_TEST(each == newest_version());
    };
    run(body());
    BOOST_TEST(number("select count(*) from eventstore.schema_migrations") == newest_version());
    // What was missing came in one transaction.
    BOOST_TEST(number("select count(distinct xmin::text) from eventstore.schema_migrations where version > 3") == 1);
    BOOST_TEST(events_stored() == 3);
}

BOOST_FIXTURE_TEST_CASE(
    a_migration_that_fails_half_way_leaves_the_older_schema_as_it_was, store_fixture, *has_client_programs()) {
    make_older(*this, 3);
    write_events(*this, es::payload_format::bytea);
    ask("create function eventstore.refuse_change() returns int language sql as 'select 1'"); // in the way
    const std::string before = dump(*this);
    const es::failure why = run(expect_error(es::errc::database_error, es::migrate(options())));
    BOOST_TEST(why.message().find("migration immutability of schema") != std::string::npos, why.message());
    const std::string after = dump(*this);
    BOOST_TEST((after == before), difference(after, before));
    BOOST_TEST(number("select max(version) from eventstore.schema_migrations") == 3);
    ask("drop function eventstore.refuse_change()");
    BOOST_TEST(run(es::migrate(options())) == newest_version());
    BOOST_TEST(events_stored() == 3);
}

BOOST_FIXTURE_TEST_CASE(a_schema_that_is_not_there_is_not_made_by_migrating_existing_ones, store_fixture) {
    run(expect_error(es::errc::schema_missing, es::migrate_existing(options())));
    BOOST_TEST(value("select to_regnamespace('" + schema() + "') is null") == "t");
    ask("create schema " + quoted_name(schema()) + "; create table eventstore.mine (x int)");
    run(expect_error(es::errc::schema_missing, es::migrate_existing(options())));
    BOOST_TEST(number("select count(*) from pg_class where relnamespace = '" + schema() + "'::regnamespace") == 1);
    drop(*this);
    make_older(*this, 2);
    BOOST_TEST(run(es::migrate_existing(options())) == newest_version());
    BOOST_TEST(run(es::migrate_existing(options())) == newest_version());
    ask("insert into eventstore.schema_migrations (version, name) values (9999, 'from the future')");
    run(expect_error(es::errc::schema_too_new, es::migrate_existing(options())));
}

// Of a function whose parameters change, there is a new one, and whoever might call the old one may call it.
BOOST_FIXTURE_TEST_CASE(who_may_call_a_function_may_do_so_after_a_migration, store_fixture) {
    const fresh_role may_append(schema() + " writer"), may_grant(schema() + "_other");
    const std::string writer = quoted_name(may_append.name()), other = quoted_name(may_grant.name());
    const std::string namespace_of = "(select relnamespace from pg_class where oid = 'eventstore.events'::regclass)";
    const auto granted = [&] {
        return ask("select p.proname, a.grantee::regrole::text, a.is_grantable from pg_proc as p"
                   " cross join aclexplode(p.proacl) as a where p.pronamespace = " +
            namespace_of + " and a.grantee <> p.proowner and a.grantee <> 0 order by 1, 2, 3");
    };
    for (int version = 2; version <= last_version_with_functions; ++version) {
        make_older(*this, version);
        ask("grant execute on all functions in schema " + quoted_name(schema()) + " to " + writer +
            "; grant execute on function eventstore.append_event to " + other + " with grant option" +
            "; grant execute on function eventstore.append_event to public");
        const rows before = granted();
        run(es::migrate(options()));
        const rows after = granted();
        BOOST_TEST((after == before), "from version " << version);
        BOOST_TEST(value("select has_function_privilege('pg_monitor', p.oid, 'execute') from pg_proc as p"
                         " where p.proname = 'append_event' and p.pronamespace = " +
                       namespace_of) == "t");
        drop(*this);
    }
}

BOOST_FIXTURE_TEST_CASE(the_functions_of_a_renamed_schema_are_made_for_its_new_name, store_fixture) {
    const std::string old_name = schema() + " old";
    run(es::migrate(options().schema(old_name)));
    ask("alter schema " + quoted_name(old_name) + " rename to " + quoted_name(schema()));
    BOOST_TEST(run(es::migrate(options())) == newest_version());
    BOOST_TEST(number("select count(*) from pg_proc where pronamespace = '" + quoted_name(schema()) +
                   "'::regnamespace and pg_get_functiondef(oid) like '%" + old_name + "%'") == 0);
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, es::event_data("T", "1"));
        es::subscription reader = co_await store.subscribe_to_all("reader");
        const auto batch = co_await reader.next(5s);
        BOOST_TEST((batch && batch->size() == 1));
    });
}

BOOST_FIXTURE_TEST_CASE(the_stores_of_a_database_are_found, store_fixture) {
    // In a database of its own: others make and drop schemas in this one all the time.
    const fresh_database database("found_" + schema());
    const std::string there = url_with(test_server::url(), {{"dbname", database.name()}});
    const auto find = [&] { return run(es::find_schemas(es::store_options(there))); };
    BOOST_TEST(find().empty());
    for (const char* const name : {"b store", "A", "a\"b"}) run(es::migrate(es::store_options(there).schema(name)));
    {
        session other(there);
        other.run("create schema older; create schema rails; create schema half; create schema newer;"
                  "create table rails.schema_migrations (version text primary key);"
                  "create table half.schema_migrations (version integer primary key);"
                  "create table half.log_state (level text)");
    }
    run(es::migrate(es::store_options(there).schema("newer")));
    run(es::migrate(es::store_options(there).schema("older")));
    session(there).run("insert into newer.schema_migrations (version, name) values (9999, 'from the future');"
                       "delete from older.schema_migrations where version > 2");
    const std::vector<es::schema_info> found = find();
    TEST_SAME(schema_names_of(found), texts({"A", "a\"b", "b store", "newer", "older"}));
    for (const es::schema_info& each : found) {
        BOOST_TEST(each.newest == newest_version());
        const int version = each.name == "newer" ? 9999 : each.name == "older" ? 2 : newest_version();
        BOOST_TEST(each.version == version, each.name);
    }
    // A role that may not look into a schema learns that it is there.
    const fresh_role role(schema() + "_stranger");
    const std::string stranger = url_with(there, {{"options", "-c role=" + role.name()}});
    const std::vector<es::schema_info> seen = run(es::find_schemas(es::store_options(stranger)));
    TEST_SAME(schema_names_of(seen), schema_names_of(found));
    for (const es::schema_info& each : seen) BOOST_TEST(each.version == 0);
}

BOOST_AUTO_TEST_SUITE_END()
