// How often an event was handed out, when owners die.

#include "support/frozen_owner.hpp"

#include <cstdint>
#include <list>
#include <map>
#include <vector>

BOOST_AUTO_TEST_SUITE(delivery_count_test)

using namespace eventstore::test;
using namespace std::chrono_literals;
namespace es = eventstore;

namespace {

es::subscription_options leased_one_by_one() {
    return es::subscription_options().lease(300ms).checkpoint_after(10ms).max_batch(1).when_taken(es::if_taken::wait);
}

} // namespace

BOOST_FIXTURE_TEST_CASE(the_death_of_owners_that_held_nothing_is_no_delivery, store_fixture) {
    with_store(
        [&](es::store store) -> asio::awaitable<void> { co_await store.append("a", es::any_version, counted(2)); });
    std::list<frozen_owner> dead;
    for (int i = 0; i < 3; ++i) dead.emplace_back(options(), "counted", leased_one_by_one());
    with_store([&](es::store store) -> asio::awaitable<void> {
        es::subscription heir =
            co_await store.subscribe_to_all("counted", leased_one_by_one().max_retries(1).retry_after(1ms));
        auto first = co_await heir.next(5s);
        BOOST_TEST(first->delivery() == 1);
        first->nack("not yet");
        auto again = co_await heir.next(5s);
        BOOST_TEST(again->front().data() == "1"); // and it is not parked
        BOOST_TEST(again->delivery() == 2);
        again->ack();
        auto second = co_await heir.next(5s);
        BOOST_TEST(second->delivery() == 1);
        co_await heir.unsubscribe();
    });
    for (frozen_owner& each : dead) each.end();
}

BOOST_FIXTURE_TEST_CASE(what_an_owner_that_died_had_is_counted_and_nothing_else, store_fixture) {
    with_store(
        [&](es::store store) -> asio::awaitable<void> { co_await store.append("a", es::any_version, counted(4)); });
    frozen_owner first(options(), "counted", leased_one_by_one().max_in_flight(2));
    const auto one = run(first.context, first.held.next(5s));
    frozen_owner second(options(), "counted", leased_one_by_one().max_in_flight(3));
    const auto again = run(second.context, second.held.next(5s));
    const auto two = run(second.context, second.held.next(5s));
    const auto three = run(second.context, second.held.next(5s));
    BOOST_TEST(one->delivery() == 1);
    BOOST_TEST(again->delivery() == 2);
    BOOST_TEST(two->delivery() == 1);
    BOOST_TEST(three->front().data() == "3");
    with_store([&](es::store store) -> asio::awaitable<void> {
        es::subscription heir = co_await store.subscribe_to_all("counted", leased_one_by_one());
        std::vector<int> seen;
        for (int i = 0; i < 4; ++i) {
            auto batch = co_await heir.next(5s);
            seen.push_back(batch->delivery());
            batch->ack();
        }
        TEST_SAME(seen, std::vector<int>({3, 2, 2, 1}));
        co_await heir.unsubscribe();
    });
    first.end();
    second.end();
}

BOOST_FIXTURE_TEST_CASE(it_is_the_same_with_several_consumers, store_fixture) {
    with_store(
        [&](es::store store) -> asio::awaitable<void> { co_await store.append("a", es::any_version, counted(4)); });
    const auto shared = [] { return leased_one_by_one().concurrency_limit(3); };
    frozen_owner owner(options(), "counted", shared());
    auto second = run(owner.context, owner.store.subscribe_to_all("counted", shared()));
    auto third = run(owner.context, owner.store.subscribe_to_all("counted", shared()));
    const auto one = run(owner.context, owner.held.next(5s));
    const auto two = run(owner.context, second.next(5s));
    const auto three = run(owner.context, third.next(5s));
    two->ack(); // in memory only
    with_store([&](es::store store) -> asio::awaitable<void> {
        es::subscription heir = co_await store.subscribe_to_all("counted", leased_one_by_one());
        std::vector<int> seen;
        for (int i = 0; i < 4; ++i) {
            auto batch = co_await heir.next(5s);
            seen.push_back(batch->delivery());
            batch->ack();
        }
        TEST_SAME(seen, std::vector<int>({2, 2, 2, 1}));
        co_await heir.unsubscribe();
    });
    owner.end();
}

BOOST_FIXTURE_TEST_CASE(a_parked_event_that_is_delivered_again_is_no_new_one, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(1));
        es::subscription all = co_await store.subscribe_to_all("counted", leased_one_by_one().max_retries(0));
        (co_await all.next(5s))->nack("no");
        co_await eventually([&] { return number("select count(*) from eventstore.parked_events") == 1; });
        co_await store.subscription_to_all("counted").replay();
        auto again = co_await all.next(5s);
        BOOST_TEST(again->delivery() == 2);
    });
}

// The queue is full again and again, so that live batches do not fit.
BOOST_FIXTURE_TEST_CASE(the_selector_is_called_once_for_each_event, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        std::map<std::int64_t, int> calls;
        const auto count = [&](const es::recorded_event& event) {
            ++calls[event.position()];
            return event.position() % 3 != 0;
        };
        es::subscription some = co_await store.subscribe_to_all("counted",
            es::subscription_options().selector(count).max_queued(5).max_batch(2).group_by(es::grouping::none));
        std::size_t taken = 0;
        for (int i = 0; i < 20; ++i) {
            co_await store.append("a", es::any_version, counted(6));
            auto batch = co_await some.next(5s);
            taken += batch->size();
            batch->ack();
        }
        while (taken < 80) {
            auto batch = co_await some.next(5s);
            BOOST_REQUIRE((batch && !batch->empty()));
            taken += batch->size();
            batch->ack();
        }
        const texts nothing = co_await receive(some, 0);
        BOOST_TEST(nothing.empty());
        BOOST_TEST(calls.size() == 120u);
        for (const auto& [position, times] : calls) BOOST_TEST(times == 1, "position " << position << ": " << times);
    });
}

BOOST_FIXTURE_TEST_CASE(a_settlement_that_comes_after_a_later_one_sets_nothing_back, store_fixture) {
    with_store([](es::store store) -> asio::awaitable<void> { co_await store.append("a", es::no_stream, counted(3)); });
    ask("select * from eventstore.claim_subscription('$all', 'late', gen_random_uuid(), 'me', 30000, 0, null)");
    const auto settle = [&](int beat, int announced) {
        return value(
            "select eventstore.settle_subscriptions(array[s.subscription_id], array[s.epoch], array[s.owner], "
            "array[0], array[null::bigint], array[0], array[null::uuid], array[1], array[0], array[null::uuid], "
            "array[1], array[0], array[" +
            std::to_string(announced) + "], array[false], array[s.beat + " + std::to_string(beat) +
            "])::text from eventstore.subscriptions as s");
    };
    BOOST_TEST(settle(2, 3) == "{0}");
    BOOST_TEST(settle(-1, 1) == "{1}");
    BOOST_TEST(settle(0, 3) == "{0}"); // the same one again, whose answer was lost
    BOOST_TEST(value("select announced from eventstore.subscriptions") == "3");
}

BOOST_AUTO_TEST_SUITE_END()
