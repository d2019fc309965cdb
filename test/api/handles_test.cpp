// What handles keep alive, and how a store ends.
#include "support/conditions.hpp"
#include "support/stepping.hpp"
#include "support/store_fixture.hpp"

#include <boost/asio/co_spawn.hpp>

#include <optional>
#include <thread>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;

namespace {

// What nobody can use any more says so, by each of its operations.
void expect_closed(const es::store& store) {
    const es::errc closed = es::errc::store_closed;
    asio::io_context context(1);
    run(context, expect_error(closed, store.append("a", es::any_version, counted_one("x"))));
    run(context, expect_error(closed, store.append("a", es::any_version, counted(2))));
    run(context, expect_error(closed, store.try_append("a", es::any_version, counted_one("x"))));
    run(context, expect_error(closed, store.within(1s).read("a")));
    run(context, expect_error(closed, store.read_all()));
    run(context, expect_error(closed, store.find_event(es::make_uuid())));
    run(context, expect_error(closed, store.stream_info("a")));
    run(context, expect_error(closed, store.streams()));
    es::event_scan scan = store.scan("a");
    run(context, expect_error(closed, scan.next()));
    run(context, expect_error(closed, scan.next_page()));
    run(context, store.close());
    (void)store.stats();
}

} // namespace

BOOST_AUTO_TEST_SUITE(handles_test)

BOOST_FIXTURE_TEST_CASE(what_was_queued_is_appended_after_the_last_handle_is_gone, store_fixture) {
    int appended = 0;
    asio::io_context context(1);
    {
        const es::store store = run(context, es::open(options()));
        for (int i = 0; i < 100; ++i)
            asio::co_spawn(
                context, store.append("a", i, counted_one("x")), [&](std::exception_ptr e, es::append_result) {
                    if (!e) ++appended;
                });
        context.poll_one();
    }
    context.restart();
    context.run_for(default_deadline);
    BOOST_TEST(context.stopped());
    BOOST_TEST(appended == 100);
    BOOST_TEST(events_stored() == 100);
}

BOOST_FIXTURE_TEST_CASE(run_returns_when_the_last_handle_is_gone, store_fixture, *own_sessions()) {
    asio::io_context context(1);
    {
        const es::store store = run(context, es::open(options()));
        run(context, store.append("a", es::any_version, counted(3)));
        const es::event_page page = run(context, store.read("a"));
        BOOST_TEST(page.size() == 3u);
    }
    const auto began = std::chrono::steady_clock::now();
    context.restart();
    context.run_for(default_deadline);
    BOOST_TEST(context.stopped());
    BOOST_TEST((std::chrono::steady_clock::now() - began < 1s));
    // Its connections are gone already, not only with the context.
    const auto end = std::chrono::steady_clock::now() + 5s;
    while (!backends().empty() && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(1ms);
    BOOST_TEST(backends().empty());
}

BOOST_FIXTURE_TEST_CASE(run_returns_while_handles_live_and_nothing_is_pending, store_fixture) {
    asio::io_context context(1);
    std::optional<es::store> store = run(context, es::open(options()));
    std::optional<es::event_scan> scan;
    const auto settle = [&] {
        const auto began = std::chrono::steady_clock::now();
        context.restart();
        context.run_for(default_deadline);
        BOOST_TEST(context.stopped());
        // Far less than the time limit of an operation: no timer of one that has ended holds it up.
        BOOST_TEST((std::chrono::steady_clock::now() - began < 2s));
    };
    settle();
    run(context, store->append("a", es::any_version, counted(10)));
    settle();
    run(context, store->read("a"));
    settle();
    scan = store->scan("a", es::read_options().count(2));
    run(context, scan->next());
    settle();
    run(context, expect_error(es::errc::stream_not_found, store->read("missing")));
    settle();
    // And it works again afterwards, on the same connections.
    const std::uint64_t connects = store->stats().connects;
    run(context, store->append("a", 10, counted_one("x")));
    const std::optional<es::recorded_event> second = run(context, scan->next());
    BOOST_TEST(second->version() == 2);
    BOOST_TEST(store->stats().connects == connects);
    scan.reset();
    store.reset();
    settle();
}

BOOST_FIXTURE_TEST_CASE(a_scan_keeps_its_store_open, store_fixture) {
    const auto body = [&]() -> asio::awaitable<void> {
        std::optional<es::event_scan> scan;
        {
            const es::store store = co_await es::open(options());
            co_await store.append("a", es::no_stream, counted(20));
            scan = store.scan("a", es::read_options().count(3));
        }
        co_await let_others_run();
        numbers seen;
        while (const std::optional<es::recorded_event> event = co_await scan->next()) seen.push_back(event->version());
        TEST_SAME(seen, from_to(1, 20));
    };
    run(body());
}

BOOST_FIXTURE_TEST_CASE(handles_are_copied_and_moved, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        es::store copy = store;
        es::store moved = std::move(store);
        co_await copy.append("a", es::no_stream, counted_one("1"));
        co_await moved.append("a", 1, counted_one("2"));
        store = copy;
        co_await store.append("a", 2, counted_one("3"));
        const fresh_schema other;
        {
            es::store second = co_await es::open(options().schema(other.name()));
            copy = second; // "copy" is a handle to the other store now, and the last one in a moment
        }
        co_await expect_error(es::errc::stream_not_found, copy.read("a"));
        co_await copy.append("only here", es::no_stream, counted_one("x"));
        moved = std::move(copy);
        co_await moved.append("only here", 1, counted_one("x"));
        const es::event_page page = co_await store.read("a");
        BOOST_TEST(page.size() == 3u);
        const es::store& same = store;
        store = same;
        co_await store.append("a", 3, counted_one("4"));
        moved = store;
        copy = store;
        co_await let_others_run(100); // the other store ends before its schema is dropped
    });
    BOOST_TEST(stored_in("a").size() == 4u);
}

