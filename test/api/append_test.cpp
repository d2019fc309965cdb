#include "support/concurrently.hpp"
#include "support/store_fixture.hpp"

#include <limits>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;

namespace {

const std::string all_bytes = [] {
    std::string out;
    for (int i = 0; i < 256; ++i) out += static_cast<char>(i);
    return out;
}();

} // namespace

BOOST_AUTO_TEST_SUITE(append_test)

BOOST_FIXTURE_TEST_CASE(the_first_append_makes_the_stream_and_begins_the_log, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::append_result done = co_await store.append("account-1", es::no_stream, counted_one("a"));
        BOOST_TEST(done.first_version == 1);
        BOOST_TEST(done.last_version == 1);
        BOOST_TEST(done.first_position == 1);
        BOOST_TEST(done.last_position == 1);
        BOOST_TEST(!done.already_appended);
    });
    TEST_SAME(stored_in("account-1"), texts({"a"}));
}

BOOST_FIXTURE_TEST_CASE(versions_count_in_a_stream_and_positions_in_the_log, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(2, "a"));
        const es::append_result b = co_await store.append("b", es::any_version, counted(3, "b"));
        BOOST_TEST(b.first_version == 1);
        BOOST_TEST(b.last_version == 3);
        BOOST_TEST(b.first_position == 3);
        BOOST_TEST(b.last_position == 5);
        const es::append_result a = co_await store.append("a", 2, counted_one("a3"));
        BOOST_TEST(a.first_version == 3);
        BOOST_TEST(a.last_version == 3);
        BOOST_TEST(a.first_position == 6);
        BOOST_TEST(a.last_position == 6);
        const es::append_result more = co_await store.append("b", es::stream_exists, counted(2, "more"));
        BOOST_TEST(more.first_version == 4);
        BOOST_TEST(more.last_version == 5);
        BOOST_TEST(more.first_position == 7);
        BOOST_TEST(more.last_position == 8);
    });
    TEST_SAME(stored_in("a"), texts({"a1", "a2", "a3"}));
    TEST_SAME(stored_in("b"), texts({"b1", "b2", "b3", "more1", "more2"}));
}

// One event and a list take different ways through the library and the server; the answers must not differ.
BOOST_FIXTURE_TEST_CASE(no_stream_is_refused_where_there_is_one, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(3));
        for (const std::size_t size : {1u, 2u}) {
            const es::failure why = co_await expect_error(
                es::errc::stream_exists, store.append("a", es::no_stream, counted(size, "again")));
            BOOST_TEST(why.stream() == "a");
            BOOST_TEST(why.expected().value() == 0);
            BOOST_TEST(why.actual().value() == 3);
            BOOST_TEST(!why.outcome_unknown());
            BOOST_TEST(why.message().find("'a'") != std::string::npos, why.message());
        }
        const es::failure zero = co_await expect_error(es::errc::stream_exists, store.append("a", 0, counted_one("x")));
        BOOST_TEST(zero.actual().value() == 3);
    });
    TEST_SAME(stored_in("a"), texts({"1", "2", "3"}));
}

BOOST_FIXTURE_TEST_CASE(stream_exists_is_refused_where_there_is_none, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (const std::size_t size : {1u, 2u}) {
            const es::failure why =
                co_await expect_error(es::errc::stream_not_found, store.append("a", es::stream_exists, counted(size)));
            BOOST_TEST(why.stream() == "a");
        }
    });
    BOOST_TEST(number("select count(*) from eventstore.streams") == 0);
    BOOST_TEST(events_stored() == 0);
}

BOOST_FIXTURE_TEST_CASE(append_with_stale_version_is_refused, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(3));
        for (const std::size_t size : {1u, 2u})
            for (const std::int64_t wrong : {std::int64_t(1), std::int64_t(2), std::int64_t(4), std::int64_t(1000),
                     std::numeric_limits<std::int64_t>::max()}) {
                const es::failure why = co_await expect_error(
                    es::errc::wrong_expected_version, store.append("a", wrong, counted(size, "wrong")));
                BOOST_TEST(why.stream() == "a");
                BOOST_TEST(why.expected().value() == wrong);
                BOOST_TEST(why.actual().value() == 3);
                BOOST_TEST(!why.outcome_unknown());
                BOOST_TEST(why.message().find("'a'") != std::string::npos, why.message());
                BOOST_TEST(why.message().find(std::to_string(wrong)) != std::string::npos, why.message());
            }
        const es::append_result right = co_await store.append("a", 3, counted_one("4"));
        BOOST_TEST(right.first_version == 4);
    });
    TEST_SAME(stored_in("a"), texts({"1", "2", "3", "4"}));
}

