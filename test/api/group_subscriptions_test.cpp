// The subscriptions of many stores: one connection that listens, and few statements for all of them.
#include "support/conditions.hpp"
#include "support/group_fixture.hpp"
#include "support/receive.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

BOOST_AUTO_TEST_SUITE(group_subscriptions_test)

using namespace eventstore::test;
using namespace std::chrono_literals;
namespace es = eventstore;

namespace {

asio::awaitable<std::vector<es::subscription>> subscribe_each(
    std::vector<es::store> stores, es::subscription_options how) {
    std::vector<es::subscription> all;
    for (const es::store& each : stores) {
        es::subscription next = co_await each.subscribe_to_all("mailer", how);
        all.push_back(std::move(next));
    }
    co_return all;
}

} // namespace

BOOST_FIXTURE_TEST_CASE(one_connection_listens_for_all_tenants, group_fixture, *own_sessions()) {
    run([](group_fixture& test) -> asio::awaitable<void> {
        es::store_group here = co_await es::open_group(test.options().pool_size(1));
        const std::vector<es::store> stores = co_await test.open_tenants(here, 6);
        const std::size_t before = 2; // one for appending and one for reading; those that made schemas end
        co_await eventually([&] { return test.connections() == before; });
        std::vector<es::subscription> mailers = co_await subscribe_each(stores, quick());
        BOOST_TEST(test.connections() == before + 1);
        es::store_group there = co_await es::open_group(test.options().pool_size(1));
        const std::vector<es::store> writers = co_await test.open_tenants(there, 6);
        const auto begun = std::chrono::steady_clock::now();
        for (std::size_t i = 0; i < 6; ++i) co_await writers[i].append("a", es::no_stream, counted(2, "x"));
        for (es::subscription& each : mailers) {
            const texts received = co_await receive(each, 2);
            TEST_SAME(received, texts({"x1", "x2"}));
        }
        // By notifications, not by the poll.
        BOOST_TEST((std::chrono::steady_clock::now() - begun < 3s));
        for (es::subscription& each : mailers) co_await each.unsubscribe();
        co_await there.close();
        co_await eventually([&] { return test.connections() == before; });
    }(*this));
}

BOOST_FIXTURE_TEST_CASE(all_subscribers_go_on_when_the_listening_connection_is_killed, group_fixture, *own_sessions()) {
    run([](group_fixture& test) -> asio::awaitable<void> {
        es::store_group here = co_await es::open_group(test.options().pool_size(2));
        const std::vector<es::store> stores = co_await test.open_tenants(here, 5);
        std::vector<es::subscription> mailers = co_await subscribe_each(stores, quick());
        es::store_group there = co_await es::open_group(test.options().pool_size(2));
        const std::vector<es::store> writers = co_await test.open_tenants(there, 5);
        for (int round = 0; round < 3; ++round) {
            const std::string listening =
                test.value("select pid from pg_stat_activity where application_name = " + quoted_text(test.schema()) +
                    " and query ilike '%listen%' and pid <> pg_backend_pid() and state = 'idle' limit 1");
            for (const es::store& each : writers) co_await each.append("a", es::any_version, counted(1, "before"));
            test.terminate(std::stoi(listening));
            for (const es::store& each : writers) co_await each.append("a", es::any_version, counted(1, "after"));
            const auto begun = std::chrono::steady_clock::now();
            for (es::subscription& each : mailers) {
                const texts received = co_await receive(each, 2);
                TEST_SAME(received, texts({"before1", "after1"}));
            }
            BOOST_TEST((std::chrono::steady_clock::now() - begun < 4s));
        }
    }(*this));
}

