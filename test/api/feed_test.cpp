// Subscribers and what goes wrong around them: connections that break, servers that restart, gaps, floods.

#include "support/conditions.hpp"
#include "support/receive.hpp"

#include <eventstore/embedded_postgres.hpp>

#include <algorithm>
#include <atomic>
#include <thread>

BOOST_AUTO_TEST_SUITE(feed_test)

using namespace eventstore::test;
using namespace std::chrono_literals;
namespace es = eventstore;

BOOST_FIXTURE_TEST_CASE(
    what_is_appended_while_the_listener_is_cut_off_arrives_after_it, store_fixture, *own_sessions()) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        es::subscription all = co_await store.subscribe_to_all("reader");
        const es::store other = co_await es::open(options());
        for (std::size_t i = 1; i <= 30; ++i) {
            if (i % 5 == 0) terminate_backends();
            co_await other.append("a", es::any_version, counted_one(std::to_string(i)));
        }
        const texts heard = co_await receive(all, 30);
        TEST_SAME(heard, data_of_counted(1, 30));
    };
    with_store(body);
}

// As after a fail-over to a standby that did not have the last event: another one stands in its place.
BOOST_FIXTURE_TEST_CASE(
    a_log_that_was_cut_back_behind_what_was_told_ends_the_subscription, store_fixture, *own_sessions()) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        es::subscription all = co_await store.subscribe_to_all("reader");
        es::event_listener live = co_await store.listen_to_all();
        co_await store.append("a", es::any_version, counted(2));
        const texts told = co_await receive(all, 2);
        BOOST_TEST(told.size() == 2u);
        co_await live.next(5s);
        ask("alter table eventstore.events disable trigger user;"
            "update eventstore.events set event_id = gen_random_uuid() where position = 2;"
            "alter table eventstore.events enable trigger user");
        terminate_backends();
        co_await expect_error(es::errc::log_truncated, live.next(5s));
        co_await expect_error(es::errc::log_truncated, all.next(5s));
    };
    with_store(body);
}

