// The options of a subscription, and what may be acknowledged.

#include "support/receive.hpp"

BOOST_AUTO_TEST_SUITE(subscription_rules_test)

using namespace eventstore::test;
using namespace std::chrono_literals;
namespace es = eventstore;

BOOST_FIXTURE_TEST_CASE(a_new_subscription_begins_where_it_is_told, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(4));
        co_await store.append("b", es::any_version, counted(2, "b"));
        es::subscription current =
            co_await store.subscribe_to_all("current", es::subscription_options().from_current());
        es::subscription after = co_await store.subscribe_to_all("after", es::subscription_options().after(4));
        es::subscription version = co_await store.subscribe("a", "version", es::subscription_options().after(3));
        es::subscription latest = co_await store.subscribe("a", "latest", es::subscription_options().from_current());
        co_await store.append("a", es::any_version, counted_one("new"));
        const texts of_current = co_await receive(current, 1);
        TEST_SAME(of_current, texts({"new"}));
        const texts of_after = co_await receive(after, 3);
        TEST_SAME(of_after, texts({"b1", "b2", "new"}));
        const texts of_version = co_await receive(version, 2);
        TEST_SAME(of_version, texts({"4", "new"}));
        const texts of_latest = co_await receive(latest, 1);
        TEST_SAME(of_latest, texts({"new"}));
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_start_beyond_the_head_waits_for_the_log_to_get_there, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(2));
        es::subscription all = co_await store.subscribe_to_all("far", es::subscription_options().after(4));
        es::subscription one = co_await store.subscribe("a", "far", es::subscription_options().after(4));
        co_await store.append("a", es::any_version, counted_one("3"));
        const texts nothing = co_await receive(all, 0);
        BOOST_TEST(nothing.empty());
        co_await store.append("a", es::any_version, counted_one("4"));
        co_await store.append("a", es::any_version, counted_one("5"));
        const texts of_all = co_await receive(all, 1);
        TEST_SAME(of_all, texts({"5"}));
        const texts of_one = co_await receive(one, 1);
        TEST_SAME(of_one, texts({"5"}));
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_selector_leaves_out_and_the_checkpoint_moves_over_it, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(3));
        const auto even = [](const es::recorded_event& event) { return event.version() % 2 == 0; };
        es::subscription some = co_await store.subscribe_to_all("even", es::subscription_options().selector(even));
        const texts before = co_await receive(some, 1);
        TEST_SAME(before, texts({"2"}));
        for (int i = 4; i <= 7; ++i) co_await store.append("a", es::any_version, counted_one(std::to_string(i)));
        const texts live = co_await receive(some, 2);
        TEST_SAME(live, texts({"4", "6"}));
        co_await store.subscription_to_all("even").wait_for(7);
    };
    with_store(body);
    BOOST_TEST(number("select position from eventstore.subscriptions") == 7);
}

BOOST_FIXTURE_TEST_CASE(types_and_prefixes_filter_while_catching_up_and_live, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        const auto write = [&](std::string stream, std::string type) -> asio::awaitable<void> {
            const es::event_data event(type, stream + "/" + type);
            co_await store.append(stream, es::any_version, event);
        };
        co_await write("order-1", "Placed");
        co_await write("order-1", "Paid");
        co_await write("cart-1", "Placed");
        es::subscription some =
            co_await store.subscribe_to_all("some", es::subscription_options().type("Placed").stream_prefix("order-"));
        const texts before = co_await receive(some, 1);
        TEST_SAME(before, texts({"order-1/Placed"}));
        co_await write("cart-2", "Placed");
        co_await write("order-2", "Paid");
        co_await write("order-3", "Placed");
        const texts live = co_await receive(some, 1);
        TEST_SAME(live, texts({"order-3/Placed"}));
        co_await store.subscription_to_all("some").wait_for(6);
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_selector_that_throws_ends_its_subscription, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        const auto bad = [](const es::recorded_event&) -> bool { throw std::runtime_error("out of ideas"); };
        es::subscription all = co_await store.subscribe_to_all("bad", es::subscription_options().selector(bad));
        co_await store.append("a", es::any_version, counted_one("1"));
        const es::failure why = co_await expect_error(es::errc::handler_failed, all.next());
        BOOST_TEST(why.message().find("out of ideas") != std::string::npos, why.message());
    };
    with_store(body);
    BOOST_TEST(number("select position from eventstore.subscriptions") == 0);
    BOOST_TEST(value("select owner is null from eventstore.subscriptions") == "t");
}

