// Transactions of many stores: few connections for all of them, and each store for itself.
#include "api/backend_of.hpp"
#include "support/conditions.hpp"
#include "support/group_fixture.hpp"
#include "support/receive.hpp"

#include <eventstore/transaction.hpp>

#include <algorithm>

BOOST_AUTO_TEST_SUITE(group_transactions_test)

using namespace eventstore::test;
using namespace std::chrono_literals;
namespace es = eventstore;

namespace {

template <class T>
es::errc code_of(started<T>& what) {
    try {
        (void)what.value();
    } catch (const es::error& thrown) {
        return thrown.why().code();
    }
    return es::errc();
}

} // namespace

BOOST_FIXTURE_TEST_CASE(
    transactions_of_all_tenants_have_no_more_connections_than_one_pool, group_fixture, *own_sessions()) {
    run([](group_fixture& test) -> asio::awaitable<void> {
        es::store_group group = co_await es::open_group(test.options().pool_size(3));
        const std::vector<es::store> stores = co_await test.open_tenants(group, 20);
        std::set<int> sessions;
        const auto one = [&](es::store store, std::string table) -> asio::awaitable<void> {
            for (int i = 0; i < 4; ++i) {
                es::transaction tx = co_await store.begin();
                const int pid = co_await backend_of(tx);
                sessions.insert(pid);
                co_await tx.execute("create table if not exists " + table + " (n int)");
                co_await tx.execute("insert into " + table + " values ($1)", i);
                tx.append("a", es::any_version, counted_one("x"));
                if (i % 2 == 0) co_await tx.commit(); // else it is rolled back
            }
        };
        std::vector<asio::awaitable<void>> work;
        for (int i = 0; i < 20; ++i)
            work.push_back(one(stores[static_cast<std::size_t>(i)], quoted_name(test.tenant(i)) + ".numbers"));
        co_await concurrently(std::move(work));
        BOOST_TEST(sessions.size() == 3u);
        BOOST_TEST(test.connections() <= 1u + 3u + 3u); // for appending, reading, transactions
        // One may be on its way, made at the server and not yet looked at.
        co_await eventually([&] { return group.stats().connections == test.connections(); }, default_deadline);
        BOOST_TEST(stores[7].stats().connections == group.stats().connections); // those of the group
        for (int i = 0; i < 20; ++i) {
            BOOST_TEST(test.in(i, "select count(*) from tenant.events") == "2");
            BOOST_TEST(test.in(i, "select string_agg(n::text, ',' order by n) from tenant.numbers") == "0,2");
        }
    }(*this));
}

BOOST_FIXTURE_TEST_CASE(a_group_without_transactions_has_no_connection_for_them, group_fixture, *own_sessions()) {
    run([](group_fixture& test) -> asio::awaitable<void> {
        es::store_group group = co_await es::open_group(test.options().pool_size(1));
        const std::vector<es::store> stores = co_await test.open_tenants(group, 3);
        for (const es::store& each : stores) {
            co_await each.append("a", es::no_stream, counted_one("x"));
            co_await each.read("a");
        }
        // One for appending and one for reading; the one that made the schemas ends.
        co_await eventually([&] { return test.connections() == 2; }, default_deadline);
        es::transaction tx = co_await stores[0].begin();
        co_await tx.rollback();
        BOOST_TEST(test.connections() == 3u);
    }(*this));
}

