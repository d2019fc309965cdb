// What appenders and subscribers see of a transaction.
#include "transaction/accounts.hpp"

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;

BOOST_AUTO_TEST_SUITE(transaction_feed_test)

BOOST_FIXTURE_TEST_CASE(the_log_is_not_locked_before_the_commit, accounts) {
    with_accounts([&](es::store store) -> asio::awaitable<void> {
        es::transaction tx = co_await store.begin();
        co_await withdraw(tx, "ada", 1);
        tx.append("a", es::any_version, counted_one("late"));
        co_await store.append("a", es::no_stream, counted_one("early"));
        const es::append_result done = (co_await tx.commit()).front();
        BOOST_TEST(done.first_version == 2);
        BOOST_TEST(done.first_position == 2);
    });
}

BOOST_FIXTURE_TEST_CASE(subscribers_get_the_events_after_the_commit_and_in_order, accounts) {
    with_accounts([&](es::store store) -> asio::awaitable<void> {
        es::subscription every = co_await store.subscribe_to_all("every");
        es::event_listener live = co_await store.listen_to_all();
        es::transaction tx = co_await store.begin();
        tx.append("a", es::any_version, counted(2, "tx"));
        co_await withdraw(tx, "ada", 1);
        co_await store.append("b", es::any_version, counted_one("before"));
        texts got;
        std::optional<es::event_batch> batch = co_await every.next();
        for (const es::recorded_event& each : *batch) got.emplace_back(each.data());
        batch->ack();
        TEST_SAME(got, texts({"before"}));
        co_await tx.commit();
        co_await store.append("b", es::any_version, counted_one("after"));
        while (got.size() < 4) {
            batch = co_await every.next();
            for (const es::recorded_event& each : *batch) got.emplace_back(each.data());
            batch->ack();
        }
        TEST_SAME(got, texts({"before", "tx1", "tx2", "after"}));
        texts heard;
        while (heard.size() < 4) {
            const std::optional<es::event_page> page = co_await live.next();
            for (const es::recorded_event& each : *page) heard.emplace_back(each.data());
        }
        TEST_SAME(heard, got);
        BOOST_TEST(store.stats().events_read == 0u); // from memory
        co_await every.unsubscribe();
    });
}

BOOST_FIXTURE_TEST_CASE(transactions_and_appends_at_once_make_one_order_for_subscribers, accounts) {
    with_accounts(options().pool_size(3), [&](es::store store) -> asio::awaitable<void> {
        es::subscription every = co_await store.subscribe_to_all("every");
        const auto transact = [&](int number) -> asio::awaitable<void> {
            for (int i = 0; i < 10; ++i) {
                es::transaction tx = co_await store.begin();
                tx.append("t-" + std::to_string(number), es::any_version, counted(2));
                co_await withdraw(tx, "ada", 0);
                co_await tx.commit();
            }
        };
        const auto append = [&](int number) -> asio::awaitable<void> {
            for (int i = 0; i < 20; ++i)
                co_await store.append("a-" + std::to_string(number), es::any_version, counted_one("x"));
        };
        std::vector<asio::awaitable<void>> work;
        for (int i = 0; i < 6; ++i) {
            work.push_back(transact(i));
            work.push_back(append(i));
        }
        co_await concurrently(std::move(work));
        std::int64_t last = 0;
        while (last < 240) {
            std::optional<es::event_batch> batch = co_await every.next();
            for (const es::recorded_event& each : *batch) BOOST_TEST(each.position() == ++last);
            batch->ack();
        }
        co_await every.unsubscribe();
    });
}

BOOST_AUTO_TEST_SUITE_END()
