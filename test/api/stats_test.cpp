// What a store measures of itself: appends, reads, connections, locks, subscriptions.
#include "support/concurrently.hpp"
#include "support/conditions.hpp"
#include "support/group_fixture.hpp"
#include "support/proxy.hpp"
#include "support/receive.hpp"

#include <eventstore/store_group.hpp>
#include <eventstore/transaction.hpp>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;

BOOST_AUTO_TEST_SUITE(stats_test)

namespace {

es::subscription_stats only(const es::store& store) {
    const es::store_stats now = store.stats();
    BOOST_REQUIRE(now.subscriptions.size() == 1u);
    return now.subscriptions.front();
}

es::subscription_options single() { return es::subscription_options().max_batch(1).group_by(es::grouping::none); }

} // namespace

BOOST_FIXTURE_TEST_CASE(an_append_is_measured_in_three_parts, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::store_stats before = store.stats();
        BOOST_TEST(before.append_durable.count == 0u);
        BOOST_TEST(before.flush_appends.count == 0u);
        co_await store.append("a", es::no_stream, counted(3));
        const es::store_stats after = store.stats();
        for (const es::latency_stats& each : {after.append_queued, after.append_sent, after.append_durable})
            BOOST_TEST(each.count == 1u);
        BOOST_TEST((after.append_sent.max > 0us));
        BOOST_TEST((after.append_durable.max >= after.append_sent.max));
        BOOST_TEST((after.append_durable.sum + 2us >= after.append_queued.sum + after.append_sent.sum));
        BOOST_TEST((after.append_durable.sum <= after.append_queued.sum + after.append_sent.sum + 2us)); // cut off
        BOOST_TEST(after.flush_appends.max == 1u);
        BOOST_TEST(after.flush_events.max == 3u);
    });
}

BOOST_FIXTURE_TEST_CASE(waiting_in_the_queue_is_told_from_waiting_for_the_server, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(1));
        blocker log = hold_log();
        started<es::append_result> first = co_await start(store.append("b", es::any_version, counted(2)));
        co_await eventually([&] { return log.blocks(); });
        std::vector<asio::awaitable<es::append_result>> work;
        for (int i = 0; i < 9; ++i) work.push_back(store.append("b-" + std::to_string(i), es::any_version, counted(2)));
        started<std::vector<es::append_result>> all = co_await start(concurrently(std::move(work)));
        co_await eventually([&] { return store.stats().queued_appends == 9; });
        co_await let_pass(100ms);
        const es::store_stats waiting = store.stats();
        BOOST_TEST(waiting.append_durable.count == 1u);
        BOOST_TEST(waiting.appending.in_use == 1u);
        log.release();
        co_await eventually([&] { return first.done() && all.done(); });
        const es::store_stats done = store.stats();
        BOOST_TEST(done.append_durable.count == 11u);
        BOOST_TEST((done.append_queued.max >= 90ms));
        BOOST_TEST((done.append_sent.max >= 90ms));
        BOOST_TEST((done.append_durable.p90 >= 90ms));
        BOOST_TEST(done.flush_appends.max == 9u);
        BOOST_TEST(done.flush_events.max == 18u);
        BOOST_TEST(done.flush_appends.sum == 11u);
    });
}

BOOST_FIXTURE_TEST_CASE(appends_of_a_transaction_are_counted_together, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (const bool commits : {true, false}) {
            es::transaction tx = co_await store.begin();
            tx.append("a", es::any_version, counted(2));
            tx.append("b", es::any_version, counted(1));
            if (commits) co_await tx.commit();
            if (!commits) co_await tx.rollback();
        }
        BOOST_TEST(store.stats().appends == 1u);
        BOOST_TEST(store.stats().events_appended == 3u);
    });
}

BOOST_FIXTURE_TEST_CASE(who_has_given_up_waits_for_no_connection, store_fixture) {
    with_store(options().pool_size(1), [&](es::store store) -> asio::awaitable<void> {
        es::transaction tx = co_await store.begin();
        co_await expect_error(es::errc::timeout, store.within(100ms).begin());
        BOOST_TEST(store.stats().transacting.waiting == 0u);
        co_await tx.rollback();
    });
}