BOOST_FIXTURE_TEST_CASE(tenants_that_wait_for_a_connection_are_served_in_order, group_fixture) {
    run([](group_fixture& test) -> asio::awaitable<void> {
        es::store_group group = co_await es::open_group(test.options().pool_size(1));
        const std::vector<es::store> stores = co_await test.open_tenants(group, 3);
        es::transaction first = co_await stores[0].begin();
        std::vector<int> order;
        const auto one = [&](es::store store, int number) -> asio::awaitable<void> {
            es::transaction tx = co_await store.begin();
            order.push_back(number);
            co_await tx.commit();
        };
        std::vector<asio::awaitable<void>> work;
        const std::vector<std::size_t> whose = {0, 0, 0, 0, 1, 2, 0, 2, 1};
        for (std::size_t i = 0; i < whose.size(); ++i) work.push_back(one(stores[whose[i]], static_cast<int>(i)));
        auto waiting = co_await start(concurrently(std::move(work)));
        co_await let_others_run();
        BOOST_TEST(order.empty());
        co_await first.rollback();
        co_await eventually([&] { return waiting.done(); }, default_deadline);
        waiting.value();
        const std::vector<int> expected = {0, 1, 2, 3, 4, 5, 6, 7, 8};
        TEST_SAME(order, expected);
    }(*this));
}

BOOST_FIXTURE_TEST_CASE(a_session_that_serves_another_tenant_next_shows_it_nothing, group_fixture, *own_sessions()) {
    run([](group_fixture& test) -> asio::awaitable<void> {
        es::store_group group = co_await es::open_group(test.options().pool_size(1));
        const std::vector<es::store> stores = co_await test.open_tenants(group, 2);
        es::transaction one = co_await stores[0].begin();
        const int pid = co_await backend_of(one);
        co_await one.execute("set search_path = " + quoted_name(test.tenant(0)));
        co_await one.execute("create temp table secrets as select 1 as n");
        co_await one.execute("prepare mine as select 1");
        co_await one.execute("select pg_advisory_lock(7311, $1::int)", pid);
        one.append("a", es::no_stream, counted_one("one"));
        co_await one.commit();
        es::transaction other = co_await stores[1].begin();
        const int pid_now = co_await backend_of(other);
        BOOST_TEST(pid_now == pid);
        const es::query_result left = co_await other.execute(
            "select current_setting('search_path') like '%' || $1::text || '%', to_regclass('pg_temp.secrets') is null,"
            " (select count(*)::int from pg_prepared_statements),"
            " (select count(*)::int from pg_locks where locktype = 'advisory' and pid = pg_backend_pid())",
            test.tenant(0));
        BOOST_TEST(!left[0].get<bool>(0));
        BOOST_TEST(left[0].get<bool>(1));
        BOOST_TEST(left[0].get<int>(2) == 0);
        BOOST_TEST(left[0].get<int>(3) == 0);
        other.append("a", es::no_stream, counted_one("other"));
        co_await other.commit();
        const es::event_page page = co_await stores[1].read("a");
        TEST_SAME(data_of(page), texts(1, "other"));
        const es::event_page before = co_await stores[0].read("a");
        TEST_SAME(data_of(before), texts(1, "one"));
    }(*this));
}

BOOST_FIXTURE_TEST_CASE(closing_one_tenant_ends_its_transactions_alone, group_fixture, *own_sessions()) {
    run([](group_fixture& test) -> asio::awaitable<void> {
        es::store_group group = co_await es::open_group(test.options().pool_size(4));
        std::vector<es::store> stores = co_await test.open_tenants(group, 2);
        es::transaction idle = co_await stores[0].begin();
        idle.append("a", es::any_version, counted_one("never"));
        es::transaction busy = co_await stores[0].begin();
        es::transaction others = co_await stores[1].begin();
        es::transaction others_busy = co_await stores[1].begin();
        const int pid = co_await backend_of(others);
        const int idle_pid = co_await backend_of(idle);
        others.append("a", es::no_stream, counted_one("x"));
        auto refused = co_await start(stores[0].begin());
        auto waiting = co_await start(stores[1].begin());
        auto answered = co_await start(busy.execute("select 1, pg_sleep(0.3)"));
        auto others_slow = co_await start(others_busy.execute("select pg_sleep(0.6)"));
        co_await let_others_run(5);
        co_await stores[0].close();
        co_await eventually([&] { return refused.done() && answered.done() && waiting.done(); }, default_deadline);
        BOOST_TEST(code_of(refused) == es::errc::store_closed);
        BOOST_TEST(answered.value().size() == 1u); // it was waited for
        co_await expect_error(es::errc::store_closed, idle.commit());
        co_await expect_error(es::errc::transaction_ended, busy.execute("select 1"));
        co_await expect_error(es::errc::store_closed, stores[0].begin());
        const auto is_there = [&](int which) {
            const std::vector<int> backends = test.backends();
            return std::ranges::count(backends, which) == 1;
        };
        co_await eventually([&] { return !is_there(idle_pid); }, default_deadline);
        BOOST_TEST(is_there(pid));
        es::transaction next = std::move(waiting.value());
        const int next_pid = co_await backend_of(next);
        BOOST_TEST(next_pid != pid);
        co_await next.rollback();
        co_await eventually([&] { return others_slow.done(); }, default_deadline);
        (void)others_slow.value();
        co_await others_busy.rollback();
        const auto results = co_await others.commit();
        BOOST_TEST(results.front().first_version == 1);
        BOOST_TEST(test.in(0, "select count(*) from tenant.events") == "0");
    }(*this));
}

