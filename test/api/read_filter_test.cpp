#include "support/store_fixture.hpp"

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;

namespace {

struct found {
    numbers positions;
    numbers versions;
    std::int64_t next_from = 0;
    int pages = 0;
};

asio::awaitable<found> read_filtered(es::store store, std::string stream, es::read_options options) {
    found out;
    for (;;) {
        const es::event_page page = co_await store.read(stream, options);
        ++out.pages;
        BOOST_TEST(page.size() <= options.count());
        for (const es::recorded_event& each : page) {
            out.positions.push_back(each.position());
            out.versions.push_back(each.version());
        }
        // Even a page without events moves on.
        const std::int64_t before = options.from().value_or(options.is_backward() ? page.next_from() + 1 : 0);
        if (!page.is_complete())
            BOOST_TEST((options.is_backward() ? page.next_from() < before : page.next_from() > before));
        out.next_from = page.next_from();
        if (page.is_complete()) co_return out;
        if (out.pages > 1000) throw std::runtime_error("the pages do not come to an end");
        options.from(page.next_from());
    }
}

// A log of `count` events of type "Common" in ten streams, made by the server in one go.
void fill(store_fixture& test, int count) {
    test.ask(
        "insert into eventstore.streams (name, version, created_at)"
        " select 'bulk-' || n, 0, now() from generate_series(0, 9) as n;"
        "insert into eventstore.events (position, stream_id, stream_version, created_at, event_id, type, data, "
        "metadata)"
        " select n, (select stream_id from eventstore.streams where name = 'bulk-' || (n - 1) % 10), (n - 1) / 10 + 1,"
        "  now(), gen_random_uuid(), 'Common', 'x', ''"
        " from generate_series(1, " +
        std::to_string(count) +
        ") as n;"
        "update eventstore.streams as s set version ="
        " (select count(*) from eventstore.events as e where e.stream_id = s.stream_id)");
}

} // namespace

BOOST_AUTO_TEST_SUITE(read_filter_test)

BOOST_FIXTURE_TEST_CASE(only_events_of_the_named_types_are_read, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (int i = 1; i <= 12; ++i) {
            const std::string name(1, i % 2 ? 'a' : 'b');
            const std::string type(1, static_cast<char>('A' + i % 3));
            co_await store.append(name, es::any_version, es::event_data(type, "x"));
        }
        // A: 3 6 9 12, B: 1 4 7 10, C: 2 5 8 11
        const es::event_page one = co_await store.read_all(es::read_options().type("A"));
        TEST_SAME(positions_of(one), numbers({3, 6, 9, 12}));
        BOOST_TEST(one.is_complete());
        const es::event_page two = co_await store.read_all(es::read_options().type("A").type("C"));
        TEST_SAME(positions_of(two), numbers({2, 3, 5, 6, 8, 9, 11, 12}));
        const std::vector<std::string> names = {"B", "no such type"};
        const es::event_page list = co_await store.read_all(es::read_options().types(names));
        TEST_SAME(positions_of(list), numbers({1, 4, 7, 10}));
        const std::vector<std::string> none;
        const es::event_page no_filter = co_await store.read_all(es::read_options().types(none));
        BOOST_TEST(no_filter.size() == 12u);
        const es::event_page stream = co_await store.read("b", es::read_options().type("A")); // b: 2 4 6 8 10 12
        TEST_SAME(versions_of(stream), numbers({3, 6}));
        TEST_SAME(positions_of(stream), numbers({6, 12}));
        const es::event_page back = co_await store.read("b", es::read_options().type("A").backward());
        TEST_SAME(versions_of(back), numbers({6, 3}));
        const es::event_page by_case = co_await store.read_all(es::read_options().type("a"));
        BOOST_TEST(by_case.empty());
    });
}

BOOST_FIXTURE_TEST_CASE(only_streams_with_the_prefix_are_read, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const texts names = {"user-1", "user-2", "user", "User-1", "u%er-1", "u_er-1", "u\\er-1", "\u00fcser-1", "use"};
        for (const std::string& name : names) co_await store.append(name, es::no_stream, es::event_data(name, "x"));
        const auto expect = [&](std::string prefix, numbers positions) -> asio::awaitable<void> {
            const es::event_page page = co_await store.read_all(es::read_options().stream_prefix(prefix));
            BOOST_TEST(page.is_complete());
            TEST_SAME(positions_of(page), positions);
        };
        // Nothing in a prefix is a wildcard.
        const std::vector<std::pair<std::string, numbers>> table = {
            {"user-", {1, 2}},
            {"user", {1, 2, 3}},
            {"u%", {5}},
            {"u_", {6}},
            {"u\\", {7}},
            {"\u00fc", {8}},
            {"user-1", {1}},
            {"user-11", {}},
            {"", from_to(1, 9)},
        };
        for (const auto& [prefix, positions] : table) co_await expect(prefix, positions);
        const es::event_page both = co_await store.read_all(es::read_options().stream_prefix("user").type("user-2"));
        TEST_SAME(positions_of(both), numbers({2}));
        const es::event_page back =
            co_await store.read_all(es::read_options().stream_prefix("use").backward().count(2));
        TEST_SAME(positions_of(back), numbers({9, 3}));
    });
}

