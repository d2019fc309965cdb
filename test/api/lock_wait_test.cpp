// A statement that waits for a lock of somebody else holds up no other one of its store.

#include "support/concurrently.hpp"
#include "support/store_fixture.hpp"

#include <eventstore/snapshot.hpp>

#include <boost/asio/cancellation_signal.hpp>

#include <deque>
#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(lock_wait_test)

using namespace eventstore::test;
using namespace std::chrono_literals;
namespace es = eventstore;

namespace {

constexpr int many = 8;

es::snapshot state(int number, std::int64_t version = 2) {
    return es::snapshot("state-" + std::to_string(number), version, "T", "{}");
}

/// Locks snapshots, each of which a write waits for.
asio::awaitable<blocker> lock_snapshots(es::store store, const std::string& sql) {
    for (int i = 0; i < many; ++i) co_await store.record_snapshot(state(i, 1));
    co_await store.append("s", es::any_version, es::event_data("T", "{}"));
    co_return blocker(sql);
}

constexpr auto locking = "select from eventstore.snapshots for update";

} // namespace

BOOST_FIXTURE_TEST_CASE(a_write_that_waits_for_a_lock_holds_up_no_read, store_fixture) {
    for (const std::size_t size : {2u, 4u})
        with_store(options().pool_size(size), [&](es::store store) -> asio::awaitable<void> {
            // The only connection so far takes the write.
            blocker holder = co_await lock_snapshots(store, here(locking));
            std::deque<started<void>> writes;
            for (int i = 0; i < many; ++i) {
                writes.push_back(co_await start(store.record_snapshot(state(i))));
                const auto expected = std::min(static_cast<std::size_t>(i) + 1, size - 1); // one connection is left
                co_await eventually([&] { return holder.blocks(expected); });
                std::vector<asio::awaitable<es::event_page>> reads;
                for (int n = 0; n < 20; ++n) reads.push_back(store.within(5s).read("s"));
                const auto pages = co_await concurrently(std::move(reads));
                for (const es::event_page& page : pages) BOOST_TEST(!page.empty());
            }
            BOOST_TEST(holder.blocked().size() == size - 1);
            holder.release();
            co_await eventually([&] { return std::ranges::all_of(writes, &started<void>::done); });
            for (started<void>& write : writes) write.value();
        });
}

BOOST_FIXTURE_TEST_CASE(a_write_that_waits_for_a_lock_holds_up_no_other_write, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        blocker holder = co_await lock_snapshots(store, here(locking));
        auto write = co_await start(store.record_snapshot(state(0)));
        co_await eventually([&] { return holder.blocks(); });
        for (int i = 0; i < 10; ++i) {
            const std::string source = "other-" + std::to_string(i);
            co_await store.within(5s).record_snapshot(es::snapshot(source, 1, "T", "{}"));
        }
        es::subscription mailer = co_await store.subscribe_to_all("mailer");
        const auto batch = co_await mailer.next();
        mailer.ack(*batch);
        co_await mailer.checkpoint();
        co_await mailer.unsubscribe();
        BOOST_TEST(!write.done());
        holder.release();
        co_await eventually([&] { return write.done(); });
        write.value();
    });
}

BOOST_FIXTURE_TEST_CASE(a_pool_of_one_connection_waits_for_its_turn, store_fixture) {
    with_store(options().pool_size(1), [&](es::store store) -> asio::awaitable<void> {
        blocker holder = co_await lock_snapshots(store, here(locking));
        auto write = co_await start(store.record_snapshot(state(0)));
        co_await eventually([&] { return holder.blocks(); });
        auto read = co_await start(store.read_snapshot("state-0"));
        co_await expect_error(es::errc::timeout, store.within(200ms).read_snapshot("state-0"));
        BOOST_TEST(!read.done());
        holder.release();
        co_await eventually([&] { return read.done(); });
        BOOST_TEST(read.value().version() == 2);
        write.value();
    });
}

// The server does not know that nobody waits for it, and goes on.
BOOST_FIXTURE_TEST_CASE(writes_that_were_given_up_give_their_connections_back, store_fixture) {
    with_store(options().pool_size(3), [&](es::store store) -> asio::awaitable<void> {
        blocker holder = co_await lock_snapshots(store, here(locking));
        asio::cancellation_signal give_up[2];
        std::deque<started<void>> writes;
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        for (int i = 0; i < 2; ++i) writes.emplace_back(executor, store.record_snapshot(state(i)), give_up[i].slot());
        co_await eventually([&] { return holder.blocks(2); });
        for (asio::cancellation_signal& signal : give_up) signal.emit(asio::cancellation_type::terminal);
        co_await eventually([&] { return std::ranges::all_of(writes, &started<void>::done); });

        const es::snapshot other("other", 1, "T", "{}");
        co_await expect_error(es::errc::timeout, store.within(200ms).record_snapshot(other));
        co_await store.within(5s).record_snapshot(other);
        BOOST_TEST(holder.blocks(2));
        holder.release();
    });
}

BOOST_FIXTURE_TEST_CASE(a_write_that_was_given_up_gives_the_only_connection_back, store_fixture) {
    with_store(options().pool_size(1), [&](es::store store) -> asio::awaitable<void> {
        blocker holder = co_await lock_snapshots(store, here(locking));
        asio::cancellation_signal give_up;
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        started<void> write(executor, store.record_snapshot(state(0)), give_up.slot());
        co_await eventually([&] { return holder.blocks(); });
        give_up.emit(asio::cancellation_type::terminal);
        co_await eventually([&] { return write.done(); });

        co_await expect_error(es::errc::timeout, store.within(200ms).read("s"));
        const es::event_page page = co_await store.within(5s).read("s");
        BOOST_TEST(!page.empty());
        holder.release();
    });
}

BOOST_AUTO_TEST_SUITE_END()
