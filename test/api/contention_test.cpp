// Appends to one stream at one time: which of them succeed, and what the others are told.
#include "support/concurrently.hpp"
#include "support/store_fixture.hpp"

#include <algorithm>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;

namespace {

using outcome = es::result<es::append_result>;

std::vector<es::errc> codes_of(const std::vector<outcome>& all) {
    std::vector<es::errc> out;
    for (const outcome& each : all) out.push_back(each ? es::errc{} : each.error().code());
    return out;
}

std::size_t count_of(const std::vector<outcome>& all, es::errc code) {
    const std::vector<es::errc> codes = codes_of(all);
    return static_cast<std::size_t>(std::count(codes.begin(), codes.end(), code));
}

constexpr es::errc success{};

} // namespace

BOOST_AUTO_TEST_SUITE(contention_test)

BOOST_FIXTURE_TEST_CASE(of_four_with_the_same_version_exactly_one_succeeds, store_fixture) {
    const auto body = [&]() -> asio::awaitable<void> {
        const es::store one = co_await es::open(options());
        const es::store two = co_await es::open(options());
        std::int64_t version = 0;
        for (const bool two_stores : {false, true})
            for (const std::size_t size : {1u, 10u}) {
                const std::string name = (two_stores ? "two-" : "one-") + std::to_string(size);
                for (version = 0; version < static_cast<std::int64_t>(3 * size);
                     version += static_cast<std::int64_t>(size)) {
                    std::vector<asio::awaitable<outcome>> work;
                    for (int i = 0; i < 4; ++i)
                        work.push_back((two_stores && i % 2 ? two : one).try_append(name, version, counted(size)));
                    const std::vector<outcome> all = co_await concurrently(std::move(work));
                    const es::errc refusal = version == 0 ? es::errc::stream_exists : es::errc::wrong_expected_version;
                    BOOST_TEST(count_of(all, success) == 1u);
                    BOOST_TEST(count_of(all, refusal) == 3u);
                    for (const outcome& each : all)
                        if (!each)
                            BOOST_TEST(each.error().actual().value() == version + static_cast<std::int64_t>(size));
                }
            }
        const es::event_page page = co_await one.read("one-10");
        TEST_SAME(versions_of(page), from_to(1, 30));
    };
    run(body());
}

BOOST_FIXTURE_TEST_CASE(concurrent_appends_without_a_version_all_succeed, store_fixture) {
    const auto body = [&]() -> asio::awaitable<void> {
        const es::store one = co_await es::open(options());
        const es::store two = co_await es::open(options());
        for (const es::expected_version expected : {es::any_version, es::any_version, es::stream_exists}) {
            std::vector<asio::awaitable<outcome>> work;
            for (int i = 0; i < 8; ++i)
                work.push_back(
                    (i % 2 ? two : one).try_append("a", expected, counted(static_cast<std::size_t>(1 + i % 2))));
            const std::vector<outcome> all = co_await concurrently(std::move(work));
            BOOST_TEST(count_of(all, success) == 8u);
        }
        const es::event_page page = co_await one.read("a");
        TEST_SAME(versions_of(page), from_to(1, 36));
    };
    run(body());
}