BOOST_FIXTURE_TEST_CASE(appends_that_the_server_refuses_are_measured_too, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(1));
        co_await expect_error(es::errc::stream_exists, store.append("a", es::no_stream, counted(1)));
        co_await expect_error(es::errc::invalid_argument, store.append("", es::no_stream, counted(1)));
        const es::store_stats now = store.stats();
        BOOST_TEST(now.append_durable.count == 2u); // the third was never sent
        BOOST_TEST(now.appends == 1u);
    });
}

BOOST_FIXTURE_TEST_CASE(lock_timeouts_are_counted_with_the_time_that_was_waited, store_fixture) {
    with_store([&](es::store) -> asio::awaitable<void> { // which makes the schema, in its own time
        const es::store store = co_await es::open(options().operation_timeout(1200ms));
        co_await store.append("a", es::any_version, counted(1));
        blocker log = hold_log();
        const auto refused = co_await store.within(5s).try_append("a", es::any_version, counted(1));
        expect_error(es::errc::lock_timeout, refused);
        const es::store_stats first = store.stats();
        BOOST_TEST(first.lock_timeouts == 1u);
        BOOST_TEST(first.lock_wait.count == 1u);
        BOOST_TEST((first.lock_wait.max >= 800ms)); // three quarters of the limit
        const auto late = co_await store.within(100ms).try_append("a", es::any_version, counted(1));
        expect_error(es::errc::lock_timeout, late);
        const es::store_stats second = store.stats();
        BOOST_TEST(second.lock_timeouts == 2u);
        BOOST_TEST(second.lock_wait.count == 2u);
        log.release();
    });
}

BOOST_FIXTURE_TEST_CASE(lock_timeouts_of_transactions_are_counted, store_fixture) {
    with_store([&](es::store) -> asio::awaitable<void> {
        const es::store store = co_await es::open(options().operation_timeout(1200ms));
        co_await store.append("a", es::any_version, counted(1));
        es::transaction tx = co_await store.begin(); // which looks at the log
        blocker table(here("lock table eventstore.events in access exclusive mode"));
        co_await expect_error(es::errc::lock_timeout, tx.execute(here("select count(*) from eventstore.events")));
        BOOST_TEST(store.stats().lock_timeouts == 1u);
        table.release();
    });
}

BOOST_FIXTURE_TEST_CASE(pages_are_counted_and_timed, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const std::vector<es::event_data> events = counted(5);
        co_await store.append("a", es::no_stream, events);
        BOOST_TEST(store.stats().pages_read == 0u);
        (void)co_await store.read("a");
        (void)co_await store.read_all(es::read_options().count(2));
        (void)co_await store.find_event(events[0].id());
        co_await expect_error(es::errc::stream_not_found, store.read("b"));
        const es::store_stats now = store.stats();
        BOOST_TEST(now.pages_read == 3u);
        BOOST_TEST(now.read_page.count == 3u);
        BOOST_TEST((now.read_page.max > 0us));
        BOOST_TEST(now.reading.limit == 4u);
        BOOST_TEST(now.reading.connections >= 1u);
        BOOST_TEST(now.reading.waiting == 0u);
    });
}

BOOST_FIXTURE_TEST_CASE(the_wait_for_a_transactions_connection_is_measured, store_fixture) {
    with_store(options().pool_size(1), [&](es::store store) -> asio::awaitable<void> {
        es::transaction first = co_await store.begin();
        BOOST_TEST(store.stats().transacting.in_use == 1u);
        started<es::transaction> second = co_await start(store.begin());
        co_await eventually([&] { return store.stats().transacting.waiting == 1; });
        co_await let_pass(50ms);
        co_await first.rollback();
        co_await eventually([&] { return second.done(); });
        const es::store_stats now = store.stats();
        BOOST_TEST(now.transacting.waiting == 0u);
        BOOST_TEST(now.transacting.limit == 1u);
        BOOST_TEST(now.transacting.wait.count == 2u);
        BOOST_TEST((now.transacting.wait.max >= 45ms));
        co_await second.value().rollback();
        co_await eventually([&] { return store.stats().transacting.in_use == 0; });
    });
}

