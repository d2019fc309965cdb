// The cache: what it spares, what it hears, and how large it gets.
#include "aggregate/wallet.hpp"
#include "support/concurrently.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;
using namespace std::chrono_literals;

namespace {

/// Refuses to be overdrawn by itself.
struct purse {
    using event = wallet::event;
    std::int64_t coins = 0;
    void apply(const put_in& e) { coins += e.coins; }
    void apply(const taken_out& e) {
        if (coins < e.coins) throw std::runtime_error("it would be overdrawn");
        coins -= e.coins;
    }
};

} // namespace

BOOST_AUTO_TEST_SUITE(aggregate_cached_test)

BOOST_FIXTURE_TEST_CASE(a_cached_aggregate_reads_nothing, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const wallets all(store, cached());
        co_await all.execute("wallet-1", put(1));
        co_await eventually([&] { return all.stats().is_following; });
        const wallets copy = all;
        co_await copy.execute("wallet-1", put(1));
        const auto before = store.stats();
        for (int i = 0; i < 20; ++i) co_await all.execute("wallet-1", put(1));
        const auto after = store.stats();
        BOOST_TEST(after.reads == before.reads);
        BOOST_TEST(after.appends == before.appends + 20);
        BOOST_TEST(all.stats().hits == 21u);
        BOOST_TEST(all.stats().loads == 1u);
        BOOST_TEST(all.stats().conflicts == 0u);
        const auto last = co_await all.load("wallet-1");
        BOOST_TEST(last.state().coins == 22);
    });
}

BOOST_FIXTURE_TEST_CASE(without_a_cache_each_command_reads, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const wallets all(store);
        co_await all.execute("wallet-1", put(1));
        const auto before = store.stats();
        for (int i = 0; i < 5; ++i) co_await all.execute("wallet-1", put(1));
        BOOST_TEST(store.stats().reads == before.reads + 5);
        BOOST_TEST(all.stats().cached == 0u);
        BOOST_TEST(!all.stats().is_following);
    });
}

// By plain appends of this store, and by another one.
BOOST_FIXTURE_TEST_CASE(what_others_append_arrives_without_a_read_or_a_conflict, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::store other = co_await es::open(options());
        const wallets all(store, cached());
        co_await all.execute("wallet-1", put(1));
        co_await eventually([&] { return all.stats().is_following; });
        co_await all.execute("wallet-1", put(1)); // known to be complete from here on
        std::int64_t sum = 2;
        for (int i = 1; i <= 10; ++i) {
            const es::store& by = i % 2 == 0 ? store : other;
            const put_in gift{i, "another one"};
            const std::size_t held = all.stats().cached_bytes;
            co_await by.append("wallet-1", es::stream_exists, es::events(gift, taken_out(1)));
            sum += i - 1;
            co_await eventually([&] { return all.stats().cached_bytes > held; }); // it has arrived
            co_await let_others_run(20);
            std::int64_t seen = 0;
            const auto decide = [&](const wallet& w) {
                seen = w.coins;
                return put_in{100, "the command"};
            };
            const auto before = all.stats();
            const auto done = co_await all.execute("wallet-1", decide);
            BOOST_TEST(seen == sum);
            sum += 100;
            BOOST_TEST(done.state().coins == sum);
            BOOST_TEST(done.conflicts() == 0);
            BOOST_TEST(all.stats().loads == before.loads);
            BOOST_TEST(all.stats().catch_ups == before.catch_ups);
        }
    });
}

// The state is behind when it is asked: what the decision refuses by it may be allowed by now.
BOOST_FIXTURE_TEST_CASE(a_refusal_from_a_cached_state_is_confirmed_first, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const wallets all(store, cached());
        const wallets others(store, cached());
        co_await all.execute("wallet-1", put(1));
        for (int i = 0; i < 10; ++i) {
            co_await others.execute("wallet-1", put(10)); // nobody has told `all` when the next line runs
            const auto done = co_await all.execute("wallet-1", take(10));
            BOOST_TEST(done.state().coins == 1);
        }
        const auto before = store.stats();
        co_await expect_error(es::errc::command_refused, all.execute("wallet-1", take(10)));
        BOOST_TEST(store.stats().reads == before.reads + 1);
    });
}

BOOST_FIXTURE_TEST_CASE(what_a_cached_state_cannot_apply_is_confirmed_first, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::aggregate_store<purse> all(store, cached());
        const wallets others(store);
        const auto take_five = [](const purse&) { return taken_out{5}; };
        co_await others.execute("purse-1", put(5));
        co_await all.execute("purse-1", take_five);
        co_await others.execute("purse-1", put(7));
        const auto done = co_await all.execute("purse-1", take_five);
        BOOST_TEST(done.state().coins == 2);
        std::string said;
        try {
            co_await all.execute("purse-1", take_five);
        } catch (const std::runtime_error& thrown) {
            said = thrown.what();
        }
        BOOST_TEST(said == "it would be overdrawn");
        BOOST_TEST(events_stored() == 4);
    });
}

