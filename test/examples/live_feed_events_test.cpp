// The feed itself: what clients that stay get.
#include "examples/live_feed_server.hpp"
#include "support/concurrently.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <random>
#include <string>

namespace asio = boost::asio;
namespace es = eventstore;
using namespace eventstore::test;
using namespace std::chrono_literals;

namespace {

asio::awaitable<void> append_some(es::store store, std::string stream, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
        co_await store.append(stream, es::any_version, es::event_data("Counted", std::to_string(i)));
}

/// Follows the feed to this position, with a connection that breaks again and again, and returns what it was sent.
asio::awaitable<numbers> follow_with_breaks(std::uint16_t port, std::int64_t last, unsigned seed, int& connections) {
    std::mt19937 random(seed);
    numbers got;
    while (got.empty() || got.back() < last) {
        event_source source(co_await asio::this_coro::executor);
        const std::int64_t last_id = got.empty() ? 0 : got.back();
        const unsigned status = co_await source.open(port, "/feed", last_id);
        if (status != 200) throw std::runtime_error("status " + std::to_string(status));
        ++connections;
        for (std::size_t left = random() % 20; left > 0 && (got.empty() || got.back() < last); --left) {
            const std::optional<sent_event> event = co_await source.next();
            got.push_back(event.value().id);
        }
    }
    co_return got;
}

asio::awaitable<numbers> follow(std::uint16_t port, std::int64_t last) {
    event_source source(co_await asio::this_coro::executor);
    co_await source.open(port);
    co_return co_await source.next_ids(std::size_t(last));
}

} // namespace

BOOST_AUTO_TEST_SUITE(live_feed_events_test)

BOOST_FIXTURE_TEST_CASE(a_feed_sends_what_is_stored_and_then_what_comes, live_feed_fixture) {
    with_feed([](live_feed::server& server, es::store store) -> asio::awaitable<void> {
        co_await append_some(store, "a", 3);
        event_source source(co_await asio::this_coro::executor);
        const auto status = co_await source.open(server.port());
        BOOST_TEST(status == 200u);
        const numbers ids = co_await source.next_ids(3);
        TEST_SAME(ids, numbers({1, 2, 3}));
        for (std::int64_t i = 4; i < 10; ++i) {
            co_await append_some(store, "b", 1);
            const std::optional<sent_event> event = co_await source.next();
            BOOST_TEST(event.value().id == i);
            BOOST_TEST(event->data.find("\"stream\":\"b\"") != event->data.npos, event->data);
        }
    });
}

BOOST_FIXTURE_TEST_CASE(a_line_break_in_data_does_not_end_the_event, live_feed_fixture) {
    with_feed([](live_feed::server& server, es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, es::event_data("A", "{\n\"x\":\r\n1}"));
        co_await store.append("a", es::any_version, es::event_data("A", "two\nlines"));
        co_await store.append("a\n\nid: 9", es::any_version, es::event_data("A\n", "\xff\n"));
        event_source source(co_await asio::this_coro::executor);
        co_await source.open(server.port());
        const std::optional<sent_event> first = co_await source.next();
        BOOST_TEST(first->data.ends_with("\"data\":{ \"x\":  1}}"), first->data);
        const std::optional<sent_event> second = co_await source.next();
        BOOST_TEST(second->data.ends_with(R"("data_text":"two\nlines"})"), second->data);
        const std::optional<sent_event> third = co_await source.next();
        BOOST_TEST(third->id == 3);
        BOOST_TEST(third->data.ends_with(R"("data_bytes":2})"), third->data);
    });
}

