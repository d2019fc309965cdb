// Who keeps what alive: handles, pending operations, io_contexts. That nothing is left behind, neither in memory nor on
// the server, is checked at the end of each test by its fixture.
#include "support/stepping.hpp"
#include "support/store_fixture.hpp"

#include "base/live_objects.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <atomic>
#include <functional>
#include <future>
#include <map>
#include <thread>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;

namespace {

// Lives in the frame of a coroutine: shows that the frame was destroyed.
class probe {
public:
    explicit probe(int& alive) : alive_(&alive) { ++*alive_; }
    probe(const probe& other) : alive_(other.alive_) { ++*alive_; }
    probe& operator=(const probe&) = delete;
    ~probe() { --*alive_; }

private:
    int* alive_;
};

using work = std::function<asio::awaitable<void>(es::store)>;

// The kinds of operation that can be pending. Each holds a handle to its store, as callers do.
const std::map<std::string, work>& operations() {
    static const std::map<std::string, work> all = {
        {"append",
            [](es::store store) -> asio::awaitable<void> {
                co_await store.append("b", es::any_version, counted_one("x"));
            }},
        {"append of a list",
            [](es::store store) -> asio::awaitable<void> { co_await store.append("b", es::any_version, counted(3)); }},
        {"try_append",
            [](es::store store) -> asio::awaitable<void> {
                co_await store.try_append("b", es::any_version, counted_one("x"));
            }},
        {"appends one after the other",
            [](es::store store) -> asio::awaitable<void> {
                for (int i = 0; i < 3; ++i) co_await store.append("b", es::any_version, counted_one("x"));
            }},
        {"read", [](es::store store) -> asio::awaitable<void> { co_await store.read("a"); }},
        {"read_all",
            [](es::store store) -> asio::awaitable<void> {
                co_await store.read_all(es::read_options().type("Counted").backward());
            }},
        {"scan.next",
            [](es::store store) -> asio::awaitable<void> {
                es::event_scan scan = store.scan("a", es::read_options().count(2));
                while (const std::optional<es::recorded_event> event = co_await scan.next()) {
                }
            }},
        {"scan.next_page, the store's last handle",
            [](es::store store) -> asio::awaitable<void> {
                es::event_scan scan = store.scan_all(es::read_options().count(1));
                { const es::store dropped = std::move(store); }
                while (const std::optional<es::event_page> page = co_await scan.next_page()) {
                }
            }},
        {"a scan that is only held",
            [](es::store store) -> asio::awaitable<void> {
                es::event_scan scan = store.scan("a", es::read_options().count(2));
                co_await scan.next(); // from here on a page is fetched ahead, and nobody waits for it
                co_await let_others_run(50);
            }},
        {"find_event",
            [](es::store store) -> asio::awaitable<void> {
                co_await expect_error(es::errc::event_not_found, store.find_event(es::make_uuid()));
            }},
        {"stream_info", [](es::store store) -> asio::awaitable<void> { co_await store.stream_info("a"); }},
        {"streams", [](es::store store) -> asio::awaitable<void> { co_await store.streams(); }},
        {"close", [](es::store store) -> asio::awaitable<void> { co_await store.close(); }},
        {"close, with work before it",
            [](es::store store) -> asio::awaitable<void> {
                started<es::append_result> append =
                    co_await start(store.append("b", es::any_version, counted_one("x")));
                started<es::event_page> read = co_await start(store.read("a"));
                co_await store.close();
            }},
        {"two at a time, and the handle dropped",
            [](es::store store) -> asio::awaitable<void> {
                started<es::append_result> append =
                    co_await start(store.append("b", es::any_version, counted_one("x")));
                started<es::event_page> read = co_await start(store.read("a"));
                { const es::store dropped = std::move(store); }
                co_await let_others_run(200);
            }},
    };
    return all;
}

es::store open_on(asio::thread_pool& pool, es::store_options how) {
    return asio::co_spawn(pool, es::open(std::move(how)), asio::use_future).get();
}

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

class lifetime : public store_fixture {
public:
    lifetime() {
        with_store(
            [&](es::store store) -> asio::awaitable<void> { co_await store.append("a", es::no_stream, counted(6)); });
        before_ = es::detail::live_objects();
    }

