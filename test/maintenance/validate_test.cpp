// Validating, scripts and drops, on the real server as a plain owner.
#include "support/older_schema.hpp"
#include "support/receive.hpp"

#include <eventstore/drop.hpp>
#include <eventstore/schemas.hpp>
#include <eventstore/validate.hpp>

#include <algorithm>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(validate_test)

namespace {

class validated_store : public store_fixture {
public:
    validated_store() {
        with_store(
            [](es::store store) -> asio::awaitable<void> { co_await store.append("a", es::no_stream, counted(2)); });
    }
    void teardown() {
        drop_schema(schema());
        store_fixture::teardown();
    }

    es::validation_report validated() { return run(es::validate(options()), 60s); }
    texts checks() {
        texts all;
        for (const es::finding& one : validated().findings) all.push_back(one.check);
        return all;
    }
    std::string only_command() {
        const es::validation_report report = validated();
        BOOST_TEST_REQUIRE(report.findings.size() == 1u);
        BOOST_TEST(!report.is_as_expected());
        return report.findings[0].command;
    }
    /// The command that a finding gives puts it right.
    void is_found_and_put_right(const std::string& change, const std::string& check) {
        BOOST_TEST_CONTEXT(change) {
            ask(change);
            TEST_SAME(checks(), texts({check}));
            session().run(only_command());
            TEST_SAME(checks(), texts());
        }
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(a_fresh_schema_is_as_it_should_be, validated_store) {
    const es::validation_report report = validated();
    for (const es::finding& one : report.findings) BOOST_ERROR(one.message);
    BOOST_TEST(report.is_as_expected());
    BOOST_TEST(report.version == newest_version());
    BOOST_TEST(report.compared > 100u);
    BOOST_TEST(value("select count(*) from pg_namespace where nspname like 'eventstore_validation%'") == "0");
}

BOOST_FIXTURE_TEST_CASE(migrated_schemas_and_those_with_odd_names_and_jsonb_are_as_they_should_be, validated_store) {
    const fresh_schema older;
    make_older_schema(test_server::url(), older.name(), 3);
    run(es::migrate(options().schema(older.name())), 60s);
    const es::validation_report migrated = run(es::validate(options().schema(older.name())), 60s);
    for (const es::finding& one : migrated.findings) BOOST_ERROR(one.message);
    const fresh_schema unique;
    const std::string name = unique.name() + " it's \"odd\"";
    const auto how = options().schema(name).payload(es::payload_format::jsonb);
    run(es::migrate(how), 60s);
    const es::validation_report odd = run(es::validate(how), 60s);
    drop_schema(name);
    for (const es::finding& one : odd.findings) BOOST_ERROR(one.message);
}

// The server writes them in quotes.
BOOST_FIXTURE_TEST_CASE(schemas_whose_names_are_keywords_are_as_they_should_be, validated_store) {
    for (const std::string name : {"order", "user", "between", "public_1"}) {
        BOOST_TEST_CONTEXT(name) {
            drop_schema(name);
            const auto how = options().schema(name);
            run(es::migrate(how), 60s);
            const es::validation_report report = run(es::validate(how), 60s);
            drop_schema(name);
            for (const es::finding& one : report.findings) BOOST_ERROR(one.message);
            BOOST_TEST(report.is_as_expected());
        }
    }
}

BOOST_FIXTURE_TEST_CASE(what_was_changed_is_found_and_the_commands_put_it_right, validated_store) {
    is_found_and_put_right("alter table eventstore.events disable trigger events_are_immutable", "changed_trigger");
    is_found_and_put_right("drop trigger streams_are_never_removed on eventstore.streams", "missing_trigger");
    is_found_and_put_right("drop index eventstore.deleted_streams_by_name", "missing_index");
    is_found_and_put_right("alter table eventstore.events drop constraint events_event_id_key", "missing_constraint");
    is_found_and_put_right("grant insert on eventstore.events to public", "public_privilege");
    is_found_and_put_right("grant execute on function eventstore.append_event to public", "public_privilege");
    is_found_and_put_right("grant usage on schema " + quoted_name(schema()) + " to public", "public_privilege");
}

BOOST_FIXTURE_TEST_CASE(changed_columns_and_defaults_are_found, validated_store) {
    ask("alter table eventstore.snapshots alter column type drop not null;"
        "alter table eventstore.subscriptions alter column epoch set default 1;"
        "alter table eventstore.snapshots drop column metadata;"
        "alter table eventstore.forks add column extra text");
    texts found = checks();
    std::sort(found.begin(), found.end());
    TEST_SAME(found, texts({"changed_column", "changed_column", "missing_column", "other_column"}));
}

BOOST_FIXTURE_TEST_CASE(a_changed_function_is_found_and_made_anew_by_the_script, validated_store) {
    ask("create or replace function eventstore.tell_followers(message text) returns void language sql security definer"
        " set search_path = " +
        quoted_name(schema()) + ", pg_temp as 'select null::void'");
    TEST_SAME(checks(), texts({"changed_function"}));
    ask("alter function eventstore.is_held security definer");
    BOOST_TEST(checks().size() == 2u);
    std::string script = run(es::migration_script(options(), true), 60s);
    BOOST_TEST(script.find("create or replace function") != std::string::npos);
    // What only psql knows.
    for (const std::string line : {"\\set ON_ERROR_STOP on\n", "\\gset eventstore_\n"})
        if (const auto at = script.find(line); at != script.npos) script.replace(at, line.size(), ";\n");
    session().run(script);
    TEST_SAME(checks(), texts());
}

BOOST_FIXTURE_TEST_CASE(what_is_there_besides_is_told, validated_store) {
    ask("create table eventstore.mine (); create index mine_too on eventstore.events (type)");
    const es::validation_report report = validated();
    BOOST_TEST(report.is_as_expected());
    BOOST_TEST(report.findings.size() == 2u);
}

BOOST_FIXTURE_TEST_CASE(without_create_the_schema_is_made_of_temporary_tables, validated_store) {
    const fresh_role reader("reader_of_" + schema());
    const std::string role = quoted_name(reader.name());
    ask("grant usage on schema " + quoted_name(schema()) + " to " + role + "; grant select on all tables in schema " +
        quoted_name(schema()) + " to " + role + "; grant execute on all functions in schema " + quoted_name(schema()) +
        " to " + role);
    const auto how = options(url_with(test_server::url(), {{"options", "-c role=" + reader.name()}}));
    const es::validation_report report = run(es::validate(how), 60s);
    for (const es::finding& one : report.findings) BOOST_ERROR(one.message);
    BOOST_TEST(report.compared > 100u);
    ask("drop index eventstore.deleted_streams_by_name");
    BOOST_TEST(run(es::validate(how), 60s).findings.size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(default_privileges_of_the_role_make_no_difference, validated_store) {
    // Of a role of the test's own: those of the owner would be the defaults of other tests, too.
    const fresh_role maker("maker_of_" + schema());
    const std::string role = quoted_name(maker.name());
    ask("grant usage on schema " + quoted_name(schema()) + " to " + role + "; grant select on all tables in schema " +
        quoted_name(schema()) + " to " + role + "; grant execute on all functions in schema " + quoted_name(schema()) +
        " to " + role);
    ask("do $$ begin execute format('grant create on database %I to " + role + "', current_database()); end $$");
    ask("set role " + role +
        "; alter default privileges revoke execute on functions from public;"
        "alter default privileges grant select on tables to public; reset role");
    const auto how = options(url_with(test_server::url(), {{"options", "-c role=" + maker.name()}}));
    const es::validation_report report = run(es::validate(how), 60s);
    ask("do $$ begin execute format('revoke create on database %I from " + role + "', current_database()); end $$");
    for (const es::finding& one : report.findings) BOOST_ERROR(one.message);
    BOOST_TEST(report.compared > 100u);
}

BOOST_FIXTURE_TEST_CASE(schemas_of_other_versions_are_refused, validated_store) {
    const fresh_schema older;
    make_older_schema(test_server::url(), older.name(), 3);
    const auto body = [&]() -> asio::awaitable<void> {
        co_await expect_error(es::errc::schema_missing, es::validate(options().schema(older.name())));
        co_await expect_error(es::errc::schema_missing, es::validate(options().schema("no_such_schema")));
    };
    run(body());
}

BOOST_FIXTURE_TEST_CASE(a_store_is_dropped_with_all_that_is_in_it, validated_store) {
    const es::drop_preview found = run(es::preview_drop(options()));
    BOOST_TEST(found.events == 2);
    BOOST_TEST(found.streams == 1);
    BOOST_TEST(found.subscriptions == 0);
    BOOST_TEST(found.is_unused());
    run(es::drop_store(options()));
    BOOST_TEST(value("select to_regnamespace(" + quoted_text(schema()) + ") is null") == "t");
    const auto again = [&]() -> asio::awaitable<void> {
        co_await expect_error(es::errc::schema_missing, es::drop_store(options()));
    };
    run(again());
}

BOOST_FIXTURE_TEST_CASE(a_store_of_any_version_can_be_dropped, validated_store) {
    for (int version = 1; version <= last_version_with_functions; ++version) {
        BOOST_TEST_CONTEXT("version " << version) {
            const fresh_schema older;
            make_older_schema(test_server::url(), older.name(), version);
            const es::drop_preview found = run(es::preview_drop(options().schema(older.name())));
            BOOST_TEST(found.events == 0);
            BOOST_TEST(found.subscriptions == 0);
            run(es::drop_store(options().schema(older.name())));
            BOOST_TEST(value("select to_regnamespace(" + quoted_text(older.name()) + ") is null") == "t");
        }
    }
}

BOOST_FIXTURE_TEST_CASE(a_store_that_is_open_is_not_dropped_unless_forced, validated_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(1));
        const auto why = co_await expect_error(es::errc::server_unusable, es::drop_store(options()));
        BOOST_TEST(why.message().find("sessions use it: ") != std::string::npos, why.message());
        es::subscription held = co_await store.subscribe_to_all("mailer");
        const auto owned = co_await expect_error(es::errc::server_unusable, es::drop_store(options()));
        BOOST_TEST(
            owned.message().find("subscriptions have an owner: mailer of ") != std::string::npos, owned.message());
        co_await held.unsubscribe();
        co_await es::drop_store(options(), true);
    };
    with_store(body);
    BOOST_TEST(value("select to_regnamespace(" + quoted_text(schema()) + ") is null") == "t");
}

BOOST_FIXTURE_TEST_CASE(what_is_not_the_stores_is_not_dropped_unless_forced, validated_store) {
    const fresh_schema other;
    ask("create table eventstore.mine (); create schema " + quoted_name(other.name()) + "; create view " +
        quoted_name(other.name()) + ".report as select count(*) from eventstore.events");
    const auto body = [&]() -> asio::awaitable<void> {
        const auto why = co_await expect_error(es::errc::server_unusable, es::drop_store(options()));
        BOOST_TEST(why.message().find("it holds what is not the store's: mine") != std::string::npos, why.message());
        BOOST_TEST(
            why.message().find("others depend on it: " + other.name() + ".report") != std::string::npos, why.message());
    };
    run(body());
    BOOST_TEST(events_stored() == 2);
}

BOOST_FIXTURE_TEST_CASE(a_schema_that_is_no_store_is_never_dropped, validated_store) {
    const fresh_schema other;
    sql("create schema " + quoted_name(other.name()) + "; create table " + quoted_name(other.name()) +
        ".schema_migrations (version integer)");
    const auto body = [&]() -> asio::awaitable<void> {
        const auto why =
            co_await expect_error(es::errc::schema_missing, es::drop_store(options().schema(other.name()), true));
        BOOST_TEST(why.message().find("holds no event store") != std::string::npos);
        co_await expect_error(es::errc::schema_missing, es::drop_store(options().schema("public"), true));
        co_await expect_error(es::errc::invalid_argument, es::drop_store(options().schema("pg_catalog"), true));
    };
    run(body());
    BOOST_TEST(sql_value("select to_regnamespace(" + quoted_text(other.name()) + ") is not null") == "t");
}

BOOST_FIXTURE_TEST_CASE(an_append_under_way_is_waited_for, validated_store) {
    auto holder = hold_log();
    const auto body = [&]() -> asio::awaitable<void> {
        co_await expect_error(es::errc::lock_timeout, es::drop_store(options().operation_timeout(200ms), true));
    };
    run(body());
    holder.release();
    BOOST_TEST(events_stored() == 2);
}

BOOST_FIXTURE_TEST_CASE(a_script_for_a_new_schema_needs_no_server, validated_store) {
    const std::string script = es::creation_script("shop");
    BOOST_TEST(script.find("create schema \"shop\"") != std::string::npos);
    BOOST_TEST(script.ends_with("commit;\n"));
    expect_code(es::errc::invalid_argument, [] { es::creation_script("pg_shop"); });
    BOOST_TEST(run(es::migration_script(options())).find("there is nothing to do") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