BOOST_FIXTURE_TEST_CASE(a_feed_of_one_stream_goes_by_its_versions, live_feed_fixture) {
    with_feed([](live_feed::server& server, es::store store) -> asio::awaitable<void> {
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        event_source early(executor), late(executor), from(executor);
        const auto status = co_await early.open(server.port(), "/feed?stream=a+b");
        BOOST_TEST(status == 200u); // it may yet come
        for (int i = 0; i < 4; ++i) {
            co_await append_some(store, "other", 1);
            co_await append_some(store, "a b", 1);
        }
        const numbers all = co_await early.next_ids(4);
        TEST_SAME(all, from_to(1, 4));
        co_await late.open(server.port(), "/feed?stream=a%20b&from=1", 2); // Last-Event-ID wins
        const numbers after_two = co_await late.next_ids(2);
        TEST_SAME(after_two, numbers({3, 4}));
        co_await from.open(server.port(), "/feed?stream=a%20b&from=4");
        co_await append_some(store, "a b", 1);
        const numbers from_four = co_await from.next_ids(2);
        TEST_SAME(from_four, numbers({4, 5}));
        const numbers live = co_await late.next_ids(1);
        TEST_SAME(live, numbers({5}));
    });
}

BOOST_FIXTURE_TEST_CASE(whoever_comes_back_with_the_last_id_misses_nothing_and_gets_nothing_twice, live_feed_fixture) {
    constexpr std::size_t writers = 4, of_each = 150;
    with_feed([](live_feed::server& server, es::store store) -> asio::awaitable<void> {
        int connections = 0;
        std::vector<asio::awaitable<numbers>> followers;
        for (unsigned seed = 1; seed <= 3; ++seed)
            followers.push_back(follow_with_breaks(server.port(), writers * of_each, seed, connections));
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        for (std::size_t i = 0; i < writers; ++i)
            asio::co_spawn(executor, append_some(store, "writer-" + std::to_string(i), of_each), asio::detached);
        const std::vector<numbers> all = co_await concurrently(std::move(followers));
        for (const numbers& got : all) TEST_SAME(got, from_to(1, writers * of_each));
        BOOST_TEST_MESSAGE(connections << " connections");
        BOOST_TEST(connections > 60);
    });
}

BOOST_FIXTURE_TEST_CASE(many_clients_all_get_everything_in_order, live_feed_fixture) {
    with_feed([](live_feed::server& server, es::store store) -> asio::awaitable<void> {
        std::vector<asio::awaitable<numbers>> followers;
        for (int i = 0; i < 100; ++i) followers.push_back(follow(server.port(), 200));
        asio::co_spawn(co_await asio::this_coro::executor, append_some(store, "a", 200), asio::detached);
        const std::vector<numbers> all = co_await concurrently(std::move(followers));
        const numbers expected = from_to(1, 200);
        BOOST_TEST(std::count(all.begin(), all.end(), expected) == 100);
    });
}

BOOST_FIXTURE_TEST_CASE(a_client_that_does_not_read_loses_its_connection_and_hinders_nobody, live_feed_fixture) {
    live_feed::limits bounds;
    bounds.feed.write = 500ms;
    with_feed(bounds, [](live_feed::server& server, es::store store) -> asio::awaitable<void> {
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        raw_client stalled(executor);
        co_await stalled.connect(server.port());
        stalled.stream().socket().set_option(asio::socket_base::receive_buffer_size(4096));
        co_await stalled.write("GET /feed HTTP/1.1\r\nHost: localhost\r\n\r\n");
        event_source reading(executor);
        co_await reading.open(server.port());
        co_await eventually([&] { return server.connections() == 2; });
        const std::string large = '"' + std::string(256 << 10, 'x') + '"';
        for (std::int64_t i = 1; i <= 64; ++i) { // more than the kernel keeps for a socket
            co_await store.append("a", es::any_version, es::event_data("Large", large));
            const std::optional<sent_event> event = co_await reading.next();
            BOOST_REQUIRE(event.value().id == i);
        }
        co_await eventually([&] { return server.connections() == 1; });
    });
}

BOOST_FIXTURE_TEST_CASE(a_client_that_goes_away_is_let_go_at_once, live_feed_fixture) {
    with_feed([](live_feed::server& server, es::store) -> asio::awaitable<void> {
        {
            event_source source(co_await asio::this_coro::executor);
            co_await source.open(server.port());
            BOOST_TEST(server.connections() == 1u);
        }
        co_await eventually([&] { return server.connections() == 0; }, 5s); // no heartbeat is due yet
    });
}

