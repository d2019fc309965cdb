// A store on one context, its callers on another, and one of the two ends first: whatever is pending, at each point of it.
#include "support/pending_operations.hpp"
#include "support/stepping.hpp"

#include "base/live_objects.hpp"

#include <eventstore/store_group.hpp>
#include <eventstore/transaction.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;

namespace {

/// How a caller's operation has ended.
struct how_ended {
    bool done = false;
    std::optional<es::failure> why;
};

asio::awaitable<void> call(es::store of, const store_work& operation, how_ended& how) {
    try {
        co_await operation(std::move(of));
    } catch (const es::error& e) {
        how.why = e.why();
    }
    how.done = true;
}

/// Points at which to interrupt: each of the first, then ever fewer.
std::size_t next_point(std::size_t last) { return last + 1 + last / 6; }

class two_contexts : public store_fixture {
public:
    two_contexts() {
        with_store(
            [&](es::store mine) -> asio::awaitable<void> { co_await mine.append("a", es::no_stream, counted(6)); });
        before_ = es::detail::live_objects();
    }

    void open() {
        home.emplace(1);
        away.emplace(1);
        store = run(*home, es::open(options()));
        how = how_ended();
    }

    /// Runs about as many handlers of the two contexts, in turn; fewer if the operation ends before.
    void run_handlers(std::size_t count) {
        const patience limit(default_deadline);
        home->restart();
        for (std::size_t ran = 0; ran < count && !how.done && !limit.is_over();) {
            away->restart();
            const std::size_t ready = away->poll_one() + home->poll_one();
            ran += ready != 0 ? ready : home->run_one_for(1ms);
        }
    }

    /// Interrupts each kind of operation at each point of it; `end` ends the contexts, and is told which operation it was.
    template <class End>
    void interrupt_each(bool keeps_handle, End end) {
        for (const auto& [name, operation] : pending_operations()) {
            bool ran_to_its_end = false;
            for (std::size_t after = 0; after < 3000 && !ran_to_its_end; after = next_point(after)) {
                const std::string what = name + " after " + std::to_string(after) + " handlers";
                open();
                asio::co_spawn(*away, call(store, operation, how), [](std::exception_ptr) {});
                if (!keeps_handle) store = es::store();
                run_handlers(after);
                ran_to_its_end = how.done;
                BOOST_TEST_CONTEXT(what) { end(name); }
                if (!nothing_is_left(what)) return;
            }
            BOOST_TEST(ran_to_its_end, name);
        }
    }

    bool nothing_is_left(const std::string& what) {
        const long left = es::detail::live_objects() - std::exchange(before_, es::detail::live_objects());
        BOOST_TEST(left == 0, what << ": " << left << " objects are left");
        return left == 0;
    }

    std::optional<asio::io_context> home; // of the store
    std::optional<asio::io_context> away; // of its callers
    es::store store;
    how_ended how;

private:
    long before_ = 0;
};

} // namespace

BOOST_AUTO_TEST_SUITE(context_end_test)

BOOST_FIXTURE_TEST_CASE(a_callers_operation_ends_when_the_context_of_its_store_does, two_contexts) {
    interrupt_each(false, [&](const std::string&) {
        home.reset();
        step(*away, 3000, [&] { return how.done; });
        BOOST_REQUIRE_MESSAGE(how.done, "it goes on for ever");
        const bool is_closed = how.why && how.why->code() == es::errc::store_closed;
        BOOST_TEST((!how.why || is_closed), (how.why ? how.why->message() : ""));
        away.reset();
    });
}

// Nobody resumes it: its frame is destroyed with its own context, when the store's is long gone.
BOOST_FIXTURE_TEST_CASE(a_callers_operation_outlives_the_store_in_peace, two_contexts) {
    interrupt_each(false, [&](const std::string&) {
        home.reset();
        away.reset();
    });
}

BOOST_FIXTURE_TEST_CASE(a_store_outlives_the_context_of_a_caller_at_each_point, two_contexts) {
    interrupt_each(true, [&](const std::string& name) {
        away.reset();
        if (!name.starts_with("close")) {
            const es::event_page page = run(*home, store.read("a"));
            BOOST_TEST(page.size() == 6u);
        }
        store = es::store();
        home->restart();
        home->run_for(patient(default_deadline));
        BOOST_TEST(home->stopped());
        home.reset();
    });
}

