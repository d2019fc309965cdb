// Requests to the live feed: what is appended and read, and what is refused.
#include "examples/live_feed_server.hpp"

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <chrono>
#include <string>

namespace asio = boost::asio;
namespace es = eventstore;
namespace json = boost::json;
using namespace eventstore::test;
using namespace std::chrono_literals;

namespace {

/// The data of the events of an answer.
texts data_in(const reply& answer) {
    texts all;
    const json::value page = answer.json();
    for (const json::value& event : page.at("events").as_array()) all.push_back(json::serialize(event.at("data")));
    return all;
}

std::string next_of(const reply& answer) { return std::string(answer.json().at("next").as_string()); }

asio::awaitable<void> append_numbers(std::uint16_t port, std::string stream, int first, int last) {
    for (int i = first; i <= last; ++i) {
        const reply answer =
            co_await post(port, "/streams/" + stream, "{\"type\":\"Counted\",\"data\":" + std::to_string(i) + "}");
        BOOST_TEST(answer.status == 201u, answer.body);
    }
}

void check_refused(const reply& answer, unsigned status, const std::string& words) {
    BOOST_TEST(answer.status == status, answer.body);
    BOOST_TEST(answer.fields.at("Content-Type") == "application/json");
    BOOST_TEST(std::count(answer.body.begin(), answer.body.end(), '\n') == 1);
    const std::string why(answer.json().at("error").as_string());
    BOOST_TEST(why.find(words) != why.npos, why);
}

} // namespace

BOOST_AUTO_TEST_SUITE(live_feed_test)

BOOST_FIXTURE_TEST_CASE(what_is_posted_is_read_as_it_was_written, live_feed_fixture) {
    with_feed([](live_feed::server& server, es::store store) -> asio::awaitable<void> {
        const std::string data = R"({"n":1.0,"long":123456789012345678901234567890,"s":"}\"]"})";
        const std::string one = R"({"type":"A","data":)" + data + R"(,"metadata":[true]})";
        const reply first = co_await post(server.port(), "/streams/a", one);
        BOOST_TEST(first.status == 201u);
        BOOST_TEST(first.body ==
            "{\"stream\":\"a\",\"first_version\":1,\"last_version\":1,\"first_position\":1,\"last_position\":1,"
            "\"already_appended\":false}\n");
        const reply more =
            co_await post(server.port(), "/streams/a", R"( [ {"type":"B","data":"x"} , {"data":null,"type":"C"} ] )");
        BOOST_TEST(more.json().at("last_version").as_int64() == 3);

        const es::event_page stored = co_await store.read("a");
        TEST_SAME(data_of(stored), texts({data, "\"x\"", "null"}));
        BOOST_TEST(stored[0].metadata() == "[true]");
        BOOST_TEST(stored[2].type() == "C");
        const reply read = co_await get(server.port(), "/streams/a");
        BOOST_TEST(read.status == 200u);
        BOOST_TEST(read.body.find(data) != read.body.npos);
        BOOST_TEST(read.json().at("complete").as_bool());
    });
}

BOOST_FIXTURE_TEST_CASE(the_statistics_are_there_for_prometheus, live_feed_fixture) {
    with_feed([](live_feed::server& server, es::store) -> asio::awaitable<void> {
        (void)co_await post(server.port(), "/streams/a", R"({"type":"A","data":1})");
        const reply metrics = co_await get(server.port(), "/metrics");
        BOOST_TEST(metrics.status == 200u);
        BOOST_TEST(metrics.body.find("\neventstore_appends_total 1\n") != metrics.body.npos, metrics.body);
        check_refused(co_await post(server.port(), "/metrics", "{}"), 405, "GET");
    });
}