BOOST_FIXTURE_TEST_CASE(a_version_of_a_missing_stream_is_refused, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (const std::size_t size : {1u, 2u}) {
            const es::failure why =
                co_await expect_error(es::errc::wrong_expected_version, store.append("a", 1, counted(size)));
            BOOST_TEST(why.expected().value() == 1);
            BOOST_TEST(why.actual().value() == 0);
        }
    });
    BOOST_TEST(number("select count(*) from eventstore.streams") == 0);
}

BOOST_FIXTURE_TEST_CASE(a_deleted_stream_wins_over_any_version_error, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("gone", es::no_stream, counted(3));
        delete_stream_softly("gone");
        for (const std::size_t size : {1u, 2u})
            for (const es::expected_version expected :
                {es::no_stream, es::any_version, es::stream_exists, es::expected_version(3), es::expected_version(7)}) {
                const es::failure why =
                    co_await expect_error(es::errc::stream_deleted, store.append("gone", expected, counted(size)));
                BOOST_TEST(why.stream() == "gone");
            }
    });
    BOOST_TEST(events_stored() == 3);
}

BOOST_FIXTURE_TEST_CASE(a_refused_append_uses_up_no_version_and_no_position, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted_one("1"));
        for (int i = 0; i < 10; ++i) {
            co_await expect_error(es::errc::wrong_expected_version, store.append("a", 7, counted_one("x")));
            co_await expect_error(es::errc::wrong_expected_version, store.append("new", 7, counted(3)));
        }
        const es::append_result next = co_await store.append("a", 1, counted_one("2"));
        BOOST_TEST(next.first_version == 2);
        BOOST_TEST(next.first_position == 2);
    });
}

BOOST_FIXTURE_TEST_CASE(try_append_returns_every_failure_as_a_value, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::result<es::append_result> first = co_await store.try_append("a", es::no_stream, counted_one("1"));
        BOOST_REQUIRE(first.has_value());
        BOOST_TEST(first->last_version == 1);
        const es::result<es::append_result> list = co_await store.try_append("a", 1, counted(2));
        BOOST_REQUIRE(list.has_value());
        BOOST_TEST(list->last_version == 3);

        const es::result<es::append_result> stale = co_await store.try_append("a", 1, counted_one("x"));
        BOOST_TEST(expect_error(es::errc::wrong_expected_version, stale).actual().value() == 3);
        const es::result<es::append_result> negative = co_await store.try_append("a", -1, counted_one("x"));
        expect_error(es::errc::invalid_argument, negative);
        const es::result<es::append_result> nameless = co_await store.try_append("", 1, counted(2));
        expect_error(es::errc::invalid_argument, nameless);
        const es::result<es::append_result> reserved = co_await store.try_append("$all", 1, counted(2));
        expect_error(es::errc::reserved_stream, reserved);
        co_await store.close();
        const es::result<es::append_result> closed = co_await store.try_append("a", 3, counted_one("x"));
        expect_error(es::errc::store_closed, closed);
    });
    BOOST_TEST(events_stored() == 3);
}

BOOST_FIXTURE_TEST_CASE(any_bytes_are_data_and_metadata, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const std::string twice = all_bytes + all_bytes;
        for (const std::size_t size : {1u, 3u}) {
            std::vector<es::event_data> list;
            for (std::size_t i = 0; i < size; ++i) {
                list.emplace_back("Bytes", all_bytes);
                list.back().metadata(twice);
            }
            const std::string name = "bytes-" + std::to_string(size);
            co_await store.append(name, es::no_stream, std::move(list));
            const es::event_page page = co_await store.read(name);
            BOOST_REQUIRE(page.size() == size);
            for (const es::recorded_event& each : page) {
                BOOST_TEST((each.data() == all_bytes));
                BOOST_TEST((each.metadata() == twice));
            }
        }
        co_await store.append("empty", es::no_stream, es::event_data("Empty", ""));
        const es::event_page empty = co_await store.read("empty");
        BOOST_REQUIRE(empty.size() == 1u);
        BOOST_TEST(empty[0].data() == "");
        BOOST_TEST(empty[0].metadata() == "");
    });
}

BOOST_FIXTURE_TEST_CASE(correlation_and_causation_ids_are_kept_or_absent, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::uuid correlation = es::make_uuid();
        const es::uuid causation = es::make_uuid();
        const es::uuid id = es::make_uuid();
        const auto list = [&] {
            return es::events(es::event_data("None", "0"),
                es::event_data("Both", "1").correlation_id(correlation).causation_id(causation),
                es::event_data("Correlation", "2").correlation_id(correlation),
                es::event_data("Causation", "3").causation_id(causation));
        };
        co_await store.append("together", es::no_stream, list());
        for (const es::event_data& each : list()) co_await store.append("alone", es::any_version, each);
        for (const char* const stream : {"together", "alone"}) {
            const es::event_page page = co_await store.read(stream);
            BOOST_REQUIRE(page.size() == 4u);
            BOOST_TEST((page[0].correlation_id() == std::nullopt && page[0].causation_id() == std::nullopt));
            BOOST_TEST((page[1].correlation_id() == correlation && page[1].causation_id() == causation));
            BOOST_TEST((page[2].correlation_id() == correlation && page[2].causation_id() == std::nullopt));
            BOOST_TEST((page[3].correlation_id() == std::nullopt && page[3].causation_id() == causation));
        }
        co_await store.append("with-id", es::no_stream, es::event_data("T", "x").id(id));
        const es::event_page given = co_await store.read("with-id");
        BOOST_TEST((given[0].id() == id));
    });
}