BOOST_FIXTURE_TEST_CASE(a_silent_feed_has_a_heartbeat, live_feed_fixture) {
    live_feed::limits bounds;
    bounds.feed.heartbeat = 20ms;
    with_feed(bounds, [](live_feed::server& server, es::store store) -> asio::awaitable<void> {
        event_source source(co_await asio::this_coro::executor);
        co_await source.open(server.port());
        asio::steady_timer pause(co_await asio::this_coro::executor, 300ms); // silence is what is tested
        co_await pause.async_wait(asio::use_awaitable);
        co_await append_some(store, "a", 1);
        const numbers ids = co_await source.next_ids(1);
        TEST_SAME(ids, numbers({1}));
        BOOST_TEST(source.heartbeats() >= 3);
    });
}

BOOST_FIXTURE_TEST_CASE(an_id_of_another_store_is_refused, live_feed_fixture) {
    with_feed([](live_feed::server& server, es::store store) -> asio::awaitable<void> {
        co_await append_some(store, "a", 2);
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        event_source at_the_end(executor), beyond(executor);
        const auto good = co_await at_the_end.open(server.port(), "/feed", 2);
        BOOST_TEST(good == 200u);
        const auto bad = co_await beyond.open(server.port(), "/feed", 3);
        BOOST_TEST(bad == 409u);
    });
}

BOOST_FIXTURE_TEST_CASE(a_feed_whose_listener_fell_behind_reads_what_it_dropped, live_feed_fixture) {
    with_feed([](live_feed::server& server, es::store store) -> asio::awaitable<void> {
        event_source source(co_await asio::this_coro::executor);
        co_await source.open(server.port());
        for (int i = 0; i < 8; ++i) // each append is more than the listener keeps
            co_await store.append("a", es::any_version, counted(300, std::to_string(i) + '-'));
        const numbers ids = co_await source.next_ids(2400);
        TEST_SAME(ids, from_to(1, 2400));
    });
}

BOOST_FIXTURE_TEST_CASE(at_the_end_feeds_are_closed_and_what_was_asked_is_answered, live_feed_fixture) {
    with_feed([this](live_feed::server& server, es::store) -> asio::awaitable<void> {
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        event_source source(executor);
        co_await source.open(server.port());
        raw_client idle(executor), working(executor);
        co_await idle.connect(server.port());
        co_await working.connect(server.port());
        blocker log = hold_log();
        const std::string event = R"({"type":"A","data":1})";
        co_await working.write(
            "POST /streams/a HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " +
            std::to_string(event.size()) + "\r\n\r\n" + event);
        co_await eventually([&] { return log.blocks(); });
        server.stop();
        const std::optional<sent_event> nothing = co_await source.next();
        BOOST_TEST(!nothing);
        const auto end_of_idle = co_await idle.read_to_end();
        BOOST_TEST(end_of_idle == "");
        log.release();
        const std::string answer = co_await working.read_to_end();
        BOOST_TEST(answer.starts_with("HTTP/1.1 201"), answer);
        BOOST_TEST(answer.find("Connection: close") != answer.npos, answer);
    });
}

BOOST_FIXTURE_TEST_CASE(at_the_end_a_request_that_hangs_is_given_up, live_feed_fixture) {
    live_feed::limits bounds;
    bounds.last_requests = 200ms;
    with_feed(bounds, [this](live_feed::server& server, es::store) -> asio::awaitable<void> {
        raw_client working(co_await asio::this_coro::executor);
        co_await working.connect(server.port());
        blocker tables = hold_tables();
        co_await working.write("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
        co_await eventually([&] { return tables.blocks(); });
        server.stop();
        const auto end = co_await working.read_to_end();
        BOOST_TEST(end == "");
        tables.release();
    });
}

BOOST_AUTO_TEST_SUITE_END()
