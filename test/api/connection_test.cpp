// Connections that break: no acknowledged event is lost, none is stored twice, and callers see as little as possible.
#include "support/concurrently.hpp"
#include "support/conditions.hpp"
#include "support/proxy.hpp"
#include "support/store_fixture.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

#include <algorithm>

namespace eventstore::test {

// One event, or a list, or appends of several callers: each takes another way through the library.
enum class shape { lone, list, company };

std::ostream& operator<<(std::ostream& out, shape what) {
    return out << (what == shape::lone ? "one event" : what == shape::list ? "a list" : "several callers");
}

} // namespace eventstore::test

namespace es = eventstore;
namespace asio = boost::asio;
namespace data = boost::unit_test::data;
using namespace std::chrono_literals;
using namespace es::test;

namespace {

using outcome = es::result<es::append_result>;

const shape shapes[] = {shape::lone, shape::list, shape::company};

std::vector<asio::awaitable<es::append_result>> appends_of(
    shape what, es::store store, const std::vector<es::event_data>& events) {
    std::vector<asio::awaitable<es::append_result>> work;
    switch (what) {
    case shape::lone: work.push_back(store.append("a", es::any_version, events[0])); break;
    case shape::list: work.push_back(store.append("a", es::any_version, events)); break;
    case shape::company:
        for (std::size_t i = 0; i < events.size(); ++i)
            work.push_back(store.append("a-" + std::to_string(i % 2), es::any_version, events[i]));
    }
    return work;
}

std::int64_t count_of(shape what, const std::vector<es::event_data>& events) {
    return what == shape::lone ? 1 : static_cast<std::int64_t>(events.size());
}

} // namespace

BOOST_AUTO_TEST_SUITE(connection_test, *own_sessions())

BOOST_DATA_TEST_CASE_F(store_fixture, a_connection_killed_before_the_append, data::make(shapes), what) {
    texts log;
    const auto keep = [&](es::log_level, std::string_view line) { log.emplace_back(line); };
    with_store(options().on_log(keep), [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("before", es::no_stream, counted_one("x"));
        for (int round = 0; round < 3; ++round) {
            const std::uint64_t connects = store.stats().connects;
            terminate_backends();
            const std::vector<es::event_data> events = counted(4);
            const auto results = co_await concurrently(appends_of(what, store, events));
            for (const es::append_result& each : results) BOOST_TEST(!each.already_appended);
            BOOST_TEST(events_stored() == 1 + (round + 1) * count_of(what, events));
            BOOST_TEST(store.stats().connects > connects);
        }
    });
    BOOST_TEST(!log.empty());
}

BOOST_DATA_TEST_CASE_F(store_fixture, a_connection_killed_during_the_append, data::make(shapes), what) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("before", es::no_stream, counted_one("x"));
        const std::vector<es::event_data> events = counted(4);
        blocker log = hold_log();
        auto waiting = co_await start(concurrently(appends_of(what, store, events)));
        for (int round = 0; round < 2; ++round) { // the retry is killed, too
            co_await eventually([&] { return log.blocks(); });
            for (const int pid : log.blocked()) terminate(pid);
        }
        BOOST_TEST(!waiting.done());
        log.release();
        co_await eventually([&] { return waiting.done(); });
        for (const es::append_result& each : waiting.value()) BOOST_TEST(!each.already_appended);
        BOOST_TEST(events_stored() == 1 + count_of(what, events));
        BOOST_TEST(store.stats().retried_flushes >= 2u);
        BOOST_TEST(store.stats().appends == 1 + static_cast<std::uint64_t>(waiting.value().size()));
    });
}

// The transaction is committed, and its answer is lost: the store asks again, and finds its events.
BOOST_DATA_TEST_CASE_F(store_fixture, a_connection_killed_after_the_append, data::make(shapes), what) {
    proxy network(url());
    with_store(options(network.url()), [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("before", es::no_stream, counted_one("x"));
        const std::vector<es::event_data> events = counted(4);
        network.hold_answers();
        auto waiting = co_await start(concurrently(appends_of(what, store, events)));
        for (int round = 0; round < 2; ++round) { // the answer of the retry is lost, too
            co_await eventually([&] { return events_stored() > 1; });
            co_await eventually([&] { return network.connections() > 0; });
            co_await let_pass(20ms);
            network.cut();
            if (round == 1) network.pass_answers();
        }
        co_await eventually([&] { return waiting.done(); });
        const auto results = waiting.value();
        BOOST_TEST(results[0].already_appended);
        BOOST_TEST(results[0].first_version == 1);
        BOOST_TEST(results[0].first_position == 2);
        BOOST_TEST(events_stored() == 1 + count_of(what, events));
        const es::append_result next = co_await store.append("after", es::no_stream, counted_one("x"));
        BOOST_TEST(next.first_position == 2 + count_of(what, events));
    });
}

