// The settings of a role or a database reach each session that is made, not only the first one.
#include "support/concurrently.hpp"
#include "support/store_fixture.hpp"

#include <eventstore/transaction.hpp>

namespace es = eventstore;
using namespace std::chrono_literals;
using namespace es::test;

namespace {

/// A role with settings of its own.
class role_fixture : public store_fixture {
public:
    role_fixture() : role_(schema() + "_role") {
        const std::string me = quoted_name(value("select current_user"));
        const std::string database = quoted_name(value("select current_database()"));
        const std::string role = quoted_name(role_);
        root_.run("create role " + role + " login; grant " + role + " to " + me + "; grant create on database " +
            database + " to " + role);
    }
    ~role_fixture() {
        root_.run("set client_min_messages = error; drop owned by " + quoted_name(role_) + " cascade; drop role " +
            quoted_name(role_));
    }

    /// Past any pooler.
    es::store_options its_options() const {
        const std::string direct = url_with(test_server::url(), {{"application_name", schema()}, {"user", role_}});
        return es::store_options(direct).schema(schema()).create();
    }
    void set(const std::string& setting) { root_.run("alter role " + quoted_name(role_) + " set " + setting); }
    session& root() noexcept { return root_; }

    /// An append that is refused before its time is over, with a reason that names `what`.
    asio::awaitable<void> append_is_refused(es::store store, std::string what) {
        const auto before = std::chrono::steady_clock::now();
        const es::event_data event = counted_one("refused");
        const auto answer = co_await store.within(30s).try_append("a", es::any_version, event);
        BOOST_TEST((std::chrono::steady_clock::now() - before < 10s));
        BOOST_REQUIRE(!answer);
        BOOST_TEST((answer.error().code() == es::errc::server_unusable), answer.error().message());
        BOOST_TEST(answer.error().message().find(what) != std::string::npos, answer.error().message());
    }

private:
    session root_{test_server::superuser_url()};
    const std::string role_;
};

} // namespace

BOOST_AUTO_TEST_SUITE(session_settings_test)

BOOST_FIXTURE_TEST_CASE(what_becomes_of_a_role_later_does_not_reach_an_append_unnoticed, role_fixture) {
    with_store(its_options(), [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted_one("1"));
        set("synchronous_commit = off");
        terminate_backends();
        co_await append_is_refused(store, "synchronous_commit");
        set("synchronous_commit = on");
        co_await store.append("a", es::any_version, counted_one("2"));

        set("default_transaction_read_only = on");
        terminate_backends();
        co_await append_is_refused(store, "default_transaction_read_only");
        set("default_transaction_read_only = off");
        co_await store.append("a", es::any_version, counted_one("3"));

        // These the store overrules.
        for (const char* const each : {"default_transaction_isolation = 'serializable'", "client_min_messages = error",
                 "client_encoding = LATIN1", "lock_timeout = 1", "statement_timeout = 1"}) {
            set(each);
            terminate_backends();
            co_await store.append("a", es::any_version, counted_one("x"));
        }
    });
    BOOST_TEST(events_stored() == 8);
}

BOOST_FIXTURE_TEST_CASE(nor_a_transaction, role_fixture) {
    with_store(its_options(), [&](es::store store) -> asio::awaitable<void> {
        set("synchronous_commit = off");
        terminate_backends();
        const es::failure why = co_await expect_error(es::errc::server_unusable, store.within(30s).begin());
        BOOST_TEST(why.message().find("synchronous_commit") != std::string::npos, why.message());
        set("synchronous_commit = on");
        es::transaction work = co_await store.begin();
        work.append("a", es::any_version, counted_one("1"));
        co_await work.commit();
    });
    BOOST_TEST(events_stored() == 1);
}

BOOST_FIXTURE_TEST_CASE(a_read_only_role_reads_but_neither_makes_nor_appends, role_fixture) {
    set("default_transaction_read_only = on");
    const es::failure why = run(expect_error(es::errc::server_unusable, es::open(its_options())));
    BOOST_TEST(why.message().find("default_transaction_read_only") != std::string::npos, why.message());
    set("default_transaction_read_only = off");
    run(es::migrate(its_options()));
    set("default_transaction_read_only = on");
    with_store(its_options(), [&](es::store store) -> asio::awaitable<void> {
        const es::event_page page = co_await store.read_all();
        BOOST_TEST(page.size() == 0u);
        co_await append_is_refused(store, "default_transaction_read_only");
    });
}

BOOST_FIXTURE_TEST_CASE(a_database_that_is_not_in_utf_8_is_refused, role_fixture) {
    const std::string name = schema() + "_latin1";
    root().run("create database " + quoted_name(name) + " encoding 'LATIN1' template template0");
    const es::failure why = run(expect_error(es::errc::server_unusable,
        es::open(es::store_options(url_with(test_server::url(), {{"dbname", name}})).create())));
    BOOST_TEST(why.message().find("LATIN1") != std::string::npos, why.message());
    BOOST_TEST(why.message().find("UTF8") != std::string::npos, why.message());
    root().run("drop database " + quoted_name(name) + " with (force)");
}

BOOST_AUTO_TEST_SUITE_END()
