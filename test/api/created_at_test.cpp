#include "support/concurrently.hpp"
#include "support/store_fixture.hpp"

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono;
using namespace std::chrono_literals;
using namespace es::test;

namespace {

es::timestamp at(year_month_day day, microseconds time) { return es::timestamp(sys_days(day)) + time; }

// Before 1970 and before 2000 the count from PostgreSQL's own epoch is negative.
const es::timestamp long_ago = at(1969y / July / 20, 20h + 17min + 40s + 123456us);
const es::timestamp last_century = at(1999y / December / 31, 23h + 59min + 59s + 999999us);
const es::timestamp recent = at(2024y / February / 29, 12h + 1us);
const es::timestamp far = at(2999y / January / 1, 0us);

es::event_data dated(es::timestamp when) { return es::event_data("Dated", "x").created_at(when); }

// The server compares, not the test's clock: they may differ.
es::timestamp server_time(store_fixture& test) {
    return es::timestamp(microseconds(test.number("select (extract(epoch from clock_timestamp()) * 1000000)::bigint")));
}

} // namespace

BOOST_AUTO_TEST_SUITE(created_at_test)

BOOST_FIXTURE_TEST_CASE(the_default_is_the_time_of_the_append_on_the_server, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (const std::size_t size : {1u, 2u}) {
            const std::string name = "s-" + std::to_string(size);
            const es::timestamp before = server_time(*this);
            const es::append_result done = co_await store.append(name, es::no_stream, counted(size));
            const es::timestamp after = server_time(*this);
            const es::event_page page = co_await store.read(name);
            const es::stream_info info = co_await store.stream_info(name);
            BOOST_TEST((before <= done.created_at && done.created_at <= after));
            BOOST_TEST((page.back().created_at() == done.created_at));
            BOOST_TEST((before <= info.created_at && info.created_at <= done.created_at));
        }
    });
}

BOOST_FIXTURE_TEST_CASE(a_given_time_is_kept_to_the_microsecond, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        std::vector<es::event_data> list;
        for (const es::timestamp when : {long_ago, last_century, recent, far}) {
            const es::append_result done = co_await store.append("alone", es::any_version, dated(when));
            BOOST_TEST((done.created_at == when));
            list.push_back(dated(when));
        }
        const es::append_result done = co_await store.append("together", es::any_version, std::move(list));
        BOOST_TEST((done.created_at == far));
        for (const char* const stream : {"alone", "together"}) {
            const es::event_page page = co_await store.read(stream);
            BOOST_REQUIRE(page.size() == 4u);
            BOOST_TEST((page[0].created_at() == long_ago));
            BOOST_TEST((page[1].created_at() == last_century));
            BOOST_TEST((page[2].created_at() == recent));
            BOOST_TEST((page[3].created_at() == far));
        }
    });
    BOOST_TEST(value("set timezone to 'UTC'; select to_char(min(created_at), 'YYYY-MM-DD HH24:MI:SS.US')"
                     " from eventstore.events") == "1969-07-20 20:17:40.123456");
}

BOOST_FIXTURE_TEST_CASE(a_list_may_give_a_time_to_some_events_only, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::timestamp before = server_time(*this);
        const es::append_result done = co_await store.append(
            "mixed", es::no_stream, es::events(dated(recent), counted_one("now"), dated(long_ago)));
        const es::timestamp after = server_time(*this);
        BOOST_TEST((done.created_at == long_ago));
        const es::event_page page = co_await store.read("mixed");
        BOOST_REQUIRE(page.size() == 3u);
        BOOST_TEST((page[0].created_at() == recent));
        BOOST_TEST((before <= page[1].created_at() && page[1].created_at() <= after));
        BOOST_TEST((page[2].created_at() == long_ago));
    });
}

BOOST_FIXTURE_TEST_CASE(a_stream_is_as_old_as_its_first_event, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("any", es::any_version, dated(recent));
        co_await store.append("none", es::no_stream, dated(recent));
        co_await store.append("list", es::no_stream, es::events(dated(recent), dated(far)));
        for (const char* const name : {"any", "none", "list"}) {
            const es::stream_info first = co_await store.stream_info(name);
            BOOST_TEST((first.created_at == recent), name);
            co_await store.append(name, first.version, dated(long_ago));
            co_await store.append(name, es::any_version, es::events(dated(long_ago), dated(far)));
            const es::stream_info later = co_await store.stream_info(name);
            BOOST_TEST((later.created_at == recent), name);
        }
    });
}

BOOST_FIXTURE_TEST_CASE(streams_made_in_one_flush_have_each_its_own_time, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        std::vector<asio::awaitable<es::append_result>> work;
        for (int i = 0; i < 20; ++i)
            work.push_back(store.append("s-" + std::to_string(i), es::any_version, dated(recent + hours(i))));
        const auto results = co_await concurrently(std::move(work));
        for (int i = 0; i < 20; ++i) {
            const es::stream_info info = co_await store.stream_info("s-" + std::to_string(i));
            BOOST_TEST((info.created_at == recent + hours(i)));
            BOOST_TEST((results[static_cast<std::size_t>(i)].created_at == recent + hours(i)));
        }
    });
}

BOOST_FIXTURE_TEST_CASE(the_default_never_goes_back_in_the_log, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (int round = 0; round < 10; ++round) {
            co_await store.append("a", es::any_version, counted_one("x"));
            co_await store.append("b", es::any_version, counted(3));
            std::vector<asio::awaitable<es::append_result>> work;
            for (int i = 0; i < 5; ++i) work.push_back(store.append("c", es::any_version, counted_one("y")));
            co_await concurrently(std::move(work));
        }
    });
    BOOST_TEST(number("select count(*) from (select created_at, lag(created_at) over (order by position) as before"
                      " from eventstore.events) as pairs where created_at < before") == 0);
}

BOOST_FIXTURE_TEST_CASE(an_imported_time_does_not_hold_back_the_default, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("import", es::no_stream, dated(far));
        const es::timestamp before = server_time(*this);
        const es::append_result alone = co_await store.append("a", es::no_stream, counted_one("x"));
        co_await store.append("import", es::any_version, dated(far));
        const es::append_result list = co_await store.append("b", es::no_stream, counted(2));
        const es::timestamp after = server_time(*this);
        BOOST_TEST((before <= alone.created_at && alone.created_at <= after));
        BOOST_TEST((before <= list.created_at && list.created_at <= after));
    });
}

BOOST_AUTO_TEST_SUITE_END()