// The answer was yes before it was lost; that the stream was deleted since does not make it a no.
BOOST_FIXTURE_TEST_CASE(a_retry_of_the_store_finds_its_events_in_a_stream_deleted_since, store_fixture) {
    proxy network(url());
    with_store(options(network.url()), [&](es::store store) -> asio::awaitable<void> {
        for (const std::size_t size : {1u, 3u}) {
            const std::string name = "s-" + std::to_string(size);
            co_await store.append(name, es::no_stream, counted_one("x"));
            const std::int64_t before = events_stored();
            network.hold_answers();
            started<es::append_result> waiting = co_await start(store.append(name, 1, counted(size)));
            co_await eventually([&] { return events_stored() > before; });
            delete_stream_softly(name);
            network.cut();
            network.pass_answers();
            co_await eventually([&] { return waiting.done(); });
            BOOST_TEST(waiting.value().already_appended);
            BOOST_TEST(waiting.value().first_version == 2);
        }
    });
}

BOOST_FIXTURE_TEST_CASE(reads_survive_killed_connections, store_fixture) {
    with_store(options().pool_size(2), [&](es::store store) -> asio::awaitable<void> {
        const std::vector<es::event_data> events = counted(20);
        co_await store.append("a", es::no_stream, events);
        es::event_scan scan = store.scan("a", es::read_options().count(2));
        for (int round = 0; round < 5; ++round) {
            const es::event_page before = co_await store.read("a");
            terminate_backends();
            const es::event_page page = co_await store.read("a");
            BOOST_TEST(page.size() == 20u);
            terminate_backends();
            const es::recorded_event found = co_await store.find_event(events[3].id());
            BOOST_TEST(found.version() == 4);
            terminate_backends();
            const es::stream_info info = co_await store.stream_info("a");
            BOOST_TEST(info.version == 20);
            terminate_backends();
            const std::vector<es::stream_info> list = co_await store.streams();
            BOOST_TEST(list.size() == 1u);
            terminate_backends();
            const std::optional<es::recorded_event> next = co_await scan.next();
            BOOST_TEST((next && next->version() == round + 1));
        }
    });
}

BOOST_FIXTURE_TEST_CASE(reads_under_way_survive_killed_connections, store_fixture) {
    with_store(options().pool_size(2), [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(20));
        blocker tables = hold_tables();
        std::vector<asio::awaitable<es::event_page>> work;
        for (int i = 0; i < 10; ++i) work.push_back(store.read("a", es::read_options().from(i + 1).count(1)));
        auto waiting = co_await start(concurrently(std::move(work)));
        co_await eventually([&] { return tables.blocks(); });
        for (const int pid : tables.blocked()) terminate(pid);
        co_await eventually([&] { return tables.blocks(); }); // they ask again by themselves
        tables.release();
        co_await eventually([&] { return waiting.done(); });
        for (std::size_t i = 0; i < 10; ++i)
            TEST_SAME(versions_of(waiting.value()[i]), numbers({static_cast<std::int64_t>(i) + 1}));
    });
}

