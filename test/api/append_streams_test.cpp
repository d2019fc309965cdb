// Appending to several streams at once: all or nothing.

#include "support/concurrently.hpp"
#include "support/store_fixture.hpp"

#include <random>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;

BOOST_AUTO_TEST_SUITE(append_streams_test)

namespace {

es::stream_append part(const std::string& stream, es::expected_version expected, const std::string& data) {
    return es::stream_append(stream, expected, counted_one(data));
}

} // namespace

BOOST_FIXTURE_TEST_CASE(each_stream_gets_its_events_and_its_result, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("b", es::no_stream, counted(2, "b"));
        auto a = es::stream_append("a", es::no_stream, counted(2, "a"));
        auto b = part("b", 2, "b3");
        auto c = part("c", es::any_version, "c1");
        const auto results = co_await store.append(es::appends(a, b, c));
        BOOST_TEST_REQUIRE(results.size() == 3u);
        BOOST_TEST(results[0].first_version == 1);
        BOOST_TEST(results[0].last_version == 2);
        BOOST_TEST(results[0].first_position == 3);
        BOOST_TEST(results[1].first_version == 3);
        BOOST_TEST(results[1].first_position == 5);
        BOOST_TEST(results[2].last_version == 1);
        BOOST_TEST(results[2].last_position == 6);
    };
    with_store(body);
    TEST_SAME(stored_in("a"), texts({"a1", "a2"}));
    TEST_SAME(stored_in("b"), texts({"b1", "b2", "b3"}));
    TEST_SAME(stored_in("c"), texts({"c1"}));
}

BOOST_FIXTURE_TEST_CASE(one_that_does_not_fit_stops_all_of_them_and_is_named, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("b", es::no_stream, counted(2, "b"));
        for (const bool is_first : {true, false}) {
            auto good = part("a", es::no_stream, "a1");
            auto wrong = part("b", 1, "b3");
            const auto list = is_first ? es::appends(wrong, good) : es::appends(good, wrong);
            const auto outcome = co_await store.try_append(list);
            BOOST_TEST_REQUIRE(!outcome);
            BOOST_TEST(outcome.error().code() == es::errc::wrong_expected_version);
            BOOST_TEST(outcome.error().stream() == "b");
            BOOST_TEST(outcome.error().expected().value() == 1);
            BOOST_TEST(outcome.error().actual().value() == 2);
            BOOST_TEST(outcome.error().message().find("nothing was stored") != std::string::npos);
        }
        delete_stream_softly("b");
        auto good = part("a", es::no_stream, "a1");
        auto deleted = part("b", es::any_version, "b3");
        const auto outcome = co_await store.try_append(es::appends(good, deleted));
        BOOST_TEST_REQUIRE(!outcome);
        BOOST_TEST(outcome.error().code() == es::errc::stream_deleted);
    };
    with_store(body);
    BOOST_TEST(events_stored() == 2);
    BOOST_TEST(number("select count(*) from eventstore.streams") == 1);
}

BOOST_FIXTURE_TEST_CASE(parts_of_one_stream_follow_each_other, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        auto first = part("a", es::no_stream, "1");
        auto other = part("b", es::no_stream, "x");
        auto second = part("a", 1, "2");
        const auto results = co_await store.append(es::appends(first, other, second));
        BOOST_TEST(results[2].first_version == 2);
        auto third = part("a", 2, "3");
        auto wrong = part("a", 2, "never");
        const auto outcome = co_await store.try_append(es::appends(third, wrong));
        BOOST_TEST_REQUIRE(!outcome);
        BOOST_TEST(outcome.error().code() == es::errc::wrong_expected_version);
        BOOST_TEST(outcome.error().actual().value() == 3);
    };
    with_store(body);
    TEST_SAME(stored_in("a"), texts({"1", "2"}));
}

BOOST_FIXTURE_TEST_CASE(a_repetition_gets_the_first_result_and_stores_nothing, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        auto a = part("a", es::no_stream, "a1");
        auto b = part("b", es::no_stream, "b1");
        const auto list = es::appends(a, b);
        const auto first = co_await store.append(list);
        co_await store.append("a", 1, counted_one("a2"));
        const auto again = co_await store.append(list);
        for (std::size_t i = 0; i < 2; ++i) {
            BOOST_TEST(again[i].already_appended);
            BOOST_TEST(again[i].first_version == first[i].first_version);
            BOOST_TEST(again[i].first_position == first[i].first_position);
            BOOST_TEST((again[i].created_at == first[i].created_at));
        }
    };
    with_store(body);
    BOOST_TEST(events_stored() == 3);
}

BOOST_FIXTURE_TEST_CASE(a_part_that_is_there_already_beside_a_new_one_is_a_duplicate, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        auto a = part("a", es::no_stream, "a1");
        co_await store.append(es::appends(a));
        for (const bool is_first : {true, false}) {
            auto fresh = part("b", es::any_version, "b1");
            const auto list = is_first ? es::appends(a, fresh) : es::appends(fresh, a);
            const auto outcome = co_await store.try_append(list);
            BOOST_TEST_REQUIRE(!outcome);
            BOOST_TEST(outcome.error().code() == es::errc::duplicate_event);
            BOOST_TEST(outcome.error().stream() == "a");
        }
    };
    with_store(body);
    BOOST_TEST(events_stored() == 1);
}

