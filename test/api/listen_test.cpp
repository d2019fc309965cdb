// Transient listeners.

#include "support/receive.hpp"

BOOST_AUTO_TEST_SUITE(listen_test)

using namespace eventstore::test;
using namespace std::chrono_literals;
namespace es = eventstore;

BOOST_FIXTURE_TEST_CASE(a_listener_hears_what_comes_and_nothing_of_before, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(2));
        es::event_listener all = co_await store.listen_to_all();
        es::event_listener one = co_await store.listen("a");
        co_await store.append("b", es::any_version, counted(2, "b"));
        co_await store.append("a", es::any_version, counted_one("3"));
        const auto first = co_await all.next(5s);
        TEST_SAME(data_of(*first), texts({"b1", "b2"})); // each append a page of its own
        const auto second = co_await all.next(5s);
        TEST_SAME(data_of(*second), texts({"3"}));
        const auto mine = co_await one.next(5s);
        TEST_SAME(data_of(*mine), texts({"3"}));
        const auto silence = co_await one.next(50ms);
        BOOST_TEST(silence->empty());
        BOOST_TEST(all.missed() == 0u);
    };
    with_store(body);
    BOOST_TEST(number("select count(*) from eventstore.subscriptions") == 0);
}

BOOST_FIXTURE_TEST_CASE(a_listener_hears_only_what_its_query_matches, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::event_query query = es::event_query().type("Wanted").stream_prefix("order-");
        es::event_listener some = co_await store.listen_to_all(es::listen_options().query(query));
        es::event_listener all = co_await store.listen_to_all();
        const es::event_data wanted("Wanted", "1");
        const es::event_data other("Other", "2");
        const es::event_data elsewhere("Wanted", "3");
        co_await store.append("order-1", es::any_version, es::events(wanted, other));
        co_await store.append("invoice-1", es::any_version, elsewhere);
        for (std::size_t heard = 0; heard < 3;) {
            const auto page = co_await all.next(5s);
            heard += page->size();
        }
        const auto page = co_await some.next(5s);
        TEST_SAME(data_of(*page), texts({"1"}));
        const auto silence = co_await some.next(50ms);
        BOOST_TEST(silence->empty());
        BOOST_TEST(some.missed() == 0u);
    });
}

BOOST_FIXTURE_TEST_CASE(a_slow_listener_is_told_how_much_it_missed_and_nobody_waits_for_it, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        es::event_listener slow = co_await store.listen_to_all(es::listen_options().max_queued(3));
        es::event_listener quick = co_await store.listen_to_all();
        for (int i = 1; i <= 10; ++i) co_await store.append("a", es::any_version, counted_one(std::to_string(i)));
        std::size_t heard = 0;
        while (heard < 10) {
            const auto page = co_await quick.next(5s);
            heard += page->size();
        }
        const auto page = co_await slow.next(5s);
        BOOST_TEST(slow.missed() == 7u);
        BOOST_TEST(page->front().data() == "8");
        const auto next = co_await slow.next(5s);
        BOOST_TEST(slow.missed() == 0u);
        BOOST_TEST(next->front().data() == "9");
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_slow_listener_keeps_no_more_bytes_than_it_may, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        es::event_listener slow = co_await store.listen_to_all(es::listen_options().max_queued_bytes(100'000));
        es::event_listener quick = co_await store.listen_to_all();
        constexpr int appends = 20;
        for (int i = 0; i < appends; ++i) {
            std::vector<es::event_data> events;
            for (int n = 0; n < 4; ++n) events.emplace_back("Large", std::string(10'000, static_cast<char>('a' + i)));
            co_await store.append("a", es::any_version, std::move(events));
        }
        co_await store.append("a", es::any_version, es::event_data("Larger", std::string(300'000, 'x')));
        std::size_t heard = 0;
        while (heard < 4 * appends + 1) {
            const auto page = co_await quick.next(5s);
            BOOST_TEST_REQUIRE(!page->empty());
            heard += page->size();
        }
        // One event always fits.
        const auto last = co_await slow.next(5s);
        BOOST_TEST(last->size() == 1u);
        BOOST_TEST(last->front().data().size() == 300'000u);
        BOOST_TEST(slow.missed() == 4u * appends);

        for (int i = 0; i < appends; ++i) {
            std::vector<es::event_data> events;
            for (int n = 0; n < 4; ++n) events.emplace_back("Large", std::string(10'000, 'y'));
            co_await store.append("a", es::any_version, std::move(events));
        }
        heard = 0;
        while (heard < 4 * appends) heard += (co_await quick.next(5s))->size();
        std::size_t bytes = 0;
        std::size_t kept = 0;
        for (auto page = co_await slow.next(50ms); !page->empty(); page = co_await slow.next(50ms)) {
            for (const es::recorded_event& each : *page) bytes += each.data().size();
            kept += page->size();
        }
        BOOST_TEST(bytes <= 100'000u);
        BOOST_TEST(kept == 8u);
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_page_larger_than_a_listener_may_keep_is_cut_to_its_end, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        es::event_listener slow = co_await store.listen_to_all(es::listen_options().max_queued_bytes(50'000));
        std::vector<es::event_data> events;
        for (int n = 0; n < 20; ++n) events.emplace_back("Large", std::string(10'000, static_cast<char>('a' + n)));
        co_await store.append("a", es::any_version, std::move(events));
        const auto page = co_await slow.next(5s);
        BOOST_TEST(page->size() == 4u);
        BOOST_TEST(page->back().version() == 20);
        BOOST_TEST(page->front().data().front() == 'q');
        BOOST_TEST(slow.missed() == 16u);
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_listener_may_select, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        const auto odd = [](const es::recorded_event& event) { return event.version() % 2 == 1; };
        es::event_listener some = co_await store.listen("a", es::listen_options().selector(odd));
        co_await store.append("a", es::any_version, counted(5));
        const auto page = co_await some.next(5s);
        TEST_SAME(data_of(*page), texts({"1", "3", "5"}));
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(closing_the_store_ends_its_listeners, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        es::event_listener all = co_await store.listen_to_all();
        cancellable waiting(context_of(co_await asio::this_coro::executor), all.next());
        co_await let_others_run();
        co_await expect_error(es::errc::next_pending, all.next());
        co_await store.close();
        co_await eventually([&] { return waiting.done(); });
        BOOST_TEST(!waiting.value().has_value());
    };
    with_store(body);
}

BOOST_AUTO_TEST_SUITE_END()
