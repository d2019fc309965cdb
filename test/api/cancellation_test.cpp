// Each operation, cancelled after each handler that runs while it is under way: so at each point at which it can wait.
#include "support/stepping.hpp"
#include "support/store_fixture.hpp"

#include <set>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;

namespace {

// The value of a successful open would keep the store until the end of the test.
asio::awaitable<void> open_and_drop(es::store_options options) {
    const es::store store = co_await es::open(std::move(options));
}

// Whether the store has connections when the operation begins, or has to make them.
enum class begins { cold, warm };

class cancelling : public store_fixture {
public:
    cancelling() {
        with_store(
            [&](es::store store) -> asio::awaitable<void> { co_await store.append("a", es::no_stream, events_); });
    }

    const std::vector<es::event_data>& events() const { return events_; }

    // Starts `make(store)` again and again, cancels it after 0, 1, 2, ... handlers until it ends before that, and each
    // time asks `check(store, how it ended)` and whether the store still works. `prepare(store)` comes before it and is
    // not cancelled. Returns the ways in which it ended.
    template <class Prepare, class Make, class Check>
    std::set<ended> cancel_at_each_point(begins with, Prepare prepare, Make make, Check check) {
        std::set<ended> ways;
        for (std::size_t after = 0;; ++after) {
            BOOST_TEST_CONTEXT("cancelled after " << after << " handlers") {
                asio::io_context context;
                bool ran_to_its_end = false;
                {
                    // One connection for reading: what is left in it meets the next reader.
                    const es::store store = run(context, es::open(options().pool_size(1)));
                    if (with == begins::warm) run(context, use(store));
                    run(context, prepare(store));
                    ended how{};
                    es::test::inside(context, [&] {
                        cancellable operation(context, make(store));
                        step(context, after, [&] { return operation.done(); });
                        ran_to_its_end = operation.done();
                        operation.cancel();
                        step_until(context, [&] { return operation.done(); });
                        how = how_it_ended(operation);
                    });
                    ways.insert(how);
                    if (ran_to_its_end) BOOST_TEST((how == ended::well));
                    run(context, check(store, how));
                    run(context, use(store));
                }
                context.restart();
                context.run_for(default_deadline);
                BOOST_TEST(context.stopped());
                if (ran_to_its_end) return ways;
            }
            if (after > 2000) throw std::runtime_error("the operation does not end");
        }
    }

    template <class Make>
    std::set<ended> cancel_at_each_point(begins with, Make make) {
        return cancel_at_each_point(with, nothing_to_prepare, make, [](es::store, ended how) -> asio::awaitable<void> {
            BOOST_TEST((how != ended::unknown));
            co_return;
        });
    }

    static asio::awaitable<void> nothing_to_prepare(es::store) { co_return; }

private:
    // Every kind of statement, with answers that cannot be mistaken for each other's.
    asio::awaitable<void> use(es::store store) {
        const es::event_page page = co_await store.read("a");
        BOOST_TEST(page.size() >= 6u);
        BOOST_TEST((page[0].id() == events_[0].id()));
        const es::recorded_event found = co_await store.find_event(events_[3].id());
        BOOST_TEST(found.version() == 4);
        const es::stream_info info = co_await store.stream_info("a");
        BOOST_TEST(info.name == "a");
        const std::vector<es::stream_info> list = co_await store.streams();
        BOOST_TEST(list.at(0).name == "a");
        const std::int64_t expected = ++used_;
        const es::append_result done = co_await store.append("used", es::any_version, counted_one("x"));
        BOOST_TEST(done.first_version == expected);
        const es::event_page all = co_await store.read_all(es::read_options().from(done.first_position));
        BOOST_TEST(all.size() >= 1u);
        BOOST_TEST(all.back().stream() == "used");
        BOOST_TEST(store.stats().reads_in_flight == 0u);
        BOOST_TEST(store.stats().queued_bytes == 0u);
    }

    std::vector<es::event_data> events_ = counted(6);
    std::int64_t used_ = 0;
};

} // namespace

BOOST_AUTO_TEST_SUITE(cancellation_test)