    // Everything the library made since the last time is gone.
    bool expect_nothing_left(const std::string& what) {
        const long left = es::detail::live_objects() - std::exchange(before_, es::detail::live_objects());
        BOOST_TEST(left == 0, what << ": " << left << " objects are left");
        BOOST_TEST(std::exchange(alive, 0) == 0, what << ": a coroutine was not destroyed");
        return left == 0;
    }

    asio::awaitable<void> with_probe(es::store store, const work& operation) {
        const probe here_(alive);
        co_await operation(std::move(store));
    }

    asio::awaitable<void> open_with_probe() {
        const probe here_(alive);
        const es::store store = co_await es::open(options());
        co_await store.stream_info("a");
    }

    int alive = 0;

private:
    long before_ = 0;
};

} // namespace

BOOST_AUTO_TEST_SUITE(lifetime_test)

BOOST_FIXTURE_TEST_CASE(a_context_may_be_destroyed_at_each_point_of_each_operation, lifetime) {
    for (const auto& [name, operation] : operations())
        for (const bool warm : {false, true})
            for (std::size_t after = 0; after < 3000; ++after) {
                bool ran_to_its_end = false;
                {
                    asio::io_context context(1);
                    std::optional<es::store> store = run(context, es::open(options()));
                    if (warm) run(context, with_probe(*store, operations().at("read")));
                    bool done = false;
                    asio::co_spawn(
                        context, with_probe(*std::exchange(store, std::nullopt), operation), [&](std::exception_ptr e) {
                            done = true;
                            if (e) std::rethrow_exception(e);
                        });
                    step(context, after, [&] { return done; });
                    ran_to_its_end = done;
                }
                const std::string what =
                    name + (warm ? ", warm, after " : ", cold, after ") + std::to_string(after) + " handlers";
                if (!expect_nothing_left(what) || ran_to_its_end) break;
            }
}

BOOST_FIXTURE_TEST_CASE(a_context_may_be_destroyed_at_each_point_of_open, lifetime) {
    for (std::size_t after = 0; after < 3000; ++after) {
        bool ran_to_its_end = false;
        {
            asio::io_context context(1);
            bool done = false;
            asio::co_spawn(context, open_with_probe(), [&](std::exception_ptr e) {
                done = true;
                if (e) std::rethrow_exception(e);
            });
            step(context, after, [&] { return done; });
            ran_to_its_end = done;
        }
        if (!expect_nothing_left("open after " + std::to_string(after) + " handlers") || ran_to_its_end) break;
    }
}

// Here every operation hangs at the server when its context goes.
BOOST_FIXTURE_TEST_CASE(a_context_may_be_destroyed_with_every_operation_pending_at_once, lifetime) {
    {
        blocker tables = hold_tables();
        {
            asio::io_context context(1);
            {
                const es::store store =
                    run(context, es::open(options().create(false).max_queued_bytes(1000).pool_size(2)));
                for (const auto& [name, operation] : operations()) {
                    if (name.starts_with("close")) continue;
                    asio::co_spawn(context, with_probe(store, operation), [](std::exception_ptr) {});
                }
                // Sent, queued, and waiting for admission.
                for (int i = 0; i < 5; ++i)
                    asio::co_spawn(
                        context, with_probe(store, operations().at("append of a list")), [](std::exception_ptr) {});
                asio::co_spawn(context, open_with_probe(), [](std::exception_ptr) {});
                step_until(context, [&] { return tables.blocks(3) && store.stats().queued_appends >= 5; });
                asio::co_spawn(context, with_probe(store, operations().at("close")), [](std::exception_ptr) {});
                context.poll();
            }
            BOOST_TEST(alive >= 15);
        }
        expect_nothing_left("everything");
        tables.release();
    }
}