BOOST_FIXTURE_TEST_CASE(filtered_pages_follow_each_other, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (int i = 1; i <= 30; ++i) {
            const std::string type = i % 3 ? "Other" : "Third";
            co_await store.append("a", i - 1, es::event_data(type, "x"));
        }
        for (const char* const stream : {"a", "$all"})
            for (const std::size_t count : {1u, 2u, 3u, 10u, 11u}) {
                const found forward =
                    co_await read_filtered(store, stream, es::read_options().type("Third").count(count));
                TEST_SAME(forward.versions, numbers({3, 6, 9, 12, 15, 18, 21, 24, 27, 30}));
                BOOST_TEST(forward.next_from == 31);
                const found backward =
                    co_await read_filtered(store, stream, es::read_options().type("Third").count(count).backward());
                TEST_SAME(backward.versions, numbers({30, 27, 24, 21, 18, 15, 12, 9, 6, 3}));
                const found part =
                    co_await read_filtered(store, stream, es::read_options().type("Third").count(count).from(10));
                TEST_SAME(part.versions, numbers({12, 15, 18, 21, 24, 27, 30}));
            }
        // What was left out at the end counts as read: a follower must not look at it again.
        co_await store.append("a", 30, counted(5));
        const found after = co_await read_filtered(store, "$all", es::read_options().type("Third").from(31));
        BOOST_TEST(after.positions.empty());
        BOOST_TEST(after.next_from == 36);
    });
}

BOOST_FIXTURE_TEST_CASE(a_filter_that_matches_nothing_ends_at_the_head, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        fill(*this, 200'000);
        for (const bool backward : {false, true}) {
            es::read_options by_type = es::read_options().type("No such type");
            es::read_options by_prefix = es::read_options().stream_prefix("no such stream");
            es::read_options both = es::read_options().type("Common").stream_prefix("no such stream");
            if (backward) {
                by_type.backward();
                by_prefix.backward();
                both.backward();
            }
            for (const es::read_options& options : {by_type, by_prefix, both}) {
                const found nothing = co_await read_filtered(store, "$all", options);
                BOOST_TEST(nothing.positions.empty());
                BOOST_TEST((backward || nothing.next_from == 200'001));
                BOOST_TEST(nothing.pages <= 200);
            }
            const found of_stream = co_await read_filtered(store, "bulk-3", by_type);
            BOOST_TEST(of_stream.versions.empty());
            BOOST_TEST((backward || of_stream.next_from == 20'001));
        }
    });
}

BOOST_FIXTURE_TEST_CASE(a_filter_that_matches_rarely_finds_each_match, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        fill(*this, 150'000);
        co_await store.append("rare", es::no_stream, es::event_data("Rare", "x")); // 150,001
        ask("begin; alter table eventstore.events disable trigger user; "
            "update eventstore.events set type = 'Rare' where position in (1, 2, 70000, 70001, 149999);"
            "alter table eventstore.events enable trigger user; commit");
        const found forward = co_await read_filtered(store, "$all", es::read_options().type("Rare"));
        TEST_SAME(forward.positions, numbers({1, 2, 70'000, 70'001, 149'999, 150'001}));
        const found one_by_one = co_await read_filtered(store, "$all", es::read_options().type("Rare").count(1));
        TEST_SAME(one_by_one.positions, forward.positions);
        const found backward = co_await read_filtered(store, "$all", es::read_options().type("Rare").backward());
        TEST_SAME(backward.positions, numbers({150'001, 149'999, 70'001, 70'000, 2, 1}));
        const found prefix = co_await read_filtered(store, "$all", es::read_options().stream_prefix("rare"));
        TEST_SAME(prefix.positions, numbers({150'001}));
        const found both =
            co_await read_filtered(store, "$all", es::read_options().type("Rare").stream_prefix("bulk-0"));
        TEST_SAME(both.positions, numbers({1, 70'001}));

        es::event_scan scan = store.scan_all(es::read_options().type("Rare"));
        numbers scanned;
        while (const std::optional<es::recorded_event> event = co_await scan.next())
            scanned.push_back(event->position());
        TEST_SAME(scanned, forward.positions);
        es::event_scan pages = store.scan_all(es::read_options().type("Rare").backward());
        while (const std::optional<es::event_page> page = co_await pages.next_page()) BOOST_TEST(!page->empty());
    });
}

BOOST_AUTO_TEST_SUITE_END()
