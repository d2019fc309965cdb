#include "support/store_fixture.hpp"

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;

BOOST_AUTO_TEST_SUITE(info_test)

BOOST_FIXTURE_TEST_CASE(stream_info_tells_the_version_and_the_age, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::append_result first = co_await store.append("a", es::no_stream, counted_one("1"));
        const es::stream_info one = co_await store.stream_info("a");
        BOOST_TEST(one.name == "a");
        BOOST_TEST(one.version == 1);
        BOOST_TEST((one.created_at <= first.created_at && one.created_at + 5s > first.created_at));
        BOOST_TEST(!one.deleted_at.has_value());
        co_await store.append("b", es::no_stream, counted(5));
        co_await store.append("a", 1, counted(3));
        const es::stream_info four = co_await store.stream_info("a");
        BOOST_TEST(four.version == 4);
        BOOST_TEST((four.created_at == one.created_at));
        const es::stream_info b = co_await store.stream_info("b");
        BOOST_TEST(b.version == 5);
    });
}

BOOST_FIXTURE_TEST_CASE(stream_info_of_a_missing_or_deleted_stream_is_an_error, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::failure missing = co_await expect_error(es::errc::stream_not_found, store.stream_info("missing"));
        BOOST_TEST(missing.stream() == "missing");
        co_await store.append("gone", es::no_stream, counted(2));
        delete_stream_softly("gone");
        const es::failure gone = co_await expect_error(es::errc::stream_deleted, store.stream_info("gone"));
        BOOST_TEST(gone.stream() == "gone");
    });
}

BOOST_FIXTURE_TEST_CASE(the_log_has_an_info_of_its_own, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::stream_info empty = co_await store.stream_info("$all");
        BOOST_TEST(empty.name == "$all");
        BOOST_TEST(empty.version == 0);
        co_await store.append("a", es::no_stream, counted(3));
        co_await store.append("b", es::no_stream, counted(2));
        const es::stream_info five = co_await store.stream_info("$all");
        BOOST_TEST(five.version == 5);
        BOOST_TEST((five.created_at == empty.created_at));
        BOOST_TEST(!five.deleted_at.has_value());
    });
}

BOOST_FIXTURE_TEST_CASE(streams_are_listed_by_the_bytes_of_their_names, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const std::vector<es::stream_info> none = co_await store.streams();
        BOOST_TEST(none.empty());
        const texts sorted = {"A", "B", "a", "a ", "a-", "aB", "aa", "b", "\u00e4", "\u00e9", "\uffff", "\U0001F680"};
        for (auto name = sorted.rbegin(); name != sorted.rend(); ++name)
            co_await store.append(*name, es::no_stream, counted_one("x"));
        co_await store.append("aa", 1, counted(4));
        const std::vector<es::stream_info> all = co_await store.streams();
        TEST_SAME(names_of(all), sorted);
        BOOST_TEST(all[6].version == 5);
        const es::stream_info info = co_await store.stream_info("aa");
        BOOST_TEST((all[6].created_at == info.created_at));
        BOOST_TEST(!all[6].deleted_at.has_value());
        delete_stream_softly("aa");
        const std::vector<es::stream_info> less = co_await store.streams();
        BOOST_TEST(less.size() == sorted.size() - 1);
        TEST_SAME(
            names_of(less), texts({"A", "B", "a", "a ", "a-", "aB", "b", "\u00e4", "\u00e9", "\uffff", "\U0001F680"}));
    });
}

BOOST_FIXTURE_TEST_CASE(streams_are_listed_a_page_at_a_time, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        ask("insert into eventstore.streams (name, version, created_at)"
            " select 's-' || to_char(n, 'FM0000'), 1, now() from generate_series(1, 1100) as n;"
            "insert into eventstore.events (position, stream_id, stream_version, created_at, event_id, type, data, "
            "metadata)"
            " select row_number() over (), stream_id, 1, now(), gen_random_uuid(), 'T', '', '' from "
            "eventstore.streams");
        const std::vector<es::stream_info> first = co_await store.streams();
        BOOST_REQUIRE(first.size() == 1000u);
        BOOST_TEST(first.back().name == "s-1000");
        const std::vector<es::stream_info> second = co_await store.streams(es::stream_query().after("s-1000"));
        BOOST_REQUIRE(second.size() == 100u);
        BOOST_TEST(second.front().name == "s-1001");

        texts all;
        es::stream_query query = es::stream_query().prefix("s-0").count(7);
        for (;;) {
            const std::vector<es::stream_info> page = co_await store.streams(query);
            if (page.empty()) break;
            BOOST_TEST(page.size() <= 7u);
            for (const es::stream_info& each : page) all.push_back(each.name);
            query.after(page.back().name);
        }
        BOOST_TEST(all.size() == 999u);
        BOOST_TEST(std::is_sorted(all.begin(), all.end()));
        BOOST_TEST(all.front() == "s-0001");
        BOOST_TEST(all.back() == "s-0999");

        const std::vector<es::stream_info> none = co_await store.streams(es::stream_query().after("t"));
        BOOST_TEST(none.empty());
        const std::vector<es::stream_info> between =
            co_await store.streams(es::stream_query().after("s-0005x").count(1));
        TEST_SAME(names_of(between), texts({"s-0006"}));
        const std::vector<es::stream_info> before =
            co_await store.streams(es::stream_query().prefix("s-1").after("a").count(2));
        TEST_SAME(names_of(before), texts({"s-1000", "s-1001"}));
    });
}