BOOST_FIXTURE_TEST_CASE(a_batch_is_of_one_stream_and_one_correlation, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        const es::uuid first = es::make_uuid();
        const es::uuid second = es::make_uuid();
        std::vector<es::event_data> list = counted(4);
        list[0].correlation_id(first);
        list[1].correlation_id(first);
        list[2].correlation_id(second);
        co_await store.append("a", es::any_version, list);
        co_await store.append("b", es::any_version, counted(2, "b"));
        es::subscription grouped = co_await store.subscribe_to_all("grouped");
        const std::vector<std::size_t> expected{2, 1, 1, 2};
        for (const std::size_t each : expected) {
            auto batch = co_await grouped.next(5s);
            BOOST_TEST(batch->size() == each);
            batch->ack();
        }
        es::subscription mixed =
            co_await store.subscribe_to_all("mixed", es::subscription_options().group_by(es::grouping::none));
        auto all = co_await mixed.next(5s);
        BOOST_TEST(all->size() == 6u);
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(as_many_batches_are_out_as_are_allowed, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(6));
        es::subscription all =
            co_await store.subscribe_to_all("two", es::subscription_options().max_batch(1).max_in_flight(2));
        auto first = co_await all.next(5s);
        auto second = co_await all.next(5s);
        BOOST_TEST(first->front().data() == "1");
        BOOST_TEST(second->front().data() == "2");
        auto none = co_await all.next(20ms);
        BOOST_TEST(none->empty());
        second->ack();
        auto third = co_await all.next(5s);
        BOOST_TEST(third->front().data() == "3");
        co_await all.checkpoint();
        BOOST_TEST(number("select position from eventstore.subscriptions") == 0); // the first is still out
        first->ack();
        co_await all.checkpoint();
        BOOST_TEST(number("select position from eventstore.subscriptions") == 2);
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(part_of_a_batch_may_be_acknowledged, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(3));
        es::subscription all = co_await store.subscribe("a", "part");
        auto batch = co_await all.next(5s);
        all.ack_through(batch->front());
        co_await store.append("a", es::any_version, counted_one("4"));
        auto none = co_await all.next(50ms);
        BOOST_TEST(none->empty());
        co_await all.checkpoint();
        BOOST_TEST(number("select version from eventstore.subscriptions") == 1);
        all.ack_through_version(2);
        all.ack_through_position(3);
        auto next = co_await all.next(5s);
        BOOST_TEST(next->front().data() == "4");
        all.ack_through_version(1); // long since: no harm
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(what_was_not_handed_out_cannot_be_acknowledged, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(3));
        es::subscription all = co_await store.subscribe_to_all("ack", es::subscription_options().max_batch(1));
        auto batch = co_await all.next(5s);
        expect_code(es::errc::unexpected_ack, [&] { all.ack_through_position(2); });
        expect_code(es::errc::invalid_argument, [&] { all.ack_through_version(1); });
        batch->ack();
        batch->ack(); // twice is once
        co_await all.unsubscribe();
        expect_code(es::errc::subscription_ended, [&] { all.ack_through_position(1); });
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_batch_that_nobody_looked_into_comes_again, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(3));
        es::subscription all = co_await store.subscribe_to_all("again", es::subscription_options().max_batch(2));
        {
            const auto dropped = co_await all.next(5s);
            BOOST_TEST(dropped.has_value());
        }
        auto again = co_await all.next(5s);
        BOOST_TEST(again->delivery() == 1);
        TEST_SAME(data_of(*again), texts({"1", "2"}));
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_cancelled_next_takes_nothing, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        es::subscription all = co_await store.subscribe_to_all("cancelled");
        cancellable waiting(context_of(co_await asio::this_coro::executor), all.next());
        co_await let_others_run();
        co_await expect_error(es::errc::next_pending, all.next());
        waiting.cancel();
        co_await eventually([&] { return waiting.done(); });
        co_await store.append("a", es::any_version, counted_one("1"));
        const texts one = co_await receive(all, 1);
        TEST_SAME(one, texts({"1"}));
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(the_checkpoint_is_written_by_count, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(7));
        es::subscription all = co_await store.subscribe_to_all("count",
            es::subscription_options().max_batch(1).checkpoint_every(6).checkpoint_after(std::chrono::hours(1)));
        const auto position = [&] { return number("select position from eventstore.subscriptions"); };
        for (int i = 1; i <= 3; ++i) (co_await all.next(5s))->ack();
        co_await let_others_run();
        BOOST_TEST(position() < 3); // what is written goes along with the hand-out of a later event, and is behind
        for (int i = 4; i <= 6; ++i) (co_await all.next(5s))->ack();
        co_await eventually([&] { return position() == 6; });
        (co_await all.next(5s))->ack();
        co_await let_others_run();
        BOOST_TEST(position() >= 6); // one more is no reason to write, but may go along with a renewal
        co_await all.unsubscribe();
        BOOST_TEST(position() == 7);
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(the_checkpoint_is_written_by_time, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(1));
        es::subscription all =
            co_await store.subscribe_to_all("time", es::subscription_options().checkpoint_after(25ms));
        (co_await all.next(5s))->ack();
        co_await eventually([&] { return number("select position from eventstore.subscriptions") == 1; });
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(bad_arguments_are_refused_by_name, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        using options = es::subscription_options;
        const auto refused = [&](options how) -> asio::awaitable<void> {
            co_await expect_error(es::errc::invalid_argument, store.subscribe_to_all("bad", std::move(how)));
        };
        co_await refused(options().max_batch(0));
        co_await refused(options().max_in_flight(0));
        co_await refused(options().max_queued(0));
        co_await refused(options().max_queued_bytes(0));
        co_await refused(options().checkpoint_every(0));
        co_await refused(options().checkpoint_after(0ms));
        co_await refused(options().lease(1ms));
        co_await refused(options().concurrency_limit(0));
        co_await refused(options().max_retries(-1));
        co_await refused(options().retry_after(-1ms));
        co_await refused(options().after(-1));
        co_await expect_error(es::errc::invalid_argument, store.subscribe_to_all(""));
        co_await expect_error(es::errc::invalid_argument, store.subscribe_to_all(std::string(513, 'x')));
        co_await expect_error(es::errc::invalid_argument, store.subscribe("", "name"));
        co_await expect_error(es::errc::reserved_stream, store.subscribe("$mine", "name"));
        co_await expect_error(es::errc::invalid_argument, store.subscribe("a", "name", options().stream_prefix("b")));
        co_await expect_error(es::errc::invalid_argument, store.listen_to_all(es::listen_options().max_queued(0)));
        co_await expect_error(es::errc::subscription_not_found, store.subscription_to_all("unknown").remove());
        co_await expect_error(
            es::errc::subscription_not_found, store.subscription_to_all("unknown").reset_to_position(0));
        co_await expect_error(es::errc::subscription_not_found, store.subscription_to_all("unknown").wait_for(1));
        es::subscription longest = co_await store.subscribe_to_all(std::string(512, 'x'));
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_correlation_id_selects_what_is_read_and_what_comes, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::uuid correlation = es::make_uuid();
        const auto append = [&](std::string text, bool belongs) {
            es::event_data event("Counted", std::move(text));
            if (belongs) event.correlation_id(correlation);
            return store.append("a", es::any_version, std::move(event));
        };
        co_await append("1", true);
        co_await append("2", false);
        const es::event_query query = es::event_query().correlation_id(correlation);
        for (int i = 0; i < 20; ++i) co_await append("of others", false);
        es::subscription some = co_await store.subscribe_to_all("some", es::subscription_options().query(query));
        const texts read = co_await receive(some, 1);
        TEST_SAME(read, texts({"1"}));
        co_await eventually([&] { return some.lag() == 0; }, default_deadline);
        BOOST_TEST(store.stats().events_read == 1u); // the server filters
        co_await append("3", false);
        co_await append("4", true);
        const texts live = co_await receive(some, 1);
        TEST_SAME(live, texts({"4"}));
    });
}

BOOST_AUTO_TEST_SUITE_END()
