// Many stores over one set of connections: each for itself, and cheap.
#include "support/conditions.hpp"
#include "support/group_fixture.hpp"
#include "support/receive.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

BOOST_AUTO_TEST_SUITE(group_test)

using namespace eventstore::test;
using namespace std::chrono_literals;
namespace es = eventstore;

BOOST_FIXTURE_TEST_CASE(tenants_see_nothing_of_each_other, group_fixture) {
    run([](group_fixture& test) -> asio::awaitable<void> {
        es::store_group group = co_await es::open_group(test.options().pool_size(2));
        const std::vector<es::store> stores = co_await test.open_tenants(group, 3);
        std::vector<es::subscription> mailers;
        for (const es::store& each : stores) {
            es::subscription next = co_await each.subscribe_to_all("mailer", quick());
            mailers.push_back(std::move(next));
        }
        for (int i = 0; i < 3; ++i) {
            const auto events = counted(static_cast<std::size_t>(i) + 1, "t" + std::to_string(i) + "-");
            const es::append_result stored =
                co_await stores[static_cast<std::size_t>(i)].append("account", es::no_stream, events);
            BOOST_TEST(stored.first_position == 1);
        }
        for (int i = 0; i < 3; ++i) {
            const auto at = static_cast<std::size_t>(i);
            const es::event_page page = co_await stores[at].read("account");
            TEST_SAME(data_of(page), data_of(counted(at + 1, "t" + std::to_string(i) + "-")));
            const texts received = co_await receive(mailers[at], at + 1);
            TEST_SAME(received, data_of(page));
            const auto known = co_await stores[at].subscriptions();
            BOOST_TEST(known.size() == 1u);
            BOOST_TEST(stores[at].stats().appends == 1u);
            BOOST_TEST(stores[at].stats().events_read >= at + 1);
        }
        co_await expect_error(es::errc::stream_not_found, stores[0].read("other"));
        co_await stores[0].append("other", es::no_stream, counted_one("x"));
        co_await expect_error(es::errc::stream_not_found, stores[1].read("other"));
        const es::snapshot state("account", 1, "Balance", "of the first");
        co_await stores[0].record_snapshot(state);
        co_await expect_error(es::errc::snapshot_not_found, stores[1].read_snapshot("account"));
        co_await stores[1].delete_snapshot("account");
        const es::snapshot kept = co_await stores[0].read_snapshot("account");
        BOOST_TEST(kept.data() == "of the first");
        co_await group.close();
    }(*this));
}

BOOST_FIXTURE_TEST_CASE(
    the_connections_are_no_more_than_the_pools_whatever_the_number_of_tenants, group_fixture, *own_sessions()) {
    run([](group_fixture& test) -> asio::awaitable<void> {
        es::store_group group = co_await es::open_group(test.options().pool_size(2));
        BOOST_TEST(test.connections() == 1u);
        const std::vector<es::store> stores = co_await test.open_tenants(group, 20);
        co_await stores[0].append("a", es::any_version, counted_one("first"));
        co_await stores[0].read("a");
        BOOST_TEST(test.connections() <= 4u); // two to read, two to append
        for (int round = 0; round < 3; ++round) {
            std::vector<asio::awaitable<es::append_result>> work;
            for (const es::store& each : stores)
                for (int i = 0; i < 5; ++i) work.push_back(each.append("a", es::any_version, counted_one("x")));
            co_await concurrently(std::move(work));
            std::vector<asio::awaitable<es::event_page>> reads;
            for (const es::store& each : stores) reads.push_back(each.read("a"));
            const auto pages = co_await concurrently(std::move(reads));
            for (const es::event_page& each : pages) BOOST_TEST(each.back().version() >= 5 * (round + 1));
        }
        BOOST_TEST(test.connections() <= 4u);
        co_await eventually([&] { return group.stats().connections == test.connections(); }, default_deadline);
        for (int i = 0; i < 20; ++i)
            BOOST_TEST(test.in(i, "select count(*) from tenant.events") == (i == 0 ? "16" : "15"));
    }(*this));
}

