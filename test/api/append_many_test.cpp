#include "support/concurrently.hpp"
#include "support/store_fixture.hpp"

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;

namespace {

std::vector<es::event_data> large(std::size_t count, std::size_t bytes) {
    std::vector<es::event_data> out;
    for (std::size_t i = 0; i < count; ++i) {
        out.emplace_back("Large", std::string(bytes, static_cast<char>('a' + i % 26)));
        out.back().metadata(std::to_string(i));
    }
    return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(append_many_test)

BOOST_FIXTURE_TEST_CASE(ten_thousand_events_in_one_call, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const std::vector<es::event_data> list = counted(10'000);
        co_await store.append("other", es::no_stream, counted(5));
        const es::append_result done = co_await store.append("many", es::no_stream, list);
        BOOST_TEST(done.first_version == 1);
        BOOST_TEST(done.last_version == 10'000);
        BOOST_TEST(done.first_position == 6);
        BOOST_TEST(done.last_position == 10'005);
        BOOST_TEST(!done.already_appended);

        es::event_scan scan = store.scan("many");
        std::size_t seen = 0;
        bool same = true;
        while (const std::optional<es::recorded_event> event = co_await scan.next()) {
            same = same && seen < list.size() && event->id() == list[seen].id() && event->data() == list[seen].data() &&
                event->version() == static_cast<std::int64_t>(seen) + 1 &&
                event->position() == static_cast<std::int64_t>(seen) + 6;
            ++seen;
        }
        BOOST_TEST(seen == 10'000u);
        BOOST_TEST(same);
        BOOST_TEST(store.stats().flushes == 2u);
    });
}

BOOST_FIXTURE_TEST_CASE(eight_thousand_and_one_events_onto_an_existing_stream, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("many", es::no_stream, counted(1, "first"));
        const es::append_result done = co_await store.append("many", 1, counted(8001));
        BOOST_TEST(done.first_version == 2);
        BOOST_TEST(done.last_version == 8002);
        const es::append_result next = co_await store.append("many", 8002, counted_one("last"));
        BOOST_TEST(next.first_version == 8003);
    });
    BOOST_TEST(value("select string_agg(convert_from(data, 'UTF8'), ',' order by stream_version)"
                     " = 'first1,' || (select string_agg(n::text, ',' order by n) from generate_series(1, 8001) as n)"
                     " || ',last' from eventstore.events") == "t");
}

BOOST_FIXTURE_TEST_CASE(an_empty_list_succeeds_and_stores_nothing, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const std::vector<es::event_data> none;
        for (const es::expected_version expected : {es::no_stream, es::any_version}) {
            const es::append_result done = co_await store.append("empty", expected, none);
            BOOST_TEST(done.first_version == 0);
            BOOST_TEST(done.last_version == 0);
            BOOST_TEST(done.first_position == 0);
            BOOST_TEST(done.last_position == 0);
            BOOST_TEST(!done.already_appended);
        }
        co_await expect_error(es::errc::stream_not_found, store.read("empty"));
        co_await store.append("full", es::no_stream, counted(2));
        const es::append_result done = co_await store.append("full", 2, none);
        BOOST_TEST(done.last_version == 0);
        const es::append_result next = co_await store.append("full", 2, counted_one("3"));
        BOOST_TEST(next.first_version == 3);
        BOOST_TEST(next.first_position == 3);
    });
    BOOST_TEST(number("select count(*) from eventstore.streams") == 1);
}

BOOST_FIXTURE_TEST_CASE(a_list_is_stored_whole_or_not_at_all, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::event_data known = counted_one("known");
        co_await store.append("a", es::no_stream, known);
        std::vector<es::event_data> list = counted(5000);
        list.push_back(known);
        co_await expect_error(es::errc::duplicate_event, store.append("b", es::no_stream, list));
        co_await expect_error(es::errc::stream_not_found, store.read("b"));

        list.pop_back();
        list[4000].id(list[17].id());
        co_await expect_error(es::errc::duplicate_event, store.append("b", es::no_stream, list));
        co_await expect_error(es::errc::stream_not_found, store.stream_info("b"));

        const es::append_result next = co_await store.append("b", es::no_stream, counted(2));
        BOOST_TEST(next.first_position == 2);
    });
    BOOST_TEST(events_stored() == 3);
}