// The end of a range of names is found by raising the last character, which is not always possible.
BOOST_FIXTURE_TEST_CASE(any_text_is_a_prefix, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const std::string last = "\U0010FFFF";          // nothing comes after it
        const std::string before_surrogates = "\uD7FF"; // what comes after it is no character
        const std::string two_bytes = "\u007f";         // what comes after it is longer
        const std::string three_bytes = "\u07ff";
        const std::string four_bytes = "\uffff";
        texts prefixes = {"a", "a%", "a_", "a\\", "'", "\"", " ", "a'b", last, "a" + last, last + last,
            before_surrogates, "a" + before_surrogates, two_bytes, three_bytes, four_bytes, std::string(511, 'x')};
        std::sort(prefixes.begin(), prefixes.end());
        for (const std::string& each : prefixes) {
            co_await store.append(each, es::no_stream, counted_one("x"));
            co_await store.append(each + "1", es::no_stream, counted_one("x"));
        }
        co_await store.append("\ue000", es::no_stream, counted_one("x")); // the first one after the surrogates
        const std::vector<es::stream_info> every = co_await store.streams();
        const texts all = names_of(every);
        BOOST_TEST(all.size() == 2 * prefixes.size() + 1);
        for (const std::string& each : prefixes) {
            texts expected;
            for (const std::string& name : all)
                if (name.starts_with(each)) expected.push_back(name);
            const std::vector<es::stream_info> found = co_await store.streams(es::stream_query().prefix(each));
            TEST_SAME(names_of(found), expected);
        }
        const std::vector<es::stream_info> none = co_await store.streams(es::stream_query().prefix("no such"));
        BOOST_TEST(none.empty());
    });
}

BOOST_FIXTURE_TEST_CASE(find_event_finds_by_id, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const std::vector<es::event_data> list = counted(3);
        co_await store.append("a", es::no_stream, counted_one("before"));
        co_await store.append("b", es::no_stream, list);
        for (std::size_t i = 0; i < list.size(); ++i) {
            const es::recorded_event found = co_await store.find_event(list[i].id());
            BOOST_TEST((found.id() == list[i].id()));
            BOOST_TEST(found.stream() == "b");
            BOOST_TEST(found.version() == static_cast<std::int64_t>(i) + 1);
            BOOST_TEST(found.position() == static_cast<std::int64_t>(i) + 2);
            BOOST_TEST(found.data() == list[i].data());
        }
        const es::uuid unknown = es::make_uuid();
        const es::failure why = co_await expect_error(es::errc::event_not_found, store.find_event(unknown));
        BOOST_TEST(why.message().find(es::to_string(unknown)) != std::string::npos, why.message());
        co_await expect_error(es::errc::event_not_found, store.find_event(es::uuid()));
    });
}

BOOST_FIXTURE_TEST_CASE(stats_count_what_was_done, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::store_stats fresh = store.stats();
        BOOST_TEST(fresh.appends == 0u);
        BOOST_TEST(fresh.events_appended == 0u);
        BOOST_TEST(fresh.events_read == 0u);
        BOOST_TEST(fresh.connects >= 1u);
        co_await store.append("a", es::no_stream, counted(3));
        co_await store.append("a", 3, counted_one("4"));
        co_await expect_error(es::errc::wrong_expected_version, store.append("a", 1, counted(3)));
        const es::event_page page = co_await store.read("a");
        const es::store_stats after = store.stats();
        BOOST_TEST(after.appends == 2u);
        BOOST_TEST(after.events_appended == 4u);
        BOOST_TEST(after.flushes >= 2u);
        BOOST_TEST(after.retried_flushes == 0u);
        BOOST_TEST(after.reads == fresh.reads + 1);
        BOOST_TEST(after.events_read == 4u);
        BOOST_TEST(after.connections >= 1u);
        co_await eventually([&] { return store.stats().reads_in_flight == 0; }); // the append is being announced
        BOOST_TEST(after.queued_appends == 0u);
        BOOST_TEST(after.queued_bytes == 0u);
        co_await store.close();
        const es::store_stats closed = store.stats();
        BOOST_TEST(closed.appends == 2u);
        BOOST_TEST(closed.connections == 0u);
    });
}

BOOST_AUTO_TEST_SUITE_END()