BOOST_FIXTURE_TEST_CASE(closing_a_tenant_between_its_transactions_leaves_the_sessions_open, group_fixture) {
    run([](group_fixture& test) -> asio::awaitable<void> {
        es::store_group group = co_await es::open_group(test.options().pool_size(1));
        std::vector<es::store> stores = co_await test.open_tenants(group, 2);
        es::transaction tx = co_await stores[0].begin();
        const int pid = co_await backend_of(tx);
        co_await tx.commit();
        co_await stores[0].close();
        es::transaction next = co_await stores[1].begin();
        const int pid_now = co_await backend_of(next);
        BOOST_TEST(pid_now == pid);
        co_await next.rollback();
    }(*this));
}

BOOST_FIXTURE_TEST_CASE(closing_a_tenant_waits_for_its_statement_no_longer_than_its_time, group_fixture) {
    run([](group_fixture& test) -> asio::awaitable<void> {
        es::store_group group = co_await es::open_group(test.options().pool_size(2).close_timeout(200ms));
        std::vector<es::store> stores = co_await test.open_tenants(group, 2);
        es::transaction busy = co_await stores[0].begin();
        es::transaction others = co_await stores[1].begin();
        auto slow = co_await start(busy.execute("select pg_sleep(60)"));
        auto others_slow = co_await start(others.execute("select pg_sleep(1)"));
        co_await let_others_run(5);
        co_await stores[0].close();
        co_await eventually([&] { return slow.done(); }, default_deadline);
        BOOST_TEST(code_of(slow) == es::errc::store_closed);
        co_await eventually([&] { return others_slow.done(); }, default_deadline);
        (void)others_slow.value();
        co_await others.commit();
    }(*this));
}

BOOST_FIXTURE_TEST_CASE(closing_the_group_ends_the_transactions_of_all, group_fixture) {
    run([](group_fixture& test) -> asio::awaitable<void> {
        es::store_group group = co_await es::open_group(test.options().pool_size(3));
        const std::vector<es::store> stores = co_await test.open_tenants(group, 3);
        std::vector<es::transaction> open;
        for (const es::store& each : stores) {
            es::transaction tx = co_await each.begin();
            co_await tx.execute("select 1");
            tx.append("a", es::any_version, counted_one("never"));
            open.push_back(std::move(tx));
        }
        auto waiting = co_await start(stores[1].begin());
        co_await let_others_run(5);
        co_await group.close();
        co_await eventually([&] { return waiting.done(); }, default_deadline);
        BOOST_TEST(code_of(waiting) == es::errc::store_closed);
        for (es::transaction& each : open) co_await expect_error(es::errc::store_closed, each.commit());
        co_await expect_error(es::errc::store_closed, stores[2].begin());
        co_await eventually([&] { return test.connections() == 0; }, default_deadline);
        for (int i = 0; i < 3; ++i) BOOST_TEST(test.in(i, "select count(*) from tenant.events") == "0");
    }(*this));
}