BOOST_FIXTURE_TEST_CASE(lost_connections_and_those_made_in_their_place_are_counted, store_fixture, *own_sessions()) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(1));
        (void)co_await store.read("a");
        BOOST_TEST(store.stats().connections_lost == 0u);
        BOOST_TEST(store.stats().reconnects == 0u);
        terminate_backends();
        co_await store.append("a", es::any_version, counted(1));
        (void)co_await store.read("a");
        const es::store_stats now = store.stats();
        BOOST_TEST(now.connections_lost >= 2u); // an idle one is found out when it is used
        BOOST_TEST(now.reconnects >= 2u);
        BOOST_TEST(now.reconnects <= now.connections_lost);
        // One that is lost is no attempt that failed. The announcement of the append may have been about to connect.
        BOOST_TEST(now.connect_failures <= 1u);
    });
}

BOOST_FIXTURE_TEST_CASE(attempts_that_fail_and_reads_that_wait_meanwhile_are_counted, store_fixture, *own_sessions()) {
    proxy way(url());
    with_store(options(way.url()), [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(1));
        (void)co_await store.read("a");
        way.go_down();
        started<es::event_page> reading = co_await start(store.read("a"));
        co_await eventually([&] { return store.stats().connect_failures > 0; });
        BOOST_TEST(store.stats().reading.waiting >= 1u); // the announcement of the append may wait, too
        way.heal();
        co_await eventually([&] { return reading.done(); });
        BOOST_TEST(reading.value().size() == 1u);
        const es::store_stats now = store.stats();
        BOOST_TEST(now.reading.waiting == 0u);
        BOOST_TEST(now.reading.wait.count >= 1u);
        BOOST_TEST((now.reading.wait.max > 0us));
    });
}

// ---- subscriptions

BOOST_FIXTURE_TEST_CASE(a_subscription_tells_its_lag_and_what_is_in_flight, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        BOOST_TEST(store.stats().subscriptions.empty());
        BOOST_TEST(!store.stats().is_following);
        co_await store.append("a", es::no_stream, counted(3));
        es::subscription all = co_await store.subscribe_to_all("mailer", single());
        auto batch = co_await all.next(5s);
        BOOST_REQUIRE((batch && batch->size() == 1u));
        const es::subscription_stats one = only(store);
        BOOST_TEST(one.stream == "$all");
        BOOST_TEST(one.name == "mailer");
        BOOST_TEST(one.lag_events == 3);
        BOOST_TEST(one.in_flight == 1u);
        BOOST_TEST(one.delivered == 1u);
        BOOST_TEST(one.redelivered == 0u);
        BOOST_TEST(one.consumers == 1u);
        BOOST_TEST(!one.stalled);
        BOOST_TEST((one.lag < 30s));
        batch->ack();
        const texts rest = co_await receive(all, 2);
        BOOST_TEST(rest.size() == 2u);
        const es::subscription_stats done = only(store);
        BOOST_TEST(done.lag_events == 0);
        BOOST_TEST(done.lag.count() == 0);
        BOOST_TEST(done.in_flight == 0u);
        BOOST_TEST(done.queued == 0u);
        BOOST_TEST(done.position == 3);
        BOOST_TEST(done.is_live);
        BOOST_TEST(store.stats().is_following);
        co_await all.unsubscribe();
        BOOST_TEST(store.stats().subscriptions.empty());
    });
}

// Its position in the log says nothing of it: the log goes on without it.
BOOST_FIXTURE_TEST_CASE(a_subscription_to_one_stream_does_not_lag_behind_others, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(2));
        es::subscription one = co_await store.subscribe("a", "mailer", single());
        const texts both = co_await receive(one, 2);
        BOOST_TEST(both.size() == 2u);
        co_await store.append("b", es::no_stream, counted(50));
        co_await eventually([&] { return store.stats().feed_lag_events == 0; });
        BOOST_TEST(only(store).lag_events == 0);
        co_await store.append("a", 2, counted(4));
        co_await eventually([&] { return only(store).lag_events == 4; });
        const texts rest = co_await receive(one, 4);
        BOOST_TEST(rest.size() == 4u);
        BOOST_TEST(only(store).lag_events == 0);
    });
}