BOOST_FIXTURE_TEST_CASE(a_subscription_survives_the_end_of_another_store_on_the_same_schema, group_fixture) {
    run([](group_fixture& test) -> asio::awaitable<void> {
        es::store_group group = co_await es::open_group(test.options());
        const es::store stays = co_await group.open(test.tenant(0));
        const es::store goes = co_await group.open(test.tenant(0));
        const es::store other = co_await group.open(test.tenant(1));
        es::subscription one = co_await stays.subscribe_to_all("one", quick());
        es::subscription two = co_await goes.subscribe_to_all("two", quick());
        es::subscription three = co_await other.subscribe_to_all("three", quick());
        co_await goes.close();
        es::store_group there = co_await es::open_group(test.options());
        const es::store writer = co_await there.open(test.tenant(0));
        co_await writer.append("a", es::no_stream, counted_one("x"));
        auto batch = co_await one.next(3s);
        BOOST_TEST((batch && batch->size() == 1u));
        batch->ack();
    }(*this));
}

BOOST_FIXTURE_TEST_CASE(
    idle_subscriptions_of_many_tenants_share_their_statements_and_keep_their_leases, group_fixture, *own_sessions()) {
    run([](group_fixture& test) -> asio::awaitable<void> {
        constexpr auto lease = 1500ms;
        es::store_group group = co_await es::open_group(test.options().pool_size(2));
        const std::vector<es::store> stores = co_await test.open_tenants(group, 10);
        std::vector<es::subscription> mailers = co_await subscribe_each(stores, quick().lease(lease));
        co_await let_pass(lease);
        const es::store_stats before = group.stats();
        co_await let_pass(3 * lease);
        const es::store_stats after = group.stats();
        const auto sent = after.reads + after.other_statements - before.reads - before.other_statements;
        // Nine beats and one poll, where each by itself would take a hundred.
        BOOST_TEST(sent >= 7u);
        BOOST_TEST(sent <= 16u);
        for (int i = 0; i < 10; ++i)
            BOOST_TEST(test.in(i,
                           "select owner is not null and clock_timestamp() < renewed_at + lease"
                           " from tenant.subscriptions") == "t");
        es::store_group rival = co_await es::open_group(test.options());
        const es::store there = co_await rival.open(test.tenant(3));
        co_await expect_error(es::errc::subscription_already_exists, there.subscribe_to_all("mailer", quick()));
        co_await stores[3].append("a", es::no_stream, counted_one("x"));
        const texts received = co_await receive(mailers[3], 1);
        BOOST_TEST(received.size() == 1u);
    }(*this));
}

BOOST_FIXTURE_TEST_CASE(a_tenant_that_is_dropped_takes_no_lease_of_the_others_with_it, group_fixture) {
    run([](group_fixture& test) -> asio::awaitable<void> {
        constexpr auto lease = 1200ms;
        es::store_group group = co_await es::open_group(test.options().pool_size(2));
        const std::vector<es::store> stores = co_await test.open_tenants(group, 4);
        std::vector<es::subscription> mailers = co_await subscribe_each(stores, quick().lease(lease));
        test.drop(1);
        co_await let_pass(3 * lease);
        for (const int i : {0, 2, 3})
            BOOST_TEST(test.in(i,
                           "select epoch = 1 and owner is not null and clock_timestamp() < renewed_at + lease"
                           " from tenant.subscriptions") == "t");
        es::store_group there = co_await es::open_group(test.options());
        const es::store writer = co_await there.open(test.tenant(2));
        co_await writer.append("a", es::no_stream, counted_one("x"));
        const texts received = co_await receive(mailers[2], 1);
        TEST_SAME(received, texts(1, "x"));
        co_await group.close();
    }(*this));
}

// Without notifications only the poll finds what another process has appended.
BOOST_FIXTURE_TEST_CASE(the_poll_finds_what_no_notification_told_of_for_each_tenant, group_fixture) {
    run([](group_fixture& test) -> asio::awaitable<void> {
        es::store_group group = co_await es::open_group(test.options().pool_size(1));
        const std::vector<es::store> stores = co_await test.open_tenants(group, 4);
        std::vector<es::subscription> mailers = co_await subscribe_each(stores, quick());
        for (int i = 0; i < 4; ++i)
            test.in(i,
                "select (tenant.append_event('a', -1, gen_random_uuid(), 'T', convert_to('" + std::to_string(i) +
                    "', 'UTF8'), '', null, null, null, false))[1]");
        for (std::size_t i = 0; i < 4; ++i) {
            auto batch = co_await mailers[i].next(8s);
            BOOST_REQUIRE((batch && batch->size() == 1u));
            BOOST_TEST(batch->front().data() == std::to_string(i));
            batch->ack();
        }
    }(*this));
}

