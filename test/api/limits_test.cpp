// Limits of time and of memory, and the end of a store.
#include "support/concurrently.hpp"
#include "support/conditions.hpp"
#include "support/store_fixture.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;

namespace {

using outcome = es::result<es::append_result>;

es::event_data sized(std::size_t bytes) { return es::event_data("Sized", std::string(bytes, 'x')); }

} // namespace

BOOST_AUTO_TEST_SUITE(limits_test)

BOOST_FIXTURE_TEST_CASE(a_lock_that_is_held_too_long_is_told_with_its_holder, store_fixture, *own_sessions()) {
    with_store(options().operation_timeout(1200ms), [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted_one("1"));
        for (const std::size_t size : {1u, 3u}) {
            blocker log = hold_log();
            const outcome refused = co_await store.try_append("a", es::any_version, counted(size));
            const es::failure why = expect_error(es::errc::lock_timeout, refused);
            BOOST_TEST(why.message().find(std::to_string(log.pid())) != std::string::npos, why.message());
            BOOST_TEST(why.sqlstate() == "55P03");
            BOOST_TEST(why.retry_helps());
            BOOST_TEST(!why.outcome_unknown());
            log.release();
            BOOST_TEST(events_stored() == 1);
        }
        co_await store.append("a", 1, counted_one("2"));
    });
    BOOST_TEST(events_stored() == 2);
}

BOOST_FIXTURE_TEST_CASE(an_append_that_was_sent_and_timed_out_has_an_unknown_outcome, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted_one("1"));
        for (const std::size_t size : {1u, 3u}) {
            const std::vector<es::event_data> events = counted(size);
            const std::int64_t before = events_stored();
            blocker log = hold_log();
            const auto began = std::chrono::steady_clock::now();
            const outcome late = co_await store.within(100ms).try_append("a", es::any_version, events);
            const es::failure why = expect_error(es::errc::lock_timeout, late);
            BOOST_TEST(why.message().find(std::to_string(log.pid())) != std::string::npos, why.message());
            BOOST_TEST((std::chrono::steady_clock::now() - began >= 100ms));
            BOOST_TEST((std::chrono::steady_clock::now() - began < 2s));
            BOOST_TEST(why.outcome_unknown());
            BOOST_TEST(why.retry_helps());
            BOOST_TEST(why.stream() == "a");
            log.release();
            const es::append_result again = co_await store.append("a", es::any_version, events);
            BOOST_TEST(again.first_version == before + 1);
            BOOST_TEST(events_stored() == before + static_cast<std::int64_t>(size));
        }
    });
}

BOOST_FIXTURE_TEST_CASE(an_append_that_was_queued_and_timed_out_is_not_stored, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        blocker log = hold_log();
        started<es::append_result> first = co_await start(store.append("a", es::no_stream, counted_one("first")));
        co_await eventually([&] { return log.blocks(); });
        const es::event_data never = counted_one("never");
        const outcome late = co_await store.within(100ms).try_append("a", es::any_version, never);
        const es::failure why = expect_error(es::errc::lock_timeout, late);
        BOOST_TEST(why.message().find(std::to_string(log.pid())) != std::string::npos, why.message());
        BOOST_TEST(!why.outcome_unknown());
        BOOST_TEST(why.retry_helps());
        BOOST_TEST(!first.done());
        BOOST_TEST(store.stats().queued_appends == 0u);
        log.release();
        co_await eventually([&] { return first.done(); });
        co_await store.append("a", 1, counted_one("second"));
    });
    TEST_SAME(stored_in("a"), texts({"first", "second"}));
}

// One caller's short patience is not the others'.
BOOST_FIXTURE_TEST_CASE(a_flush_goes_on_for_the_others_when_one_of_them_times_out, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        blocker log = hold_log();
        std::vector<asio::awaitable<outcome>> work;
        work.push_back(store.try_append("a", es::any_version, counted_one("1")));
        work.push_back(store.within(200ms).try_append("b", es::any_version, counted_one("1")));
        work.push_back(store.try_append("c", es::any_version, counted_one("1")));
        auto all = co_await start(concurrently(std::move(work)));
        co_await eventually([&] { return log.blocks(); });
        asio::steady_timer timer(co_await asio::this_coro::executor, 400ms);
        co_await timer.async_wait(asio::use_awaitable);
        log.release();
        co_await eventually([&] { return all.done(); });
        BOOST_TEST(all.value()[0].has_value());
        expect_error(es::errc::lock_timeout, all.value()[1]);
        BOOST_TEST(all.value()[2].has_value());
        BOOST_TEST(store.stats().retried_flushes == 0u);
    });
}