BOOST_FIXTURE_TEST_CASE(the_cache_stays_within_its_bytes_and_lets_the_oldest_go, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        constexpr std::size_t most = 20'000;
        const wallets all(store, es::aggregate_options().cache_bytes(most));
        for (int i = 0; i < 100; ++i) {
            co_await all.execute("wallet-" + std::to_string(i), put(1));
            BOOST_TEST(all.stats().cached_bytes <= most);
        }
        const auto full = all.stats();
        BOOST_TEST(full.cached > 10u);
        BOOST_TEST(full.cached < 90u);
        BOOST_TEST(full.evictions >= 100 - full.cached);
        co_await all.execute("wallet-99", put(1));
        BOOST_TEST(all.stats().hits == full.hits + 1);
        co_await all.execute("wallet-0", put(1));
        BOOST_TEST(all.stats().loads == full.loads + 1);
        // One that is larger than everything is not kept, and works.
        const auto large = [](const wallet&) { return put_in{1, std::string(2 * most, 'x')}; };
        co_await all.execute("wallet-large", large);
        const auto again = co_await all.execute("wallet-large", put(1));
        BOOST_TEST(again.version() == 2);
        BOOST_TEST(all.stats().cached_bytes <= most);
    });
}

// More than the listener's queue holds: some events are dropped before they arrive.
BOOST_FIXTURE_TEST_CASE(events_that_the_listener_has_missed_cost_a_read, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const wallets all(store, cached());
        co_await all.execute("wallet-1", put(1));
        co_await eventually([&] { return all.stats().is_following; });
        co_await all.execute("wallet-1", put(1));
        std::vector<es::event_data> many;
        for (int i = 0; i < 5'000; ++i) many.push_back(es::to_event_data(taken_out{1}));
        co_await store.append("wallet-1", es::stream_exists, std::move(many));
        for (int i = 0; i < 5; ++i) {
            const auto done = co_await all.execute("wallet-1", put(1));
            BOOST_TEST(done.version() == 5'003 + i);
            BOOST_TEST(done.state().coins == 2 - 5'000 + i + 1);
            co_await let_others_run(20);
        }
    });
}

BOOST_FIXTURE_TEST_CASE(a_lost_connection_of_the_feed_costs_conflicts_at_most, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::store other = co_await es::open(options());
        const wallets all(store, cached());
        co_await all.execute("wallet-1", put(1));
        co_await eventually([&] { return all.stats().is_following; });
        std::int64_t sum = 1;
        for (int i = 0; i < 3; ++i) {
            terminate_backends();
            const put_in gift{10, "another one"};
            std::optional<es::failure> why;
            for (int tries = 0; tries < 50; ++tries) { // its connections were ended, too
                const es::event_data event = es::to_event_data(gift);
                const auto appended = co_await other.try_append("wallet-1", es::stream_exists, event);
                if (appended) break;
                if (tries == 49) throw es::error(appended.error());
                co_await let_pass(20ms);
            }
            sum += 10;
            const auto done = co_await all.execute("wallet-1", put(1));
            sum += 1;
            BOOST_TEST(done.state().coins == sum);
        }
    });
}

// Neither the listener nor the cache keeps the store open; with_store waits until everything has ended.
BOOST_FIXTURE_TEST_CASE(aggregates_that_go_leave_nothing_behind, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (int i = 0; i < 5; ++i) {
            const wallets all(std::move(store), cached().snapshot_every(1));
            store = es::store();
            co_await all.execute("wallet-1", put(1));
            if (i > 2) co_await eventually([&] { return all.stats().is_following; });
            store = co_await es::open(options());
        }
    });
    BOOST_TEST(number("select version from eventstore.snapshots") == 5);
}

BOOST_FIXTURE_TEST_CASE(a_context_that_ends_under_aggregates_frees_them, store_fixture) {
    run(es::migrate(options()));
    for (int steps = 0; steps < 40; steps += 3) {
        asio::io_context context;
        std::optional<wallets> all;
        const auto work = [&]() -> asio::awaitable<void> {
            const es::store store = co_await es::open(options());
            all.emplace(store, cached().snapshot_every(1));
            for (int i = 0; i < 100; ++i) co_await all->execute("wallet-1", put(1));
        };
        asio::co_spawn(context, work(), [](const std::exception_ptr&) {});
        for (int i = 0; i < 200 + 10 * steps; ++i) context.poll_one();
        context.run_for(std::chrono::milliseconds(steps));
    }
}

BOOST_AUTO_TEST_SUITE_END()