// Renamed away and back, the schema is gone for a while, and nobody has to be told of its return.
BOOST_FIXTURE_TEST_CASE(
    a_tenant_that_is_gone_is_looked_at_ever_less_often_until_it_is_back, group_fixture, *own_sessions()) {
    run([](group_fixture& test) -> asio::awaitable<void> {
        std::vector<std::string> lines;
        const auto keep = [&](es::log_level, std::string_view line) { lines.emplace_back(line); };
        es::store_group group = co_await es::open_group(test.options().pool_size(2).on_log(keep));
        const std::vector<es::store> stores = co_await test.open_tenants(group, 2);
        es::event_listener gone = co_await stores[0].listen_to_all();
        es::event_listener other = co_await stores[1].listen_to_all();
        const std::string name = quoted_name(test.tenant(0));
        const std::string away = quoted_name(test.tenant(100));
        test.ask("alter schema " + name + " rename to " + away);
        const std::string listening =
            test.value("select pid from pg_stat_activity where application_name = " + quoted_text(test.schema()) +
                " and query ilike '%listen%' and pid <> pg_backend_pid() and state = 'idle' limit 1");
        test.terminate(std::stoi(listening)); // all look when it is back
        const auto refused = [&] {
            return std::ranges::count_if(lines, [](const std::string& each) { return each.starts_with("looking"); });
        };
        co_await eventually([&] { return refused() > 0; }, default_deadline);
        const std::uint64_t before = stores[0].stats().reads;
        co_await let_pass(2500ms);
        BOOST_TEST(stores[0].stats().reads > before);
        BOOST_TEST(stores[0].stats().reads <= before + 8); // not each 100 ms
        BOOST_TEST(refused() == 1);
        co_await stores[1].append("a", es::no_stream, counted_one("meanwhile"));
        const auto heard = co_await other.next(30s);
        BOOST_TEST((heard && heard->size() == 1u));

        test.ask("alter schema " + away + " rename to " + name);
        test.in(0,
            "select (tenant.append_event('a', -1, gen_random_uuid(), 'T', convert_to('back', 'UTF8'), '', null, null,"
            " null, false))[1]"); // nobody is notified
        const auto back = co_await gone.next(30s);
        BOOST_REQUIRE((back && back->size() == 1u));
        BOOST_TEST(back->front().data() == "back");
    }(*this));
}

BOOST_FIXTURE_TEST_CASE(another_process_takes_over_the_leases_of_a_group_that_fell_silent, group_fixture) {
    constexpr auto lease = 900ms;
    asio::io_context frozen(1);
    {
        const es::store_group owner = run(frozen, es::open_group(options()));
        const std::vector<es::store> stores = run(frozen, open_tenants(owner, 3));
        std::vector<es::subscription> held = run(frozen, subscribe_each(stores, quick().lease(lease)));
        run([](group_fixture& test, es::subscription_options how) -> asio::awaitable<void> {
            es::store_group heir = co_await es::open_group(test.options());
            const std::vector<es::store> all = co_await test.open_tenants(heir, 3);
            std::vector<es::subscription> mailers = co_await subscribe_each(all, how);
            for (std::size_t i = 0; i < 3; ++i) {
                co_await all[i].append("a", es::any_version, counted_one("x"));
                const texts received = co_await receive(mailers[i], 1);
                TEST_SAME(received, texts(1, "x"));
            }
        }(*this, quick().lease(lease).when_taken(es::if_taken::wait)));
        for (es::subscription& each : held) run(frozen, expect_error(es::errc::subscription_lost, each.next()));
    }
    frozen.restart();
    frozen.run_for(default_deadline);
    BOOST_TEST(frozen.stopped());
}

BOOST_AUTO_TEST_SUITE_END()