BOOST_FIXTURE_TEST_CASE(an_event_with_an_id_is_appended_once_however_often_it_is_posted, live_feed_fixture) {
    with_feed([](live_feed::server& server, es::store store) -> asio::awaitable<void> {
        const std::string event = R"({"type":"A","data":1,"id":"018f0000-0000-7000-8000-000000000001"})";
        for (const unsigned status : {201u, 200u, 200u}) {
            const reply answer = co_await post(server.port(), "/streams/a?expected=no_stream", event);
            BOOST_TEST(answer.status == status);
            BOOST_TEST(answer.json().at("last_version").as_int64() == 1);
            BOOST_TEST(answer.json().at("already_appended").as_bool() == (status == 200));
        }
        const es::stream_info info = co_await store.stream_info("a");
        BOOST_TEST(info.version == 1);
        check_refused(co_await post(server.port(), "/streams/b", event), 409, "stored already");
    });
}

BOOST_FIXTURE_TEST_CASE(a_conflict_tells_the_version_that_the_stream_is_at, live_feed_fixture) {
    with_feed([](live_feed::server& server, es::store store) -> asio::awaitable<void> {
        co_await append_numbers(server.port(), "a", 1, 3);
        const std::string event = R"({"type":"A","data":4})";
        const headers stale = {{"Expected-Version", "2"}};
        const reply by_header = co_await post(server.port(), "/streams/a", event, stale);
        check_refused(by_header, 409, "expected version 2");
        BOOST_TEST(by_header.json().at("actual_version").as_int64() == 3);
        const reply exists = co_await post(server.port(), "/streams/a?expected=no_stream", event);
        check_refused(exists, 409, "does not exist");
        BOOST_TEST(exists.json().at("actual_version").as_int64() == 3);
        const reply missing = co_await post(server.port(), "/streams/b?expected=stream_exists", event);
        check_refused(missing, 409, "exists");
        BOOST_TEST(missing.json().at("actual_version").as_int64() == 0);
        const reply fitting = co_await post(server.port(), "/streams/a?expected=3", event);
        BOOST_TEST(fitting.status == 201u);
        const es::stream_info info = co_await store.stream_info("a");
        BOOST_TEST(info.version == 4);
    });
}

BOOST_FIXTURE_TEST_CASE(pages_are_followed_by_their_links, live_feed_fixture) {
    with_feed([](live_feed::server& server, es::store) -> asio::awaitable<void> {
        co_await append_numbers(server.port(), "a%20b", 1, 5);
        const reply first = co_await get(server.port(), "/streams/a%20b?count=3");
        TEST_SAME(data_in(first), texts({"1", "2", "3"}));
        BOOST_TEST(!first.json().at("complete").as_bool());
        const reply second = co_await get(server.port(), next_of(first));
        TEST_SAME(data_in(second), texts({"4", "5"}));
        BOOST_TEST(second.json().at("complete").as_bool());
        const reply third = co_await get(server.port(), next_of(second)); // to come back to later
        BOOST_TEST(data_in(third).empty());
        co_await append_numbers(server.port(), "a%20b", 6, 6);
        const reply later = co_await get(server.port(), next_of(third));
        TEST_SAME(data_in(later), texts({"6"}));

        const reply newest = co_await get(server.port(), "/events?backward&count=4");
        TEST_SAME(data_in(newest), texts({"6", "5", "4", "3"}));
        const reply oldest = co_await get(server.port(), next_of(newest));
        TEST_SAME(data_in(oldest), texts({"2", "1"}));
        BOOST_TEST(!oldest.json().as_object().contains("next"));
        const reply from = co_await get(server.port(), "/events?from=5");
        TEST_SAME(data_in(from), texts({"5", "6"}));
    });
}

BOOST_FIXTURE_TEST_CASE(the_name_of_a_stream_may_hold_anything, live_feed_fixture) {
    with_feed([](live_feed::server& server, es::store store) -> asio::awaitable<void> {
        co_await append_numbers(server.port(), "caf%C3%A9%2F%25?expected=0", 1, 1);
        const es::event_page page = co_await store.read("café/%");
        BOOST_TEST(page.size() == 1u);
        const reply read = co_await get(server.port(), "/streams/caf%c3%a9%2f%25");
        TEST_SAME(data_in(read), texts({"1"}));
        check_refused(co_await get(server.port(), "/streams/a%"), 400, "%");
        check_refused(co_await get(server.port(), "/streams/a%4"), 400, "%");
        check_refused(co_await get(server.port(), "/streams/%zz"), 400, "%");
        check_refused(co_await get(server.port(), "/streams/a%00"), 400, "NUL");
        check_refused(co_await get(server.port(), "/streams/a%FF"), 400, "UTF-8");
    });
}