// What was told to followers that have left is not what the next ones were told.
BOOST_FIXTURE_TEST_CASE(
    followers_that_came_after_others_had_left_go_on_after_a_broken_connection, store_fixture, *own_sessions()) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        es::subscription first = co_await store.subscribe_to_all("first");
        co_await store.append("a", es::any_version, counted_one("1"));
        const texts of_first = co_await receive(first, 1);
        TEST_SAME(of_first, texts({"1"}));
        co_await first.unsubscribe();
        co_await store.append("a", es::any_version, counted_one("2")); // nobody follows
        es::subscription second = co_await store.subscribe_to_all("second");
        const texts before = co_await receive(second, 2);
        TEST_SAME(before, texts({"1", "2"}));
        terminate_backends();
        const es::store other = co_await es::open(options());
        co_await other.append("a", es::any_version, counted_one("3"));
        const texts after = co_await receive(second, 1);
        TEST_SAME(after, texts({"3"}));
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_soft_deleted_stream_is_silent_but_all_still_tells_of_it, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("gone", es::any_version, counted(2));
        delete_stream_softly("gone");
        es::subscription one = co_await store.subscribe("gone", "reader");
        const texts nothing = co_await receive(one, 0);
        BOOST_TEST(nothing.empty());
        es::subscription all = co_await store.subscribe_to_all("reader");
        const texts told = co_await receive(all, 2);
        TEST_SAME(told, data_of_counted(1, 2));
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(
    a_stream_that_is_restored_is_delivered_at_once_or_without_a_word_within_a_second, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        for (const bool is_own : {true, false}) {
            const std::string name = is_own ? "mine" : "others";
            co_await store.append(name, es::any_version, counted(2, name));
            co_await store.delete_stream(name, es::any_version, es::deletion::soft);
            es::subscription one = co_await store.subscribe(name, "reader");
            const texts nothing = co_await receive(one, 0);
            BOOST_TEST(nothing.empty());
            const auto begun = std::chrono::steady_clock::now();
            if (is_own)
                co_await store.restore_stream(name);
            else // as if the notification had been lost
                ask("update eventstore.streams set deleted_at = null, deletion = null where name = " +
                    quoted_text(name));
            const texts told = co_await receive(one, 2);
            TEST_SAME(told, data_of(counted(2, name)));
            BOOST_TEST((std::chrono::steady_clock::now() - begun < 3s));
        }
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(what_nobody_told_of_is_found_within_a_second, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        es::subscription all = co_await store.subscribe_to_all("reader");
        for (int i = 1; i <= 3; ++i) {
            const auto begun = std::chrono::steady_clock::now();
            ask("select eventstore.append_event('a', -1, gen_random_uuid(), 'Counted', '" + std::to_string(i) +
                "', '', null, null, null, false)");
            const texts told = co_await receive(all, 1);
            TEST_SAME(told, texts({std::to_string(i)}));
            BOOST_TEST((std::chrono::steady_clock::now() - begun < 3s));
        }
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(two_schemas_of_one_database_hear_nothing_of_each_other, store_fixture) {
    const fresh_schema elsewhere;
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        const es::store other = co_await es::open(options().schema(elsewhere.name()));
        es::subscription here = co_await store.subscribe_to_all("reader");
        es::subscription there = co_await other.subscribe_to_all("reader");
        co_await store.append("a", es::any_version, counted(1, "here"));
        co_await other.append("a", es::any_version, counted(1, "there"));
        const texts of_here = co_await receive(here, 1);
        TEST_SAME(of_here, texts({"here1"}));
        const texts of_there = co_await receive(there, 1);
        TEST_SAME(of_there, texts({"there1"}));
        co_await there.unsubscribe();
        co_await other.close();
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(hard_deleted_events_leave_gaps_that_are_passed_over, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(3, "a"));
        co_await store.append("b", es::any_version, counted(3, "b"));
        co_await store.append("c", es::any_version, counted(1, "c"));
        es::subscription resumed = co_await store.subscribe_to_all("resumed", es::subscription_options().max_batch(1));
        (co_await resumed.next(5s))->ack();
        co_await resumed.unsubscribe();
        delete_events("position in (1, 2, 3, 5, 7)"); // the checkpoint's own, too
        es::subscription all = co_await store.subscribe_to_all("all");
        const texts of_all = co_await receive(all, 2);
        TEST_SAME(of_all, texts({"b1", "b3"}));
        es::subscription again = co_await store.subscribe_to_all("resumed");
        const texts rest = co_await receive(again, 2);
        TEST_SAME(rest, texts({"b1", "b3"}));
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_subscription_that_stands_still_catches_up_and_slows_nobody, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        constexpr std::size_t appends = 100;
        constexpr std::size_t each_has = 1'000;
        auto how = es::subscription_options().group_by(es::grouping::none).max_batch(1'000);
        es::subscription slow = co_await store.subscribe_to_all("slow", how);
        es::subscription quick = co_await store.subscribe_to_all("quick", how);
        co_await store.append("first", es::no_stream, counted_one("x"));
        auto held = co_await slow.next(5s);
        std::size_t seen = 0;
        for (std::size_t i = 0; i < appends; ++i) {
            co_await store.append("s-" + std::to_string(i % 7), es::any_version, counted(each_has));
            while (seen < i * each_has + 1) {
                auto batch = co_await quick.next(5s);
                seen += batch->size();
                batch->ack();
            }
        }
        held->ack();
        std::int64_t last = 1;
        bool in_order = true;
        while (last < static_cast<std::int64_t>(appends * each_has + 1)) {
            auto batch = co_await slow.next(5s);
            BOOST_TEST_REQUIRE(!batch->empty());
            for (const es::recorded_event& each : *batch) {
                in_order = in_order && each.position() == last + 1;
                last = each.position();
            }
            batch->ack();
        }
        BOOST_TEST(in_order);
        co_await store.append("first", 1, counted_one("live again"));
        const texts live = co_await receive(slow, 1);
        TEST_SAME(live, texts({"live again"}));
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(writers_and_subscribers_on_four_threads_miss_nothing, store_fixture) {
    constexpr int writers = 4;
    constexpr int appends = 100;
    std::mutex mutex;
    texts problems;
    const auto body = [&]() -> asio::awaitable<void> {
        const es::store store = co_await es::open(options());
        const es::store other = co_await es::open(options());
        const auto write = [&](int number) -> asio::awaitable<void> {
            const es::store& to = number % 2 == 0 ? store : other;
            for (int i = 0; i < appends; ++i) {
                const auto events = counted(1 + static_cast<std::size_t>(i % 3));
                co_await to.append("s-" + std::to_string(number), es::any_version, events);
            }
        };
        const auto subscribe = [&](int number) -> asio::awaitable<void> {
            const es::store& from = number % 2 == 0 ? store : other;
            auto how = es::subscription_options().max_queued(1 + static_cast<std::size_t>(number) * 20);
            es::subscription all = co_await from.subscribe_to_all("r-" + std::to_string(number), how);
            std::int64_t next = 1;
            while (next <= writers * (appends * 2 - 1)) {
                auto batch = co_await all.next(10s);
                if (!batch || batch->empty()) break;
                for (const es::recorded_event& each : *batch) {
                    if (each.position() == next++) continue;
                    const std::lock_guard lock(mutex);
                    problems.push_back("position " + std::to_string(each.position()) + " where " +
                        std::to_string(next - 1) + " should be");
                    co_return;
                }
                batch->ack();
            }
            const std::lock_guard lock(mutex);
            if (next != writers * (appends * 2 - 1) + 1) problems.push_back("ended at " + std::to_string(next));
        };
        std::vector<asio::awaitable<void>> work;
        for (int i = 0; i < writers; ++i) work.push_back(write(i));
        for (int i = 0; i < 6; ++i) work.push_back(subscribe(i));
        co_await concurrently(std::move(work));
        co_await store.close();
        co_await other.close();
    };
    run_threads(4, body(), 120s);
    TEST_SAME(problems, texts());
}

BOOST_AUTO_TEST_CASE(subscribers_go_on_after_their_server_was_restarted_under_load) {
    es::embedded_postgres server = es::embedded_postgres::start_now();
    std::atomic<bool> restarting = true;
    std::atomic<bool> opened = false;
    std::jthread operator_([&] {
        opened.wait(false); // it is the subscribers that must go on
        for (const auto how : {es::embedded_postgres::shutdown::fast, es::embedded_postgres::shutdown::immediate,
                 es::embedded_postgres::shutdown::fast, es::embedded_postgres::shutdown::immediate}) {
            std::this_thread::sleep_for(300ms); // what gets done in between is the point
            server.restart(how);
        }
        restarting = false;
    });
    std::int64_t appended = 0;
    std::int64_t next = 1;
    bool in_order = true;
    bool is_written = false;
    const auto body = [&]() -> asio::awaitable<void> {
        const es::store store = co_await es::open(es::store_options(server.url()).create().operation_timeout(30s));
        es::subscription all = co_await store.subscribe_to_all("reader");
        opened = true;
        opened.notify_all();
        const auto write = [&]() -> asio::awaitable<void> {
            for (int i = 0; restarting || i < 20; ++i) {
                const es::append_result done =
                    co_await store.append("s-" + std::to_string(i % 3), es::any_version, counted_one("x"));
                appended = done.last_position;
            }
            is_written = true;
        };
        const auto read = [&]() -> asio::awaitable<void> {
            while (!is_written || next <= appended) {
                auto batch = co_await all.next(100ms);
                for (const es::recorded_event& each : *batch) in_order = in_order && each.position() == next++;
                batch->ack();
            }
        };
        std::vector<asio::awaitable<void>> work;
        work.push_back(write());
        work.push_back(read());
        co_await concurrently(std::move(work));
        co_await store.subscription_to_all("reader").wait_for(appended);
    };
    run(body(), 120s);
    operator_.join();
    BOOST_TEST(in_order);
    BOOST_TEST(appended > 20);
    BOOST_TEST(next == appended + 1);
}

BOOST_AUTO_TEST_SUITE_END()
