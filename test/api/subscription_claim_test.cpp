// Taking a subscription that others have, and waiting for it.

#include "support/frozen_owner.hpp"
#include "support/proxy.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

BOOST_AUTO_TEST_SUITE(subscription_claim_test)

using namespace eventstore::test;
using namespace std::chrono_literals;
namespace es = eventstore;

namespace {
es::subscription_options waiting_for_its_turn() {
    return es::subscription_options().when_taken(es::if_taken::wait).lease(600ms);
}
} // namespace

BOOST_FIXTURE_TEST_CASE(a_claim_that_is_refused_writes_nothing_and_waits_for_no_lock, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        es::subscription mine = co_await store.subscribe_to_all("owned");
        const es::store other = co_await es::open(options());
        blocker owners(here("select from eventstore.subscriptions for update"));
        const std::string row = "select format('%s %s', xmin, ctid) from eventstore.subscriptions";
        const std::string before = value(row);
        co_await expect_error(es::errc::subscription_already_exists, other.within(2s).subscribe_to_all("owned"));
        BOOST_TEST(value(row) == before);
        owners.release();
        co_await mine.unsubscribe();
    });
}

BOOST_FIXTURE_TEST_CASE(a_claim_that_is_refused_for_a_truncated_log_holds_no_lease, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(1));
        es::subscription mine = co_await store.subscribe_to_all("owned");
        const texts all = co_await receive(mine, 1);
        BOOST_TEST(all.size() == 1u);
        co_await mine.unsubscribe();
        ask("update eventstore.subscriptions set event_id = gen_random_uuid()");
        co_await expect_error(es::errc::log_truncated, store.subscribe_to_all("owned"));
        BOOST_TEST(value("select owner is null and epoch = 1 from eventstore.subscriptions") == "t");
    });
}

// The claim is on its way for longer than the lease, and the beat that its answer shows is of just now.
BOOST_FIXTURE_TEST_CASE(a_waiter_whose_answers_are_held_up_takes_nothing_from_an_owner_that_lives, store_fixture) {
    proxy slow(url());
    with_store([&](es::store store) -> asio::awaitable<void> {
        es::subscription mine = co_await store.subscribe_to_all("owned", waiting_for_its_turn());
        const es::store other = co_await es::open(options(slow.url()));
        cancellable heir(
            context_of(co_await asio::this_coro::executor), other.subscribe_to_all("owned", waiting_for_its_turn()));
        for (int i = 0; i < 4; ++i) {
            asio::steady_timer timer(co_await asio::this_coro::executor, 30ms);
            co_await timer.async_wait(asio::use_awaitable);
            slow.hold_answers();
            timer.expires_after(800ms);
            co_await timer.async_wait(asio::use_awaitable);
            slow.pass_answers();
        }
        BOOST_TEST(!heir.done());
        BOOST_TEST(number("select epoch from eventstore.subscriptions") == 1);
        co_await mine.unsubscribe();
        co_await eventually([&] { return heir.done(); });
    });
}

BOOST_FIXTURE_TEST_CASE(subscribing_waits_for_a_database_that_is_away, store_fixture) {
    proxy between(url());
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(1));
        const es::store other = co_await es::open(options(between.url()).operation_timeout(500ms));
        between.go_down();
        cancellable waits(
            context_of(co_await asio::this_coro::executor), other.subscribe_to_all("late", waiting_for_its_turn()));
        cancellable gives_up(context_of(co_await asio::this_coro::executor), other.subscribe_to_all("now"));
        co_await eventually([&] { return gives_up.done(); });
        asio::steady_timer timer(co_await asio::this_coro::executor, 1500ms); // longer than any of its questions
        co_await timer.async_wait(asio::use_awaitable);
        BOOST_TEST(!waits.done());
        between.heal();
        co_await eventually([&] { return waits.done(); }, 20s);
        es::subscription all = std::move(waits.value());
        const texts one = co_await receive(all, 1);
        TEST_SAME(one, texts({"1"}));
        try {
            gives_up.value();
            BOOST_ERROR("there was no database");
        } catch (const es::error& refused) {
            BOOST_TEST(refused.why().retry_helps());
        }
    });
}

BOOST_FIXTURE_TEST_CASE(waiting_for_a_subscription_ends_with_its_schema, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        es::subscription mine = co_await store.subscribe_to_all("owned", waiting_for_its_turn());
        const es::store other = co_await es::open(options());
        cancellable heir(
            context_of(co_await asio::this_coro::executor), other.subscribe_to_all("owned", waiting_for_its_turn()));
        co_await let_others_run(50);
        ask("alter schema " + quoted_name(schema()) + " rename to " + quoted_name(schema() + "_gone"));
        co_await eventually([&] { return heir.done(); });
        try {
            heir.value();
            BOOST_ERROR("it has no schema");
        } catch (const es::error& refused) {
            BOOST_TEST(refused.why().code() == es::errc::schema_missing);
        }
        co_await expect_error(es::errc::schema_missing, mine.next(10s)); // and so does the owner's
        ask("alter schema " + quoted_name(schema() + "_gone") + " rename to " + quoted_name(schema()));
    });
}

BOOST_AUTO_TEST_SUITE_END()
