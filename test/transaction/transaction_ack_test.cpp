// A batch that is acknowledged with the transaction that does something with it.
#include "support/receive.hpp"
#include "transaction/accounts.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <random>
#include <thread>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;

namespace {

struct acknowledging : accounts {
    std::int64_t checkpoint() {
        return number("select coalesce((select position from eventstore.subscriptions where name = 'balances'), 0)");
    }
    static es::subscription_options one_by_one() {
        return es::subscription_options().max_batch(1).checkpoint_after(1ms).retry_after(1ms);
    }

    /// Subscribes to `count` events, and gives the first batch away.
    void with_batch(std::size_t count,
        const std::function<asio::awaitable<void>(es::store, es::subscription&, es::event_batch)>& body) {
        with_accounts([&](es::store store) -> asio::awaitable<void> {
            co_await store.append("a", es::any_version, counted(count));
            es::subscription balances = co_await store.subscribe_to_all("balances", one_by_one());
            std::optional<es::event_batch> batch = co_await balances.next();
            co_await body(store, balances, std::move(*batch));
        });
    }
};

} // namespace

BOOST_AUTO_TEST_SUITE(transaction_ack_test)

BOOST_FIXTURE_TEST_CASE(a_batch_is_acknowledged_with_the_commit, acknowledging) {
    with_batch(2, [&](es::store store, es::subscription& balances, es::event_batch batch) -> asio::awaitable<void> {
        es::transaction tx = co_await store.begin();
        co_await withdraw(tx, "ada", 1);
        tx.ack(batch);
        BOOST_TEST(checkpoint() == 0);
        co_await tx.commit();
        BOOST_TEST(checkpoint() == 1); // with the commit, not after it
        auto second = co_await balances.next();
        BOOST_TEST(second->front().data() == "2");
        second->ack();
        co_await balances.unsubscribe();
        BOOST_TEST(checkpoint() == 2);
    });
}

BOOST_FIXTURE_TEST_CASE(a_rollback_acknowledges_nothing, acknowledging) {
    with_batch(1, [&](es::store store, es::subscription& balances, es::event_batch batch) -> asio::awaitable<void> {
        es::transaction tx = co_await store.begin();
        tx.ack(batch);
        co_await tx.rollback();
        batch.nack("not yet");
        auto again = co_await balances.next();
        BOOST_TEST(again->delivery() == 2);
        BOOST_TEST(checkpoint() == 0);
        co_await balances.unsubscribe();
    });
}

BOOST_FIXTURE_TEST_CASE(an_append_that_does_not_fit_acknowledges_nothing, acknowledging) {
    with_batch(1, [&](es::store store, es::subscription& balances, es::event_batch batch) -> asio::awaitable<void> {
        es::transaction tx = co_await store.begin();
        tx.append("a", es::no_stream, counted_one("x"));
        tx.ack(batch);
        co_await expect_error(es::errc::stream_exists, tx.commit());
        BOOST_TEST(checkpoint() == 0);
        batch.ack();
        co_await balances.unsubscribe();
        BOOST_TEST(checkpoint() == 1);
    });
}

BOOST_FIXTURE_TEST_CASE(who_has_lost_the_subscription_commits_nothing, acknowledging) {
    with_batch(1, [&](es::store store, es::subscription&, es::event_batch batch) -> asio::awaitable<void> {
        es::transaction tx = co_await store.begin();
        co_await withdraw(tx, "ada", 1);
        tx.append("b", es::any_version, counted_one("x"));
        tx.ack(batch);
        ask("update eventstore.subscriptions set epoch = epoch + 1, owner = gen_random_uuid()"); // unnoticed
        co_await expect_error(es::errc::subscription_lost, tx.commit());
        BOOST_TEST(balance("ada") == 100);
        BOOST_TEST(events_stored() == 1);
        BOOST_TEST(checkpoint() == 0);
    });
}

BOOST_FIXTURE_TEST_CASE(a_subscription_that_was_deleted_has_the_transaction_rolled_back, acknowledging) {
    with_batch(1, [&](es::store store, es::subscription&, es::event_batch batch) -> asio::awaitable<void> {
        es::transaction tx = co_await store.begin();
        co_await withdraw(tx, "ada", 1);
        tx.ack(batch);
        ask("delete from eventstore.subscriptions");
        co_await expect_error(es::errc::subscription_deleted, tx.commit());
        BOOST_TEST(balance("ada") == 100);
    });
}