BOOST_FIXTURE_TEST_CASE(a_tenant_that_waits_for_its_lock_does_not_hold_up_the_others, group_fixture) {
    run([](group_fixture& test) -> asio::awaitable<void> {
        es::store_group group = co_await es::open_group(test.options().pool_size(2));
        const std::vector<es::store> stores = co_await test.open_tenants(group, 4);
        blocker log("select pg_advisory_xact_lock('" + quoted_name(test.tenant(0)) +
            ".log_state'::regclass::bigint + 7311000000000000000)");
        auto waiting = co_await start(stores[0].append("a", es::any_version, counted_one("late")));
        co_await eventually([&] { return log.blocks(); });
        for (int round = 0; round < 20; ++round)
            for (std::size_t i = 1; i < 4; ++i) co_await stores[i].append("a", es::any_version, counted_one("x"));
        BOOST_TEST(!waiting.done());
        log.release();
        co_await eventually([&] { return waiting.done(); });
        BOOST_TEST(waiting.value().first_version == 1);
    }(*this));
}

BOOST_FIXTURE_TEST_CASE(busy_tenants_take_turns_on_one_connection_and_each_keeps_its_order, group_fixture) {
    run([](group_fixture& test) -> asio::awaitable<void> {
        es::store_group group = co_await es::open_group(test.options().pool_size(1));
        const std::vector<es::store> stores = co_await test.open_tenants(group, 6);
        const std::uint64_t connects = group.stats().connects;
        const auto writer = [](es::store store) -> asio::awaitable<void> {
            for (int i = 0; i < 30; ++i) co_await store.append("s", i, counted_one(std::to_string(i)));
        };
        std::vector<asio::awaitable<void>> work;
        for (const es::store& each : stores) work.push_back(writer(each));
        co_await concurrently(std::move(work));
        for (int i = 0; i < 6; ++i)
            BOOST_TEST(test.in(i,
                           "select string_agg(convert_from(data, 'UTF8'), ',' order by position)"
                           " = (select string_agg(n::text, ',' order by n) from generate_series(0, 29) as n)"
                           " from tenant.events") == "t");
        BOOST_TEST(group.stats().connects == connects);
    }(*this));
}

BOOST_FIXTURE_TEST_CASE(
    closing_one_tenant_leaves_the_others_and_their_connections_alone, group_fixture, *own_sessions()) {
    run([](group_fixture& test) -> asio::awaitable<void> {
        es::store_group group = co_await es::open_group(test.options().pool_size(2));
        std::vector<es::store> stores = co_await test.open_tenants(group, 3);
        es::subscription goes = co_await stores[0].subscribe_to_all("mailer", quick());
        es::subscription stays = co_await stores[1].subscribe_to_all("mailer", quick());
        std::vector<asio::awaitable<es::append_result>> work;
        for (int i = 0; i < 20; ++i)
            for (const es::store& each : stores) work.push_back(each.append("a", es::any_version, counted_one("x")));
        auto appending = co_await start(concurrently(std::move(work)));
        co_await eventually([&] { return appending.done(); });
        const std::vector<int> before = test.backends();
        co_await stores[0].close();
        co_await expect_error(es::errc::store_closed, stores[0].append("a", es::any_version, counted_one("x")));
        while (auto last = co_await goes.next()) last->ack();
        BOOST_TEST(test.in(0, "select count(*) from tenant.subscriptions where owner is not null") == "0");
        const texts received = co_await receive(stays, 20);
        BOOST_TEST(received.size() == 20u);
        co_await stores[1].append("b", es::no_stream, counted_one("after"));
        const texts after = co_await receive(stays, 1);
        TEST_SAME(after, texts(1, "after"));
        const es::event_page page = co_await stores[2].read("a");
        BOOST_TEST(page.size() == 20u);
        es::store again = co_await group.open(test.tenant(0));
        const es::event_page old = co_await again.read("a");
        BOOST_TEST(old.size() == 20u);
        const std::vector<int> after_all = test.backends(); // there may be more of them, as need be
        for (const int pid : before) BOOST_TEST(std::ranges::count(after_all, pid) == 1);
    }(*this));
}