BOOST_FIXTURE_TEST_CASE(a_transaction_keeps_the_connections_of_its_group_until_it_has_ended, group_fixture) {
    run([](group_fixture& test) -> asio::awaitable<void> {
        es::store_group group = co_await es::open_group(test.options());
        std::vector<es::store> stores = co_await test.open_tenants(group, 1);
        es::transaction tx = co_await stores[0].begin();
        stores.clear();
        { const es::store_group last = std::move(group); }
        tx.append("a", es::no_stream, counted_one("x"));
        co_await tx.commit();
        co_await eventually([&] { return test.connections() == 0; }, default_deadline);
        BOOST_TEST(test.in(0, "select count(*) from tenant.events") == "1");
    }(*this));
}

BOOST_FIXTURE_TEST_CASE(a_tenant_dropped_during_a_transaction_fails_alone, group_fixture) {
    run([](group_fixture& test) -> asio::awaitable<void> {
        es::store_group group = co_await es::open_group(test.options().pool_size(2));
        const std::vector<es::store> stores = co_await test.open_tenants(group, 2);
        es::transaction gone = co_await stores[0].begin();
        es::transaction good = co_await stores[1].begin();
        co_await gone.execute("select 1");
        co_await good.execute("select 1");
        gone.append("a", es::any_version, counted_one("never"));
        good.append("a", es::any_version, counted_one("x"));
        test.drop(0);
        co_await expect_error(es::errc::schema_missing, gone.commit());
        co_await good.commit();
        // The session that it had serves the other one.
        for (int i = 0; i < 3; ++i) {
            es::transaction one = co_await stores[1].begin();
            es::transaction other = co_await stores[1].begin();
            one.append("a", es::any_version, counted_one("x"));
            co_await one.commit();
            co_await other.commit();
        }
        BOOST_TEST(test.in(1, "select count(*) from tenant.events") == "4");
    }(*this));
}

BOOST_FIXTURE_TEST_CASE(events_of_a_transaction_reach_the_subscription_of_their_tenant_alone, group_fixture) {
    run([](group_fixture& test) -> asio::awaitable<void> {
        es::store_group group = co_await es::open_group(test.options().pool_size(1));
        const std::vector<es::store> stores = co_await test.open_tenants(group, 2);
        es::subscription mine = co_await stores[0].subscribe_to_all("mailer", quick());
        es::subscription others = co_await stores[1].subscribe_to_all("mailer", quick());
        es::transaction tx = co_await stores[0].begin();
        tx.append("a", es::no_stream, counted(2, "x"));
        co_await tx.commit();
        const texts received = co_await receive(mine, 2);
        TEST_SAME(received, texts({"x1", "x2"}));
        const auto nothing = co_await others.next(200ms);
        BOOST_TEST((nothing && nothing->empty()));
        es::transaction next = co_await stores[1].begin();
        next.append("a", es::no_stream, counted_one("y"));
        co_await next.commit();
        const texts theirs = co_await receive(others, 1);
        TEST_SAME(theirs, texts(1, "y"));
    }(*this));
}

BOOST_FIXTURE_TEST_CASE(a_transaction_of_a_tenant_may_outlive_the_context_of_its_group, group_fixture) {
    std::optional<es::transaction> open;
    std::optional<es::transaction> other;
    {
        asio::io_context context;
        const es::store_group group = run(context, es::open_group(options().pool_size(2)));
        const es::store one = run(context, group.open(tenant(0)));
        const es::store two = run(context, group.open(tenant(1)));
        open.emplace(run(context, one.begin()));
        other.emplace(run(context, two.begin()));
        run(context, other->commit());
    }
    asio::io_context later;
    run(later, expect_error(es::errc::store_closed, open->execute("select 1")));
    open.reset();
    other.reset();
    BOOST_TEST(in(0, "select count(*) from tenant.events") == "0");
}

BOOST_AUTO_TEST_SUITE_END()