BOOST_FIXTURE_TEST_CASE(a_read_that_times_out_leaves_nothing_half_read, store_fixture) {
    with_store(options().pool_size(1).operation_timeout(2s), [&](es::store store) -> asio::awaitable<void> {
        const std::vector<es::event_data> events = counted(5);
        co_await store.append("a", es::no_stream, events);
        co_await store.append("b", es::no_stream, counted(5, "b"));
        for (int round = 0; round < 3; ++round) {
            blocker tables = hold_tables();
            const es::store hurried = store.within(100ms);
            const auto read = [&](int i) -> asio::awaitable<void> {
                co_await expect_error(es::errc::timeout, hurried.read("a", es::read_options().from(i)));
            };
            std::vector<asio::awaitable<void>> work;
            for (int i = 0; i < 5; ++i) work.push_back(read(i));
            co_await concurrently(std::move(work));
            co_await expect_error(es::errc::timeout, hurried.stream_info("a"));
            co_await expect_error(es::errc::timeout, hurried.streams());
            co_await expect_error(es::errc::timeout, hurried.find_event(events[0].id()));
            tables.release();
            const es::event_page page = co_await store.read("b");
            TEST_SAME(data_of(page), data_of(counted(5, "b")));
            const es::recorded_event found = co_await store.find_event(events[2].id());
            BOOST_TEST(found.version() == 3);
        }
    });
}

BOOST_FIXTURE_TEST_CASE(a_read_that_nobody_waits_for_any_more_ends_on_the_server, store_fixture, *own_sessions()) {
    with_store(options().operation_timeout(1s), [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(5));
        blocker tables = hold_tables();
        co_await expect_error(es::errc::timeout, store.within(100ms).read("a"));
        co_await eventually([&] { return tables.blocked().empty(); });
        tables.release();
        const es::event_page page = co_await store.read("a");
        BOOST_TEST(page.size() == 5u);
    });
}

BOOST_FIXTURE_TEST_CASE(a_full_queue_makes_appends_wait_or_fail, store_fixture) {
    for (const bool fails : {false, true})
        with_store(
            options().max_queued_bytes(10'000).fail_when_full(fails), [&](es::store store) -> asio::awaitable<void> {
                const std::string stream = fails ? "fails" : "waits";
                blocker log = hold_log();
                started<outcome> first = co_await start(store.try_append(stream, es::any_version, sized(4000)));
                co_await eventually([&] { return log.blocks(); });
                started<outcome> second = co_await start(store.try_append(stream, es::any_version, sized(4000)));
                started<outcome> third = co_await start(store.try_append(stream, es::any_version, sized(4000)));
                started<outcome> small = co_await start(store.try_append(stream, es::any_version, sized(1)));
                co_await eventually([&] { return store.stats().queued_appends >= (fails ? 1u : 3u); });
                co_await let_others_run();
                BOOST_TEST(store.stats().queued_bytes <= 10'000u);
                BOOST_TEST(!second.done());
                if (fails) {
                    co_await eventually([&] { return third.done(); });
                    const es::failure why = expect_error(es::errc::overloaded, third.value());
                    BOOST_TEST(why.retry_helps());
                    BOOST_TEST(!why.outcome_unknown());
                } else {
                    BOOST_TEST(!third.done());
                    BOOST_TEST(!small.done()); // it would fit, but it does not overtake
                }
                log.release();
                co_await eventually([&] { return first.done() && second.done() && third.done() && small.done(); });
                BOOST_TEST(first.value().value().first_version == 1);
                BOOST_TEST(second.value().value().first_version == 2);
                if (!fails) {
                    BOOST_TEST(third.value().value().first_version == 3);
                    BOOST_TEST(small.value().value().first_version == 4);
                }
                BOOST_TEST(store.stats().queued_bytes == 0u);
                const outcome after = co_await store.try_append(stream, es::any_version, sized(9000));
                BOOST_TEST(after.has_value());
            });
}

BOOST_FIXTURE_TEST_CASE(a_closed_store_refuses_everything_and_says_so, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const std::vector<es::event_data> events = counted(5);
        co_await store.append("a", es::no_stream, events);
        const es::store other = store;
        es::event_scan scan = store.scan("a", es::read_options().count(1));
        const std::optional<es::recorded_event> first = co_await scan.next();
        BOOST_TEST(first.has_value());
        co_await store.close();
        co_await store.close();
        co_await other.close();
        const es::errc closed = es::errc::store_closed;
        for (const es::store& handle : {store, other, store.within(1s)}) {
            co_await expect_error(closed, handle.append("a", es::any_version, counted_one("x")));
            co_await expect_error(closed, handle.append("a", es::any_version, counted(2)));
            co_await expect_error(closed, handle.try_append("a", es::any_version, counted_one("x")));
            co_await expect_error(closed, handle.read("a"));
            co_await expect_error(closed, handle.read_all());
            co_await expect_error(closed, handle.find_event(events[0].id()));
            co_await expect_error(closed, handle.stream_info("a"));
            co_await expect_error(closed, handle.streams());
            es::event_scan late = handle.scan("a");
            co_await expect_error(closed, late.next());
            BOOST_TEST(handle.stats().appends == 1u);
        }
        const auto to_the_end = [&]() -> asio::awaitable<void> {
            while (const std::optional<es::event_page> page = co_await scan.next_page()) {
            }
        };
        co_await expect_error(closed, to_the_end());
        BOOST_TEST(first->data() == "1");
    });
    BOOST_TEST(events_stored() == 5);
}

