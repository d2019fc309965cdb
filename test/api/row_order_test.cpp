// Whatever locks several rows takes them in one order, so that nobody waits for each other in a circle.
#include "support/concurrently.hpp"
#include "support/store_fixture.hpp"

namespace es = eventstore;
using namespace std::chrono_literals;
using namespace es::test;

BOOST_AUTO_TEST_SUITE(row_order_test)

// Who parks and unparks has the row of the subscription first, and then those of the events.
BOOST_FIXTURE_TEST_CASE(
    replaying_and_discarding_wait_for_the_subscription_before_they_take_parked_events, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (int i = 0; i < 3; ++i) co_await store.append("a", es::any_version, counted(1));
        es::subscription mailer =
            co_await store.subscribe_to_all("mailer", es::subscription_options().max_retries(0).max_batch(1));
        for (int i = 0; i < 3; ++i) (co_await mailer.next(5s))->nack("cannot be handled");
        co_await eventually([&] { return number("select count(*) from eventstore.parked_events") == 3; });
        co_await mailer.unsubscribe();
        for (const bool discards : {false, true}) {
            blocker subscription(here("select from eventstore.subscriptions for update"));
            auto work =
                discards ? store.subscription_to_all("mailer").discard() : store.subscription_to_all("mailer").replay();
            started<std::int64_t> releasing = co_await start(std::move(work));
            co_await eventually([&] { return subscription.blocks(); });
            session other;
            other.run(here("select from eventstore.parked_events for update nowait"));
            subscription.release();
            co_await eventually([&] { return releasing.done(); });
            BOOST_TEST(releasing.value() == 3);
        }
    });
}

// Of two streams that link to each other, both deleted for good.
BOOST_FIXTURE_TEST_CASE(a_hard_delete_takes_events_in_the_order_of_their_positions, store_fixture) {
    expect_holes();
    with_store(options().allow_hard_delete(), [&](es::store store) -> asio::awaitable<void> {
        const std::vector<es::event_data> originals = counted(2);
        co_await store.append("a", es::any_version, originals); // 1, 2
        std::vector<es::uuid> ids;
        for (const es::event_data& each : originals) ids.push_back(each.id());
        co_await store.link("b", es::any_version, ids); // 3, 4
        blocker first(here("select from eventstore.events where position = 1 for update"));
        started<void> deleting = co_await start(store.delete_stream("a", es::any_version, es::deletion::hard));
        co_await eventually([&] { return first.blocks(); });
        session other;
        other.run(here("select from eventstore.events where position > 1 for update nowait"));
        first.release();
        co_await eventually([&] { return deleting.done(); });
        deleting.value();
        BOOST_TEST(events_stored() == 0);
    });
}

BOOST_AUTO_TEST_SUITE_END()