BOOST_FIXTURE_TEST_CASE(only_the_next_batch_of_a_subscription_and_only_one_of_it_is_taken, acknowledging) {
    with_accounts([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(3));
        es::subscription balances = co_await store.subscribe_to_all("balances", one_by_one().max_in_flight(3));
        auto first = co_await balances.next();
        auto second = co_await balances.next();
        es::transaction tx = co_await store.begin();
        expect_code(es::errc::invalid_argument, [&] { tx.ack(*second); }); // the first one is open
        tx.ack(*first);
        expect_code(es::errc::invalid_argument, [&] { tx.ack(*second); });
        expect_code(es::errc::invalid_argument, [&] { tx.ack(*first); });
        co_await tx.commit();
        es::transaction next = co_await store.begin();
        expect_code(es::errc::invalid_argument, [&] { next.ack(*first); }); // it is done
        second->ack();
        expect_code(es::errc::invalid_argument, [&] { next.ack(*second); });
        auto third = co_await balances.next();
        next.ack(*third);
        co_await next.commit();
        BOOST_TEST(checkpoint() == 3);
        auto none = co_await balances.next(0ms);
        es::transaction last = co_await store.begin();
        expect_code(es::errc::invalid_argument, [&] { last.ack(*none); }); // an empty one
        co_await last.rollback();
        auto ended = co_await store.begin();
        co_await ended.rollback();
        expect_code(es::errc::transaction_ended, [&] { ended.ack(*third); });
        co_await balances.unsubscribe();
    });
}

BOOST_FIXTURE_TEST_CASE(the_same_batch_in_two_transactions_has_one_of_them_rolled_back, acknowledging) {
    with_batch(2, [&](es::store store, es::subscription& balances, es::event_batch batch) -> asio::awaitable<void> {
        es::transaction first = co_await store.begin();
        es::transaction second = co_await store.begin();
        co_await withdraw(first, "ada", 1);
        co_await withdraw(second, "bob", 1);
        first.ack(batch);
        second.ack(batch);
        std::vector<asio::awaitable<void>> both;
        int lost = 0;
        for (es::transaction* const each : {&first, &second}) {
            both.push_back([](es::transaction& tx, int& refused) -> asio::awaitable<void> {
                try {
                    co_await tx.commit();
                } catch (const es::error& e) {
                    refused +=
                        e.code() == es::errc::subscription_lost || e.code() == es::errc::invalid_argument ? 1 : 0;
                }
            }(*each, lost));
        }
        co_await concurrently(std::move(both));
        BOOST_TEST(lost == 1);
        BOOST_TEST(balance("ada") + balance("bob") == 199);
        BOOST_TEST(checkpoint() == 1);
        (void)balances;
    });
}

BOOST_FIXTURE_TEST_CASE(events_of_a_consumer_that_left_meanwhile_have_their_effect_once, acknowledging) {
    with_accounts([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(1));
        const auto shared = [] { return one_by_one().concurrency_limit(2); };
        es::subscription one = co_await store.subscribe_to_all("balances", shared());
        es::subscription other = co_await store.subscribe_to_all("balances", shared());
        std::optional<es::event_batch> batch = co_await one.next();
        es::transaction tx = co_await store.begin();
        co_await withdraw(tx, "ada", 1);
        tx.append("b", es::any_version, counted_one("x"));
        tx.ack(*batch);
        blocker log = hold_log();
        auto committing = tx.commit();
        started<std::vector<es::append_result>> under_way(co_await asio::this_coro::executor, std::move(committing));
        co_await eventually([&] { return log.blocks(); }, default_deadline);
        co_await one.unsubscribe();
        std::optional<es::event_batch> again = co_await other.next();
        BOOST_TEST(again->front().position() == 1);
        es::transaction twice = co_await store.begin();
        co_await withdraw(twice, "bob", 1);
        twice.ack(*again);
        co_await twice.commit();
        log.release();
        co_await eventually([&] { return under_way.done(); }, default_deadline);
        expect_code(es::errc::subscription_lost, [&] { (void)under_way.value(); });
        BOOST_TEST(events_stored() == 1);
        BOOST_TEST(balance("ada") == 100);
        BOOST_TEST(balance("bob") == 99);
        BOOST_TEST(checkpoint() == 1);
        co_await expect_error(es::errc::subscription_lost, other.next());
    });
}

