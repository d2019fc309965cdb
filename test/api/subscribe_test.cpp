// Subscribing: what is delivered, from where, in what portions, and what is remembered.

#include "support/conditions.hpp"
#include "support/receive.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(subscribe_test)

using namespace eventstore::test;
using namespace std::chrono_literals;
namespace es = eventstore;

BOOST_FIXTURE_TEST_CASE(what_was_appended_before_is_delivered_then_what_comes, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(3));
        es::subscription all = co_await store.subscribe_to_all("reader");
        const texts before = co_await receive(all, 3);
        TEST_SAME(before, data_of_counted(1, 3));
        co_await store.append("b", es::any_version, counted_one("4"));
        co_await store.append("a", es::any_version, counted_one("5"));
        const texts live = co_await receive(all, 2);
        TEST_SAME(live, data_of_counted(4, 5));
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(all_fields_of_a_live_event_are_those_of_the_stored_one, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        es::subscription all = co_await store.subscribe_to_all("reader");
        const es::uuid correlation = es::make_uuid();
        es::event_data sent("Sent", "payload");
        sent.metadata("meta").correlation_id(correlation).causation_id(es::make_uuid());
        co_await store.append("a", es::any_version, sent);
        auto batch = co_await all.next(5s);
        BOOST_TEST_REQUIRE(batch->size() == 1u);
        const es::event_page stored = co_await store.read("a");
        const es::recorded_event& live = batch->front();
        const es::recorded_event& read = stored.front();
        BOOST_TEST(live.id() == read.id());
        BOOST_TEST(live.position() == read.position());
        BOOST_TEST(live.version() == read.version());
        BOOST_TEST(live.stream() == read.stream());
        BOOST_TEST(live.type() == read.type());
        BOOST_TEST(live.data() == read.data());
        BOOST_TEST(live.metadata() == read.metadata());
        BOOST_TEST((live.correlation_id() == read.correlation_id()));
        BOOST_TEST((live.causation_id() == read.causation_id()));
        BOOST_TEST((live.created_at() == read.created_at()));
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_subscription_to_a_stream_sees_no_other_stream, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("other", es::any_version, counted(2, "x"));
        co_await store.append("mine", es::any_version, counted(2));
        es::subscription mine = co_await store.subscribe("mine", "reader");
        const texts before = co_await receive(mine, 2);
        TEST_SAME(before, data_of_counted(1, 2));
        co_await store.append("other", es::any_version, counted(2, "y"));
        co_await store.append("mine", es::any_version, counted_one("3"));
        const texts live = co_await receive(mine, 1);
        TEST_SAME(live, data_of_counted(3, 3));
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_stream_may_be_subscribed_to_before_it_exists, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        es::subscription later = co_await store.subscribe("later", "reader");
        co_await store.append("later", es::no_stream, counted(2));
        const texts all = co_await receive(later, 2);
        TEST_SAME(all, data_of_counted(1, 2));
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_subscription_goes_on_behind_what_was_acknowledged, store_fixture) {
    const auto first = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(4));
        es::subscription all = co_await store.subscribe_to_all("reader", es::subscription_options().max_batch(2));
        auto batch = co_await all.next(5s);
        batch->ack();
        const auto in_flight = co_await all.next(5s);
        BOOST_TEST(in_flight->front().data() == "3");
        co_await all.unsubscribe();
    };
    with_store(first);
    BOOST_TEST(number("select position from eventstore.subscriptions") == 2);
    BOOST_TEST(value("select owner is null from eventstore.subscriptions") == "t");
    const auto second = [&](es::store store) -> asio::awaitable<void> {
        es::subscription all = co_await store.subscribe_to_all("reader");
        auto batch = co_await all.next(5s);
        BOOST_TEST(batch->delivery() == 2);
        TEST_SAME(data_of(*batch), data_of_counted(3, 4));
        batch->ack();
        co_await all.checkpoint();
        BOOST_TEST(number("select position from eventstore.subscriptions") == 4);
    };
    with_store(second);
}

BOOST_FIXTURE_TEST_CASE(catching_up_comes_in_batches_then_it_is_live, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(10));
        es::subscription all =
            co_await store.subscribe_to_all("reader", es::subscription_options().max_batch(3).max_queued(4));
        std::vector<std::size_t> sizes;
        texts seen;
        while (seen.size() < 10) {
            auto batch = co_await all.next(5s);
            sizes.push_back(batch->size());
            for (const std::string& each : data_of(*batch)) seen.push_back(each);
            batch->ack();
        }
        TEST_SAME(seen, data_of_counted(1, 10));
        for (const std::size_t each : sizes) BOOST_TEST(each <= 3u);
        co_await store.append("a", es::any_version, counted(30, "x"));
        const texts more = co_await receive(all, 30);
        BOOST_TEST(more.size() == 30u);
        BOOST_TEST(more.back() == "x30");
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_name_has_one_owner, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        es::subscription first = co_await store.subscribe_to_all("reader");
        co_await expect_error(es::errc::subscription_already_exists, store.subscribe_to_all("reader"));
        const es::store other = co_await es::open(options());
        co_await expect_error(es::errc::subscription_already_exists, other.subscribe_to_all("reader"));
        es::subscription elsewhere = co_await other.subscribe("a", "reader"); // another one
        co_await first.unsubscribe();
        es::subscription second = co_await other.subscribe_to_all("reader");
        co_await store.append("a", es::any_version, counted_one("1"));
        const texts all = co_await receive(second, 1);
        TEST_SAME(all, data_of_counted(1, 1));
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(another_process_hears_of_what_is_appended, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        const es::store other = co_await es::open(options());
        es::subscription all = co_await other.subscribe_to_all("reader");
        co_await receive(all, 0);
        const auto begun = std::chrono::steady_clock::now();
        co_await store.append("a", es::any_version, counted(3));
        const texts heard = co_await receive(all, 3);
        TEST_SAME(heard, data_of_counted(1, 3));
        BOOST_TEST((std::chrono::steady_clock::now() - begun < 2s)); // told, not polled
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_store_with_a_subscription_ends_in_order, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        es::subscription all = co_await store.subscribe_to_all("reader");
        co_await store.append("a", es::any_version, counted(3));
        auto batch = co_await all.next(5s);
        batch->ack();
        co_await store.close();
        const auto over = co_await all.next();
        BOOST_TEST(!over);
    };
    with_store(body);
    BOOST_TEST(number("select position from eventstore.subscriptions") == 3);
    BOOST_TEST(value("select owner is null from eventstore.subscriptions") == "t");
}

BOOST_FIXTURE_TEST_CASE(behind_a_pooler_a_store_looks_for_what_others_append, store_fixture, *told_warnings()) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        const es::store polling = co_await es::open(options().pooled());
        const es::store direct = co_await es::open(options().pooled().session_url(url()));
        es::subscription late = co_await polling.subscribe_to_all("late");
        es::subscription soon = co_await direct.subscribe_to_all("soon");
        co_await store.append("a", es::any_version, counted(2));
        const texts of_late = co_await receive(late, 2);
        TEST_SAME(of_late, data_of_counted(1, 2));
        const texts of_soon = co_await receive(soon, 2);
        TEST_SAME(of_soon, data_of_counted(1, 2));
    };
    with_store(body);
}

BOOST_AUTO_TEST_SUITE_END()
