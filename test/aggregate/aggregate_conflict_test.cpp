// Many writers of one aggregate: in one process, in several, with and without a cache.
#include "aggregate/wallet.hpp"
#include "support/concurrently.hpp"

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;
using namespace std::chrono_literals;

namespace {

es::aggregate_options patient_options(std::size_t cache_bytes) {
    return es::aggregate_options().cache_bytes(cache_bytes).max_retries(1'000).retry_after(1ms);
}

/// Puts coins in and takes them out at random; `sum` is what should be there afterwards. A refusal must be right at some
/// moment: no more than what was ever put in can be there.
asio::awaitable<void> trade(wallets all, std::string id, unsigned seed, int commands, std::int64_t& sum) {
    std::minstd_rand random(seed);
    for (int i = 0; i < commands; ++i) {
        const auto coins = static_cast<std::int64_t>(random() % 9 + 1);
        if (random() % 3 == 0) {
            const auto outcome = co_await all.try_execute(id, take(coins));
            if (outcome)
                sum -= coins;
            else if (outcome.error().code() != es::errc::command_refused)
                throw es::error(outcome.error());
        } else {
            co_await all.execute(id, put(coins));
            sum += coins;
        }
    }
}

std::int64_t total(const std::vector<std::int64_t>& sums) {
    std::int64_t all = 0;
    for (const std::int64_t one : sums) all += one;
    return all;
}

asio::awaitable<void> expect_sum(es::store store, std::string id, std::int64_t sum) {
    const wallets fresh(store);
    const auto now = co_await fresh.load(id);
    BOOST_TEST(now.state().coins == sum);
    BOOST_TEST(now.state().changes == now.version());
}

} // namespace

BOOST_AUTO_TEST_SUITE(aggregate_conflict_test)

BOOST_FIXTURE_TEST_CASE(eight_executors_of_one_aggregate_keep_its_sum_exact, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (const std::size_t cache_bytes : {std::size_t{0}, megabyte}) {
            const std::string id = "wallet-" + std::to_string(cache_bytes);
            const wallets all(store, patient_options(cache_bytes));
            std::vector<std::int64_t> sums(8);
            std::vector<asio::awaitable<void>> work;
            for (unsigned i = 0; i < 8; ++i) work.push_back(trade(all, id, i + 1, 20, sums[i]));
            co_await concurrently(std::move(work));
            co_await expect_sum(store, id, total(sums));
            BOOST_TEST(all.stats().conflicts > 0u);
            const auto held = co_await all.load(id);
            BOOST_TEST(held.state().coins == total(sums));
        }
    });
}

// As two processes: each store has a feed, and a cache, of its own.
BOOST_FIXTURE_TEST_CASE(two_stores_with_caches_against_each_other_keep_sums_exact, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::store other = co_await es::open(options());
        const wallets here(store, patient_options(megabyte).snapshot_every(5));
        const wallets there(other, patient_options(megabyte).snapshot_every(7));
        std::vector<std::int64_t> sums(8);
        std::vector<asio::awaitable<void>> work;
        for (unsigned i = 0; i < 8; ++i) {
            const std::string id = "wallet-" + std::to_string(i / 4);
            work.push_back(trade(i % 2 == 0 ? here : there, id, i + 100, 25, sums[i]));
        }
        co_await concurrently(std::move(work));
        co_await expect_sum(store, "wallet-0", sums[0] + sums[1] + sums[2] + sums[3]);
        co_await expect_sum(store, "wallet-1", sums[4] + sums[5] + sums[6] + sums[7]);
    });
}

BOOST_FIXTURE_TEST_CASE(several_threads_execute_on_the_same_handle, store_fixture) {
    std::vector<std::int64_t> sums(4);
    std::vector<asio::awaitable<void>> work;
    const auto run_one = [&](unsigned i, std::shared_ptr<std::optional<wallets>> all) -> asio::awaitable<void> {
        return trade(**all, "wallet-1", i + 7, 20, sums[i]);
    };
    asio::io_context context;
    std::int64_t stored = 0;
    const auto everything = [&]() -> asio::awaitable<void> {
        const es::store store = co_await es::open(options().create());
        const auto all = std::make_shared<std::optional<wallets>>(wallets(store, patient_options(megabyte)));
        std::vector<asio::awaitable<void>> traders;
        for (unsigned i = 0; i < 4; ++i) traders.push_back(run_one(i, all));
        co_await concurrently(std::move(traders));
        const wallets fresh(store);
        const auto now = co_await fresh.load("wallet-1");
        stored = now.state().coins;
    };
    run_threads(3, everything());
    BOOST_TEST(stored == total(sums));
}

BOOST_FIXTURE_TEST_CASE(a_conflict_that_does_not_end_is_the_result, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const wallets all(store, es::aggregate_options().max_retries(3).retry_after(1ms));
        int calls = 0;
        // Another writer is always faster.
        const auto late = [&](const wallet&) -> asio::awaitable<put_in> {
            ++calls;
            co_await store.append("wallet-1", es::any_version, taken_out(1));
            co_return put_in{1, ""};
        };
        const auto outcome = co_await all.try_execute("wallet-1", late);
        BOOST_TEST((outcome.error().code() == es::errc::wrong_expected_version));
        BOOST_TEST(calls == 4);
        BOOST_TEST(all.stats().conflicts == 4u);
        BOOST_TEST(number("select count(*) from eventstore.events where type = 'PutIn'") == 0);
    });
}

BOOST_FIXTURE_TEST_CASE(the_decision_sees_what_was_added_and_counts_the_conflicts, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (const std::size_t cache_bytes : {std::size_t{0}, megabyte}) {
            const std::string id = "wallet-" + std::to_string(cache_bytes);
            const wallets all(store, patient_options(cache_bytes));
            std::vector<std::int64_t> seen;
            const auto decide = [&](const wallet& w) -> asio::awaitable<put_in> {
                seen.push_back(w.coins);
                if (seen.size() <= 2) {
                    const put_in other{10, "another writer"};
                    co_await store.append(id, es::any_version, other);
                }
                co_return put_in{1, ""};
            };
            const auto done = co_await all.execute(id, decide);
            TEST_SAME(seen, (numbers{0, 10, 20}));
            BOOST_TEST(done.conflicts() == 2);
            BOOST_TEST(done.state().coins == 21);
            BOOST_TEST(done.version() == 3);
        }
    });
}

// The answer is lost: the server has stored it, or has not. The same ids are sent again.
BOOST_FIXTURE_TEST_CASE(an_unknown_outcome_is_cleared_up_by_the_same_ids, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const wallets all(store.within(1s), patient_options(megabyte));
        co_await all.execute("wallet-1", put(1));
        blocker holder = hold_log();
        started<es::execution<wallet>> command(co_await asio::this_coro::executor, all.execute("wallet-1", put(2)));
        co_await eventually([&] { return holder.blocks(); });
        terminate_backends(); // twice: once by a lost connection, and again at the time limit
        co_await let_pass(1100ms);
        holder.release();
        co_await eventually([&] { return command.done(); });
        try {
            BOOST_TEST(command.value().state().coins == 3);
        } catch (const es::error& why) { // the lock was not to be had again
            BOOST_TEST(why.why().outcome_unknown(), why.what());
        }
        const auto now = co_await wallets(store).load("wallet-1");
        const auto next = co_await all.execute("wallet-1", put(4));
        BOOST_TEST(next.state().coins == now.state().coins + 4);
        BOOST_TEST(next.version() == now.version() + 1);
    });
}

BOOST_AUTO_TEST_SUITE_END()