BOOST_FIXTURE_TEST_CASE(a_schema_opened_twice_gives_two_stores_on_the_same_events, group_fixture) {
    run([](group_fixture& test) -> asio::awaitable<void> {
        es::store_group group = co_await es::open_group(test.options());
        const es::store one = co_await group.open(test.tenant(0));
        const es::store other = co_await group.open(test.tenant(0));
        es::subscription mailer = co_await one.subscribe_to_all("mailer", quick());
        co_await expect_error(es::errc::subscription_already_exists, other.subscribe_to_all("mailer", quick()));
        es::event_listener ear = co_await other.listen_to_all();
        co_await one.append("a", es::no_stream, counted_one("1"));
        co_await other.append("a", 1, counted_one("2"));
        const texts received = co_await receive(mailer, 2);
        TEST_SAME(received, texts({"1", "2"}));
        const auto heard = co_await ear.next(5s);
        BOOST_TEST((heard && !heard->empty()));
    }(*this));
}

BOOST_FIXTURE_TEST_CASE(a_schema_that_is_missing_or_too_new_is_refused_and_harms_nobody, group_fixture) {
    run([](group_fixture& test) -> asio::awaitable<void> {
        {
            es::store_group makes = co_await es::open_group(test.options());
            co_await makes.open(test.tenant(0));
            co_await makes.open(test.tenant(1));
        }
        test.in(1, "insert into tenant.schema_migrations (version, name) values (1000, 'future') returning 1");
        es::store_group group = co_await es::open_group(test.options().create(false));
        const es::store good = co_await group.open(test.tenant(0));
        const auto missing = co_await expect_error(es::errc::schema_missing, group.open(test.tenant(2)));
        BOOST_TEST(missing.message().find(test.tenant(2)) != std::string::npos, missing.message());
        co_await expect_error(es::errc::schema_too_new, group.open(test.tenant(1)));
        co_await expect_error(es::errc::invalid_argument, group.open(""));
        co_await expect_error(es::errc::invalid_argument, group.open("pg_mine"));
        co_await good.append("a", es::no_stream, counted_one("x"));
    }(*this));
}

BOOST_FIXTURE_TEST_CASE(many_schemas_are_made_at_once_over_one_connection, group_fixture) {
    run([](group_fixture& test) -> asio::awaitable<void> {
        es::store_group group = co_await es::open_group(test.options().pool_size(1));
        std::vector<asio::awaitable<es::store>> opening;
        for (int i = 0; i < 8; ++i) opening.push_back(group.open(test.tenant(i % 4))); // each by two
        const auto stores = co_await concurrently(std::move(opening));
        for (const es::store& each : stores) co_await each.append("a", es::any_version, counted_one("x"));
        for (int i = 0; i < 4; ++i) BOOST_TEST(test.in(i, "select count(*) from tenant.events") == "2");
        BOOST_TEST(group.stats().connections == 2u);
        if (!test_server::is_pooled()) co_await eventually([&] { return test.connections() == 2; }, default_deadline);
    }(*this));
}

BOOST_FIXTURE_TEST_CASE(a_tenant_dropped_while_open_fails_alone, group_fixture) {
    run([](group_fixture& test) -> asio::awaitable<void> {
        es::store_group group = co_await es::open_group(test.options().pool_size(1));
        const std::vector<es::store> stores = co_await test.open_tenants(group, 2);
        co_await stores[0].append("a", es::any_version, counted_one("x"));
        test.drop(0);
        co_await expect_error(es::errc::schema_missing, stores[0].append("a", es::any_version, counted_one("x")));
        co_await expect_error(es::errc::schema_missing, stores[0].read("a"));
        co_await stores[1].append("a", es::any_version, counted_one("x"));
        const es::event_page page = co_await stores[1].read("a");
        BOOST_TEST(page.size() == 1u);
    }(*this));
}