BOOST_FIXTURE_TEST_CASE(what_a_selector_leaves_out_is_no_lag, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const auto none = [](const es::recorded_event&) { return false; };
        es::subscription all = co_await store.subscribe_to_all("mailer", single().selector(none));
        co_await store.append("a", es::no_stream, counted(10));
        co_await eventually([&] { return only(store).position == 10 && only(store).lag_events == 0; });
    });
}

BOOST_FIXTURE_TEST_CASE(the_time_of_a_lag_is_the_age_of_the_oldest_event, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const auto hour_ago =
            std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now() - 1h);
        es::event_data old = counted_one("old");
        old.created_at(hour_ago);
        co_await store.append("a", es::no_stream, old);
        co_await store.append("a", 1, counted(1));
        es::subscription all = co_await store.subscribe_to_all("mailer", single());
        auto batch = co_await all.next(5s);
        BOOST_REQUIRE((batch && batch->size() == 1u));
        BOOST_TEST((only(store).lag >= 1h));
        BOOST_TEST((only(store).lag < 2h));
        batch->ack();
        BOOST_TEST((only(store).lag < 30min)); // that of the next
        const texts rest = co_await receive(all, 1);
        BOOST_TEST(rest.size() == 1u);
    });
}

// (One that moves is none, however far it is behind: feed/lag_watch_test.)
BOOST_FIXTURE_TEST_CASE(a_lag_that_does_not_move_is_stalled, store_fixture) {
    with_store(options().stalled_after(300ms), [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(3));
        es::subscription all = co_await store.subscribe_to_all("mailer", single());
        auto batch = co_await all.next(5s);
        BOOST_REQUIRE((batch && batch->size() == 1u));
        co_await eventually([&] { return only(store).stalled; });
        BOOST_TEST(only(store).lag_events == 3);
        batch->ack();
        const texts rest = co_await receive(all, 2);
        BOOST_TEST(rest.size() == 2u);
        BOOST_TEST(!only(store).stalled);
        co_await let_pass(400ms); // idle for longer than that
        BOOST_TEST(!only(store).stalled);
        BOOST_TEST(only(store).lag_events == 0);
    });
}

BOOST_FIXTURE_TEST_CASE(redeliveries_and_parked_events_are_counted, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(2));
        es::subscription all = co_await store.subscribe_to_all("mailer", single().max_retries(1).retry_after(0ms));
        for (int i = 0; i < 2; ++i) {
            auto batch = co_await all.next(5s);
            BOOST_REQUIRE((batch && batch->size() == 1u));
            BOOST_TEST(batch->front().data() == "1");
            batch->nack("no");
        }
        BOOST_TEST(only(store).redelivered == 1u);
        co_await eventually([&] { return only(store).parked == 1; });
        co_await let_pass(20ms);
        BOOST_TEST((only(store).oldest_parked >= 20ms));
        BOOST_TEST((only(store).oldest_parked < 30s));
        const texts rest = co_await receive(all, 1);
        TEST_SAME(rest, texts({"2"}));
        BOOST_TEST(only(store).lag_events == 0); // what is parked is out of the way
        BOOST_TEST(only(store).delivered == 3u);
        co_await store.subscription_to_all("mailer").replay();
        auto again = co_await all.next(5s);
        BOOST_REQUIRE((again && again->size() == 1u));
        again->ack();
        co_await eventually([&] { return only(store).parked == 0; });
        BOOST_TEST(only(store).oldest_parked.count() == 0);
    });
}

BOOST_FIXTURE_TEST_CASE(what_was_parked_before_is_counted_when_the_subscription_is_taken, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(2));
        {
            es::subscription all = co_await store.subscribe_to_all("mailer", single().max_retries(0));
            for (int i = 0; i < 2; ++i) {
                auto batch = co_await all.next(5s);
                BOOST_REQUIRE((batch && batch->size() == 1u));
                batch->nack("no");
            }
            co_await eventually([&] { return only(store).parked == 2; });
            co_await all.unsubscribe();
        }
        ask("update eventstore.parked_events set parked_at = parked_at - interval '1 hour' where position = 1");
        es::subscription later = co_await store.subscribe_to_all("mailer", single());
        BOOST_TEST(only(store).parked == 2u);
        BOOST_TEST((only(store).oldest_parked >= 1h));
        BOOST_TEST((only(store).oldest_parked < 2h));
        co_await store.subscription_to_all("mailer").discard();
        co_await eventually([&] { return only(store).parked == 0; });
    });
}

