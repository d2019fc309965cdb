#include "support/concurrently.hpp"
#include "support/store_fixture.hpp"

#include <type_traits>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;

namespace {

static_assert(!std::is_copy_constructible_v<es::event_scan> && !std::is_copy_assignable_v<es::event_scan>);

es::read_options pages_of(std::size_t count) { return es::read_options().count(count); }

asio::awaitable<numbers> versions_to_the_end(es::event_scan scan) {
    numbers out;
    while (const std::optional<es::recorded_event> event = co_await scan.next()) out.push_back(event->version());
    for (int again = 0; again < 2; ++again) { // the end stays the end
        const std::optional<es::recorded_event> more = co_await scan.next();
        const std::optional<es::event_page> page = co_await scan.next_page();
        BOOST_TEST((!more && !page));
    }
    co_return out;
}

asio::awaitable<numbers> versions_by_pages(es::event_scan scan) {
    numbers out;
    while (const std::optional<es::event_page> page = co_await scan.next_page()) {
        BOOST_TEST(!page->empty());
        for (const es::recorded_event& each : *page) out.push_back(each.version());
    }
    const std::optional<es::event_page> more = co_await scan.next_page();
    BOOST_TEST(!more);
    co_return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(scan_test)

BOOST_FIXTURE_TEST_CASE(a_stream_is_scanned_in_pages_of_any_size_and_direction, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("other", es::no_stream, counted(3));
        co_await store.append("a", es::no_stream, counted(7));
        for (const std::size_t count : {1u, 2u, 3u, 7u, 8u, 1000u}) {
            const numbers forward = co_await versions_to_the_end(store.scan("a", pages_of(count)));
            TEST_SAME(forward, from_to(1, 7));
            const numbers backward = co_await versions_to_the_end(store.scan("a", pages_of(count).backward()));
            TEST_SAME(backward, from_to(7, 1));
            const numbers later = co_await versions_to_the_end(store.scan("a", pages_of(count).from(4)));
            TEST_SAME(later, from_to(4, 7));
            const numbers earlier = co_await versions_to_the_end(store.scan("a", pages_of(count).from(4).backward()));
            TEST_SAME(earlier, from_to(4, 1));
            const numbers by_pages = co_await versions_by_pages(store.scan("a", pages_of(count)));
            TEST_SAME(by_pages, from_to(1, 7));
            const numbers pages_back = co_await versions_by_pages(store.scan("a", pages_of(count).backward()));
            TEST_SAME(pages_back, from_to(7, 1));
            const numbers beyond = co_await versions_to_the_end(store.scan("a", pages_of(count).from(8)));
            BOOST_TEST(beyond.empty());
            const numbers before = co_await versions_by_pages(store.scan("a", pages_of(count).from(0).backward()));
            BOOST_TEST(before.empty());
            const numbers from_zero = co_await versions_to_the_end(store.scan("a", pages_of(count).from(0)));
            TEST_SAME(from_zero, from_to(1, 7));
        }
    });
}

BOOST_FIXTURE_TEST_CASE(the_log_is_scanned_in_pages_of_any_size_and_direction, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const numbers nothing = co_await versions_to_the_end(store.scan_all());
        BOOST_TEST(nothing.empty());
        co_await store.append("a", es::no_stream, counted(3));
        co_await store.append("b", es::no_stream, counted(3));
        const numbers versions = {1, 2, 3, 1, 2, 3};
        const numbers reversed = {3, 2, 1, 3, 2, 1};
        const numbers tail = {2, 1, 3, 2, 1};
        for (const std::size_t count : {1u, 2u, 6u, 1000u}) {
            const numbers forward = co_await versions_to_the_end(store.scan_all(pages_of(count)));
            TEST_SAME(forward, versions);
            const numbers by_name = co_await versions_to_the_end(store.scan("$all", pages_of(count)));
            TEST_SAME(by_name, versions);
            const numbers backward = co_await versions_to_the_end(store.scan_all(pages_of(count).backward()));
            TEST_SAME(backward, reversed);
            const numbers later = co_await versions_to_the_end(store.scan_all(pages_of(count).from(5).backward()));
            TEST_SAME(later, tail);
            const numbers beyond = co_await versions_to_the_end(store.scan_all(pages_of(count).from(7)));
            BOOST_TEST(beyond.empty());
        }
    });
}