BOOST_FIXTURE_TEST_CASE(bad_input_is_refused_in_one_line_and_stores_nothing, live_feed_fixture) {
    with_feed([this](live_feed::server& server, es::store) -> asio::awaitable<void> {
        const std::vector<std::pair<std::string, std::string>> bodies = {{"", "JSON"}, {"{", "JSON"}, {"1", "object"},
            {"[]", "1 to 1000"}, {"[1]", "object"}, {R"({"type":"A"})", "data"}, {R"({"data":1})", "type"},
            {R"({"type":1,"data":1})", "string"}, {R"({"type":"","data":1})", "type"},
            {R"({"type":"A","data":1,"x":2})", "\"x\""}, {R"({"type":"A","data":1,"id":"7"})", "UUID"},
            {std::string(100, '[') + std::string(100, ']'), "JSON"}};
        for (const auto& [body, words] : bodies) {
            const reply answer = co_await post(server.port(), "/streams/a", body);
            check_refused(answer, 400, words);
        }
        const std::string good = R"({"type":"A","data":1})";
        check_refused(co_await post(server.port(), "/streams/a?expected=x", good), 400, "'x'");
        check_refused(co_await post(server.port(), "/streams/a?expected=-1", good), 400, "'-1'");
        check_refused(co_await post(server.port(), "/streams/a?version=1", good), 400, "'version'");
        check_refused(co_await post(server.port(), "/streams/", good), 400, "empty");
        check_refused(co_await post(server.port(), "/streams/$all", good), 400, "$");
        const headers text = {{"Content-Type", "text/plain"}};
        check_refused(co_await post(server.port(), "/streams/a", good, text), 415, "application/json");
        check_refused(co_await get(server.port(), "/streams/a"), 404, "does not exist");
        check_refused(co_await get(server.port(), "/nothing"), 404, "/nothing");
        check_refused(co_await get(server.port(), "/events?count=0"), 400, "'count'");
        check_refused(co_await get(server.port(), "/events?count=1001"), 400, "1000");
        check_refused(co_await get(server.port(), "/events?from=1x"), 400, "'1x'");
        check_refused(co_await get(server.port(), "/feed?from=0"), 400, "'from'");
        check_refused(co_await get(server.port(), "/feed?stream=$x"), 400, "$");
        for (const char* const id : {"abc", "1x", "-1", " 1 2", "9223372036854775807", "9223372036854775808",
                 "99999999999999999999999999", "0x10", "1.0"}) {
            const headers strange = {{"Last-Event-ID", id}};
            check_refused(
                co_await send_request(server.port(), http::verb::get, "/feed", "", strange), 400, "Last-Event-ID");
        }
        const headers beyond = {{"Last-Event-ID", "9223372036854775806"}};
        check_refused(co_await send_request(server.port(), http::verb::get, "/feed", "", beyond), 409, "last event");
        check_refused(co_await get(server.port(), "/feed?from=9223372036854775808"), 400, "'from'");
        const reply removed = co_await send_request(server.port(), http::verb::delete_, "/streams/a");
        check_refused(removed, 405, "GET");
        BOOST_TEST(removed.fields.at("Allow") == "GET, POST");
        BOOST_TEST(events_stored() == 0);
    });
}

BOOST_FIXTURE_TEST_CASE(a_deleted_stream_is_gone, live_feed_fixture) {
    with_feed([this](live_feed::server& server, es::store) -> asio::awaitable<void> {
        co_await append_numbers(server.port(), "a", 1, 1);
        delete_stream_softly("a");
        check_refused(co_await get(server.port(), "/streams/a"), 410, "deleted");
        check_refused(co_await get(server.port(), "/feed?stream=a"), 410, "deleted");
        const std::string event = R"({"type":"A","data":1})";
        check_refused(co_await post(server.port(), "/streams/a", event), 410, "deleted");
    });
}