// The session that appends is inspected for the tenant that needs it: what is wrong there concerns no other.
BOOST_FIXTURE_TEST_CASE(a_tenant_whose_schema_is_a_trap_fails_alone, group_fixture, *own_sessions()) {
    run([](group_fixture& test) -> asio::awaitable<void> {
        es::store_group group = co_await es::open_group(test.options().pool_size(1));
        const std::vector<es::store> stores = co_await test.open_tenants(group, 2);
        for (const es::store& each : stores) co_await each.append("a", es::any_version, counted_one("x"));
        test.ask("grant create on schema " + quoted_name(test.tenant(0)) + " to public");
        for (int i = 0; i < 3; ++i) {
            test.terminate_backends(); // the next one is made, and looked at
            std::vector<asio::awaitable<void>> appending;
            const auto bad = [](es::store into) -> asio::awaitable<void> {
                // Over a session that was looked at for the other one it is carried out.
                const auto how = co_await into.try_append("a", es::any_version, counted_one("x"));
                if (!how) BOOST_TEST((how.error().code() == es::errc::server_unusable), how.error().message());
            };
            appending.push_back(bad(stores[0]));
            const auto good = [](es::store into) -> asio::awaitable<void> {
                co_await into.append("a", es::any_version, counted_one("x"));
            };
            for (int j = 0; j < 3; ++j) appending.push_back(good(stores[1]));
            co_await concurrently(std::move(appending));
        }
        BOOST_TEST(test.in(1, "select count(*) from tenant.events") == "10");
    }(*this));
}

BOOST_FIXTURE_TEST_CASE(a_closed_group_ends_everything_that_is_pending, group_fixture) {
    run([](group_fixture& test) -> asio::awaitable<void> {
        es::store_group group = co_await es::open_group(test.options().close_timeout(200ms));
        const std::vector<es::store> stores = co_await test.open_tenants(group, 2);
        co_await stores[0].append("a", es::any_version, counted_one("x"));
        co_await stores[0].read("a");
        blocker tables("lock table " + quoted_name(test.tenant(0)) + ".events, " + quoted_name(test.tenant(0)) +
            ".streams in access exclusive mode");
        auto appending = co_await start(stores[0].append("a", es::any_version, counted_one("x")));
        auto reading = co_await start(stores[0].read("a"));
        co_await eventually([&] { return tables.blocks(2); });
        co_await group.close();
        co_await eventually([&] { return appending.done() && reading.done(); });
        const auto code_of = [](auto& what) {
            try {
                what.value();
            } catch (const es::error& thrown) {
                return thrown.why().code();
            }
            return es::errc();
        };
        BOOST_TEST(code_of(appending) == es::errc::store_closed);
        BOOST_TEST(code_of(reading) == es::errc::store_closed);
        co_await expect_error(es::errc::store_closed, stores[1].read("a"));
        co_await expect_error(es::errc::store_closed, group.open(test.tenant(1)));
        co_await group.close();
        tables.release();
    }(*this));
}