BOOST_FIXTURE_TEST_CASE(
    a_feed_that_cannot_read_is_stalled_and_so_are_its_subscriptions, store_fixture, *own_sessions()) {
    with_store(options().stalled_after(200ms), [&](es::store store) -> asio::awaitable<void> {
        es::subscription all = co_await store.subscribe_to_all("mailer", single());
        co_await store.append("a", es::no_stream, counted(1));
        const texts first = co_await receive(all, 1);
        BOOST_TEST(first.size() == 1u);
        blocker tables = hold_tables();
        // Another process tells of an event, and this one cannot read it.
        ask("select pg_notify('es_' || md5('" + schema() + "'), 'log 2 2')");
        co_await eventually([&] { return store.stats().feed_stalled; });
        const es::store_stats now = store.stats();
        BOOST_TEST(now.feed_lag_events == 1);
        BOOST_TEST((now.feed_lag >= 200ms));
        BOOST_TEST(only(store).lag_events == 1);
        BOOST_TEST(only(store).stalled);
        tables.release();
        co_await eventually([&] { return store.stats().feed_lag_events == 0; }); // there was none
        BOOST_TEST(!store.stats().feed_stalled);
        BOOST_TEST(!only(store).stalled);
    });
}

// Nothing tells it that others have appended: it does not lag, as far as it knows.
BOOST_FIXTURE_TEST_CASE(a_feed_that_cannot_look_at_the_log_is_stalled, store_fixture, *own_sessions()) {
    with_store([&](es::store other) -> asio::awaitable<void> {
        co_await other.append("a", es::no_stream, counted(1));
        auto hasty = options().create(false).stalled_after(200ms).operation_timeout(1s).pooled(); // it looks often
        const es::store store = co_await es::open(std::move(hasty));
        es::subscription all = co_await store.within(20s).subscribe_to_all("mailer", single());
        const texts first = co_await receive(all, 1);
        BOOST_TEST(first.size() == 1u);
        blocker tables = hold_tables();
        co_await eventually([&] { return store.stats().feed_stalled; });
        BOOST_TEST(store.stats().feed_lag_events == 0);
        tables.release();
        co_await eventually([&] { return !store.stats().feed_stalled; });
        co_await store.close();
    });
}

BOOST_FIXTURE_TEST_CASE(a_closed_store_and_an_empty_handle_have_stats, store_fixture) {
    BOOST_TEST(es::store().stats().append_durable.count == 0u);
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(1));
        es::subscription all = co_await store.subscribe_to_all("mailer");
        co_await store.close();
        const es::store_stats closed = store.stats();
        BOOST_TEST(closed.append_durable.count == 1u);
        BOOST_TEST(closed.subscriptions.empty());
        BOOST_TEST(closed.appending.connections == 0u);
    });
}

BOOST_FIXTURE_TEST_CASE(stores_of_a_group_measure_apart_what_is_their_own, group_fixture) {
    run([](group_fixture& test) -> asio::awaitable<void> {
        es::store_group group = co_await es::open_group(test.options().create());
        const std::vector<es::store> stores = co_await test.open_tenants(group, 2);
        co_await stores[0].append("a", es::no_stream, counted(2));
        BOOST_TEST(stores[0].stats().append_durable.count == 1u);
        BOOST_TEST(stores[1].stats().append_durable.count == 0u);
        BOOST_TEST(stores[1].stats().appending.wait.count == stores[0].stats().appending.wait.count);
        BOOST_TEST(group.stats().appending.wait.count >= 1u);
        BOOST_TEST(group.stats().append_durable.count == 0u);
        co_await group.close();
    }(*this));
}

BOOST_AUTO_TEST_SUITE_END()
