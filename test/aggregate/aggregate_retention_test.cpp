// States of streams whose events have expired: what a snapshot holds stays.
#include "aggregate/wallet.hpp"
#include "maintenance/retained.hpp"
#include "support/concurrently.hpp"

#include <string>
#include <vector>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;
using namespace std::chrono_literals;

namespace {

es::aggregate_options every(std::size_t events, std::size_t cache_bytes = 0) {
    return es::aggregate_options().snapshot_every(events).cache_bytes(cache_bytes);
}

asio::awaitable<void> put_ones(wallets all, std::string id, int count) {
    for (int i = 0; i < count; ++i) co_await all.execute(id, put(1));
}

/// Events and the snapshot of the tenth, written.
asio::awaitable<void> begin_with(es::store store, std::string id, int count) {
    const wallets all(store, every(10));
    co_await put_ones(all, id, 10);
    co_await eventually([&] { return all.stats().snapshots_written == 1; });
    co_await put_ones(all, id, count - 10);
}

asio::awaitable<void> keep_from(es::store store, std::string id, std::int64_t version, bool is_scavenged) {
    co_await store.set_retention(id, from_version(version));
    if (is_scavenged) co_await store.scavenge(quickly());
}

} // namespace

BOOST_AUTO_TEST_SUITE(aggregate_retention_test)

BOOST_FIXTURE_TEST_CASE(a_snapshot_counts_when_its_event_has_expired, scavenged_store) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (const bool is_scavenged : {false, true}) {
            for (const std::size_t cache_bytes : {std::size_t{0}, megabyte}) {
                BOOST_TEST_CONTEXT("scavenged: " << is_scavenged << ", cache: " << cache_bytes) {
                    const std::string id = "wallet-" + std::to_string(is_scavenged) + std::to_string(cache_bytes);
                    co_await begin_with(store, id, 12);
                    const wallets held(store, every(100, cache_bytes));
                    co_await held.load(id);
                    co_await keep_from(store, id, 11, is_scavenged);
                    const wallets fresh(store, every(10, cache_bytes));
                    const auto loaded = co_await fresh.load(id);
                    BOOST_TEST(loaded.state().coins == 12);
                    BOOST_TEST(loaded.version() == 12);
                    for (const wallets& all : {held, fresh}) {
                        const auto done = co_await all.execute(id, put(1));
                        BOOST_TEST(done.state().coins == done.version());
                        // In its cache the second one may not have heard of the first one's event yet.
                        if (cache_bytes == 0) BOOST_TEST(done.conflicts() == 0);
                    }
                    BOOST_TEST(fresh.stats().snapshots_unfit == 0u);
                    BOOST_TEST(fresh.stats().snapshots_written == 0u); // none is due, and none is to be replaced
                    const es::snapshot kept = co_await store.read_snapshot(id);
                    BOOST_TEST(kept.version() == 10);
                }
            }
        }
    });
}

BOOST_FIXTURE_TEST_CASE(a_stream_whose_events_have_all_expired_goes_on, scavenged_store) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (const bool is_scavenged : {false, true}) {
            for (const std::size_t cache_bytes : {std::size_t{0}, megabyte}) {
                BOOST_TEST_CONTEXT("scavenged: " << is_scavenged << ", cache: " << cache_bytes) {
                    const std::string id = "wallet-" + std::to_string(is_scavenged) + std::to_string(cache_bytes);
                    co_await begin_with(store, id, 10);
                    const wallets held(store, every(10, cache_bytes));
                    co_await held.load(id);
                    co_await keep_from(store, id, 11, is_scavenged);
                    for (const wallets& all : {held, wallets(store, every(10, cache_bytes))}) {
                        co_await expect_error(es::errc::command_refused, all.execute(id, take(100)));
                        const auto loaded = co_await all.load(id);
                        BOOST_TEST(loaded.state().coins == loaded.version());
                        BOOST_TEST(loaded.version() >= 10);
                        const auto done = co_await all.execute(id, put(1));
                        BOOST_TEST(done.version() == loaded.version() + 1);
                        BOOST_TEST(done.state().coins == done.version());
                        BOOST_TEST(done.conflicts() == 0);
                    }
                }
            }
        }
    });
}

// What expired after the snapshot is lost to the state, as it is to every reader; the stream goes on.
BOOST_FIXTURE_TEST_CASE(the_state_is_of_the_snapshot_and_what_is_shown_after_it, scavenged_store) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (const bool is_scavenged : {false, true}) {
            const std::string id = "wallet-" + std::to_string(is_scavenged);
            co_await begin_with(store, id, 15);
            co_await keep_from(store, id, 14, is_scavenged);
            const auto some = co_await wallets(store, every(10)).load(id);
            BOOST_TEST(some.version() == 15);
            BOOST_TEST(some.state().coins == 12);
            co_await keep_from(store, id, 16, is_scavenged);
            const auto none = co_await wallets(store, every(10)).load(id);
            BOOST_TEST(none.version() == 15);
            BOOST_TEST(none.state().coins == 10);
            const auto done = co_await wallets(store, every(10)).execute(id, put(1));
            BOOST_TEST(done.version() == 16);
            BOOST_TEST(done.state().coins == 11);
        }
    });
}

