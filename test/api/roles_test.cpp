// Making the roles of a store; what they may do is in guide_test.
#include "support/store_fixture.hpp"

#include <eventstore/roles.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;

namespace {

/// A store that belongs to a role of its own.
class owned_store : public store_fixture {
public:
    explicit owned_store(const std::string& attributes = "") : owner_(schema() + "_owner", attributes) {
        session(test_server::superuser_url())
            .run("grant create on database " + quoted_name(session().value("select current_database()")) + " to " +
                quoted_name(owner_.name()));
        run(es::migrate(by_owner()));
    }
    ~owned_store() {
        session(test_server::superuser_url())
            .run("drop schema " + quoted_name(schema()) +
                " cascade; do $$ declare made text; begin for made in select "
                "rolname from pg_roles where starts_with(rolname, '" +
                prefix() +
                "') loop execute format('drop owned by "
                "%I; drop role %I', made, made); end loop; end $$");
    }

    /// As the owner, and no more.
    es::store_options by_owner() const {
        return options(url_with(test_server::url(), {{"options", "-c role=" + owner_.name()}}));
    }
    std::string prefix() const { return schema() + "_made"; }
    std::string roles() {
        return value("select coalesce(string_agg(substr(rolname, " + std::to_string(prefix().size() + 2) +
            ") || case when rolcanlogin then ' can log in' else '' end, ' ' order by rolname), '') from pg_roles where "
            "starts_with(rolname, '" +
            prefix() + "')");
    }
    bool may_append(const std::string& role) {
        return value("select has_function_privilege('" + prefix() + '_' + role +
                   "', p.oid, 'execute') from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace"
                   " where n.nspname = " +
                   quoted_text(schema()) + " and p.proname = 'append_event'") == "t";
    }

private:
    const fresh_role owner_;
};

struct owned_by_maker : owned_store {
    owned_by_maker() : owned_store("createrole") {}
};

const std::string all_roles = "archivist keeper reader recorder scavenger subscriber writer";

} // namespace

BOOST_AUTO_TEST_SUITE(roles_test)

BOOST_FIXTURE_TEST_CASE(an_owner_who_may_make_roles_makes_them_once, owned_by_maker) {
    for (int i = 0; i < 2; ++i) {
        run(es::grant_roles(by_owner(), prefix()));
        BOOST_TEST(roles() == all_roles);
        BOOST_TEST(may_append("writer"));
        BOOST_TEST(!may_append("reader"));
    }
}

BOOST_FIXTURE_TEST_CASE(an_owner_who_may_not_make_roles_is_told_what_to_do, owned_store) {
    run([&]() -> asio::awaitable<void> {
        const es::failure why = co_await expect_error(es::errc::database_error, es::grant_roles(by_owner(), prefix()));
        BOOST_TEST(why.sqlstate() == "42501");
        BOOST_TEST(why.message().find("CREATEROLE") != std::string::npos, why.message());
        BOOST_TEST(
            why.message().find("init --schema " + schema() + " --roles " + prefix() + " --sql") != std::string::npos,
            why.message());
    }());
    BOOST_TEST(roles() == "");
}

BOOST_FIXTURE_TEST_CASE(what_an_administrator_runs_does_the_same, owned_store) {
    session administrator(test_server::superuser_url());
    const std::string script = es::roles_script(schema(), prefix());
    const std::string first_line = "\\set ON_ERROR_STOP on\n"; // which psql understands
    BOOST_TEST(script.starts_with(first_line));
    for (int i = 0; i < 2; ++i) administrator.run(script.substr(first_line.size()));
    BOOST_TEST(roles() == all_roles);
    BOOST_TEST(may_append("writer"));
    run(es::grant_roles(by_owner(), prefix())); // which needs no privilege for roles that are there
}

BOOST_FIXTURE_TEST_CASE(a_role_of_somebody_who_logs_in_is_not_taken_for_one_of_the_store, owned_by_maker) {
    session administrator(test_server::superuser_url());
    administrator.run("create role " + quoted_name(prefix() + "_writer") + " login");
    run([&]() -> asio::awaitable<void> {
        const es::failure why = co_await expect_error(es::errc::database_error, es::grant_roles(by_owner(), prefix()));
        BOOST_TEST(why.message().find("choose another prefix") != std::string::npos, why.message());
    }());
    BOOST_TEST(roles() == "writer can log in"); // all of it, or nothing
    BOOST_TEST(!may_append("writer"));
}

BOOST_FIXTURE_TEST_CASE(many_make_the_same_roles_at_once, owned_by_maker) {
    asio::io_context context;
    std::vector<std::exception_ptr> failed;
    for (int i = 0; i < 6; ++i) {
        auto granting = es::grant_roles(by_owner(), prefix());
        asio::co_spawn(context, std::move(granting), [&](std::exception_ptr why) {
            if (why) failed.push_back(why);
        });
    }
    context.run();
    for (const std::exception_ptr& each : failed) BOOST_CHECK_NO_THROW(std::rethrow_exception(each));
    BOOST_TEST(roles() == all_roles);
}

BOOST_FIXTURE_TEST_CASE(roles_are_for_the_owner_of_a_store_that_exists, owned_by_maker) {
    const fresh_role other(schema() + "_other", "createrole");
    session(test_server::superuser_url())
        .run(here("grant usage on schema " + quoted_name(schema()) + " to " + quoted_name(other.name()) +
            "; grant select on all tables in schema " + quoted_name(schema()) + " to " + quoted_name(other.name())));
    run([&]() -> asio::awaitable<void> {
        const auto by_other = options(url_with(test_server::url(), {{"options", "-c role=" + other.name()}}));
        const es::failure why = co_await expect_error(es::errc::server_unusable, es::grant_roles(by_other, prefix()));
        BOOST_TEST(why.message().find("no role of yours") != std::string::npos, why.message());
        auto nothing = by_owner();
        nothing.schema("nothing");
        co_await expect_error(es::errc::schema_missing, es::grant_roles(nothing, prefix()));
        co_await expect_error(es::errc::invalid_argument, es::grant_roles(by_owner(), ""));
    }());
    BOOST_CHECK_THROW(es::roles_script("", "shop"), es::error);
    BOOST_CHECK_THROW(es::roles_script("shop", "pg_shop"), es::error);
    BOOST_TEST(roles() == "");
}

BOOST_AUTO_TEST_SUITE_END()