// More than one flush takes: it goes alone, in one transaction all the same.
BOOST_FIXTURE_TEST_CASE(forty_megabytes_in_one_call, store_fixture) {
    with_store(options().operation_timeout(60s), [&](es::store store) -> asio::awaitable<void> {
        const std::vector<es::event_data> list = large(40, megabyte);
        std::vector<asio::awaitable<es::append_result>> work;
        work.push_back(store.append("before", es::any_version, counted(2)));
        work.push_back(store.append("large", es::no_stream, list));
        work.push_back(store.append("after", es::any_version, counted(2)));
        const auto results = co_await concurrently(std::move(work));
        BOOST_TEST(results[1].last_version == 40);
        BOOST_TEST(results[1].last_position - results[1].first_position == 39);

        es::event_scan scan = store.scan("large");
        std::size_t seen = 0;
        while (const std::optional<es::recorded_event> event = co_await scan.next()) {
            BOOST_TEST((seen < list.size() && event->data() == list[seen].data()));
            ++seen;
        }
        BOOST_TEST(seen == 40u);
    });
}

BOOST_FIXTURE_TEST_CASE(the_largest_event_survives_the_way_there_and_back, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        std::string data(16 * megabyte - 5, '\0');
        for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 2654435761u >> 24);
        es::event_data event("Largest", data);
        event.metadata("12345");
        co_await store.append("a", es::no_stream, event);
        const es::event_page page = co_await store.read("a");
        BOOST_REQUIRE(page.size() == 1u);
        BOOST_TEST((page[0].data() == data));
        BOOST_TEST(page[0].metadata() == "12345");
        const es::recorded_event found = co_await store.find_event(event.id());
        BOOST_TEST((found.data() == data));
    });
}

// Appends beyond the byte budget wait until there is room; none is refused, and none overtakes another.
BOOST_FIXTURE_TEST_CASE(more_than_the_queue_may_hold_is_admitted_in_order, store_fixture) {
    with_store(options().max_queued_bytes(megabyte), [&](es::store store) -> asio::awaitable<void> {
        std::size_t most = 0;
        const auto writer = [&](int number) -> asio::awaitable<es::append_result> {
            const es::append_result done = co_await store.append(
                "a", es::any_version, es::event_data(std::to_string(number), std::string(100'000, 'x')));
            most = std::max(most, store.stats().queued_bytes);
            co_return done;
        };
        std::vector<asio::awaitable<es::append_result>> work;
        for (int i = 1; i <= 100; ++i) work.push_back(writer(i));
        const auto results = co_await concurrently(std::move(work));
        for (std::size_t i = 0; i < results.size(); ++i)
            BOOST_TEST(results[i].first_version == static_cast<std::int64_t>(i) + 1);
        BOOST_TEST(store.stats().queued_bytes == 0u);
        BOOST_TEST(store.stats().flushes >= 10u);
    });
    BOOST_TEST(value("select bool_and(type = stream_version::text) from eventstore.events") == "t");
}

BOOST_FIXTURE_TEST_CASE(one_append_larger_than_the_queue_is_admitted_when_it_is_empty, store_fixture) {
    with_store(options().max_queued_bytes(1000), [&](es::store store) -> asio::awaitable<void> {
        std::vector<asio::awaitable<es::append_result>> work;
        for (int i = 0; i < 3; ++i) {
            work.push_back(store.append("small", es::any_version, counted_one("x")));
            work.push_back(store.append("large", es::any_version, large(2, 50'000)));
        }
        const auto results = co_await concurrently(std::move(work));
        BOOST_TEST(results[5].last_version == 6);
    });
    with_store(options().max_queued_bytes(1000).fail_when_full(), [&](es::store store) -> asio::awaitable<void> {
        const es::append_result alone = co_await store.append("large", 6, large(1, 50'000));
        BOOST_TEST(alone.last_version == 7);
    });
}

BOOST_AUTO_TEST_SUITE_END()
