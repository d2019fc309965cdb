// nack: retries, and what becomes of an event that is refused too often.

#include "support/receive.hpp"

#include <ctime>

BOOST_AUTO_TEST_SUITE(refusal_test)

using namespace eventstore::test;
using namespace std::chrono_literals;
namespace es = eventstore;

namespace {
es::subscription_options impatient(int retries) {
    return es::subscription_options().max_batch(1).max_retries(retries).retry_after(1ms);
}
} // namespace

BOOST_FIXTURE_TEST_CASE(a_refused_batch_comes_again_after_a_while_and_nothing_overtakes_it, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(2));
        es::subscription all = co_await store.subscribe_to_all("retry", impatient(5).retry_after(60ms));
        auto first = co_await all.next(5s);
        const auto refused = std::chrono::steady_clock::now();
        first->nack("not yet");
        auto again = co_await all.next(5s);
        BOOST_TEST((std::chrono::steady_clock::now() - refused >= 60ms));
        BOOST_TEST(again->front().data() == "1");
        BOOST_TEST(again->delivery() == 2);
        again->ack();
        const texts rest = co_await receive(all, 1);
        TEST_SAME(rest, texts({"2"}));
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(an_event_that_is_refused_too_often_is_parked_and_the_others_go_on, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(2));
        es::subscription all = co_await store.subscribe_to_all("park", impatient(2));
        for (int i = 1; i <= 3; ++i) {
            auto batch = co_await all.next(5s);
            BOOST_TEST(batch->front().data() == "1");
            BOOST_TEST(batch->delivery() == i);
            batch->nack("reason " + std::to_string(i));
        }
        const texts rest = co_await receive(all, 1);
        TEST_SAME(rest, texts({"2"}));
        const std::vector<es::parked_event> parked = co_await store.subscription_to_all("park").parked();
        BOOST_TEST_REQUIRE(parked.size() == 1u);
        BOOST_TEST(parked[0].position == 1);
        BOOST_TEST(parked[0].version == 1);
        BOOST_TEST(parked[0].stream == "a");
        BOOST_TEST(parked[0].type == "Counted");
        BOOST_TEST(parked[0].reason == "reason 3");
        BOOST_TEST(parked[0].deliveries == 3);
        const std::vector<es::subscription_info> list = co_await store.subscriptions();
        BOOST_TEST(list.at(0).parked == 1);
        co_await all.checkpoint();
        BOOST_TEST(number("select position from eventstore.subscriptions") == 2);
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(it_may_be_skipped_instead, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(2));
        es::subscription all =
            co_await store.subscribe_to_all("skip", impatient(0).exhausted(es::when_exhausted::skip));
        (co_await all.next(5s))->nack("no");
        const texts rest = co_await receive(all, 1);
        TEST_SAME(rest, texts({"2"}));
        const std::vector<es::parked_event> parked = co_await store.subscription_to_all("skip").parked();
        BOOST_TEST(parked.empty());
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(it_may_stop_the_subscription, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(3));
        es::subscription all =
            co_await store.subscribe_to_all("stop", impatient(0).exhausted(es::when_exhausted::stop));
        (co_await all.next(5s))->ack();
        auto batch = co_await all.next(5s);
        batch->nack("cannot read it");
        const es::failure why = co_await expect_error(es::errc::subscription_stopped, all.next());
        BOOST_TEST(why.message().find("cannot read it") != std::string::npos, why.message());
        co_await all.unsubscribe();
        BOOST_TEST(number("select position from eventstore.subscriptions") == 1);
        es::subscription again = co_await store.subscribe_to_all("stop");
        auto same = co_await again.next(5s);
        BOOST_TEST(same->front().data() == "2");
        BOOST_TEST(same->delivery() == 2);
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_consumer_may_refuse_one_and_handle_others_of_other_keys, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        auto how = impatient(5).retry_after(200ms).concurrency_limit(2).partition_by(es::partition::stream);
        es::subscription all = co_await store.subscribe_to_all("keys", std::move(how));
        co_await store.append("a", es::any_version, counted(2, "a"));
        co_await store.append("b", es::any_version, counted(1, "b"));
        (co_await all.next(5s))->nack("later");
        auto next = co_await all.next(5s);
        BOOST_TEST(next->front().data() == "b1"); // a2 stays behind a1
        next->ack();
        const texts rest = co_await receive(all, 2);
        TEST_SAME(rest, texts({"a1", "a2"}));
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(who_waits_while_a_refused_event_is_due_takes_no_processor_time, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(2));
        auto how = impatient(5).retry_after(20ms).max_in_flight(1).concurrency_limit(2);
        es::subscription all = co_await store.subscribe_to_all("busy", how);
        (co_await all.next(5s))->nack("later");
        auto held = co_await all.next(5s);
        BOOST_TEST(held->size() == 1u);
        const std::clock_t before = std::clock();
        const auto nothing = co_await all.next(1s); // the other one is due, and this consumer may not take it yet
        BOOST_TEST(nothing->empty());
        BOOST_TEST(std::clock() - before < CLOCKS_PER_SEC / 2);
        held->ack();
        const texts rest = co_await receive(all, 1);
        BOOST_TEST(rest.size() == 1u);
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(parked_events_are_delivered_again_when_told_so, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(3));
        es::subscription all = co_await store.subscribe_to_all("replay", impatient(0));
        for (int i = 0; i < 2; ++i) (co_await all.next(5s))->nack("no");
        const texts rest = co_await receive(all, 1);
        TEST_SAME(rest, texts({"3"}));
        const std::int64_t one = co_await store.subscription_to_all("replay").replay(std::vector<std::int64_t>(1, 2));
        BOOST_TEST(one == 1);
        const texts again = co_await receive(all, 1);
        TEST_SAME(again, texts({"2"}));
        co_await eventually([&] { return number("select count(*) from eventstore.parked_events") == 1; });
        co_await store.append("a", es::any_version, counted_one("4"));
        const texts live = co_await receive(all, 1);
        TEST_SAME(live, texts({"4"}));
        co_await all.checkpoint();
        BOOST_TEST(number("select position from eventstore.subscriptions") == 4);
        co_await all.unsubscribe();
        const std::int64_t left = co_await store.subscription_to_all("replay").replay();
        BOOST_TEST(left == 1);
        es::subscription later = co_await store.subscribe_to_all("replay", impatient(0));
        (co_await later.next(5s))->nack("still not");
        co_await eventually([&] { return value("select reason from eventstore.parked_events") == "still not"; });
        const std::int64_t gone = co_await store.subscription_to_all("replay").discard();
        BOOST_TEST(gone == 1);
        const std::vector<es::parked_event> parked = co_await store.subscription_to_all("replay").parked();
        BOOST_TEST(parked.empty());
        co_await expect_error(es::errc::subscription_not_found, store.subscription_to_all("unknown").replay());
    };
    with_store(body);
    BOOST_TEST(number("select position from eventstore.subscriptions") == 4);
}

BOOST_AUTO_TEST_SUITE_END()