BOOST_FIXTURE_TEST_CASE(handles_that_outlive_the_context_are_refused_everything, two_contexts) {
    open();
    es::subscription every = run(*home, store.subscribe_to_all("every"));
    std::optional<es::event_batch> batch = run(*home, every.next());
    es::event_listener heard = run(*home, store.listen_to_all());
    es::transaction change = run(*home, store.begin());
    es::event_scan scan = store.scan("a", es::read_options().count(2));
    BOOST_TEST(run(*home, scan.next()).has_value());
    home.reset();
    for (const auto& [name, operation] : pending_operations()) {
        how = how_ended();
        asio::co_spawn(*away, call(store, operation, how), [](std::exception_ptr) {});
        step_until(*away, [&] { return how.done; });
        const bool starts_others = name.starts_with("close, ") || name.starts_with("two at a time"); // and asks nothing
        const bool is_told = name != "close" && name != "try_append" && !starts_others;
        BOOST_TEST((!is_told || (how.why && how.why->code() == es::errc::store_closed)), name);
    }
    const auto rest = [&]() -> asio::awaitable<void> {
        BOOST_TEST(!(co_await every.next()).has_value());
        BOOST_TEST(!(co_await heard.next()).has_value());
        co_await every.unsubscribe();
        BOOST_TEST((co_await scan.next()).has_value()); // of the page that it has
        co_await expect_error(es::errc::store_closed, scan.next());
        co_await expect_error(es::errc::store_closed, change.execute("select 1"));
        co_await expect_error(es::errc::store_closed, change.commit());
    };
    BOOST_CHECK_THROW(batch->ack(), es::error);
    run(*away, rest());
    BOOST_TEST(store.stats().connections == 0u);
    store = es::store();
}

BOOST_FIXTURE_TEST_CASE(handles_of_a_store_on_a_strand_outlive_its_context, two_contexts) {
    away.emplace(1);
    home.emplace(1);
    store = run(*home, es::open(options().executor(asio::make_strand(*home))));
    home.reset();
    run(*away, expect_error(es::errc::store_closed, store.read("a")));
    store = es::store();
}

BOOST_FIXTURE_TEST_CASE(the_handles_of_a_group_outlive_its_context, two_contexts) {
    away.emplace(1);
    home.emplace(1);
    es::store_group group = run(*home, es::open_group(options()));
    const auto opened = [&]() -> asio::awaitable<es::store> { return group.open(schema()); };
    store = run(*home, opened());
    es::subscription every = run(*home, store.subscribe_to_all("every"));
    for (const auto& [name, operation] : pending_operations()) {
        if (!name.starts_with("close")) asio::co_spawn(*away, operation(store), [](std::exception_ptr) {});
    }
    run_handlers(300);
    home.reset();
    run(*away, expect_error(es::errc::store_closed, opened()));
    run(*away, expect_error(es::errc::store_closed, store.read("a")));
    store = es::store();
    away.reset(); // with what waits there
}

// Calls that are under way; nobody begins one while the context is destroyed.
BOOST_FIXTURE_TEST_CASE(calls_of_other_threads_end_with_the_context_of_the_store, two_contexts) {
    constexpr const char* names[] = {
        "append", "read", "read_all", "find_event", "stream_info", "streams", "delete_stream", "wait_for"};
    for (int round = 0; round < 10; ++round) {
        asio::thread_pool callers(2);
        std::atomic<bool> is_over{false};
        std::atomic<std::size_t> calls{0};
        std::atomic<std::size_t> ended{0};
        std::atomic<std::size_t> others{0};
        home.emplace(1);
        // It is run only once all may have called, and a store with nothing to do keeps no context from stopping.
        std::optional work(asio::make_work_guard(*home));
        store = run(*home, es::open(options()));
        const auto again_and_again = [&](es::store mine, const store_work& operation) -> asio::awaitable<void> {
            while (!is_over) {
                how_ended each;
                co_await call(mine, operation, each);
                ++calls;
                if (each.why && each.why->code() != es::errc::store_closed) ++others;
            }
            ++ended;
        };
        std::vector<asio::strand<asio::thread_pool::executor_type>> strands;
        for (const char* const name : names) {
            strands.push_back(asio::make_strand(callers));
            asio::co_spawn(
                strands.back(), again_and_again(store, pending_operations().at(name)), [](std::exception_ptr) {});
        }
        store = es::store();
        std::thread([&] {
            const patience limit(default_deadline);
            while (calls < 100 && !limit.is_over()) home->run_one_for(10ms);
        }).join();
        is_over = true;
        for (const auto& each : strands) asio::post(each, asio::use_future).get(); // what was resumed waits again
        work.reset();
        home.reset();
        callers.join();
        BOOST_TEST(calls >= 100u);
        BOOST_TEST(ended == std::size(names));
        BOOST_TEST(others == 0u);
    }
}

BOOST_AUTO_TEST_SUITE_END()
