// Who keeps what alive: handles, pending operations, io_contexts. That nothing is left behind, neither in memory nor on
// the server, is checked at the end of each test by its fixture.
#include "api/open_on.hpp"
#include "support/pending_operations.hpp"
#include "support/stepping.hpp"
#include "support/store_fixture.hpp"

#include "base/live_objects.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <atomic>
#include <future>
#include <memory>
#include <set>
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

    asio::awaitable<void> with_probe(es::store store, const store_work& operation) {
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
    const std::set<std::string> also_cold = {"append", "read_all", "scan.next", "close, with work before it"};
    for (const auto& [name, operation] : pending_operations())
        for (const bool warm : {false, true}) {
            if (!warm && !also_cold.contains(name)) continue; // they begin alike
            for (std::size_t after = 0; after < 3000; ++after) {
                bool ran_to_its_end = false;
                {
                    asio::io_context context(1);
                    std::optional<es::store> store = run(context, es::open(options()));
                    if (warm) run(context, with_probe(*store, pending_operations().at("read")));
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

BOOST_FIXTURE_TEST_CASE(a_context_may_be_destroyed_with_every_operation_pending_at_once, lifetime) {
    {
        std::unique_ptr<blocker> tables; // opening looks at them, too
        {
            asio::io_context context(1);
            {
                const es::store store =
                    run(context, es::open(options().create(false).max_queued_bytes(1000).pool_size(2)));
                tables.reset(new blocker(hold_tables()));
                for (const auto& [name, operation] : pending_operations()) {
                    if (name.starts_with("close")) continue;
                    asio::co_spawn(context, with_probe(store, operation), [](std::exception_ptr) {});
                }
                // Sent, queued, and waiting for admission.
                for (int i = 0; i < 5; ++i)
                    asio::co_spawn(context, with_probe(store, pending_operations().at("append of a list")),
                        [](std::exception_ptr) {});
                asio::co_spawn(context, open_with_probe(), [](std::exception_ptr) {});
                step_until(context, [&] { return tables->blocks(3) && store.stats().queued_appends >= 5; });
                asio::co_spawn(context, with_probe(store, pending_operations().at("close")), [](std::exception_ptr) {});
                context.poll();
            }
            BOOST_TEST(alive >= 15);
        }
        expect_nothing_left("everything");
        tables->release();
    }
}

BOOST_FIXTURE_TEST_CASE(a_thread_pool_may_be_destroyed_with_operations_pending, lifetime) {
    std::unique_ptr<blocker> tables;
    {
        asio::thread_pool pool(3);
        {
            const es::store store = open_on(pool, options().create(false));
            tables.reset(new blocker(hold_tables()));
            for (const char* const name : {"append", "read", "scan.next", "streams"})
                asio::co_spawn(pool, pending_operations().at(name)(store), [](std::exception_ptr) {});
            while (!tables->blocks(2)) std::this_thread::sleep_for(1ms);
        }
        pool.stop();
        pool.join();
    }
    expect_nothing_left("thread pool");
    tables->release();
}

BOOST_FIXTURE_TEST_CASE(a_callers_context_may_go_before_the_stores, lifetime) {
    asio::io_context home(1);
    {
        const es::store store = run(home, es::open(options()));
        blocker tables = hold_tables();
        {
            asio::io_context away(1);
            for (const auto& [name, operation] : pending_operations())
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
