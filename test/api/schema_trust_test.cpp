// Whose schema it is: what a stranger has put there, or may put there later, would run with the rights of whoever uses it.
#include "support/store_fixture.hpp"

#include <eventstore/schemas.hpp>

namespace es = eventstore;
using namespace es::test;

namespace {

/// Somebody else, who may make schemas, and a role of one's own.
class stranger_fixture : public store_fixture {
public:
    stranger_fixture() : stranger_(schema() + "_stranger"), plain_(schema() + "_plain") {
        for (const std::string& each : {stranger_, plain_}) {
            root_.run("create role " + quoted_name(each) + " login; grant create on database " +
                quoted_name(root_.value("select current_database()")) + " to " + quoted_name(each));
        }
        root_.run("grant " + quoted_name(plain_) + " to " + quoted_name(value("select current_user")));
    }
    ~stranger_fixture() {
        for (const std::string& each : {stranger_, plain_})
            root_.run("set client_min_messages = error; drop owned by " + quoted_name(each) + " cascade; drop role " +
                quoted_name(each));
    }

    const std::string& stranger() const noexcept { return stranger_; }
    const std::string& plain() const noexcept { return plain_; }
    /// Past any pooler.
    es::store_options options_of(const std::string& role) const {
        const std::string direct = url_with(test_server::url(), {{"application_name", schema()}, {"user", role}});
        return es::store_options(direct).schema(schema()).create();
    }
    es::store_options options_of_superuser() { return options_of(superuser_name()); }
    std::string superuser_name() { return root_.value("select current_user"); }
    void as_root(const std::string& statements) { root_.run(inside(statements)); }
    void as_stranger(const std::string& statements) {
        session his(url_with(test_server::url(), {{"user", stranger_}}));
        his.run(inside(statements));
    }
    /// Plain SQL in which `schema eventstore` stands for that of the test, too.
    std::string inside(std::string statements) const {
        const std::string written = "schema eventstore";
        for (std::size_t at = 0; (at = statements.find(written, at)) != std::string::npos;)
            statements.replace(at + 7, written.size() - 7, quoted_name(schema()));
        return here(statements);
    }
    void refused(es::store_options how, const std::string& what) {
        for (const bool by_migrate : {false, true}) {
            if (by_migrate && !how.creates()) continue;
            const es::failure why = by_migrate ? run(expect_error(es::errc::server_unusable, es::migrate(how)))
                                               : run(expect_error(es::errc::server_unusable, es::open(how)));
            BOOST_TEST(why.message().find(what) != std::string::npos, why.message());
        }
    }

private:
    session root_{test_server::superuser_url()};
    const std::string stranger_;
    const std::string plain_;
};

const std::string trap =
    "create table eventstore.schema_migrations (version integer, name text, applied_at timestamptz);"
    "insert into eventstore.schema_migrations values (1000, 'x', now());"
    "grant all on schema eventstore to public; grant all on all tables in schema eventstore to public";

} // namespace

BOOST_AUTO_TEST_SUITE(schema_trust_test)

BOOST_FIXTURE_TEST_CASE(a_schema_that_a_stranger_made_is_not_taken_for_ones_own, stranger_fixture) {
    as_stranger("create schema eventstore; grant usage on schema eventstore to public");
    for (const bool is_trap : {false, true}) {
        if (is_trap) as_stranger(trap);
        refused(options(), stranger());
        refused(options_of(plain()), stranger());
        refused(options_of_superuser(), stranger()); // who may use it
    }
    BOOST_TEST(value("select count(*) from pg_proc where pronamespace = '" + quoted_name(schema()) +
                   "'::regnamespace") == "0");
}