BOOST_FIXTURE_TEST_CASE(next_and_next_page_may_be_mixed, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(25));
        es::event_scan scan = store.scan("a", pages_of(10));
        const std::optional<es::recorded_event> first = co_await scan.next();
        BOOST_REQUIRE(first.has_value());
        BOOST_TEST(first->version() == 1);
        const std::optional<es::recorded_event> second = co_await scan.next();
        BOOST_REQUIRE(second.has_value());
        BOOST_TEST(second->version() == 2);
        const std::optional<es::event_page> rest = co_await scan.next_page();
        BOOST_REQUIRE(rest.has_value());
        TEST_SAME(versions_of(*rest), from_to(3, 10));
        const std::optional<es::event_page> page = co_await scan.next_page();
        BOOST_REQUIRE(page.has_value());
        TEST_SAME(versions_of(*page), from_to(11, 20));
        for (std::int64_t version = 21; version <= 25; ++version) {
            const std::optional<es::recorded_event> event = co_await scan.next();
            BOOST_REQUIRE(event.has_value());
            BOOST_TEST(event->version() == version);
            BOOST_TEST(event->data() == std::to_string(version));
        }
        // All of the last page was handed out one by one: there is no rest of it.
        const std::optional<es::event_page> end = co_await scan.next_page();
        BOOST_TEST(!end.has_value());
        BOOST_TEST(first->data() == "1"); // an event outlives the page that it came in
    });
}

BOOST_FIXTURE_TEST_CASE(a_scan_fetches_one_page_ahead_and_no_more, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(100));
        const auto fetched = [&] { return store.stats().events_read; };
        const auto quiet = [&]() -> asio::awaitable<void> {
            // Whatever was on its way has come when a later read of the same store has gone round many times.
            for (int i = 0; i < 20; ++i) co_await store.stream_info("a");
        };
        for (const bool by_pages : {false, true}) {
            const std::uint64_t before = fetched();
            es::event_scan scan = store.scan("a", pages_of(10));
            co_await quiet();
            BOOST_TEST(fetched() - before <= 20u);
            for (std::uint64_t page = 1; page <= 10; ++page) {
                if (by_pages) {
                    const std::optional<es::event_page> got = co_await scan.next_page();
                    BOOST_TEST((got && got->size() == 10));
                } else {
                    for (int i = 0; i < 10; ++i) {
                        const std::optional<es::recorded_event> got = co_await scan.next();
                        BOOST_TEST(got.has_value());
                        if (i == 0) co_await quiet();
                        BOOST_TEST(fetched() - before <= 10 * std::min<std::uint64_t>(page + 1, 10));
                    }
                }
                // The next one comes without being asked for.
                const std::uint64_t ahead = 10 * std::min<std::uint64_t>(page + 1, 10);
                co_await eventually([&] { return fetched() - before >= ahead; });
                co_await quiet();
                BOOST_TEST(fetched() - before == ahead);
            }
            const std::optional<es::event_page> end = co_await scan.next_page();
            BOOST_TEST(!end);
        }
    });
}

BOOST_FIXTURE_TEST_CASE(a_scan_holds_two_pages_of_large_events_at_most, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        std::vector<es::event_data> list;
        for (int i = 0; i < 12; ++i) list.emplace_back("Large", std::string(300'000, 'x'));
        co_await store.append("a", es::no_stream, std::move(list));
        es::event_scan scan = store.scan("a", es::read_options().max_bytes(1'000'000));
        const std::optional<es::recorded_event> first = co_await scan.next();
        BOOST_TEST(first.has_value());
        for (int i = 0; i < 20; ++i) co_await store.stream_info("a");
        BOOST_TEST(store.stats().events_read <= 6u);
        const numbers rest = co_await versions_to_the_end(std::move(scan));
        TEST_SAME(rest, from_to(2, 12));
    });
}

