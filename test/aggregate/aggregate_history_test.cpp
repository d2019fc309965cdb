// States that are of no stream any more: deleted, deleted for good, made anew, cut back.
#include "aggregate/wallet.hpp"
#include "support/concurrently.hpp"

#include <string>
#include <vector>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;
using namespace std::chrono_literals;

namespace {

/// Deletes a stream for good and makes it anew, by another store, which tells nobody of it.
asio::awaitable<void> make_anew(es::store by, std::string id, std::int64_t coins, int events) {
    co_await by.delete_stream(id, es::any_version, es::deletion::hard);
    const put_in gift{coins, "another one"};
    std::vector<es::event_data> again;
    for (int i = 0; i < events; ++i) again.push_back(es::to_event_data(gift));
    co_await by.append(id, es::no_stream, std::move(again));
}

} // namespace

BOOST_AUTO_TEST_SUITE(aggregate_history_test)

// The version is the same; only the id of the last event tells. The decision that was made from the old state fits nothing.
BOOST_FIXTURE_TEST_CASE(a_stream_made_anew_at_the_same_version_gets_nothing_decided_from_the_old_one, store_fixture) {
    expect_holes();
    with_store(options().allow_hard_delete(), [&](es::store store) -> asio::awaitable<void> {
        const es::store other = co_await es::open(options().allow_hard_delete());
        for (const bool is_heard : {false, true}) {
            BOOST_TEST_CONTEXT("heard of: " << is_heard) {
                const wallets all(store, cached());
                const std::string id = is_heard ? "heard" : "unheard";
                co_await all.execute(id, put(100));
                co_await all.execute(id, put(100));
                if (is_heard) co_await eventually([&] { return all.stats().is_following; });
                co_await make_anew(other, id, 1, 2);
                if (is_heard) co_await let_pass(50ms);
                std::vector<std::int64_t> seen;
                const auto take_all = [&](const wallet& w) -> es::result<taken_out> {
                    seen.push_back(w.coins);
                    if (w.coins < 150) return es::failure(es::errc::command_refused, "too few");
                    return taken_out{150};
                };
                const auto outcome = co_await all.try_execute(id, take_all);
                BOOST_TEST((outcome.error().code() == es::errc::command_refused));
                BOOST_TEST(seen.back() == 2);
                const auto now = co_await wallets(store).load(id);
                BOOST_TEST(now.state().coins == 2);
                BOOST_TEST(now.version() == 2);
                // From then on it goes on with the new one, without a conflict.
                const auto next = co_await all.execute(id, put(5));
                BOOST_TEST(next.state().coins == 7);
                BOOST_TEST(next.conflicts() == 0);
            }
        }
    });
}

// Made anew with fewer, as many and more events, while commands run: the sum is that of the stream that is there.
BOOST_FIXTURE_TEST_CASE(streams_made_anew_again_and_again_are_never_mixed, store_fixture) {
    expect_holes();
    with_store(options().allow_hard_delete(), [&](es::store store) -> asio::awaitable<void> {
        const es::store other = co_await es::open(options().allow_hard_delete());
        const wallets all(store, cached().snapshot_every(2));
        for (int round = 0; round < 30; ++round) {
            const int events = 1 + round % 4;
            if (round > 0)
                co_await make_anew(other, "wallet-1", 100 * round, events);
            else
                co_await all.execute("wallet-1", put(1'000));
            if (round % 3 == 0) co_await let_others_run(20);
            const auto done = co_await all.execute("wallet-1", take(0));
            const auto now = co_await wallets(store).load("wallet-1");
            BOOST_TEST(done.version() == now.version());
            BOOST_TEST((done.state() == now.state()));
            if (round > 0) BOOST_TEST(now.state().coins == 100 * round * events);
            if (round % 2 == 0) co_await all.execute("wallet-1", put(1));
        }
    });
}

BOOST_FIXTURE_TEST_CASE(a_deleted_stream_is_an_error_until_it_is_restored, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (const auto& options : {es::aggregate_options(), cached()}) {
            const std::string id = "wallet-" + std::to_string(options.cache_bytes());
            const wallets all(store, options);
            co_await all.execute(id, put(10));
            co_await store.delete_stream(id, 1);
            co_await expect_error(es::errc::stream_deleted, all.execute(id, put(1)));
            co_await expect_error(es::errc::stream_deleted, all.execute(id, take(100)));
            co_await expect_error(es::errc::stream_deleted, all.load(id));
            co_await store.restore_stream(id);
            const auto done = co_await all.execute(id, put(1));
            BOOST_TEST(done.state().coins == 11);
            BOOST_TEST(done.version() == 2);
        }
    });
}

BOOST_FIXTURE_TEST_CASE(a_stream_deleted_for_good_begins_anew, store_fixture) {
    expect_holes();
    with_store(options().allow_hard_delete(), [&](es::store store) -> asio::awaitable<void> {
        const wallets all(store, cached());
        co_await all.execute("wallet-1", put(10));
        co_await store.delete_stream("wallet-1", 1, es::deletion::hard);
        const auto done = co_await all.execute("wallet-1", put(1));
        BOOST_TEST(done.state().coins == 1);
        BOOST_TEST(done.version() == 1);
    });
}

// No append can expect a link as the last event: such a state is used, but not kept.
BOOST_FIXTURE_TEST_CASE(a_stream_that_ends_with_a_link_is_appended_to, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const put_in gift{50, "Ada"};
        const es::event_data linked = es::to_event_data(gift);
        co_await store.append("gifts", es::no_stream, linked);
        const wallets all(store, cached().snapshot_every(1));
        co_await all.execute("wallet-1", put(1));
        co_await store.link("wallet-1", 1, linked.id());
        const auto done = co_await all.execute("wallet-1", take(51));
        BOOST_TEST(done.version() == 3);
        BOOST_TEST(done.state().coins == 0);
        const auto loaded = co_await all.load("wallet-1");
        BOOST_TEST((loaded.state() == done.state()));
    });
}

// Only the number can be expected: no event is stored at the version of the stream.
BOOST_FIXTURE_TEST_CASE(a_stream_that_has_lost_its_last_link_is_appended_to, store_fixture) {
    expect_holes();
    with_store(options().allow_hard_delete(), [&](es::store store) -> asio::awaitable<void> {
        for (const auto& options : {es::aggregate_options(), cached().snapshot_every(2)}) {
            const std::string id = "wallet-" + std::to_string(options.cache_bytes());
            const put_in gift{50, "Ada"};
            const es::event_data linked = es::to_event_data(gift);
            co_await store.append("gifts", es::no_stream, linked);
            const wallets all(store, options);
            co_await all.execute(id, put(1));
            co_await store.link(id, 1, linked.id());
            co_await store.delete_stream("gifts", 1, es::deletion::hard);
            const auto done = co_await all.execute(id, put(1));
            BOOST_TEST(done.version() == 3);
            BOOST_TEST(done.state().coins == 2);
            BOOST_TEST(done.conflicts() == 1);
            const auto next = co_await all.execute(id, put(1));
            BOOST_TEST(next.version() == 4);
            BOOST_TEST(next.state().coins == 3);
            BOOST_TEST(next.conflicts() == 0);
        }
    });
}

BOOST_AUTO_TEST_SUITE_END()