BOOST_FIXTURE_TEST_CASE(an_awaitable_is_lazy, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        { const asio::awaitable<es::append_result> never = store.append("a", es::any_version, counted_one("never")); }
        const es::append_result done = co_await store.append("a", es::no_stream, counted_one("1"));
        BOOST_TEST(done.first_position == 1);
    });
    TEST_SAME(stored_in("a"), texts({"1"}));
}

BOOST_FIXTURE_TEST_CASE(arguments_are_copied_by_the_call, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        auto name = std::make_unique<std::string>("a-name-that-is-too-long-for-the-string-itself");
        auto event = std::make_unique<es::event_data>("Typed", std::string(100, 'x'));
        asio::awaitable<es::append_result> work = store.append(*name, es::no_stream, *event);
        std::fill(name->begin(), name->end(), '#');
        name.reset();
        event.reset();
        co_await std::move(work);
    });
    TEST_SAME(stored_in("a-name-that-is-too-long-for-the-string-itself"), texts({std::string(100, 'x')}));
}

BOOST_FIXTURE_TEST_CASE(appends_to_one_stream_are_carried_out_in_the_order_of_their_start, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        std::vector<asio::awaitable<es::append_result>> work;
        for (int i = 1; i <= 200; ++i)
            work.push_back(store.append(i % 2 ? "odd" : "even", es::any_version, counted_one(std::to_string(i))));
        const auto results = co_await concurrently(std::move(work));
        for (std::size_t i = 0; i < results.size(); ++i)
            BOOST_TEST(results[i].first_version == static_cast<std::int64_t>(i) / 2 + 1);
    });
    const texts odd = stored_in("odd");
    BOOST_REQUIRE(odd.size() == 100u);
    for (std::size_t i = 0; i < odd.size(); ++i) BOOST_TEST(odd[i] == std::to_string(2 * i + 1));
}

BOOST_FIXTURE_TEST_CASE(a_chain_of_exact_versions_in_one_flush_succeeds, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        std::vector<asio::awaitable<es::append_result>> work;
        for (int version = 0; version < 100; ++version)
            work.push_back(store.append("chain", version, counted_one(std::to_string(version + 1))));
        const auto results = co_await concurrently(std::move(work));
        BOOST_TEST(results.back().last_version == 100);
    });
    BOOST_TEST(stored_in("chain").size() == 100u);
}

BOOST_FIXTURE_TEST_CASE(appends_of_many_callers_share_few_flushes, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        std::vector<asio::awaitable<es::append_result>> work;
        for (int i = 0; i < 200; ++i)
            work.push_back(store.append("s-" + std::to_string(i), es::any_version, counted_one("x")));
        co_await concurrently(std::move(work));
        const es::store_stats after = store.stats();
        BOOST_TEST(after.appends == 200u);
        BOOST_TEST(after.events_appended == 200u);
        BOOST_TEST(after.flushes >= 1u);
        BOOST_TEST(after.flushes <= 10u);
        BOOST_TEST(after.queued_appends == 0u);
        BOOST_TEST(after.queued_bytes == 0u);
    });
}

// Writers that come back as soon as they are acknowledged must meet in one flush again, not split into two halves that
// take turns.
BOOST_FIXTURE_TEST_CASE(writers_rejoin_before_the_next_flush_is_cut, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const auto writer = [&](int number) -> asio::awaitable<void> {
            const std::string stream = "writer-" + std::to_string(number);
            for (int i = 0; i < 50; ++i) co_await store.append(stream, i, counted_one(std::to_string(i)));
        };
        std::vector<asio::awaitable<void>> work;
        for (int i = 0; i < 10; ++i) work.push_back(writer(i));
        co_await concurrently(std::move(work));
        const es::store_stats after = store.stats();
        BOOST_TEST(after.appends == 500u);
        BOOST_TEST(after.flushes <= 75u, "50 flushes of 10 are right, but there were " << after.flushes);
    });
}

BOOST_FIXTURE_TEST_CASE(within_gives_a_handle_to_the_same_store, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::store patient = store.within(20s);
        co_await patient.append("a", es::no_stream, counted_one("1"));
        co_await store.within(5s).append("a", 1, counted_one("2"));
        BOOST_TEST(store.stats().appends == 2u);
        BOOST_TEST(patient.stats().appends == 2u);
    });
}

BOOST_AUTO_TEST_SUITE_END()