BOOST_FIXTURE_TEST_CASE(events_appended_while_scanning_are_seen, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(10));
        es::event_scan scan = store.scan("a", pages_of(2));
        numbers seen;
        while (const std::optional<es::recorded_event> event = co_await scan.next()) {
            seen.push_back(event->version());
            if (event->version() == 3) co_await store.append("a", 10, counted(6));
        }
        TEST_SAME(seen, from_to(1, 16));
    });
}

BOOST_FIXTURE_TEST_CASE(after_an_error_a_scan_stands_where_it_stood, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(20));
        es::event_scan scan = store.within(500ms).scan("a", pages_of(4));
        numbers seen;
        for (int i = 0; i < 6; ++i) {
            const std::optional<es::recorded_event> event = co_await scan.next();
            seen.push_back(event.value().version());
        }
        {
            blocker tables = hold_tables();
            // The page that was fetched ahead may still come, then comes the error, as often as it is asked for.
            for (int errors = 0; errors < 3;) {
                try {
                    const std::optional<es::recorded_event> event = co_await scan.next();
                    seen.push_back(event.value().version());
                } catch (const es::error& e) {
                    BOOST_TEST(e.why().code() == es::errc::timeout);
                    ++errors;
                }
            }
            BOOST_TEST(seen.size() < 20u);
            tables.release();
        }
        while (const std::optional<es::recorded_event> event = co_await scan.next()) seen.push_back(event->version());
        TEST_SAME(seen, from_to(1, 20));
    });
}

BOOST_FIXTURE_TEST_CASE(errors_of_the_stream_come_with_next, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        es::event_scan scan = store.scan("a");
        co_await expect_error(es::errc::stream_not_found, scan.next());
        co_await expect_error(es::errc::stream_not_found, scan.next_page());
        co_await store.append("a", es::no_stream, counted(2));
        const std::optional<es::recorded_event> first = co_await scan.next();
        BOOST_TEST((first && first->version() == 1));

        co_await store.append("gone", es::no_stream, counted(9));
        es::event_scan deleted = store.scan("gone", pages_of(2));
        const std::optional<es::recorded_event> before = co_await deleted.next();
        BOOST_TEST(before.has_value());
        delete_stream_softly("gone");
        std::size_t seen = 1;
        const auto rest = [&]() -> asio::awaitable<void> {
            while (const std::optional<es::recorded_event> event = co_await deleted.next()) ++seen;
        };
        co_await expect_error(es::errc::stream_deleted, rest());
        BOOST_TEST(seen <= 4u);
    });
}

BOOST_FIXTURE_TEST_CASE(a_scan_ends_when_its_stream_was_deleted_for_good, store_fixture) {
    expect_holes();
    with_store(options().allow_hard_delete(), [&](es::store store) -> asio::awaitable<void> {
        for (const bool is_made_anew : {false, true}) {
            for (const bool is_backward : {false, true}) {
                co_await store.append("a", es::any_version, counted(40, "old"));
                es::read_options pages = pages_of(10);
                if (is_backward) pages.backward();
                es::event_scan scan = store.scan("a", pages);
                const std::uint64_t before = store.stats().events_read;
                const auto first = co_await scan.next_page();
                BOOST_TEST(first->size() == 10u);
                co_await eventually([&] { return store.stats().events_read >= before + 20; });
                co_await store.delete_stream("a", es::any_version, es::deletion::hard);
                if (is_made_anew) co_await store.append("a", es::any_version, counted(40, "new"));
                std::size_t more = 0; // the page that was on its way
                const auto to_the_end = [&]() -> asio::awaitable<void> {
                    while (const auto page = co_await scan.next_page()) {
                        more += page->size();
                        BOOST_TEST(page->front().data().starts_with("old"));
                    }
                };
                const auto expected = is_made_anew ? es::errc::stream_deleted : es::errc::stream_not_found;
                co_await expect_error(expected, to_the_end());
                BOOST_TEST(more <= 10u);
                co_await expect_error(expected, scan.next());
                if (is_made_anew) co_await store.delete_stream("a", es::any_version, es::deletion::hard);
            }
        }
    });
}

