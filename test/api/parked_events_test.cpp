// Parked events: what is kept with them, and how they come back.

#include "support/receive.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

BOOST_AUTO_TEST_SUITE(parked_events_test)

using namespace eventstore::test;
using namespace std::chrono_literals;
namespace es = eventstore;

namespace {

es::subscription_options impatient() { return es::subscription_options().max_batch(1).max_retries(0); }

} // namespace

BOOST_FIXTURE_TEST_CASE(any_reason_can_be_kept, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        std::string too_long(9'999, 'x');
        const texts reasons{"caf\xe9", std::string("a\0b", 3), too_long + "\xc3\xa9", "plain", ""};
        const texts kept{"caf\xef\xbf\xbd",
            "a\xef\xbf\xbd"
            "b",
            too_long, "plain", ""};
        co_await store.append("a", es::any_version, counted(reasons.size()));
        es::subscription all = co_await store.subscribe_to_all("reasons", impatient());
        for (const std::string& each : reasons) {
            auto batch = co_await all.next(5s);
            BOOST_REQUIRE((batch && batch->size() == 1u));
            batch->nack(each);
        }
        co_await eventually([&] { return number("select count(*) from eventstore.parked_events") == 5; });
        texts found;
        for (const es::parked_event& each : co_await store.subscription_to_all("reasons").parked())
            found.push_back(each.reason);
        TEST_SAME(found, kept);
    });
}

// Nobody is notified: neither of these statements tells anyone.
BOOST_FIXTURE_TEST_CASE(what_is_marked_for_replay_is_found_without_a_word, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(2));
        es::subscription all = co_await store.subscribe_to_all("mailer", impatient());
        (co_await all.next(5s))->nack("no");
        const texts rest = co_await receive(all, 1);
        TEST_SAME(rest, texts({"2"}));
        co_await eventually([&] { return number("select count(*) from eventstore.parked_events") == 1; });
        ask("update eventstore.parked_events set replay = true");
        const auto marked = std::chrono::steady_clock::now();
        auto again = co_await all.next(5s);
        BOOST_REQUIRE((again && again->size() == 1u));
        BOOST_TEST(again->front().data() == "1");
        BOOST_TEST((std::chrono::steady_clock::now() - marked < 2s));
        again->ack();
        co_await eventually([&] { return number("select count(*) from eventstore.parked_events") == 0; });
    });
}

BOOST_FIXTURE_TEST_CASE(a_deleted_or_reset_subscription_finds_out_without_a_word, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        es::subscription gone = co_await store.subscribe_to_all("gone");
        es::subscription reset = co_await store.subscribe_to_all("reset");
        const auto done = std::chrono::steady_clock::now();
        ask("delete from eventstore.subscriptions where name = 'gone'");
        ask("update eventstore.subscriptions set epoch = epoch + 1, owner = null where name = 'reset'");
        co_await expect_error(es::errc::subscription_deleted, gone.next(5s));
        co_await expect_error(es::errc::subscription_lost, reset.next(5s));
        BOOST_TEST((std::chrono::steady_clock::now() - done < 2s));
    });
}

BOOST_FIXTURE_TEST_CASE(a_restored_stream_is_found_without_a_word, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(2));
        delete_stream_softly("a");
        es::subscription mine = co_await store.subscribe("a", "mailer");
        const texts nothing = co_await receive(mine, 0);
        BOOST_TEST(nothing.empty());
        ask("update eventstore.streams set deleted_at = null where name = 'a'");
        const texts all = co_await receive(mine, 2);
        TEST_SAME(all, texts({"1", "2"}));
    });
}

// 200 events of 20 kB, of which memory may hold five.
BOOST_FIXTURE_TEST_CASE(replayed_events_come_in_portions, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const std::string payload(20'000, 'x');
        std::vector<es::event_data> many;
        for (int i = 0; i < 200; ++i) many.emplace_back("Large", payload);
        co_await store.append("a", es::any_version, std::move(many));
        es::subscription all = co_await store.subscribe_to_all(
            "mailer", impatient().from_current().max_queued_bytes(100'000).max_queued(1000).max_in_flight(1));
        ask("insert into eventstore.parked_events select s.subscription_id, e.position, 'x', 1, now(), false"
            " from eventstore.events as e, eventstore.subscriptions as s");
        const std::uint64_t before = store.stats().reads;
        const std::int64_t released = co_await store.subscription_to_all("mailer").replay();
        BOOST_TEST(released == 200);
        auto first = co_await all.next(5s);
        BOOST_TEST(first->size() == 1u);
        const texts nothing = co_await receive(all, 0);
        BOOST_TEST(store.stats().reads - before < 30); // each event is a read
        first->ack();
        std::size_t taken = 1;
        for (; taken < 200; ++taken) {
            auto batch = co_await all.next(5s);
            BOOST_REQUIRE((batch && batch->size() == 1u));
            batch->ack();
        }
        co_await eventually([&] { return number("select count(*) from eventstore.parked_events") == 0; });
        const texts rest = co_await receive(all, 0);
        BOOST_TEST(rest.empty());
    });
}

BOOST_FIXTURE_TEST_CASE(what_the_server_refuses_is_logged_once_and_tried_ever_less_often, store_fixture) {
    std::vector<std::string> lines;
    const auto keep = [&](es::log_level, std::string_view line) { lines.emplace_back(line); };
    with_store(options().on_log(keep), [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(1));
        es::subscription all = co_await store.subscribe_to_all("mailer", impatient());
        ask("alter table eventstore.parked_events add constraint refuses check (reason <> 'no') no inherit");
        (co_await all.next(5s))->nack("no");
        co_await eventually([&] { return !lines.empty(); });
        asio::steady_timer timer(co_await asio::this_coro::executor, 1500ms);
        co_await timer.async_wait(asio::use_awaitable);
        BOOST_TEST(lines.size() == 1u);
        ask("alter table eventstore.parked_events drop constraint refuses");
        co_await eventually([&] { return number("select count(*) from eventstore.parked_events") == 1; });
    });
}

BOOST_AUTO_TEST_SUITE_END()