BOOST_FIXTURE_TEST_CASE(a_thread_pool_may_be_destroyed_with_operations_pending, lifetime) {
    blocker tables = hold_tables();
    {
        asio::thread_pool pool(3);
        {
            const es::store store = open_on(pool, options().create(false));
            for (const char* const name : {"append", "read", "scan.next", "streams"})
                asio::co_spawn(pool, operations().at(name)(store), [](std::exception_ptr) {});
            while (!tables.blocks(2)) std::this_thread::sleep_for(1ms);
        }
        pool.stop();
        pool.join();
    }
    expect_nothing_left("thread pool");
    tables.release();
}

BOOST_FIXTURE_TEST_CASE(a_store_may_outlive_its_context, lifetime) {
    es::store store;
    std::optional<es::event_scan> scan;
    std::optional<es::recorded_event> event;
    {
        asio::io_context context(1);
        store = run(context, es::open(options()));
        scan = store.scan("a", es::read_options().count(2));
        event = run(context, scan->next());
        asio::co_spawn(context, operations().at("append")(store), [](std::exception_ptr) {});
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
    expect_nothing_left("a store without its context");
}

BOOST_AUTO_TEST_CASE(an_empty_handle_is_a_closed_store) {
    const es::store none;
    expect_closed(none);
    es::store moved_from;
    const es::store into = std::move(moved_from);
    expect_closed(moved_from);
    expect_closed(into);
}

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

BOOST_FIXTURE_TEST_CASE(run_returns_when_the_last_handle_is_gone, store_fixture) {
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

BOOST_FIXTURE_TEST_CASE(a_completion_runs_on_the_callers_executor, store_fixture) {
    // The store works on one thread, its caller lives on another.
    asio::io_context home(1);
    auto keep = asio::make_work_guard(home);
    std::thread home_thread([&] { home.run(); });
    asio::io_context away(1);
    const auto body = [&]() -> asio::awaitable<void> {
        const auto me = std::this_thread::get_id();
        bool always_here = true;
        const auto check = [&] { always_here = always_here && std::this_thread::get_id() == me; };
        const es::store store = co_await es::open(options().executor(home.get_executor()));
        check();
        for (int i = 0; i < 20; ++i) {
            co_await store.append("a", i, counted_one("x"));
            check();
            const es::event_page page = co_await store.read("a");
            check();
            BOOST_TEST(page.size() == static_cast<std::size_t>(i) + 1);
            co_await store.try_append("a", 99, counted_one("x"));
            check();
            co_await store.stream_info("a");
            check();
        }
        es::event_scan scan = store.scan("a", es::read_options().count(3));
        while (const std::optional<es::recorded_event> event = co_await scan.next()) check();
        std::vector<asio::awaitable<es::append_result>> many;
        for (int i = 0; i < 50; ++i) many.push_back(store.append("b", es::any_version, counted_one("x")));
        co_await concurrently(std::move(many));
        check();
        {
            blocker tables = hold_tables();
            co_await expect_error(es::errc::timeout, store.within(50ms).read("a"));
            check();
            tables.release();
        }
        co_await store.close();
        check();
        BOOST_TEST(always_here);
    };
    run(away, body());
    away.restart();
    away.run_for(default_deadline);
    BOOST_TEST(away.stopped());
    keep.reset();
    home_thread.join();
}

BOOST_FIXTURE_TEST_CASE(a_completion_runs_on_the_callers_strand, store_fixture) {
    bool on_the_strand = true;
    int running = 0;
    bool alone = true;
    const auto body = [&]() -> asio::awaitable<void> {
        const auto strand = co_await asio::this_coro::executor;
        const auto* const mine = strand.target<asio::strand<asio::io_context::executor_type>>();
        const auto check = [&] { on_the_strand = on_the_strand && mine && mine->running_in_this_thread(); };
        const es::store store = co_await es::open(options());
        check();
        const auto one = [&](int number) -> asio::awaitable<void> {
            for (int i = 0; i < 30; ++i) {
                co_await store.append("s-" + std::to_string(number), i, counted_one("x"));
                alone = alone && ++running == 1;
                check();
                --running;
                co_await store.read("s-" + std::to_string(number));
                alone = alone && ++running == 1;
                check();
                --running;
            }
        };
        int left = 8;
        for (int i = 0; i < 8; ++i) asio::co_spawn(strand, one(i), [&](std::exception_ptr e) { left -= e ? 100 : 1; });
        asio::steady_timer timer(strand);
        while (left > 0) {
            timer.expires_after(1ms);
            co_await timer.async_wait(asio::use_awaitable);
        }
        if (left < 0) throw std::runtime_error("one of them failed");
    };
    run_threads(4, body());
    BOOST_TEST(on_the_strand);
    BOOST_TEST(alone);
    BOOST_TEST(events_stored() == 240);
}

BOOST_FIXTURE_TEST_CASE(a_store_works_on_a_thread_pool, store_fixture) {
    asio::thread_pool pool(4);
    const auto body = [&](int number) -> asio::awaitable<std::size_t> {
        const es::store store = co_await es::open(options());
        const std::string name = "s-" + std::to_string(number);
        for (int i = 0; i < 20; ++i) co_await store.append(name, i, counted_one("x"));
        const es::event_page page = co_await store.read(name);
        co_return page.size();
    };
    std::vector<std::future<std::size_t>> all;
    for (int i = 0; i < 6; ++i) all.push_back(asio::co_spawn(pool, body(i), asio::use_future));
    for (auto& each : all) BOOST_TEST(each.get() == 20u);
    pool.join();
}

BOOST_FIXTURE_TEST_CASE(one_store_serves_callers_of_many_contexts, store_fixture) {
    asio::thread_pool home(2);
    const es::store store = open_on(home, options());
    std::vector<std::thread> threads;
    std::atomic<int> failures = 0;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&, i] {
            asio::io_context own(1);
            for (int round = 0; round < 3; ++round) // run() returns in between, with the store still there
                try {
                    run(own, store.append("s-" + std::to_string(i), round, counted_one("x")));
                    const es::event_page page = run(own, store.read("s-" + std::to_string(i)));
                    if (page.size() != static_cast<std::size_t>(round) + 1) ++failures;
                } catch (const std::exception&) {
                    ++failures;
                }
        });
    for (std::thread& each : threads) each.join();
    BOOST_TEST(failures == 0);
    asio::co_spawn(home, store.close(), asio::use_future).get();
    home.join();
}

// The caller's context goes while the store, on another one, works on for the others.
BOOST_FIXTURE_TEST_CASE(a_callers_context_may_go_before_the_stores, lifetime) {
    asio::io_context home(1);
    {
        const es::store store = run(home, es::open(options()));
        blocker tables = hold_tables();
        {
            asio::io_context away(1);
            for (const auto& [name, operation] : operations())
                if (!name.starts_with("close"))
                    asio::co_spawn(away, with_probe(store, operation), [](std::exception_ptr) {});
            away.poll();
            step_until(home, [&] { return tables.blocks(2); });
            BOOST_TEST(alive > 5);
        }
        BOOST_TEST(alive == 0);
        tables.release();
        run(home, store.append("c", es::no_stream, counted_one("x")));
        const es::event_page page = run(home, store.read("a"));
        BOOST_TEST(page.size() == 6u);
        BOOST_TEST(store.stats().queued_bytes == 0u);
    }
    home.restart();
    home.run_for(default_deadline);
    BOOST_TEST(home.stopped());
    expect_nothing_left("the store");
}

BOOST_AUTO_TEST_SUITE_END()
