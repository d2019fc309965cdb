// What is told once a subscription has ended.

#include "support/receive.hpp"

BOOST_AUTO_TEST_SUITE(subscription_end_test)

using namespace eventstore::test;
using namespace std::chrono_literals;
namespace es = eventstore;

BOOST_FIXTURE_TEST_CASE(an_ack_after_the_end_says_whose_end_it_was, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(4));
        const auto one = [] { return es::subscription_options().max_batch(1).concurrency_limit(2); };
        es::subscription stays = co_await store.subscribe_to_all("mailer", one());
        {
            es::subscription goes = co_await store.subscribe_to_all("mailer", one());
            auto batch = co_await goes.next(5s);
            co_await goes.unsubscribe();
            expect_code(es::errc::subscription_ended, [&] { batch->ack(); });
            expect_code(es::errc::subscription_ended, [&] { batch->nack("late"); });
        }
        auto batch = co_await stays.next(5s);
        co_await stays.unsubscribe();
        expect_code(es::errc::subscription_ended, [&] { batch->ack(); });
        expect_code(es::errc::subscription_ended, [&] { stays.ack_through_position(1); });

        es::subscription again = co_await store.subscribe_to_all("mailer", one());
        auto held = co_await again.next(5s);
        es::subscription moved = std::move(again);
        expect_code(es::errc::subscription_ended, [&] { again.ack_through_position(1); });
        co_await store.close();
        expect_code(es::errc::store_closed, [&] { held->ack(); });
        expect_code(es::errc::store_closed, [&] { moved.ack_through_position(1); });
    });
    BOOST_TEST(number("select position from eventstore.subscriptions") == 0);
}

BOOST_FIXTURE_TEST_CASE(the_epoch_grows_with_each_owner, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        es::subscription first = co_await store.subscribe_to_all("mailer");
        const std::int64_t before = first.epoch();
        BOOST_TEST(before == number("select epoch from eventstore.subscriptions"));
        co_await first.unsubscribe();
        BOOST_TEST(first.epoch() == before);
        es::subscription second = co_await store.subscribe_to_all("mailer");
        BOOST_TEST(second.epoch() > before);
    });
}

BOOST_FIXTURE_TEST_CASE(a_schema_that_is_dropped_ends_its_subscriptions, store_fixture) {
    std::vector<std::string> lines;
    const auto keep = [&](es::log_level, std::string_view line) { lines.emplace_back(line); };
    with_store(options().on_log(keep), [&](es::store store) -> asio::awaitable<void> {
        es::subscription all = co_await store.subscribe_to_all("all");
        es::subscription one = co_await store.subscribe("a", "one");
        const es::event_listener ear = co_await store.listen_to_all(); // the feed goes on
        const std::string away = quoted_name(schema() + "_away");
        ask("alter schema " + quoted_name(schema()) + " rename to " + away);
        co_await expect_error(es::errc::schema_missing, all.next(10s));
        co_await expect_error(es::errc::schema_missing, one.next(10s));
        ask("alter schema " + away + " rename to " + quoted_name(schema()));
    });
    for (const std::string& each : lines) BOOST_TEST_MESSAGE(each);
    BOOST_TEST(lines.size() == 1u); // one cause, whoever finds out
}

BOOST_AUTO_TEST_SUITE_END()