// The hard version of all of these together.
BOOST_FIXTURE_TEST_CASE(writers_and_readers_under_a_storm_of_killed_connections, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        int writing = 8;
        texts problems;
        std::vector<std::string> acknowledged;
        const auto writer = [&](int number) -> asio::awaitable<void> {
            const std::string stream = "s-" + std::to_string(number % 3);
            for (int i = 0; i < 25; ++i) {
                const es::event_data event = counted_one(std::to_string(number) + "/" + std::to_string(i));
                for (;;) {
                    const outcome done = co_await store.try_append(stream, es::any_version, event);
                    if (done) break;
                    if (!done.error().retry_helps() && !done.error().outcome_unknown()) {
                        problems.push_back(done.error().message());
                        break;
                    }
                }
                acknowledged.push_back(event.data());
            }
            --writing;
        };
        const auto reader = [&]() -> asio::awaitable<void> {
            std::int64_t position = 0;
            while (writing > 0) {
                try {
                    const es::event_page page = co_await store.read_all(es::read_options().from(position + 1));
                    for (const es::recorded_event& each : page)
                        if (each.position() != ++position) problems.push_back("a position is missing");
                } catch (const es::error& e) {
                    if (!e.why().retry_helps()) problems.emplace_back(e.what());
                }
            }
        };
        // Where a connection takes longer than the pause, as on a busy machine, none would ever be of use.
        const auto killer = [&]() -> asio::awaitable<void> {
            while (writing > 0) {
                const std::size_t before = acknowledged.size();
                for (const int pid : backends()) ask("select pg_terminate_backend(" + std::to_string(pid) + ")");
                co_await let_pass(30ms);
                for (int more = 0; more < 10 && acknowledged.size() == before && writing > 0; ++more)
                    co_await let_pass(30ms);
            }
        };
        std::vector<asio::awaitable<void>> work;
        for (int i = 0; i < 8; ++i) work.push_back(writer(i));
        work.push_back(reader());
        work.push_back(killer());
        co_await concurrently(std::move(work));
        TEST_SAME(problems, texts());
        BOOST_TEST(acknowledged.size() == 200u);
        BOOST_TEST(events_stored() == 200);
        texts stored;
        for (const auto& row : ask("select convert_from(data, 'UTF8') from eventstore.events"))
            stored.push_back(row[0]);
        std::sort(stored.begin(), stored.end());
        std::sort(acknowledged.begin(), acknowledged.end());
        TEST_SAME(stored, acknowledged);
    });
}

BOOST_FIXTURE_TEST_CASE(operations_wait_for_a_server_that_comes_back, store_fixture) {
    proxy network(url());
    with_store(options(network.url()), [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(3));
        for (int round = 0; round < 2; ++round) {
            network.go_down();
            started<es::append_result> append = co_await start(store.append("a", 3 + round, counted_one("later")));
            started<es::event_page> read = co_await start(store.read("a", es::read_options().count(3)));
            co_await let_pass(150ms);
            BOOST_TEST(!append.done());
            BOOST_TEST(!read.done());
            network.heal();
            co_await eventually([&] { return append.done() && read.done(); });
            BOOST_TEST(append.value().first_version == 4 + round);
            BOOST_TEST(read.value().size() == 3u);
        }
    });
}

BOOST_FIXTURE_TEST_CASE(a_server_that_stays_away_fails_operations_in_time, store_fixture) {
    proxy network(url());
    with_store(options(network.url()), [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted_one("1"));
        network.go_down();
        const es::event_data never = counted_one("never");
        const auto began = std::chrono::steady_clock::now();
        const outcome append = co_await store.within(300ms).try_append("a", 1, never);
        BOOST_REQUIRE(!append.has_value());
        const es::failure why = append.error();
        BOOST_TEST((why.code() == es::errc::connection_lost || why.code() == es::errc::timeout));
        BOOST_TEST(why.retry_helps());
        // The first attempt may have gone into a connection that was cut, but every byte of it is lost.
        bool read_failed = false;
        try {
            const es::event_page page = co_await store.within(300ms).read("a");
        } catch (const es::error& e) {
            read_failed = e.why().code() == es::errc::connection_lost || e.why().code() == es::errc::timeout;
            BOOST_TEST(!e.why().outcome_unknown());
        }
        BOOST_TEST(read_failed);
        BOOST_TEST((std::chrono::steady_clock::now() - began < 3s));
        // By now the store knows that it has no connection: what it has not sent has a known outcome.
        const outcome second = co_await store.within(300ms).try_append("a", 1, counted_one("never either"));
        BOOST_REQUIRE(!second.has_value());
        BOOST_TEST(!second.error().outcome_unknown());
        network.heal();
        const es::append_result after = co_await store.append("a", 1, counted_one("2"));
        BOOST_TEST(after.first_version == 2);
    });
    TEST_SAME(stored_in("a"), texts({"1", "2"}));
}