BOOST_FIXTURE_TEST_CASE(the_same_id_in_two_parts_is_refused, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        const es::event_data event = counted_one("1");
        auto a = es::stream_append("a", es::no_stream, event);
        auto b = es::stream_append("b", es::no_stream, event);
        co_await expect_error(es::errc::duplicate_event, store.append(es::appends(a, b)));
    };
    with_store(body);
    BOOST_TEST(value("select to_regclass('eventstore.events') is not null") == "t");
    BOOST_TEST(events_stored() == 0);
}

BOOST_FIXTURE_TEST_CASE(nothing_to_append_succeeds_and_bad_parts_are_refused, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        const auto none = co_await store.append(std::vector<es::stream_append>());
        BOOST_TEST(none.empty());
        auto empty = es::stream_append("a", 7, std::vector<es::event_data>());
        auto b = part("b", es::no_stream, "b1");
        const auto results = co_await store.append(es::appends(empty, b));
        BOOST_TEST_REQUIRE(results.size() == 2u);
        BOOST_TEST(results[0].last_version == 0);
        BOOST_TEST(results[1].last_version == 1);
        auto nameless = part("", es::any_version, "1");
        co_await expect_error(es::errc::invalid_argument, store.append(es::appends(b, nameless)));
        auto reserved = part("$all", es::any_version, "1");
        co_await expect_error(es::errc::reserved_stream, store.append(es::appends(b, reserved)));
        auto negative = part("c", -1, "1");
        co_await expect_error(es::errc::invalid_argument, store.append(es::appends(b, negative)));
    };
    with_store(body);
    BOOST_TEST(events_stored() == 1);
}

// Money moved between accounts, by writers that know only what they have read: the sum of all accounts stays the same.
BOOST_FIXTURE_TEST_CASE(many_writers_that_share_flushes_keep_all_or_nothing, store_fixture) {
    constexpr std::size_t writers = 24;
    constexpr int moves = 30;
    constexpr int accounts = 6;
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        const auto write = [&store](unsigned seed) -> asio::awaitable<int> {
            std::mt19937 random(seed);
            int moved = 0;
            for (int i = 0; i < moves; ++i) {
                const auto from = static_cast<int>(random() % accounts);
                const auto to =
                    static_cast<int>((static_cast<unsigned>(from) + 1 + random() % (accounts - 1)) % accounts);
                std::int64_t version = 0;
                for (bool done = false; !done;) {
                    auto taken = part("account-" + std::to_string(from), version, "-1");
                    auto given = part("account-" + std::to_string(to), es::any_version, "1");
                    const auto outcome = co_await store.try_append(es::appends(taken, given));
                    done = outcome.has_value();
                    if (!done) version = outcome.error().actual().value();
                }
                ++moved;
            }
            co_return moved;
        };
        std::vector<asio::awaitable<int>> all;
        for (unsigned i = 0; i < writers; ++i) all.push_back(write(i + 1));
        const auto moved = co_await concurrently(std::move(all));
        BOOST_TEST(moved.size() == writers);
    };
    with_store(body);
    BOOST_TEST(events_stored() == static_cast<std::int64_t>(2 * writers * moves));
    BOOST_TEST(number("select sum(convert_from(data, 'UTF8')::integer) from eventstore.events") == 0);
    // Each pair stands together in the log.
    BOOST_TEST(number("select count(*) from eventstore.events as e join eventstore.events as f"
                      " on f.position = e.position + 1 where e.position % 2 = 1"
                      " and (e.data <> '-1' or f.data <> '1' or e.created_at <> f.created_at)") == 0);
}

BOOST_FIXTURE_TEST_CASE(a_broken_part_does_not_hinder_the_other_appends_of_its_flush, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("b", es::no_stream, counted_one("b1"));
        blocker log = hold_log();
        std::vector<asio::awaitable<es::result<std::vector<es::append_result>>>> all;
        for (int i = 0; i < 20; ++i) {
            const std::string name = std::to_string(i);
            auto first = part("a-" + name, es::no_stream, "x");
            auto second = part("b", i % 2 == 0 ? es::expected_version(99) : es::any_version, "y");
            all.push_back(store.try_append(es::appends(first, second)));
        }
        auto work = concurrently(std::move(all));
        auto waiting = co_await start(std::move(work));
        co_await eventually([&] { return log.blocks(); });
        log.release();
        co_await eventually([&] { return waiting.done(); });
        for (std::size_t i = 0; i < 20; ++i) BOOST_TEST(waiting.value()[i].has_value() == (i % 2 == 1), "append " << i);
    };
    with_store(body);
    BOOST_TEST(events_stored() == 1 + 20);
    BOOST_TEST(number("select version from eventstore.streams where name = 'b'") == 11);
}

BOOST_AUTO_TEST_SUITE_END()