BOOST_FIXTURE_TEST_CASE(what_is_too_large_is_refused_and_the_client_is_told, live_feed_fixture) {
    live_feed::limits bounds;
    bounds.body_bytes = 1000;
    bounds.header_bytes = 2000;
    with_feed(bounds, [](live_feed::server& server, es::store) -> asio::awaitable<void> {
        const std::string large = R"({"type":"A","data":")" + std::string(3 << 20, 'x') + "\"}";
        check_refused(co_await post(server.port(), "/streams/a", large), 413, "body");
        const headers long_header = {{"X-Long", std::string(3000, 'x')}};
        check_refused(co_await send_request(server.port(), http::verb::get, "/", "", long_header), 431, "header");
        raw_client client(co_await asio::this_coro::executor);
        co_await client.connect(server.port());
        co_await client.write("what is this?\r\n\r\n");
        const std::string answer = co_await client.read_until("\n}");
        BOOST_TEST(answer.find("400 Bad Request") != answer.npos, answer);
    });
}

BOOST_FIXTURE_TEST_CASE(a_connection_serves_many_requests_and_ends_when_none_comes_in_time, live_feed_fixture) {
    live_feed::limits bounds;
    bounds.request = 300ms;
    with_feed(bounds, [](live_feed::server& server, es::store) -> asio::awaitable<void> {
        raw_client quick(co_await asio::this_coro::executor);
        co_await quick.connect(server.port());
        for (int i = 0; i < 3; ++i) {
            co_await quick.write("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
            const std::string answer = co_await quick.read_until("}\n");
            BOOST_TEST(answer.find("\"events\":[]") != answer.npos, answer);
        }
        raw_client slow(co_await asio::this_coro::executor);
        co_await slow.connect(server.port());
        co_await slow.write("GET /events HTTP/1.1\r\nHost:");
        const auto end_of_slow = co_await slow.read_to_end();
        BOOST_TEST(end_of_slow == "");
        const auto end_of_quick = co_await quick.read_to_end();
        BOOST_TEST(end_of_quick == "");
    });
}

BOOST_FIXTURE_TEST_CASE(one_connection_too_many_is_closed, live_feed_fixture) {
    live_feed::limits bounds;
    bounds.connections = 2;
    with_feed(bounds, [](live_feed::server& server, es::store) -> asio::awaitable<void> {
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        raw_client one(executor), two(executor), three(executor);
        co_await one.connect(server.port());
        co_await two.connect(server.port());
        co_await three.connect(server.port());
        const auto end = co_await three.read_to_end();
        BOOST_TEST(end == "");
        co_await one.write("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
        const std::string answer = co_await one.read_until("}\n");
        BOOST_TEST(answer.starts_with("HTTP/1.1 200"), answer);
    });
}

// By which a page of another site, whose name leads here, would read what a browser on this machine is told.
BOOST_FIXTURE_TEST_CASE(only_who_asks_for_this_machine_by_its_name_is_answered, live_feed_fixture) {
    with_feed([](live_feed::server& server, es::store store) -> asio::awaitable<void> {
        const std::string event = R"({"type":"A","data":1})";
        for (const char* const host : {"evil.example", "evil.example:80", "127.0.0.1.evil.example",
                 "localhost.evil.example", "", "127.0.0.2", "[::2]", "localhost@evil.example"}) {
            const headers fields = {{"Host", host}};
            for (const char* const target : {"/", "/events", "/feed", "/streams/a"})
                check_refused(co_await send_request(server.port(), http::verb::get, target, "", fields), 421, "Host");
            check_refused(co_await post(server.port(), "/streams/a", event, fields), 421, "Host");
        }
        for (const char* const host : {"127.0.0.1", "localhost", "LocalHost:8080", "[::1]:80"}) {
            const headers fields = {{"Host", host}};
            const reply page = co_await send_request(server.port(), http::verb::get, "/events", "", fields);
            BOOST_TEST(page.status == 200u, host);
        }
        co_await expect_error(es::errc::stream_not_found, store.read("a"));
    });
}

BOOST_AUTO_TEST_SUITE_END()