BOOST_FIXTURE_TEST_CASE(a_handle_may_be_dropped_on_another_thread, store_fixture) {
    asio::io_context context(1);
    for (int round = 0; round < 20; ++round) {
        std::optional<es::store> store = run(context, es::open(options()));
        asio::co_spawn(context, store->append("a", es::any_version, counted_one("x")),
            [](std::exception_ptr, es::append_result) {});
        std::thread other([&] { store.reset(); });
        context.restart();
        context.run_for(default_deadline);
        other.join();
        context.restart();
        context.run_for(default_deadline);
        BOOST_TEST(context.stopped());
    }
    BOOST_TEST(events_stored() == 20);
}

BOOST_AUTO_TEST_CASE(an_empty_handle_is_a_closed_store) {
    const es::store none;
    expect_closed(none);
    es::store moved_from;
    const es::store into = std::move(moved_from);
    expect_closed(moved_from);
    expect_closed(into);
}

BOOST_FIXTURE_TEST_CASE(a_store_may_outlive_its_context, store_fixture) {
    es::store store;
    std::optional<es::event_scan> scan;
    std::optional<es::recorded_event> event;
    {
        asio::io_context context(1);
        store = run(context, es::open(options()));
        run(context, store.append("a", es::no_stream, counted(6)));
        scan = store.scan("a", es::read_options().count(2));
        event = run(context, scan->next());
        asio::co_spawn(context, store.append("b", es::any_version, counted_one("x")),
            [](std::exception_ptr, es::append_result) {});
        context.poll_one();
    }
    BOOST_TEST(event->data() == "1"); // a page needs no store
    expect_closed(store);
    asio::io_context other(1);
    std::size_t more = 0;
    const auto rest = [&]() -> asio::awaitable<void> {
        while (const std::optional<es::event_page> page = co_await scan->next_page()) more += page->size();
    };
    run(other, expect_error(es::errc::store_closed, rest()));
    BOOST_TEST(more <= 3u); // what it had fetched already
    scan.reset();
    event.reset();
    es::store copy = store;
    store = es::store();
    expect_closed(copy);
    copy = es::store();
}

BOOST_AUTO_TEST_SUITE_END()