BOOST_FIXTURE_TEST_CASE(killed_connections_lose_and_double_nothing_of_any_tenant, group_fixture, *own_sessions()) {
    run(
        [](group_fixture& test) -> asio::awaitable<void> {
            es::store_group group = co_await es::open_group(test.options().pool_size(2));
            const std::vector<es::store> stores = co_await test.open_tenants(group, 5);
            std::vector<es::subscription> mailers;
            for (const es::store& each : stores) {
                es::subscription next = co_await each.subscribe_to_all("mailer", quick());
                mailers.push_back(std::move(next));
            }
            const auto writer = [](es::store store) -> asio::awaitable<void> {
                for (int i = 0; i < 40; ++i) co_await store.append("s", i, counted_one(std::to_string(i)));
            };
            std::vector<asio::awaitable<void>> work;
            for (const es::store& each : stores) work.push_back(writer(each));
            auto writing = co_await start(concurrently(std::move(work)));
            while (!writing.done()) {
                test.terminate_backends();
                asio::steady_timer pause(co_await asio::this_coro::executor, 150ms);
                co_await pause.async_wait(asio::use_awaitable);
            }
            writing.value();
            for (es::subscription& each : mailers) {
                const texts received = co_await receive(each, 40);
                texts expected;
                for (int i = 0; i < 40; ++i) expected.push_back(std::to_string(i));
                TEST_SAME(received, expected);
            }
        }(*this),
        60s);
}

BOOST_FIXTURE_TEST_CASE(four_threads_share_a_group, group_fixture) {
    std::vector<std::string> names;
    for (int i = 0; i < 8; ++i) names.push_back(tenant(i));
    run_threads(4, [](es::store_options options, std::vector<std::string> schemas) -> asio::awaitable<void> {
        es::store_group group = co_await es::open_group(options.pool_size(2));
        const auto live = [](es::store_group from, std::string name) -> asio::awaitable<void> {
            const es::store store = co_await from.open(name);
            es::subscription mailer = co_await store.subscribe_to_all("mailer", quick());
            for (int i = 0; i < 50; ++i) co_await store.append("s", i, counted_one(std::to_string(i)));
            for (std::size_t seen = 0; seen < 50;) {
                auto batch = co_await mailer.next(5s);
                if (!batch || batch->empty()) throw std::runtime_error("an event did not come");
                for (const es::recorded_event& each : *batch)
                    if (each.data() != std::to_string(seen++)) throw std::runtime_error("out of order");
                batch->ack();
            }
            co_await store.close();
        };
        std::vector<asio::awaitable<void>> work;
        for (const std::string& each : schemas) work.push_back(live(group, each));
        co_await concurrently(std::move(work));
        co_await group.close();
    }(options(), names));
    for (int i = 0; i < 8; ++i) BOOST_TEST(in(i, "select max(position) from tenant.events") == "50");
}

BOOST_FIXTURE_TEST_CASE(the_last_handle_of_group_and_stores_ends_the_connections, group_fixture, *own_sessions()) {
    asio::io_context context(1);
    {
        es::store kept;
        {
            es::store_group group = run(context, es::open_group(options()));
            kept = run(context, group.open(tenant(0)));
        }
        run(context, kept.append("a", es::no_stream, counted_one("x")));
        BOOST_TEST(connections() >= 1u);
    }
    context.restart();
    context.run_for(default_deadline);
    BOOST_TEST(context.stopped());
}

BOOST_FIXTURE_TEST_CASE(a_context_may_be_destroyed_with_a_group_at_work, group_fixture) {
    for (const int steps : {0, 1, 5, 20, 100, 400, 1500}) {
        asio::io_context context(1);
        es::store_group group;
        es::store kept;
        asio::co_spawn(
            context,
            [](group_fixture& test, es::store_group& to, es::store& out) -> asio::awaitable<void> {
                to = co_await es::open_group(test.options().pool_size(1));
                const std::vector<es::store> stores = co_await test.open_tenants(to, 3);
                out = stores[0];
                std::vector<asio::awaitable<es::append_result>> work;
                for (int i = 0; i < 50; ++i)
                    for (const es::store& each : stores)
                        work.push_back(each.append("a", es::any_version, counted_one("x")));
                es::subscription mailer = co_await stores[1].subscribe_to_all("mailer");
                co_await concurrently(std::move(work));
                co_await mailer.next();
            }(*this, group, kept),
            [](std::exception_ptr) {});
        for (int i = 0; i < steps; ++i)
            if (context.run_one_for(100ms) == 0) break;
    }
}

BOOST_AUTO_TEST_SUITE_END()