BOOST_FIXTURE_TEST_CASE(an_append_that_is_cancelled_tells_the_truth, cancelling) {
    for (const begins with : {begins::cold, begins::warm})
        for (const std::size_t size : {1u, 3u}) {
            std::vector<es::event_data> list;
            std::vector<std::pair<es::uuid, bool>> said; // id, stored
            const auto make = [&](es::store store) {
                list = counted(size);
                if (size == 1) return store.append("b", es::any_version, list[0]);
                return store.append("b", es::any_version, list);
            };
            const auto check = [&](es::store, ended how) -> asio::awaitable<void> {
                if (how == ended::unknown) co_return;
                BOOST_TEST(events_stored(list[0].id()) == (how == ended::well ? 1 : 0));
                said.emplace_back(list.back().id(), how == ended::well);
            };
            const std::set<ended> ways = cancel_at_each_point(with, nothing_to_prepare, make, check);
            BOOST_TEST(ways.contains(ended::well));
            BOOST_TEST(ways.contains(ended::cancelled));
            BOOST_TEST(ways.contains(ended::unknown), "no handler ran while the append was under way");
            // Nor was it stored later, by a flush that went on.
            for (const auto& [id, stored] : said) BOOST_TEST(events_stored(id) == (stored ? 1 : 0));
        }
}

BOOST_FIXTURE_TEST_CASE(a_try_append_that_is_cancelled_says_so_by_a_value, cancelling) {
    for (const begins with : {begins::cold, begins::warm})
        for (std::size_t after = 0;; ++after) {
            const es::event_data event = counted_one("x");
            asio::io_context context;
            bool ran_to_its_end = false;
            std::optional<es::result<es::append_result>> outcome;
            {
                const es::store store = run(context, es::open(options()));
                if (with == begins::warm) run(context, store.append("warm", es::any_version, counted_one("x")));
                es::test::inside(context, [&] {
                    cancellable operation(context, store.try_append("b", es::any_version, event));
                    step(context, after, [&] { return operation.done(); });
                    ran_to_its_end = operation.done();
                    operation.cancel();
                    step_until(context, [&] { return operation.done(); });
                    try {
                        outcome = operation.value();
                    } catch (const boost::system::system_error& e) {
                        // Thrown by co_spawn itself, before the coroutine began.
                        BOOST_TEST((e.code() == asio::error::operation_aborted && after <= 1), e.what());
                    }
                });
            }
            context.restart();
            context.run_for(default_deadline);
            if (!outcome || !outcome->has_value()) {
                if (outcome) expect_error(es::errc::cancelled, *outcome);
                if (!outcome || !outcome->error().outcome_unknown()) BOOST_TEST(events_stored(event.id()) == 0);
            } else {
                BOOST_TEST(events_stored(event.id()) == 1);
            }
            if (ran_to_its_end) break;
        }
}

BOOST_FIXTURE_TEST_CASE(a_read_that_is_cancelled_is_abandoned, cancelling) {
    for (const begins with : {begins::cold, begins::warm}) {
        const auto read = [](es::store store) { return store.read("a", es::read_options().from(2)); };
        const auto all = [](es::store store) { return store.read_all(es::read_options().backward()); };
        const auto filtered = [](es::store store) {
            return store.read_all(es::read_options().type("Counted").stream_prefix("a"));
        };
        for (const std::set<ended>& ways :
            {cancel_at_each_point(with, read), cancel_at_each_point(with, all), cancel_at_each_point(with, filtered)}) {
            BOOST_TEST(ways.contains(ended::well));
            BOOST_TEST(ways.contains(ended::cancelled));
        }
    }
}

BOOST_FIXTURE_TEST_CASE(a_question_that_is_cancelled_is_abandoned, cancelling) {
    for (const begins with : {begins::cold, begins::warm}) {
        const auto find = [&](es::store store) { return store.find_event(events()[4].id()); };
        const auto info = [](es::store store) { return store.stream_info("a"); };
        const auto log_info = [](es::store store) { return store.stream_info("$all"); };
        const auto streams = [](es::store store) { return store.streams(); };
        for (const std::set<ended>& ways : {cancel_at_each_point(with, find), cancel_at_each_point(with, info),
                 cancel_at_each_point(with, log_info), cancel_at_each_point(with, streams)}) {
            BOOST_TEST(ways.contains(ended::well));
            BOOST_TEST(ways.contains(ended::cancelled));
        }
    }
}

