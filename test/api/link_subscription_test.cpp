// Links that come by subscriptions.

#include "support/receive.hpp"

#include <algorithm>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(link_subscription_test)

BOOST_FIXTURE_TEST_CASE(subscribers_of_the_target_get_links_live_and_those_of_the_log_do_not, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        es::subscription target = co_await store.subscribe("target", "reader");
        es::subscription all = co_await store.subscribe_to_all("reader");
        es::event_listener live = co_await store.listen("target");
        co_await store.append("source", es::no_stream, counted(3));
        const es::event_page source = co_await store.read("source");
        co_await store.link("target", es::no_stream, source[0].id());
        co_await store.append("target", 1, counted_one("own"));
        co_await store.link("target", 2, source[2].id());
        const texts told = co_await receive(target, 3);
        TEST_SAME(told, texts({"1", "own", "3"}));
        const texts log = co_await receive(all, 4);
        TEST_SAME(log, texts({"1", "2", "3", "own"}));
        texts heard;
        while (heard.size() < 3) {
            const auto page = co_await live.next(5s);
            if (!page || page->empty()) break;
            for (const es::recorded_event& each : *page) heard.emplace_back(each.data());
        }
        TEST_SAME(heard, texts({"1", "own", "3"}));
        co_await target.checkpoint();
        co_await all.checkpoint();
    };
    with_store(body);
    // The checkpoint is the link's place, not the original's.
    BOOST_TEST(number("select version from eventstore.subscriptions where stream = 'target'") == 3);
    BOOST_TEST(number("select position from eventstore.subscriptions where stream = 'target'") == 6);
}

BOOST_FIXTURE_TEST_CASE(a_subscription_to_a_stream_of_links_goes_on_at_its_checkpoint, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("source", es::no_stream, counted(30));
        const es::event_page source = co_await store.read("source");
        const auto ids = ids_of(source);
        co_await store.link("target", es::no_stream, std::vector<es::uuid>(ids.begin(), ids.begin() + 20));
        {
            es::subscription reader =
                co_await store.subscribe("target", "reader", es::subscription_options().max_batch(4));
            for (int i = 0; i < 3; ++i) {
                const auto batch = co_await reader.next(5s);
                BOOST_TEST_REQUIRE(batch->size() == 4u);
                reader.ack_through(batch->back());
            }
            co_await reader.unsubscribe();
        }
        BOOST_TEST(number("select version from eventstore.subscriptions") == 12);
        es::subscription reader = co_await store.subscribe("target", "reader");
        co_await store.link("target", 20, std::vector<es::uuid>(ids.begin() + 20, ids.end()));
        const texts rest = co_await receive(reader, 18);
        texts expected;
        for (int i = 13; i <= 30; ++i) expected.push_back(std::to_string(i));
        TEST_SAME(rest, expected);
    };
    with_store(body);
}

// More than one page of the follower's holds, which counts bytes.
BOOST_FIXTURE_TEST_CASE(links_to_large_events_come_live_one_page_after_the_other, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        constexpr std::size_t count = 300;
        es::subscription target = co_await store.subscribe("target", "reader");
        std::vector<es::event_data> events;
        std::vector<es::uuid> ids;
        for (std::size_t i = 0; i < count; ++i) {
            events.push_back(counted_one(std::to_string(i) + std::string(20'000, '.')));
            ids.push_back(events.back().id());
        }
        const texts expected = data_of(events);
        co_await store.append("source", es::no_stream, std::move(events));
        co_await store.link("target", es::no_stream, std::move(ids));
        co_await store.append("target", count, counted_one("own"));
        texts told = co_await receive(target, count + 1);
        BOOST_TEST(told.back() == "own");
        told.pop_back();
        BOOST_TEST((told == expected));
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(parked_links_are_replayed, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("source", es::no_stream, counted(2));
        const es::event_page source = co_await store.read("source");
        co_await store.link("target", es::no_stream, ids_of(source));
        es::subscription_options once;
        once.max_batch(1).max_retries(0);
        es::subscription reader = co_await store.subscribe("target", "reader", once);
        auto batch = co_await reader.next(5s);
        batch->nack("not today");
        auto next = co_await reader.next(5s);
        BOOST_TEST(next->front().data() == "2");
        next->ack();
        const auto parked = co_await store.subscription("target", "reader").parked();
        BOOST_TEST_REQUIRE(parked.size() == 1u);
        BOOST_TEST(parked[0].position == 3);
        BOOST_TEST(parked[0].type == "Counted");
        co_await store.subscription("target", "reader").replay();
        const texts again = co_await receive(reader, 1);
        TEST_SAME(again, texts({"1"}));
    };
    with_store(body);
}

// Other writers append and link meanwhile: the links are read from storage, between commits that come from memory.
BOOST_FIXTURE_TEST_CASE(nothing_is_missed_among_appends_and_links_of_several_stores, store_fixture) {
    constexpr std::size_t each_writes = 150;
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        const es::store other = co_await es::open(options());
        es::subscription target = co_await store.subscribe("target", "reader");
        es::subscription all = co_await store.subscribe_to_all("reader");
        const auto write = [](es::store into, std::string name) -> asio::awaitable<int> {
            for (std::size_t i = 0; i < each_writes; ++i) {
                const es::event_data event = counted_one(name + std::to_string(i));
                co_await into.append(name, es::any_version, event);
                co_await into.link("target", es::any_version, event.id());
            }
            co_return 0;
        };
        std::vector<asio::awaitable<int>> writers;
        writers.push_back(write(store, "a"));
        writers.push_back(write(store, "b"));
        writers.push_back(write(other, "c"));
        co_await concurrently(std::move(writers));
        texts told = co_await receive(target, 3 * each_writes);
        texts log = co_await receive(all, 3 * each_writes);
        const es::event_page stored = co_await store.read("target");
        TEST_SAME(told, data_of(stored));
        const es::event_page whole = co_await store.read_all();
        TEST_SAME(log, data_of(whole));
        std::ranges::sort(told);
        std::ranges::sort(log);
        TEST_SAME(told, log);
    };
    with_store(body);
}

BOOST_AUTO_TEST_SUITE_END()