// The last bytes of an append are its Sync: without them the server has carried it out, holds the lock of the log, and
// waits for ever. Only the client can end that.
BOOST_FIXTURE_TEST_CASE(an_append_whose_last_five_bytes_are_lost_does_not_hold_the_log_for_ever, store_fixture) {
    for (const std::size_t size : {1u, 3u}) {
        proxy network(url());
        with_store(options(network.url()).operation_timeout(1s), [&](es::store store) -> asio::awaitable<void> {
            const es::store other = co_await es::open(options().operation_timeout(20s));
            co_await store.append("a", es::any_version, counted(size));
            const std::int64_t before = events_stored();
            const std::vector<es::event_data> events = counted(size, "cut off ");
            network.lose_last(5, "cut off "); // others may send something, too
            started<outcome> lost = co_await start(store.try_append("a", es::any_version, events));
            co_await eventually([&] { return !network.lost().empty(); });
            BOOST_TEST(
                (network.lost() == std::string("S\0\0\0\4", 5)), "an append goes out in one write with its Sync");
            started<es::append_result> behind = co_await start(other.append("b", es::any_version, counted(size)));
            co_await eventually([&] { return lost.done(); });
            if (!lost.value()) {
                BOOST_TEST(lost.value().error().code() == es::errc::timeout);
                BOOST_TEST(lost.value().error().outcome_unknown());
                BOOST_TEST(lost.value().error().retry_helps());
            }
            co_await eventually([&] { return behind.done(); });
            behind.value();
            const es::append_result again = co_await store.within(5s).append("a", es::any_version, events);
            BOOST_TEST(again.last_version == again.first_version + static_cast<std::int64_t>(size) - 1);
            BOOST_TEST(events_stored() == before + 2 * static_cast<std::int64_t>(size));
        });
    }
}

BOOST_FIXTURE_TEST_CASE(a_network_that_falls_silent_is_given_up, store_fixture) {
    proxy network(url());
    with_store(options(network.url()).operation_timeout(1s), [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(3));
        const es::event_page page = co_await store.read("a");
        BOOST_TEST(page.size() == 3u);
        network.go_silent();
        const es::event_data event = counted_one("4");
        const auto began = std::chrono::steady_clock::now();
        const outcome append = co_await store.try_append("a", 3, event);
        BOOST_REQUIRE(!append.has_value());
        BOOST_TEST(append.error().code() == es::errc::timeout);
        BOOST_TEST(append.error().outcome_unknown());
        es::failure read;
        try {
            const es::event_page none = co_await store.read("a");
            BOOST_TEST(none.empty(), "a read has an answer of a silent network");
        } catch (const es::error& e) {
            read = e.why();
        }
        // Its connection may have been given up with that of the append, so that it waited for a new one.
        BOOST_TEST((read.code() == es::errc::timeout || read.code() == es::errc::connection_lost));
        BOOST_TEST(read.retry_helps());
        BOOST_TEST(!read.outcome_unknown());
        BOOST_TEST((std::chrono::steady_clock::now() - began < 5s));
        network.heal(); // for new connections; the old ones stay silent
        const es::append_result again = co_await store.within(8s).append("a", 3, event);
        BOOST_TEST(again.first_version == 4);
        const es::event_page after = co_await store.within(8s).read("a");
        BOOST_TEST(after.size() == 4u);
    });
}

BOOST_FIXTURE_TEST_CASE(notices_of_the_server_go_to_the_log, store_fixture) {
    texts log;
    const auto keep = [&](es::log_level, std::string_view line) { log.emplace_back(line); };
    with_store(options().on_log(keep), [&](es::store store) -> asio::awaitable<void> {
        ask("create function eventstore.talk() returns trigger language plpgsql as"
            " $$ begin raise warning 'the disk is\nnearly full'; return null; end $$;"
            "create trigger talk after insert on eventstore.events for each statement execute function "
            "eventstore.talk()");
        co_await store.append("a", es::no_stream, counted_one("x"));
        co_await eventually([&] { return !log.empty(); });
    });
    BOOST_REQUIRE(!log.empty());
    BOOST_TEST(log[0].find("nearly full") != std::string::npos, log[0]);
    BOOST_TEST(log[0].find('\n') == std::string::npos, "a line each");
}

// A connection is tried again as long as somebody needs it.
BOOST_FIXTURE_TEST_CASE(nothing_is_tried_for_an_append_that_was_given_up, store_fixture, *own_sessions()) {
    proxy network(url());
    asio::io_context context(1);
    const es::store store =
        es::test::run(context, es::open(options(network.url()).operation_timeout(3s).close_timeout(60s)));
    es::test::run(context, store.append("a", es::any_version, counted_one("x")));
    network.go_down();
    const auto how = es::test::run(context, store.within(300ms).try_append("a", es::any_version, counted_one("x")));
    BOOST_TEST(!how.has_value());
    context.restart();
    context.run_for(patient(default_deadline)); // a try that is under way takes 3 s at most
    BOOST_TEST(context.stopped());
    const auto closing = std::chrono::steady_clock::now();
    es::test::run(context, store.close());
    BOOST_TEST((std::chrono::steady_clock::now() - closing < 30s)); // it does not wait for close_timeout
}

BOOST_AUTO_TEST_SUITE_END()