BOOST_FIXTURE_TEST_CASE(in_one_flush_each_append_has_its_own_outcome, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::event_data known = counted_one("known");
        const es::event_data fresh = counted_one("fresh");
        co_await store.append("old", es::no_stream, es::events(known, counted_one("2")));
        co_await store.append("gone", es::no_stream, counted_one("x"));
        delete_stream_softly("gone");
        const std::uint64_t flushes = store.stats().flushes;

        // While the first one waits for the lock, the others gather behind it.
        blocker log = hold_log();
        started<es::append_result> first = co_await start(store.append("first", es::no_stream, counted_one("x")));
        co_await eventually([&] { return log.blocks(); });

        struct row {
            std::string stream;
            es::expected_version expected;
            std::vector<es::event_data> events;
            es::errc code;
            std::int64_t number; // the first version, or the actual one
        };
        std::vector<row> table;
        table.push_back({"new", es::no_stream, counted(2, "new "), success, 1});
        table.push_back({"old", 1, counted(1), es::errc::wrong_expected_version, 2});
        table.push_back({"old", 2, counted(1, "old "), success, 3});
        table.push_back({"old", 2, counted(1), es::errc::wrong_expected_version, 3}); // it was right before this flush
        table.push_back({"old", 3, counted(2, "old more "), success, 4});
        table.push_back({"old", es::no_stream, counted(1), es::errc::stream_exists, 5});
        table.push_back({"gone", es::any_version, counted(1), es::errc::stream_deleted, -1});
        table.push_back({"new", es::stream_exists, counted(1, "exists "), success, 3}); // made a moment ago
        table.push_back({"missing", es::stream_exists, counted(1), es::errc::stream_not_found, -1});
        table.push_back({"missing", es::any_version, counted(1, "made "), success, 1});
        table.push_back({"missing", es::no_stream, counted(1), es::errc::stream_exists, 1});
        table.push_back({"other", es::any_version, es::events(known), es::errc::duplicate_event, -1});
        table.push_back({"old", 77, es::events(known), success, 1}); // stored already: version 1
        table.push_back({"failed", 5, es::events(fresh), es::errc::wrong_expected_version, 0});
        table.push_back({"failed", es::no_stream, es::events(fresh), success, 1}); // the id is free again
        table.push_back({"chain", 0, counted(1, "c"), success, 1});
        table.push_back({"chain", 1, counted(3, "c"), success, 2});
        table.push_back({"chain", 4, counted(1, "c"), success, 5});
        table.push_back({"chain", 4, counted(1, "c"), es::errc::wrong_expected_version, 5});
        table.push_back(
            {"large", es::any_version, es::events(es::event_data("L", std::string(200'000, 'x'))), success, 1});
        std::vector<asio::awaitable<outcome>> work;
        for (const row& each : table) {
            if (each.events.size() == 1)
                work.push_back(store.try_append(each.stream, each.expected, each.events[0]));
            else
                work.push_back(store.try_append(each.stream, each.expected, each.events));
        }
        started<std::vector<outcome>> rest = co_await start(concurrently(std::move(work)));
        co_await eventually([&] { return store.stats().queued_appends == table.size(); });
        log.release();
        co_await eventually([&] { return rest.done() && first.done(); });

        const std::vector<outcome>& all = rest.value();
        std::int64_t position = 4; // 3 events of before, and the first
        for (std::size_t i = 0; i < table.size(); ++i) BOOST_TEST_CONTEXT("append " << i << " to " << table[i].stream) {
                BOOST_TEST((all[i] ? success : all[i].error().code()) == table[i].code);
                if (all[i]) {
                    BOOST_TEST(all[i]->first_version == table[i].number);
                    BOOST_TEST(all[i]->already_appended == (table[i].stream == "old" && table[i].number == 1));
                    if (!all[i]->already_appended) {
                        BOOST_TEST(all[i]->first_position == position + 1);
                        position += static_cast<std::int64_t>(table[i].events.size());
                    } else {
                        BOOST_TEST(all[i]->first_position == 1);
                    }
                } else {
                    if (table[i].number >= 0) BOOST_TEST(all[i].error().actual().value() == table[i].number);
                    BOOST_TEST(all[i].error().stream() == table[i].stream);
                }
            }
        BOOST_TEST(store.stats().flushes == flushes + 2); // one for the first, one for all the others
        BOOST_TEST(store.stats().retried_flushes == 0u);
    });
    TEST_SAME(stored_in("old"), texts({"known", "2", "old 1", "old more 1", "old more 2"}));
    TEST_SAME(stored_in("new"), texts({"new 1", "new 2", "exists 1"}));
    TEST_SAME(stored_in("chain"), texts({"c1", "c1", "c2", "c3", "c1"}));
    BOOST_TEST(number("select count(*) from eventstore.streams where name = 'other'") == 0);
}

BOOST_AUTO_TEST_SUITE_END()