BOOST_FIXTURE_TEST_CASE(close_lets_what_was_queued_be_appended, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        std::vector<asio::awaitable<outcome>> work;
        for (int i = 0; i < 100; ++i) work.push_back(store.try_append("a", es::any_version, counted_one("x")));
        auto all = co_await start(concurrently(std::move(work)));
        co_await eventually([&] { return store.stats().queued_bytes > 0 || store.stats().appends > 0; });
        co_await store.close();
        co_await let_others_run();
        co_await eventually([&] { return all.done(); });
        for (const outcome& each : all.value()) BOOST_TEST(each.has_value());
    });
    BOOST_TEST(events_stored() == 100);
}

BOOST_FIXTURE_TEST_CASE(close_lets_reads_under_way_come_to_their_end, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(5));
        blocker tables = hold_tables();
        started<es::event_page> read = co_await start(store.read("a"));
        co_await eventually([&] { return tables.blocks(); });
        started<void> closing = co_await start(store.close());
        co_await let_others_run();
        tables.release();
        co_await eventually([&] { return read.done() && closing.done(); });
        BOOST_TEST(read.value().size() == 5u);
    });
}

BOOST_FIXTURE_TEST_CASE(close_gives_up_after_close_timeout, store_fixture) {
    with_store(options().close_timeout(300ms), [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(5));
        blocker tables = hold_tables();
        started<outcome> sent = co_await start(store.try_append("a", es::any_version, counted_one("sent")));
        started<es::event_page> read = co_await start(store.read("a"));
        co_await eventually([&] { return tables.blocks(2); });
        started<outcome> queued = co_await start(store.try_append("a", es::any_version, counted_one("queued")));
        co_await eventually([&] { return store.stats().queued_appends == 1; });
        const auto began = std::chrono::steady_clock::now();
        co_await store.close();
        const auto took = std::chrono::steady_clock::now() - began;
        BOOST_TEST((took >= 250ms && took < patient(3s)));
        co_await eventually([&] { return sent.done() && queued.done() && read.done(); });
        const es::failure sent_why = expect_error(es::errc::store_closed, sent.value());
        BOOST_TEST(sent_why.outcome_unknown());
        const es::failure queued_why = expect_error(es::errc::store_closed, queued.value());
        BOOST_TEST(!queued_why.outcome_unknown());
        bool closed = false;
        try {
            read.value();
        } catch (const es::error& e) {
            closed = e.why().code() == es::errc::store_closed;
        }
        BOOST_TEST(closed);
        tables.release();
    });
    const texts stored = stored_in("a");
    BOOST_TEST((std::find(stored.begin(), stored.end(), "queued") == stored.end()));
}

BOOST_AUTO_TEST_SUITE_END()
