// What a transaction leaves in its session, which may be another store's next.
#include "postgres/exclusive_connections.hpp"

#include <utility>
#include <vector>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;

BOOST_AUTO_TEST_SUITE(session_reset_test)

BOOST_FIXTURE_TEST_CASE(what_a_transaction_leaves_in_its_session_is_not_there_for_the_next, pool_fixture) {
    const fresh_role guest(schema() + "_guest");
    const std::string role = quoted_name(guest.name());
    with_pool(1, [&](pool_ptr pool) -> asio::awaitable<void> {
        const auto one = std::make_shared<pool_user>(pool);
        const auto other = std::make_shared<pool_user>(pool);
        begun first = co_await begin(one);
        BOOST_REQUIRE(first.has_value());
        const int pid = co_await pid_of(*first);
        const std::string user = co_await ask_on(*first, "select current_user");
        const std::string path = co_await ask_on(*first, "show search_path");
        const std::string dates = co_await ask_on(*first, "show DateStyle");
        const std::string keys = std::to_string(pid);
        const std::vector<std::string> left = {
            "set search_path = pg_catalog, nowhere",
            "set work_mem = '77MB'",
            "set DateStyle = 'German'",
            "set default_transaction_read_only = on",
            "set eventstore.mine = 'secret'",
            "create temp table left_behind (id int)",
            "prepare left_behind as select 1",
            "select pg_advisory_lock(7311, " + keys + ")",
            "listen left_behind",
            "set role " + role,
            "commit",
        };
        for (const std::string& each : left) {
            const std::string answer = co_await ask_on(*first, each);
            BOOST_TEST(answer.find("ERROR") == std::string::npos, answer);
        }
        first->give_back();
        begun next = co_await begin(other);
        BOOST_REQUIRE(next.has_value());
        const int pid_now = co_await pid_of(*next);
        BOOST_TEST(pid_now == pid);
        const std::vector<std::pair<std::string, std::string>> expected = {
            {"select current_user", user},
            {"show search_path", path},
            {"select count(*) from pg_settings where name = 'work_mem' and source = 'session'", "0"},
            {"show DateStyle", dates},
            {"show transaction_read_only", "off"},
            {"select coalesce(current_setting('eventstore.mine', true), '')", ""},
            {"select to_regclass('pg_temp.left_behind') is null", "t"},
            {"select count(*) from pg_prepared_statements", "0"},
            {"select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()", "0"},
            {"select count(*) from pg_listening_channels()", "0"},
            {"show transaction_isolation", "read committed"},
        };
        for (const auto& [what, value] : expected) {
            const std::string answer = co_await ask_on(*next, what);
            BOOST_TEST(answer == value, what << ": " << answer);
        }
    });
}

BOOST_FIXTURE_TEST_CASE(what_is_open_when_a_session_is_given_back_is_rolled_back, pool_fixture) {
    ask("create schema if not exists " + quoted_name(schema()));
    ask("create table eventstore.numbers (n int)");
    with_pool(1, [&](pool_ptr pool) -> asio::awaitable<void> {
        const auto user = std::make_shared<pool_user>(pool);
        {
            const begun one = co_await begin(user);
            co_await ask_on(*one, here("insert into eventstore.numbers values (1)"));
        }
        const begun next = co_await begin(user);
        const std::string seen = co_await ask_on(*next, here("select count(*) from eventstore.numbers"));
        BOOST_TEST(seen == "0");
        BOOST_TEST(pool->count().connects == 1u);
    });
}

BOOST_AUTO_TEST_SUITE_END()