BOOST_FIXTURE_TEST_CASE(a_transaction_with_an_older_snapshot_is_refused, acknowledging) {
    with_batch(1, [&](es::store store, es::subscription& balances, es::event_batch batch) -> asio::awaitable<void> {
        es::transaction tx = co_await store.begin();
        co_await tx.execute("set transaction isolation level repeatable read");
        co_await withdraw(tx, "ada", 1);
        tx.ack(batch);
        co_await expect_error(es::errc::invalid_argument, tx.commit());
        BOOST_TEST(balance("ada") == 100);
        batch.ack();
        co_await balances.unsubscribe();
        BOOST_TEST(checkpoint() == 1);
    });
}

BOOST_FIXTURE_TEST_CASE(a_batch_of_another_store_is_refused, acknowledging) {
    with_batch(1, [&](es::store, es::subscription&, es::event_batch batch) -> asio::awaitable<void> {
        const es::store other = co_await es::open(options());
        es::transaction tx = co_await other.begin();
        expect_code(es::errc::invalid_argument, [&] { tx.ack(batch); });
        co_await tx.rollback();
    });
}

BOOST_FIXTURE_TEST_CASE(the_lease_is_renewed_while_transactions_write_the_checkpoint, acknowledging) {
    with_accounts([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(30));
        es::subscription balances = co_await store.subscribe_to_all("balances", one_by_one().lease(300ms));
        for (int i = 1; i <= 30; ++i) {
            auto batch = co_await balances.next(10s);
            es::transaction tx = co_await store.begin();
            co_await tx.execute("select pg_sleep(0.03)");
            tx.ack(*batch);
            co_await tx.commit();
            BOOST_TEST(checkpoint() == i);
        }
        co_await balances.unsubscribe();
    });
}

// Connections are lost at any point: before the commit, while it is under way, and after it.
BOOST_FIXTURE_TEST_CASE(however_often_connections_are_lost_each_event_has_its_effect_once, acknowledging) {
    constexpr int events = 60;
    with_accounts([&](es::store store) -> asio::awaitable<void> {
        ask("create table eventstore.effects (position bigint not null)");
        co_await store.append("a", es::any_version, counted(events));
        std::mt19937 random(7);
        session killer;
        int lost = 0;
        for (std::optional<es::subscription> balances; checkpoint() < events;) {
            bool is_lost = false;
            try {
                if (!balances) {
                    auto subscribing =
                        store.subscribe_to_all("balances", one_by_one().lease(300ms).when_taken(es::if_taken::wait));
                    balances.emplace(co_await std::move(subscribing));
                }
                const std::optional<es::event_batch> batch = co_await balances->next(100ms);
                if (batch->empty()) continue;
                es::transaction tx = co_await store.begin();
                const auto cut = [&killer, pids = backends()] {
                    for (const int pid : pids) killer.run("select pg_terminate_backend(" + std::to_string(pid) + ")");
                };
                std::jthread cutter;
                const auto when = random() % 6;
                if (when == 0) cut();
                if (when == 1) // whenever that is
                    cutter = std::jthread([cut, after = std::chrono::microseconds(random() % 3000)] {
                        std::this_thread::sleep_for(after);
                        cut();
                    });
                auto inserting =
                    tx.execute(here("insert into eventstore.effects values ($1)"), batch->front().position());
                co_await std::move(inserting);
                tx.ack(*batch);
                co_await tx.commit();
            } catch (const es::error&) {
                is_lost = true;
            }
            lost += is_lost ? 1 : 0;
            if (is_lost) balances.reset();
        }
        BOOST_TEST(lost > 0);
        BOOST_TEST(number("select count(*) from eventstore.effects") == events);
        BOOST_TEST(number("select count(distinct position) from eventstore.effects") == events);
    });
}

BOOST_AUTO_TEST_SUITE_END()