BOOST_FIXTURE_TEST_CASE(the_schema_of_a_role_that_one_was_given_is_ones_own, stranger_fixture) {
    as_root("create schema eventstore authorization " + quoted_name(plain()));
    as_root("grant " + quoted_name(plain()) + " to " + quoted_name(stranger()));
    // Who makes the tables owns them, and the fixture looks into them.
    as_root("grant " + quoted_name(stranger()) + " to " + quoted_name(value("select current_user")));
    with_store(options_of(stranger()),
        [](es::store store) -> asio::awaitable<void> { co_await store.append("a", es::no_stream, counted_one("1")); });
}

BOOST_FIXTURE_TEST_CASE(a_plain_owner_makes_its_own_and_a_superuser_uses_it_without_making, stranger_fixture) {
    with_store(options_of(plain()),
        [](es::store store) -> asio::awaitable<void> { co_await store.append("a", es::no_stream, counted_one("1")); });
    as_root("revoke " + quoted_name(plain()) + " from current_user");
    refused(options_of_superuser(), plain());
    with_store(options_of_superuser().create(false), [](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted_one("2"));
    });
    const std::string as_owner =
        url_with(test_server::url(), {{"user", superuser_name()}, {"options", "-c role=" + plain()}});
    with_store(es::store_options(as_owner).schema(schema()).create(), [](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted_one("3"));
    });
    BOOST_TEST(events_stored() == 3);
}

BOOST_FIXTURE_TEST_CASE(a_schema_where_others_may_create_is_used_by_nobody, stranger_fixture) {
    run(es::migrate(options()));
    for (const std::string& who : {quoted_name(stranger()), std::string("public")}) {
        ask(inside("grant create on schema eventstore to " + who));
        refused(options(), "others than its owner");
        refused(options().create(false), who == "public" ? who : stranger());
        ask(inside("revoke create on schema eventstore from " + who));
        with_store([](es::store) -> asio::awaitable<void> { co_return; });
    }
}

BOOST_FIXTURE_TEST_CASE(but_those_who_are_the_owner_anyway_may, stranger_fixture) {
    with_store(options_of(plain()), [](es::store) -> asio::awaitable<void> { co_return; });
    as_root("grant " + quoted_name(plain()) + " to " + quoted_name(stranger()) +
        "; grant create on schema eventstore to " + quoted_name(stranger()));
    with_store(options_of(stranger()),
        [](es::store store) -> asio::awaitable<void> { co_await store.append("a", es::no_stream, counted_one("1")); });
}

// A view of these names runs the code of whoever made it, with the rights of whoever looks into it.
BOOST_FIXTURE_TEST_CASE(looking_for_stores_runs_no_strangers_code, stranger_fixture) {
    const fresh_schema view, table;
    const std::string log_state = ".log_state (largest_event bigint)";
    for (const fresh_schema* each : {&view, &table}) {
        const std::string name = quoted_name(each->name());
        as_stranger("create schema " + name + "; create table " + name + log_state + "; grant usage on schema " + name +
            " to public");
    }
    as_stranger("create function " + quoted_name(view.name()) +
        ".trap() returns integer language plpgsql as $do$ begin "
        "if session_user <> " +
        quoted_text(stranger()) +
        " then raise exception 'trapped'; end if; return 1; end $do$; "
        "create view " +
        quoted_name(view.name()) + ".schema_migrations as select " + quoted_name(view.name()) +
        ".trap() as version; grant select on " + quoted_name(view.name()) + ".schema_migrations to public");
    as_stranger("create table " + quoted_name(table.name()) + ".schema_migrations (version integer); insert into " +
        quoted_name(table.name()) + ".schema_migrations values (7); grant select on " + quoted_name(table.name()) +
        ".schema_migrations to public");
    const std::vector<es::schema_info> found = run(es::find_schemas(options()));
    int tables = 0;
    for (const es::schema_info& each : found) {
        BOOST_TEST(each.name != view.name());
        if (each.name != table.name()) continue;
        ++tables;
        BOOST_TEST(each.version == 0); // it is there, and not looked into
    }
    BOOST_TEST(tables == 1);
}

BOOST_AUTO_TEST_SUITE_END()
