// Each operation, cancelled after each handler that runs while it is under way: so at each point at which it can wait.
#include "support/stepping.hpp"
#include "support/store_fixture.hpp"

#include <set>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;

namespace {

enum class ended { well, cancelled, unknown };

// How it ended. Asio itself refuses to go on with a coroutine that was cancelled before it began, by its own error.
template <class T>
ended how_it_ended(cancellable<T>& operation) {
    try {
        operation.value();
        return ended::well;
    } catch (const es::error& e) {
        if (e.why().code() != es::errc::cancelled) throw;
        BOOST_TEST((e.code() == boost::system::errc::operation_canceled));
        return e.why()->outcome_unknown ? ended::unknown : ended::cancelled;
    } catch (const boost::system::system_error& e) {
        if (e.code() != asio::error::operation_aborted) throw;
        return ended::cancelled;
    }
}

const asio::cancellation_type kinds[] = {
    asio::cancellation_type::terminal, asio::cancellation_type::partial, asio::cancellation_type::total};

// Whether the store has connections when the operation begins, or has to make them.
enum class begins { cold, warm };

class cancelling : public store_fixture {
public:
    cancelling() {
        with_store([&](es::store store) -> asio::awaitable<void> {
            co_await store.append("a", es::no_stream, events_);
        });
    }

    const std::vector<es::event_data>& events() const { return events_; }

    // Starts `make(store)` again and again, cancels it after 0, 1, 2, ... handlers until it ends before that, and each
    // time asks `check(store, how it ended)` and whether the store still works. Returns the ways in which it ended.
    template <class Make, class Check>
    std::set<ended> cancel_at_each_point(begins with, Make make, Check check) {
        std::set<ended> ways;
        for (std::size_t after = 0;; ++after) {
            BOOST_TEST_CONTEXT("cancelled after " << after << " handlers") {
                asio::io_context context(1);
                bool ran_to_its_end = false;
                {
                    // One connection for reading: what is left in it meets the next reader.
                    const es::store store = run(context, es::open(options().pool_size(1)));
                    if (with == begins::warm) run(context, use(store));
                    cancellable operation(context, make(store));
                    step(context, after, [&] { return operation.done(); });
                    ran_to_its_end = operation.done();
                    operation.cancel(kinds[after % std::size(kinds)]);
                    step_until(context, [&] { return operation.done(); });
                    const ended how = how_it_ended(operation);
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
        return cancel_at_each_point(
            with, make, [](es::store, ended how) -> asio::awaitable<void> {
                BOOST_TEST((how != ended::unknown));
                co_return;
            });
    }

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
    std::int64_t version = 0;
    for (const begins with : {begins::cold, begins::warm})
        for (const std::size_t size : {1u, 3u}) {
            std::vector<es::event_data> list;
            const auto make = [&](es::store store) {
                list = counted(size);
                return store.append("b", es::any_version, list);
            };
            const auto check = [&](es::store, ended how) -> asio::awaitable<void> {
                if (how == ended::unknown) co_return; // looked at when the store is closed
                const std::int64_t stored = events_stored(list[0].id());
                BOOST_TEST(stored == (how == ended::well ? 1 : 0));
            };
            std::vector<std::pair<es::uuid, bool>> said; // id, stored
            const auto check_and_note = [&](es::store store, ended how) -> asio::awaitable<void> {
                co_await check(store, how);
                if (how != ended::unknown) said.emplace_back(list.back().id(), how == ended::well);
            };
            const std::set<ended> ways = cancel_at_each_point(with, make, check_and_note);
            BOOST_TEST(ways.contains(ended::well));
            BOOST_TEST(ways.contains(ended::cancelled));
            BOOST_TEST(ways.contains(ended::unknown), "no handler ran while the append was under way");
            for (const auto& [id, stored] : said) BOOST_TEST(events_stored(id) == (stored ? 1 : 0));
            version = number("select version from eventstore.streams where name = 'b'");
            BOOST_TEST(version > 0);
        }
}

BOOST_FIXTURE_TEST_CASE(a_try_append_that_is_cancelled_says_so_by_a_value, cancelling) {
    for (const begins with : {begins::cold, begins::warm})
        for (std::size_t after = 0;; ++after) {
            const es::event_data event = counted_one("x");
            asio::io_context context(1);
            bool ran_to_its_end = false;
            std::optional<es::result<es::append_result>> outcome;
            {
                const es::store store = run(context, es::open(options()));
                if (with == begins::warm) run(context, store.append("warm", es::any_version, counted_one("x")));
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
            }
            context.restart();
            context.run_for(default_deadline);
            if (!outcome || !outcome->has_value()) {
                if (outcome) expect_error(es::errc::cancelled, *outcome);
                if (!outcome || !outcome->error()->outcome_unknown) BOOST_TEST(events_stored(event.id()) == 0);
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
                const auto take = [&](es::store store) -> asio::awaitable<std::int64_t> {
                    // The scan is prepared without cancellation, by whoever runs first.
                    co_await asio::this_coro::throw_if_cancelled(false);
                    if (by_pages) {
                        const std::optional<es::event_page> page = co_await scan->next_page();
                        co_return page->back().version();
                    }
                    const std::optional<es::recorded_event> event = co_await scan->next();
                    co_return event->version();
                };
                const auto make = [&](es::store store) {
                    scan.emplace(store.scan("a", es::read_options().count(2)));
                    seen = 0;
                    return prepared(take(store), *scan, taken, seen);
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
                const std::set<ended> ways = cancel_at_each_point(with, make, check);
                BOOST_TEST(ways.contains(ended::well));
            }
}

BOOST_AUTO_TEST_SUITE_END()