BOOST_FIXTURE_TEST_CASE(without_snapshots_the_state_is_of_what_is_shown, scavenged_store) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (const bool is_scavenged : {false, true}) {
            for (const std::size_t cache_bytes : {std::size_t{0}, megabyte}) {
                const std::string id = "wallet-" + std::to_string(is_scavenged) + std::to_string(cache_bytes);
                co_await put_ones(wallets(store), id, 3);
                co_await keep_from(store, id, 4, is_scavenged);
                const wallets all(store, every(0, cache_bytes));
                const auto loaded = co_await all.load(id);
                BOOST_TEST(loaded.version() == 3);
                BOOST_TEST(loaded.state().coins == 0);
                const auto first = co_await all.execute(id, put(1));
                const auto second = co_await all.execute(id, put(1));
                BOOST_TEST(first.conflicts() + second.conflicts() == 0);
                BOOST_TEST(second.version() == 5);
                BOOST_TEST(second.state().coins == 2);
            }
        }
    });
}

BOOST_FIXTURE_TEST_CASE(few_events_are_kept_and_no_state_is_lost, scavenged_store) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.set_retention("wallet-1", at_most(1));
        const wallets all(store, every(2, megabyte));
        for (std::int64_t i = 1; i <= 12; ++i) {
            const auto done = co_await all.execute("wallet-1", put(1));
            BOOST_TEST(done.state().coins == i);
            const auto expected = static_cast<std::uint64_t>(i / 2);
            co_await eventually([&] { return all.stats().snapshots_written == expected; });
            if (i % 3 == 0) co_await store.scavenge(quickly());
            if (i == 1) continue;
            const auto loaded = co_await wallets(store, every(2)).load("wallet-1");
            BOOST_TEST(loaded.state().coins == i);
            BOOST_TEST(loaded.version() == i);
        }
    });
}

BOOST_FIXTURE_TEST_CASE(events_that_expire_at_once_are_in_the_snapshots, scavenged_store) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.set_retention("wallet-1", not_older_than(1ms));
        for (std::int64_t i = 1; i <= 6; ++i) {
            const wallets all(store, every(1));
            const auto done = co_await all.execute("wallet-1", put(1));
            BOOST_TEST(done.state().coins == i);
            BOOST_TEST(done.version() == i);
            co_await eventually([&] { return all.stats().snapshots_written == 1; });
            co_await let_pass(5ms);
            if (i % 2 == 0) co_await store.scavenge(quickly());
        }
    });
}

// A state of memory that is of no events yet knows of no snapshot.
BOOST_FIXTURE_TEST_CASE(a_state_of_no_events_begins_again_with_the_snapshot, scavenged_store) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (const std::int64_t first : {std::int64_t{11}, std::int64_t{13}}) {
            const std::string id = "wallet-" + std::to_string(first);
            const wallets early(store, every(10, megabyte));
            co_await early.load(id);
            co_await begin_with(store, id, 12);
            co_await keep_from(store, id, first, false);
            const auto loaded = co_await early.load(id);
            BOOST_TEST(loaded.version() == 12);
            BOOST_TEST(loaded.state().coins == (first == 11 ? 12 : 10));
        }
    });
}

BOOST_FIXTURE_TEST_CASE(the_snapshot_of_another_stream_of_that_name_does_not_count, scavenged_store) {
    with_store(options().allow_hard_delete(), [&](es::store store) -> asio::awaitable<void> {
        for (const std::int64_t first : {std::int64_t{12}, std::int64_t{13}}) {
            const std::string id = "wallet-" + std::to_string(first);
            co_await begin_with(store, id, 10);
            co_await store.delete_stream(id, 10, es::deletion::hard);
            const put_in gift{7, "Ada"};
            std::vector<es::event_data> again;
            for (int i = 0; i < 12; ++i) again.push_back(es::to_event_data(gift));
            co_await store.append(id, es::no_stream, std::move(again));
            co_await keep_from(store, id, first, false);
            const wallets all(store, every(10));
            const auto loaded = co_await all.load(id);
            BOOST_TEST(loaded.version() == 12);
            BOOST_TEST(loaded.state().coins == (first == 12 ? 7 : 0));
            BOOST_TEST(all.stats().snapshots_unfit == 1u);
        }
    });
}

BOOST_AUTO_TEST_SUITE_END()
