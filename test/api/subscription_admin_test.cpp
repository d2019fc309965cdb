// Listing, deleting and resetting subscriptions, and waiting for them.

#include "support/receive.hpp"

BOOST_AUTO_TEST_SUITE(subscription_admin_test)

using namespace eventstore::test;
using namespace std::chrono_literals;
namespace es = eventstore;

BOOST_FIXTURE_TEST_CASE(subscriptions_are_listed_with_their_lag, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(3));
        co_await store.append("b", es::any_version, counted(3));
        es::subscription all = co_await store.subscribe_to_all("all", es::subscription_options().max_batch(2));
        {
            es::subscription one = co_await store.subscribe("b", "one", es::subscription_options().after(2));
            co_await one.unsubscribe();
        }
        (co_await all.next(5s))->ack();
        co_await all.checkpoint();
        const std::vector<es::subscription_info> list = co_await store.subscriptions();
        BOOST_TEST_REQUIRE(list.size() == 2u);
        BOOST_TEST(list[0].name == "all");
        BOOST_TEST(list[0].stream == "$all");
        BOOST_TEST(list[0].position == 2);
        BOOST_TEST(list[0].lag_events == 4);
        BOOST_TEST((list[0].lag > 0us));
        BOOST_TEST((list[0].lag < 1min));
        BOOST_TEST(list[0].owner.find(std::to_string(::getpid())) != std::string::npos, list[0].owner);
        BOOST_TEST(list[1].name == "one");
        BOOST_TEST(list[1].stream == "b");
        BOOST_TEST(list[1].version == 2);
        BOOST_TEST(list[1].lag_events == 1);
        BOOST_TEST(list[1].owner == "");
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_subscription_tells_what_it_is_and_how_far, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(3));
        es::subscription all = co_await store.subscribe_to_all("far", es::subscription_options().max_batch(2));
        BOOST_TEST(all.stream() == "$all");
        BOOST_TEST(all.name() == "far");
        BOOST_TEST(all.position() == 0);
        (co_await all.next(5s))->ack();
        BOOST_TEST(all.position() == 2);
        BOOST_TEST(all.lag() == 1);
        BOOST_TEST((all.get_executor() == co_await asio::this_coro::executor));
        es::subscription moved = std::move(all);
        BOOST_TEST(all.name() == ""); // NOLINT(bugprone-use-after-move): that is what is tested
        BOOST_TEST(all.lag() == 0);
        expect_code(es::errc::subscription_ended, [&] { (void)all.get_executor(); });
        co_await moved.unsubscribe();
        BOOST_TEST(moved.position() == 2);
    });
}

BOOST_FIXTURE_TEST_CASE(deleting_a_subscription_ends_it_everywhere, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        const es::store other = co_await es::open(options());
        es::subscription here = co_await store.subscribe_to_all("here");
        es::subscription there = co_await other.subscribe_to_all("there");
        co_await store.subscription_to_all("here").remove();
        co_await expect_error(es::errc::subscription_deleted, here.next());
        co_await store.subscription_to_all("there").remove();
        co_await expect_error(es::errc::subscription_deleted, there.next());
        BOOST_TEST(number("select count(*) from eventstore.subscriptions") == 0);
        es::subscription again = co_await store.subscribe_to_all("here"); // as new
        co_await store.append("a", es::any_version, counted_one("1"));
        const texts all = co_await receive(again, 1);
        TEST_SAME(all, texts({"1"}));
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_reset_subscription_is_delivered_again_from_there, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(3));
        es::subscription all = co_await store.subscribe_to_all("reset");
        const texts before = co_await receive(all, 3);
        BOOST_TEST(before.size() == 3u);
        co_await store.subscription_to_all("reset").reset_to_position(1);
        co_await expect_error(es::errc::subscription_lost, all.next());
        es::subscription again = co_await store.subscribe_to_all("reset");
        const texts after = co_await receive(again, 2);
        TEST_SAME(after, texts({"2", "3"}));
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(wait_for_returns_when_the_subscription_has_got_there, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        const es::store other = co_await es::open(options());
        es::subscription all = co_await store.subscribe_to_all("model");
        const es::append_result written = co_await store.append("a", es::any_version, counted_one("1"));
        cancellable here(context_of(co_await asio::this_coro::executor),
            store.subscription_to_all("model").wait_for(written.last_position));
        cancellable there(context_of(co_await asio::this_coro::executor),
            other.subscription_to_all("model").wait_for(written.last_position));
        auto batch = co_await all.next(5s);
        co_await let_others_run();
        BOOST_TEST(!here.done());
        BOOST_TEST(!there.done());
        batch->ack();
        co_await eventually([&] { return here.done() && there.done(); });
        here.value();
        there.value();
        co_await expect_error(es::errc::timeout, store.within(30ms).subscription_to_all("model").wait_for(2));
        cancellable never(
            context_of(co_await asio::this_coro::executor), other.subscription_to_all("model").wait_for(2));
        co_await let_others_run();
        never.cancel();
        co_await eventually([&] { return never.done(); });
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(waiting_for_a_subscription_to_one_stream_heeds_its_own_events_only, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        const es::store other = co_await es::open(options());
        es::subscription one = co_await store.subscribe("a", "model");
        co_await store.append("a", es::any_version, counted_one("1"));
        const es::append_result elsewhere = co_await store.append("b", es::any_version, counted_one("2"));
        co_await expect_error(
            es::errc::timeout, other.within(50ms).subscription("a", "model").wait_for(elsewhere.last_position));
        const texts all = co_await receive(one, 1);
        TEST_SAME(all, texts({"1"}));
        co_await other.subscription("a", "model").wait_for(elsewhere.last_position);
        co_await store.subscription("a", "model").wait_for(elsewhere.last_position);
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_subscription_is_reset_by_what_it_counts, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        { es::subscription all = co_await store.subscribe_to_all("all"); }
        { es::subscription one = co_await store.subscribe("a", "one"); }
        const es::subscription_handle all = store.subscription_to_all("all");
        const es::subscription_handle one = store.subscription("a", "one");
        BOOST_TEST(all.stream() == "$all");
        BOOST_TEST(one.name() == "one");
        const es::failure versions = co_await expect_error(es::errc::invalid_argument, all.reset_to_version(0));
        BOOST_TEST(versions.message().find("reset_to_position") != std::string::npos);
        const es::failure positions = co_await expect_error(es::errc::invalid_argument, one.reset_to_position(0));
        BOOST_TEST(positions.message().find("reset_to_version") != std::string::npos);
        co_await expect_error(es::errc::invalid_argument, one.reset_to_version(-1));
        co_await all.reset_to_position(0);
        co_await one.reset_to_version(0);
    });
}

BOOST_FIXTURE_TEST_CASE(subscriptions_of_one_name_are_told_apart_by_their_stream, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        es::subscription first = co_await store.subscribe("a", "same");
        es::subscription second = co_await store.subscribe("b", "same");
        const es::append_result written = co_await store.append("b", es::any_version, counted_one("1"));
        co_await store.subscription("a", "same").wait_for(written.last_position); // has no event before it
        co_await expect_error(
            es::errc::timeout, store.within(50ms).subscription("b", "same").wait_for(written.last_position));
        co_await store.subscription("a", "same").remove();
        co_await expect_error(es::errc::subscription_deleted, first.next(5s));
        const texts of_the_other = co_await receive(second, 1);
        TEST_SAME(of_the_other, texts({"1"}));
        co_await expect_error(es::errc::subscription_not_found, store.subscription("a", "same").remove());
    });
}

BOOST_AUTO_TEST_SUITE_END()
