// What SQL in a transaction takes and gives: values of each type, nulls, errors, and a session that is clean.
#include "support/conditions.hpp"
#include "transaction/accounts.hpp"

#include <cmath>
#include <limits>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;

namespace {

std::vector<std::byte> bytes(std::string_view text) {
    const auto* const first = reinterpret_cast<const std::byte*>(text.data());
    return {first, first + text.size()};
}

template <class T>
bool refuses(const es::query_result& from, std::string_view column, std::string_view words) {
    try {
        (void)from[0].get<T>(column);
    } catch (const es::error& e) {
        BOOST_TEST((e.why().code() == es::errc::invalid_argument));
        BOOST_TEST(e.why().message().find(words) != std::string::npos, e.what());
        return true;
    }
    return false;
}

} // namespace

BOOST_AUTO_TEST_SUITE(transaction_sql_test)

BOOST_FIXTURE_TEST_CASE(each_type_comes_back_as_it_was_bound, accounts) {
    with_accounts([&](es::store store) -> asio::awaitable<void> {
        es::transaction tx = co_await store.begin();
        co_await tx.execute(
            here("create table eventstore.types (b boolean, s smallint, i integer, l bigint, d double precision,"
                 " n numeric, t text, v varchar, j jsonb, u uuid, z timestamptz, x bytea, y date, a integer[])"));
        const es::uuid id = es::make_uuid();
        const es::timestamp time = es::timestamp(1'700'000'000'123'456us);
        const std::string text = "it's \"quoted\" \\ äöü €\n";
        const std::string_view json = R"({"a": [1, 2]})";
        const std::vector<std::byte> raw = bytes(std::string_view("\0\1\xff\\", 4));
        const std::int64_t large = std::numeric_limits<std::int64_t>::min();
        const es::query_result done = co_await tx.execute(
            here("insert into eventstore.types values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"),
            true, std::int16_t(-5), 2'000'000'000, large, 0.1, "12345678901234567890.50", text, "v", json, id, time,
            raw, "2024-02-29", "{1,2,3}");
        BOOST_TEST(done.affected() == 1);
        BOOST_TEST(done.empty());
        const es::query_result all = co_await tx.execute(here("select * from eventstore.types"));
        BOOST_REQUIRE(all.size() == 1u);
        TEST_SAME(all.columns(), texts({"b", "s", "i", "l", "d", "n", "t", "v", "j", "u", "z", "x", "y", "a"}));
        const es::sql_row row = all[0];
        BOOST_TEST(row.size() == 14u);
        BOOST_TEST(row.get<bool>("b") == true);
        BOOST_TEST(row.get<std::int16_t>("s") == -5);
        BOOST_TEST(row.get<int>("i") == 2'000'000'000);
        BOOST_TEST(row.get<std::int64_t>("l") == large);
        BOOST_TEST(row.get<double>("d") == 0.1);
        BOOST_TEST(row.get<std::string>("n") == "12345678901234567890.50");
        BOOST_TEST(row.get<std::string_view>("t") == text);
        BOOST_TEST(row.get<std::string>(7) == "v");
        BOOST_TEST(row.get<std::string>("j") == json);
        BOOST_TEST((row.get<es::uuid>("u") == id));
        BOOST_TEST((row.get<es::timestamp>("z") == time));
        BOOST_TEST((row.get<std::vector<std::byte>>("x") == raw));
        BOOST_TEST(row.get<std::string>("y") == "2024-02-29");
        BOOST_TEST(row.get<std::string>("a") == "{1,2,3}");
        BOOST_TEST(row.get<std::optional<std::int64_t>>("i").value() == 2'000'000'000);
        co_await tx.rollback();
        BOOST_TEST(row.get<std::string>("v") == "v"); // a result outlives its transaction
    });
}

BOOST_FIXTURE_TEST_CASE(nulls_are_bound_and_read_as_optionals, accounts) {
    with_accounts([&](es::store store) -> asio::awaitable<void> {
        es::transaction tx = co_await store.begin();
        const std::optional<std::int64_t> none;
        const std::optional<std::string> some("x");
        const es::query_result all = co_await tx.execute(
            "select $1::bigint as n, $2::text as t, $3::uuid as u, $4::text as p", none, some, nullptr, std::nullopt);
        BOOST_TEST(all[0].is_null("n"));
        BOOST_TEST(!all[0].is_null(1));
        BOOST_TEST(!all[0].get<std::optional<int>>("n").has_value());
        BOOST_TEST(all[0].get<std::optional<std::string>>("t").value() == "x");
        BOOST_TEST(!all[0].get<std::optional<es::uuid>>("u").has_value());
        BOOST_TEST(refuses<std::int64_t>(all, "n", "is null"));
        BOOST_TEST(refuses<std::string>(all, "p", "is null"));
        co_await tx.commit();
    });
}

BOOST_FIXTURE_TEST_CASE(a_field_that_is_read_as_something_else_is_refused, accounts) {
    with_accounts([&](es::store store) -> asio::awaitable<void> {
        es::transaction tx = co_await store.begin();
        const es::query_result one =
            co_await tx.execute("select 300 as i, 1.5 as n, 2.00 as w, 'x' as t, true as b,"
                                " 'NaN'::float8 as nan, 1e300::float8 as huge, 'infinity'::timestamptz as never,"
                                " now()::timestamp as local, sum(g)::bigint as l, sum(g::bigint) as s"
                                " from generate_series(1, 3) as g");
        BOOST_TEST(one[0].get<std::int64_t>("s") == 6); // a numeric
        BOOST_TEST(one[0].get<int>("w") == 2);
        BOOST_TEST(one[0].get<double>("n") == 1.5);
        BOOST_TEST(one[0].get<unsigned>("i") == 300u);
        BOOST_TEST(std::isnan(one[0].get<double>("nan")));
        BOOST_TEST(refuses<std::int64_t>(one, "n", "no integer"));
        BOOST_TEST(refuses<std::int64_t>(one, "t", "'t' (text) cannot be read as an integer"));
        BOOST_TEST(refuses<std::int64_t>(one, "huge", "double precision"));
        BOOST_TEST(refuses<bool>(one, "i", "(integer)"));
        BOOST_TEST(refuses<double>(one, "b", "boolean"));
        BOOST_TEST(refuses<es::uuid>(one, "t", "uuid"));
        BOOST_TEST(refuses<es::timestamp>(one, "never", "infinity"));
        BOOST_TEST(refuses<es::timestamp>(one, "local", "without time zone"));
        BOOST_TEST(refuses<std::vector<std::byte>>(one, "t", "bytes"));
        BOOST_TEST(refuses<int>(one, "nobody", "there are: 'i', 'n'"));
        BOOST_CHECK_THROW((void)one[0].get<int>(11), es::error);
        BOOST_CHECK_THROW((void)one[0].is_null(11), es::error);
        BOOST_CHECK_THROW((void)one[1].get<int>(0), es::error);
        BOOST_CHECK_THROW((void)one.value<int>(), es::error);
        BOOST_CHECK_THROW((void)es::query_result().value<int>(), es::error);
        const es::query_result small = co_await tx.execute("select 70000 as i, -1 as m");
        BOOST_TEST(refuses<std::int16_t>(small, "i", "too large"));
        BOOST_TEST(refuses<unsigned>(small, "m", "too small"));
        co_await tx.rollback();
    });
}

BOOST_FIXTURE_TEST_CASE(rows_come_in_order_and_in_any_number, accounts) {
    with_accounts([&](es::store store) -> asio::awaitable<void> {
        es::transaction tx = co_await store.begin();
        std::int64_t sum = 0;
        for (const es::sql_row& row : co_await tx.execute("select g, g * 2 as h from generate_series(1, 10000) as g"))
            sum += row.get<std::int64_t>("h");
        BOOST_TEST(sum == 100'010'000);
        const es::query_result none = co_await tx.execute("select 1 where false");
        BOOST_TEST(none.empty());
        BOOST_TEST(none.columns().size() == 1u);
        const es::query_result comment = co_await tx.execute("-- nothing at all");
        BOOST_TEST(comment.affected() == 0);
        const es::query_result changed = co_await tx.execute(here("update eventstore.accounts set balance = 1"));
        BOOST_TEST(changed.affected() == 2);
        std::vector<es::sql_value> list;
        for (int i = 0; i < 100; ++i) list.emplace_back(i);
        std::string sql = "select $1";
        for (int i = 2; i <= 100; ++i) sql += " + $" + std::to_string(i);
        const es::query_result total = co_await tx.execute(sql, std::move(list));
        BOOST_TEST(total.value<int>() == 4950);
        co_await tx.rollback();
    });
}

BOOST_FIXTURE_TEST_CASE(an_sql_error_says_what_was_wrong_and_leaves_only_the_rollback, accounts) {
    with_accounts([&](es::store store) -> asio::awaitable<void> {
        es::transaction tx = co_await store.begin();
        co_await withdraw(tx, "bob", 1);
        const es::failure first = co_await expect_error(es::errc::database_error, withdraw(tx, "ada", 101));
        BOOST_TEST(first.sqlstate() == "23514");
        BOOST_TEST(first.message().find("accounts_balance_check") != std::string::npos);
        const es::failure later = co_await expect_error(es::errc::transaction_ended, tx.execute("select 1"));
        BOOST_TEST(later.message().find("accounts_balance_check") != std::string::npos);
        tx.append("a", es::any_version, counted_one("x"));
        const es::failure last = co_await expect_error(es::errc::database_error, tx.commit());
        BOOST_TEST(last.sqlstate() == "23514");
        expect_stored(0, 100);
        BOOST_TEST(balance("bob") == 100);

        es::transaction wrong = co_await store.begin();
        const es::failure missing =
            co_await expect_error(es::errc::database_error, wrong.execute("select * from nobody_knows"));
        BOOST_TEST(missing.sqlstate() == "42P01");
        BOOST_TEST(missing.message().find("create(true)") == std::string::npos);
        BOOST_TEST(missing.message().find("at character 15") != std::string::npos);
        co_await wrong.rollback();
        es::transaction count = co_await store.begin();
        co_await expect_error(es::errc::database_error, count.execute("select $1::int + $2::int", 1));
        es::transaction two = co_await store.begin();
        co_await expect_error(es::errc::database_error, two.execute("select 1; select 2"));
    });
}

BOOST_FIXTURE_TEST_CASE(a_savepoint_is_a_way_back_from_an_error, accounts) {
    with_accounts([&](es::store store) -> asio::awaitable<void> {
        es::transaction tx = co_await store.begin();
        co_await withdraw(tx, "ada", 1);
        co_await tx.execute("savepoint before");
        co_await expect_error(es::errc::database_error, withdraw(tx, "ada", 1000));
        co_await tx.execute("ROLLBACK TO SAVEPOINT before");
        co_await withdraw(tx, "ada", 2);
        tx.append("a", es::any_version, counted_one("x"));
        co_await tx.commit();
        expect_stored(1, 97);
    });
}

BOOST_FIXTURE_TEST_CASE(a_commit_that_the_server_refuses_stores_nothing, accounts) {
    with_accounts([&](es::store store) -> asio::awaitable<void> {
        ask("create table eventstore.owners (id text primary key);"
            "create table eventstore.pets (owner text references eventstore.owners deferrable initially deferred)");
        es::transaction tx = co_await store.begin();
        co_await tx.execute(here("insert into eventstore.pets values ('nobody')"));
        tx.append("a", es::any_version, counted_one("x"));
        const es::failure why = co_await expect_error(es::errc::database_error, tx.commit());
        BOOST_TEST(why.sqlstate() == "23503");
        BOOST_TEST(!why.outcome_unknown());
        BOOST_TEST(events_stored() == 0);
        es::transaction next = co_await store.begin();
        next.append("a", es::no_stream, counted_one("x"));
        co_await next.commit();
    });
}

BOOST_FIXTURE_TEST_CASE(sql_that_would_end_the_transaction_is_refused, accounts) {
    with_accounts([&](es::store store) -> asio::awaitable<void> {
        es::transaction tx = co_await store.begin();
        co_await withdraw(tx, "ada", 1);
        for (const char* const each : {"commit", " COMMIT and chain", "/* a /* nested */ one */ rollback -- x",
                 "--\nend", "abort", "begin", "start transaction", "rollback and chain", "prepare transaction 'x'",
                 ";commit and chain", "; ; end and chain", ";/* x */;--\n;abort and chain"}) {
            const es::failure why = co_await expect_error(es::errc::invalid_argument, tx.execute(each));
            BOOST_TEST(why.message().find("commit() and rollback()") != std::string::npos);
        }
        co_await withdraw(tx, "ada", 1);
        const std::string nul("select 1\0", 9);
        co_await expect_error(es::errc::invalid_argument, tx.execute(""));
        co_await expect_error(es::errc::invalid_argument, tx.execute(nul));
        co_await expect_error(es::errc::invalid_argument, tx.execute("select $1", nul));
        co_await expect_error(es::errc::invalid_argument, tx.execute("select $1", "\xff"));
        co_await tx.commit(); // none of it has done any harm
        expect_stored(0, 98);
        for (const std::string& copy : {std::string("copy eventstore.accounts from stdin"),
                 std::string("copy (select 1) to stdout"), std::string("copy eventstore.accounts to stdout")}) {
            es::transaction copying = co_await store.begin();
            co_await withdraw(copying, "ada", 1);
            const std::string sql = here(copy);
            const es::failure why = co_await expect_error(es::errc::invalid_argument, copying.execute(sql));
            BOOST_TEST(why.message().find("COPY") != std::string::npos);
            co_await expect_error(es::errc::transaction_ended, copying.commit());
        }
        expect_stored(0, 98);
    });
}

BOOST_FIXTURE_TEST_CASE(no_procedure_and_no_second_statement_ends_the_transaction, accounts) {
    with_accounts([&](es::store store) -> asio::awaitable<void> {
        ask("create procedure eventstore.ending() language plpgsql as $$ begin commit; end $$");
        ask("create procedure eventstore.going_back() language plpgsql as $$ begin rollback; end $$");
        const std::string inner = "do $$ begin commit and chain; end $$";
        for (const std::string& each : {here("call eventstore.ending()"), here("call eventstore.going_back()"), inner,
                 std::string("select 1; commit"), std::string("select 1; commit and chain")}) {
            es::transaction tx = co_await store.begin();
            co_await withdraw(tx, "ada", 1);
            const es::failure why = co_await expect_error(es::errc::database_error, tx.execute(each));
            BOOST_TEST_MESSAGE(why.message());
            tx.append("a", es::any_version, counted_one("x"));
            co_await expect_error(es::errc::database_error, tx.commit());
            expect_stored(0, 100);
        }
    });
}

// Each transaction leaves something behind, in each way that there is; the next one has the same connection.
BOOST_FIXTURE_TEST_CASE(nothing_of_one_transaction_is_seen_by_the_next, accounts, *own_sessions()) {
    const fresh_role guest(schema() + "_guest");
    const std::string set_role = "set role " + quoted_name(guest.name());
    with_accounts(options().pool_size(1), [&](es::store store) -> asio::awaitable<void> {
        std::string pid;
        for (int round = 0; round < 8; ++round) {
            es::transaction tx = co_await store.begin();
            const es::query_result now = co_await tx.execute(
                "select pg_backend_pid() as pid, current_setting('search_path') as path, current_setting('work_mem') "
                "as memory,"
                " current_setting('client_connection_check_interval') as watch,"
                " to_regclass('pg_temp.scratch') is null as no_table,"
                " (select count(*) from pg_prepared_statements where from_sql) as prepared,"
                " (select count(*) from pg_cursors where is_holdable) as cursors,"
                " (select count(*) from pg_listening_channels()) as channels,"
                " (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()) as locks,"
                " current_user <> $1 as is_itself",
                guest.name());
            const es::sql_row row = now[0];
            if (round > 0) BOOST_TEST(row.get<std::string>("pid") == pid);
            pid = row.get<std::string>("pid");
            BOOST_TEST(row.get<std::string>("path").find("nowhere") == std::string::npos);
            BOOST_TEST(row.get<std::string>("memory") != "77kB");
            BOOST_TEST(row.get<std::string>("watch") == "1s");
            BOOST_TEST(row.get<bool>("no_table"));
            BOOST_TEST(row.get<int>("prepared") == 0);
            BOOST_TEST(row.get<int>("cursors") == 0);
            BOOST_TEST(row.get<int>("channels") == 0);
            BOOST_TEST(row.get<int>("locks") == 0);
            BOOST_TEST(row.get<bool>("is_itself"));

            co_await tx.execute("create temporary table scratch (n integer)");
            co_await tx.execute("set work_mem = '77kB'");
            co_await tx.execute("prepare mine as select 1");
            co_await tx.execute("declare mine cursor with hold for select generate_series(1, 10)");
            co_await tx.execute("listen somewhere");
            co_await tx.execute("select pg_advisory_lock(42)");
            co_await tx.execute(set_role);
            co_await tx.execute("set search_path = nowhere");
            if (round % 4 == 0) co_await tx.commit();
            if (round % 4 == 1) co_await tx.rollback();
            if (round % 4 == 2) co_await expect_error(es::errc::database_error, tx.execute("select 1 / 0"));
        }
    });
}

BOOST_AUTO_TEST_SUITE_END()