BOOST_FIXTURE_TEST_CASE(a_next_that_is_cancelled_takes_nothing, cancelling) {
    for (const begins with : {begins::cold, begins::warm})
        for (const bool by_pages : {false, true})
            for (const std::int64_t taken : {0, 1, 2, 3}) { // in pages of two: within one, and between two
                std::optional<es::event_scan> scan;
                std::int64_t seen = 0;
                const auto prepare = [&](es::store store) -> asio::awaitable<void> {
                    scan.emplace(store.scan("a", es::read_options().count(2)));
                    for (seen = 0; seen < taken; ++seen) co_await scan->next();
                };
                const auto make = [&](es::store) -> asio::awaitable<void> {
                    // What was taken is noted by whoever got it, cancelled or not.
                    if (by_pages) {
                        const std::optional<es::event_page> page = co_await scan->next_page();
                        BOOST_TEST(page->front().version() == seen + 1);
                        seen = page->back().version();
                    } else {
                        const std::optional<es::recorded_event> event = co_await scan->next();
                        BOOST_TEST(event->version() == seen + 1);
                        seen = event->version();
                    }
                };
                const auto check = [&](es::store, ended how) -> asio::awaitable<void> {
                    BOOST_TEST((how != ended::unknown));
                    while (const std::optional<es::recorded_event> event = co_await scan->next()) {
                        BOOST_TEST(event->version() == seen + 1);
                        seen = event->version();
                    }
                    BOOST_TEST(seen == 6);
                    scan.reset();
                };
                const std::set<ended> ways = cancel_at_each_point(with, prepare, make, check);
                BOOST_TEST(ways.contains(ended::well));
                if (taken == 0) BOOST_TEST(ways.contains(ended::cancelled));
            }
}

BOOST_FIXTURE_TEST_CASE(an_open_that_is_cancelled_leaves_nothing_behind, store_fixture) {
    for (const bool create : {true, false}) {
        std::set<ended> ways;
        for (std::size_t after = 0; after < 5000; ++after) {
            asio::io_context context;
            bool ran_to_its_end = false;
            es::test::inside(context, [&] {
                cancellable operation(context, open_and_drop(options().create(create)));
                step(context, after, [&] { return operation.done(); });
                ran_to_its_end = operation.done();
                operation.cancel();
                step_until(context, [&] { return operation.done(); });
                const ended how = how_it_ended(operation);
                ways.insert(how);
                if (ran_to_its_end) BOOST_TEST((how == ended::well));
            });
            context.restart();
            context.run_for(default_deadline);
            BOOST_TEST(context.stopped());
            if (ran_to_its_end) break;
        }
        BOOST_TEST(ways.contains(ended::well));
        BOOST_TEST(ways.contains(ended::cancelled));
        BOOST_TEST(!ways.contains(ended::unknown));
    }
    with_store(
        [&](es::store store) -> asio::awaitable<void> { co_await store.append("a", es::no_stream, counted_one("x")); });
}

BOOST_FIXTURE_TEST_CASE(a_close_that_is_cancelled_goes_on, cancelling) {
    std::set<ended> ways;
    for (std::size_t after = 0; after < 2000; ++after) {
        asio::io_context context;
        bool ran_to_its_end = false;
        const es::event_data event = counted_one("x");
        std::optional<started<es::append_result>> append;
        {
            const es::store store = run(context, es::open(options()));
            append.emplace(context.get_executor(), store.append("b", es::any_version, event));
            step_until(context, [&] { return store.stats().queued_bytes > 0; });
            es::test::inside(context, [&] {
                cancellable operation(context, store.close());
                step(context, after, [&] { return operation.done(); });
                ran_to_its_end = operation.done();
                operation.cancel();
                step_until(context, [&] { return operation.done(); });
                const ended how = how_it_ended(operation);
                BOOST_TEST((how != ended::unknown));
                ways.insert(how);
            });
            // Cancelled before it began, it has closed nothing; otherwise nothing opens the store again.
            if (after > 2) run(context, expect_error(es::errc::store_closed, store.read("a")));
        }
        context.restart();
        context.run_for(default_deadline);
        BOOST_TEST(context.stopped());
        BOOST_REQUIRE(append->done());
        BOOST_TEST(append->value().first_version >= 1);
        BOOST_TEST(events_stored(event.id()) == 1);
        if (ran_to_its_end) break;
    }
    BOOST_TEST(ways.contains(ended::well));
    BOOST_TEST(ways.contains(ended::cancelled));
}

BOOST_AUTO_TEST_SUITE_END()
