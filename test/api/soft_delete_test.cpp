// Streams that are hidden, and come back.

#include "support/receive.hpp"

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(soft_delete_test)

BOOST_FIXTURE_TEST_CASE(a_deleted_stream_is_neither_read_nor_written, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        for (const es::expected_version expected : {es::any_version, es::stream_exists, es::expected_version(3)}) {
            const std::string name = "stream" + std::to_string(expected.value());
            co_await store.append(name, es::no_stream, counted(3));
            co_await store.delete_stream(name, expected);
            co_await expect_error(es::errc::stream_deleted, store.read(name));
            es::event_scan scan = store.scan(name);
            co_await expect_error(es::errc::stream_deleted, scan.next());
            co_await expect_error(es::errc::stream_deleted, store.stream_info(name));
            co_await expect_error(es::errc::stream_deleted, store.append(name, es::any_version, counted_one("4")));
            co_await expect_error(es::errc::stream_deleted, store.append(name, 99, counted_one("4")));
            co_await expect_error(es::errc::stream_deleted, store.append(name, es::no_stream, counted(2)));
            co_await expect_error(es::errc::stream_deleted, store.delete_stream(name, es::any_version));
            co_await expect_error(es::errc::stream_deleted, store.delete_stream(name, 77));
        }
    };
    with_store(body);
    BOOST_TEST(events_stored() == 9);
}

BOOST_FIXTURE_TEST_CASE(a_stream_that_is_not_as_expected_stays, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(3));
        const auto wrong = co_await expect_error(es::errc::wrong_expected_version, store.delete_stream("a", 2));
        BOOST_TEST(wrong.stream() == "a");
        BOOST_TEST(wrong.expected().value() == 2);
        BOOST_TEST(wrong.actual().value() == 3);
        co_await expect_error(es::errc::stream_exists, store.delete_stream("a", es::no_stream));
        co_await expect_error(es::errc::stream_not_found, store.delete_stream("none", es::any_version));
        co_await expect_error(es::errc::stream_not_found, store.delete_stream("none", 5));
        co_await expect_error(es::errc::reserved_stream, store.delete_stream("$all", es::any_version));
        co_await expect_error(es::errc::invalid_argument, store.delete_stream("", es::any_version));
        co_await expect_error(es::errc::invalid_argument, store.delete_stream("a", -1));
        const es::event_page page = co_await store.read("a");
        BOOST_TEST(page.size() == 3u);
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(its_events_stay_in_the_log_and_behind_links, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(2));
        const es::event_page a = co_await store.read("a");
        co_await store.link("b", es::no_stream, a[1].id());
        co_await store.delete_stream("a", es::any_version);
        const es::event_page all = co_await store.read_all();
        TEST_SAME(data_of(all), texts({"1", "2"}));
        const es::event_page b = co_await store.read("b");
        TEST_SAME(data_of(b), texts({"2"}));
        BOOST_TEST(b.front().stream() == "a");
        const es::recorded_event found = co_await store.find_event(a[0].id());
        BOOST_TEST(found.data() == "1");
        co_await store.link("c", es::no_stream, a[0].id());
        const es::event_page c = co_await store.read("c");
        TEST_SAME(data_of(c), texts({"1"}));
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_restored_stream_goes_on_where_it_was, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(2));
        co_await store.delete_stream("a", es::any_version);
        co_await store.restore_stream("a");
        co_await store.restore_stream("a"); // it is
        const es::append_result more = co_await store.append("a", 2, counted_one("3"));
        BOOST_TEST(more.last_version == 3);
        const es::event_page a = co_await store.read("a");
        TEST_SAME(data_of(a), texts({"1", "2", "3"}));
        co_await store.delete_stream("a", 3);
        co_await expect_error(es::errc::stream_deleted, store.read("a"));
        co_await store.restore_stream("a");
        co_await expect_error(es::errc::stream_not_found, store.restore_stream("none"));
        co_await expect_error(es::errc::reserved_stream, store.restore_stream("$all"));
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_subscription_that_was_behind_gets_the_rest_when_the_stream_is_restored, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        const es::store other = co_await es::open(options());
        co_await store.append("a", es::no_stream, counted(5));
        {
            es::subscription reader = co_await store.subscribe("a", "reader", es::subscription_options().max_batch(2));
            auto batch = co_await reader.next(5s);
            batch->ack();
            co_await reader.unsubscribe();
        }
        co_await store.delete_stream("a", es::any_version);
        es::subscription reader = co_await store.subscribe("a", "reader");
        const texts nothing = co_await receive(reader, 0);
        BOOST_TEST(nothing.empty());
        co_await other.restore_stream("a"); // elsewhere
        const texts rest = co_await receive(reader, 3);
        TEST_SAME(rest, texts({"3", "4", "5"}));
        co_await other.append("a", 5, counted_one("6"));
        const texts more = co_await receive(reader, 1);
        TEST_SAME(more, texts({"6"}));
    };
    with_store(body);
}

// The word of the restoration is lost; the next event tells that some are missing before it.
BOOST_FIXTURE_TEST_CASE(an_event_after_the_restoration_does_not_skip_those_before_it, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(3));
        co_await store.delete_stream("a", es::any_version);
        es::subscription reader = co_await store.subscribe("a", "reader");
        const texts nothing = co_await receive(reader, 0);
        BOOST_TEST(nothing.empty());
        ask("update eventstore.streams set deleted_at = null");
        co_await store.append("a", 3, counted_one("4"));
        const texts all = co_await receive(reader, 4);
        TEST_SAME(all, texts({"1", "2", "3", "4"}));
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_repeated_call_finds_its_own_deletion, store_fixture) {
    run(es::migrate(options()));
    session writer;
    writer.run(
        here("select eventstore.append_event('a', 0, gen_random_uuid(), 'T', 'x', '', null, null, null, false)"));
    const std::string call =
        here("select eventstore.delete_stream('a', 1, false, '00000000-0000-0000-0000-000000000001')");
    BOOST_TEST(writer.value(call) == "{0,1,1}");
    BOOST_TEST(writer.value(call) == "{0,1,1}");
    BOOST_TEST(writer.value(here("select eventstore.delete_stream('a', 1, false, gen_random_uuid())")) == "{5,1,1}");
}

BOOST_AUTO_TEST_SUITE_END()