BOOST_FIXTURE_TEST_CASE(errors_of_the_arguments_come_with_next, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(2));
        es::event_scan nameless = store.scan("");
        co_await expect_error(es::errc::invalid_argument, nameless.next());
        es::event_scan negative = store.scan("a", es::read_options().from(-1));
        co_await expect_error(es::errc::invalid_argument, negative.next_page());
        es::event_scan none = store.scan_all(pages_of(0));
        co_await expect_error(es::errc::invalid_argument, none.next());
    });
}

BOOST_FIXTURE_TEST_CASE(one_next_at_a_time, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(4));
        blocker tables = hold_tables();
        es::event_scan scan = store.scan("a", pages_of(2));
        started<std::optional<es::recorded_event>> first = co_await start(scan.next());
        co_await eventually([&] { return tables.blocks(); });
        co_await expect_error(es::errc::next_pending, scan.next());
        co_await expect_error(es::errc::next_pending, scan.next_page());
        BOOST_TEST(!first.done());
        tables.release();
        co_await eventually([&] { return first.done(); });
        BOOST_TEST((first.value() && first.value()->version() == 1));
        const numbers rest = co_await versions_to_the_end(std::move(scan));
        TEST_SAME(rest, from_to(2, 4));
    });
}

BOOST_FIXTURE_TEST_CASE(a_scan_that_was_moved_from_is_at_its_end, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(6));
        co_await store.append("b", es::no_stream, counted(2, "b"));
        es::event_scan scan = store.scan("a", pages_of(2));
        const std::optional<es::recorded_event> first = co_await scan.next();
        BOOST_TEST(first.has_value());
        es::event_scan moved = std::move(scan);
        const std::optional<es::recorded_event> nothing = co_await scan.next();
        const std::optional<es::event_page> no_page = co_await scan.next_page();
        BOOST_TEST((!nothing && !no_page));
        const std::optional<es::recorded_event> second = co_await moved.next();
        BOOST_TEST((second && second->version() == 2));
        scan = std::move(moved);
        const std::optional<es::recorded_event> third = co_await scan.next();
        BOOST_TEST((third && third->version() == 3));
        es::event_scan other = store.scan("b");
        scan = std::move(other); // drops the scan of "a" with a page on its way
        const std::optional<es::recorded_event> of_b = co_await scan.next();
        BOOST_TEST((of_b && of_b->data() == "b1"));
    });
}

BOOST_FIXTURE_TEST_CASE(a_scan_may_be_dropped_anywhere, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(20));
        { const es::event_scan never_used = store.scan("a"); }
        for (int used = 0; used < 12; ++used) {
            es::event_scan scan = store.scan("a", pages_of(3));
            for (int i = 0; i < used; ++i) co_await scan.next();
        }
        const es::event_page page = co_await store.read("a");
        BOOST_TEST(page.size() == 20u);
    });
}

BOOST_FIXTURE_TEST_CASE(scans_do_not_disturb_each_other, store_fixture) {
    with_store(options().pool_size(1), [&](es::store store) -> asio::awaitable<void> {
        for (int i = 0; i < 5; ++i) {
            const std::string name = "s-" + std::to_string(i);
            co_await store.append(name, es::no_stream, counted(50, name + "/"));
        }
        const auto scan_one = [&](std::string name) -> asio::awaitable<texts> {
            texts out;
            es::event_scan scan = store.scan(name, pages_of(3));
            while (const std::optional<es::recorded_event> event = co_await scan.next())
                out.emplace_back(event->data());
            co_return out;
        };
        std::vector<asio::awaitable<texts>> work;
        for (int i = 0; i < 20; ++i) work.push_back(scan_one("s-" + std::to_string(i % 5)));
        const std::vector<texts> all = co_await concurrently(std::move(work));
        for (std::size_t i = 0; i < all.size(); ++i)
            TEST_SAME(all[i], data_of(counted(50, "s-" + std::to_string(i % 5) + "/")));
    });
}

BOOST_AUTO_TEST_SUITE_END()
