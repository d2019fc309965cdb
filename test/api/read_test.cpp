#include "storage/statements.hpp"
#include "support/store_fixture.hpp"

#include <boost/asio/co_spawn.hpp>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;

namespace {

es::read_options from(std::int64_t value) { return es::read_options().from(value); }

std::vector<std::string> streams_of(const es::event_page& page) {
    std::vector<std::string> out;
    for (const es::recorded_event& each : page) out.emplace_back(each.stream());
    return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(read_test)

BOOST_FIXTURE_TEST_CASE(all_fields_round_trip, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::uuid correlation = es::make_uuid();
        const es::uuid causation = es::make_uuid();
        const es::timestamp when{1'700'000'000'123'456us};
        const es::event_data full = es::event_data("Opened", R"({"owner":"Ada"})")
                                        .metadata(R"({"ip":"::1"})")
                                        .correlation_id(correlation)
                                        .causation_id(causation)
                                        .created_at(when);
        const es::event_data bare("Closed", "");
        co_await store.append("first", es::no_stream, counted(3));
        co_await store.append("account-1", es::no_stream, es::events(full, bare));

        const es::event_page of_stream = co_await store.read("account-1");
        const es::event_page of_log = co_await store.read_all(from(4));
        const es::event_page by_name = co_await store.read("$all", from(4));
        const es::event_page backward = co_await store.read("account-1", from(1).backward());
        const es::event_page filtered = co_await store.read_all(es::read_options().type("Opened"));
        const es::recorded_event found = co_await store.find_event(full.id());
        BOOST_REQUIRE(of_stream.size() == 2u);
        BOOST_REQUIRE(of_log.size() == 2u);
        BOOST_REQUIRE(by_name.size() == 2u);
        BOOST_REQUIRE(backward.size() == 1u);
        BOOST_REQUIRE(filtered.size() == 1u);
        for (const es::recorded_event* const each :
            {&of_stream[0], &of_log[0], &by_name[0], &backward[0], &filtered[0], &found}) {
            BOOST_TEST(each->version() == 1);
            BOOST_TEST(each->position() == 4);
            BOOST_TEST((each->id() == full.id()));
            BOOST_TEST((each->created_at() == when));
            BOOST_TEST((each->correlation_id() == correlation));
            BOOST_TEST((each->causation_id() == causation));
            BOOST_TEST(each->stream() == "account-1");
            BOOST_TEST(each->type() == "Opened");
            BOOST_TEST(each->data() == R"({"owner":"Ada"})");
            BOOST_TEST(each->metadata() == R"({"ip":"::1"})");
        }
        for (const es::recorded_event* const each : {&of_stream[1], &of_log[1], &by_name[1]}) {
            BOOST_TEST(each->version() == 2);
            BOOST_TEST(each->position() == 5);
            BOOST_TEST((each->id() == bare.id()));
            BOOST_TEST((each->correlation_id() == std::nullopt));
            BOOST_TEST((each->causation_id() == std::nullopt));
            BOOST_TEST(each->stream() == "account-1");
            BOOST_TEST(each->type() == "Closed");
            BOOST_TEST(each->data() == "");
            BOOST_TEST(each->metadata() == "");
        }
    });
}

BOOST_FIXTURE_TEST_CASE(names_types_and_data_are_unicode, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const std::string name = "stra\u00dfe-\u6771\u4eac-\U0001F680";
        const std::string decomposed = "e\u0301"; // not the same name as the composed one
        co_await store.append(name, es::no_stream, es::event_data("\u00dcberwiesen", "\u0645\u0631\u062d\u0628\u0627"));
        co_await store.append(decomposed, es::no_stream, counted_one("two"));
        co_await store.append("\u00e9", es::no_stream, counted_one("one"));
        const es::event_page page = co_await store.read(name);
        BOOST_REQUIRE(page.size() == 1u);
        BOOST_TEST(page[0].stream() == name);
        BOOST_TEST(page[0].type() == "\u00dcberwiesen");
        BOOST_TEST(page[0].data() == "\u0645\u0631\u062d\u0628\u0627");
        const es::event_page other = co_await store.read(decomposed);
        BOOST_TEST(other[0].data() == "two");
    });
}

BOOST_FIXTURE_TEST_CASE(a_missing_or_deleted_stream_is_an_error, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("gone", es::no_stream, counted(2));
        delete_stream_softly("gone");
        for (const std::int64_t start : {std::int64_t(0), std::int64_t(1), std::int64_t(100)}) {
            const es::failure missing =
                co_await expect_error(es::errc::stream_not_found, store.read("missing", from(start)));
            BOOST_TEST(missing.stream() == "missing");
            const es::failure gone = co_await expect_error(es::errc::stream_deleted, store.read("gone", from(start)));
            BOOST_TEST(gone.stream() == "gone");
            co_await expect_error(es::errc::stream_not_found, store.read("missing", from(start).backward()));
            co_await expect_error(es::errc::stream_deleted, store.read("gone", from(start).backward()));
            co_await expect_error(es::errc::stream_deleted, store.read("gone", from(start).type("Counted")));
        }
        const es::event_page all = co_await store.read_all(); // the log keeps what a deleted stream held
        BOOST_TEST(all.size() == 2u);
    });
}

BOOST_FIXTURE_TEST_CASE(a_store_without_events_reads_as_an_empty_log, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::event_page forward = co_await store.read_all();
        BOOST_TEST(forward.empty());
        BOOST_TEST(forward.is_complete());
        BOOST_TEST(forward.next_from() == 1);
        const es::event_page backward = co_await store.read_all(es::read_options().backward());
        BOOST_TEST(backward.empty());
        BOOST_TEST(backward.is_complete());
        const es::event_page filtered = co_await store.read_all(es::read_options().type("T").stream_prefix("a"));
        BOOST_TEST(filtered.empty());
        BOOST_TEST(filtered.is_complete());
    });
}

BOOST_FIXTURE_TEST_CASE(pages_follow_each_other, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("other", es::no_stream, counted(3));
        co_await store.append("a", es::no_stream, counted(20));
        for (const char* const stream : {"a", "$all"}) {
            const std::int64_t offset = stream[0] == '$' ? 3 : 0;
            const es::event_page first = co_await store.read(stream, from(1 + offset).count(10));
            TEST_SAME(versions_of(first), from_to(1, 10));
            BOOST_TEST(!first.is_complete());
            BOOST_TEST(first.next_from() == 11 + offset);
            const es::event_page second = co_await store.read(stream, from(first.next_from()).count(10));
            TEST_SAME(versions_of(second), from_to(11, 20));
            TEST_SAME(positions_of(second), from_to(14, 23));
            BOOST_TEST(second.is_complete());
            BOOST_TEST(second.next_from() == 21 + offset);
            const es::event_page third = co_await store.read(stream, from(second.next_from()).count(10));
            BOOST_TEST(third.empty());
            BOOST_TEST(third.is_complete());
            BOOST_TEST(third.next_from() == 21 + offset);
        }
        co_await store.append("a", 20, counted_one("21"));
        const es::event_page later = co_await store.read("a", from(21));
        TEST_SAME(data_of(later), texts({"21"}));
    });
}

BOOST_FIXTURE_TEST_CASE(pages_follow_each_other_backwards, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(20));
        for (const char* const stream : {"a", "$all"}) {
            const es::event_page whole = co_await store.read(stream, es::read_options().backward());
            TEST_SAME(versions_of(whole), from_to(20, 1));
            BOOST_TEST(whole.is_complete());
            const es::event_page first = co_await store.read(stream, es::read_options().backward().count(8));
            TEST_SAME(versions_of(first), from_to(20, 13));
            BOOST_TEST(!first.is_complete());
            BOOST_TEST(first.next_from() == 12);
            const es::event_page second = co_await store.read(stream, from(12).backward().count(8));
            TEST_SAME(versions_of(second), from_to(12, 5));
            const es::event_page third = co_await store.read(stream, from(4).backward().count(4));
            TEST_SAME(versions_of(third), from_to(4, 1));
            BOOST_TEST(third.is_complete());
            const es::event_page fourth = co_await store.read(stream, from(third.next_from()).backward());
            BOOST_TEST(fourth.empty());
            BOOST_TEST(fourth.is_complete());
        }
    });
}

BOOST_FIXTURE_TEST_CASE(offsets_out_of_range_give_empty_pages, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(5));
        const std::int64_t furthest = std::int64_t(1) << 60;
        for (const char* const stream : {"a", "$all"}) {
            for (const std::int64_t beyond : {std::int64_t(6), std::int64_t(1000), furthest}) {
                const es::event_page page = co_await store.read(stream, from(beyond));
                BOOST_TEST(page.empty());
                BOOST_TEST(page.is_complete());
                BOOST_TEST(page.next_from() == beyond); // what is appended before it must not be read by mistake
                const es::event_page filtered = co_await store.read(stream, from(beyond).type("Counted"));
                BOOST_TEST(filtered.empty());
                BOOST_TEST(filtered.is_complete());
                BOOST_TEST(filtered.next_from() == beyond);
                const es::event_page backward = co_await store.read(stream, from(beyond).backward());
                TEST_SAME(versions_of(backward), from_to(5, 1));
                const es::event_page both = co_await store.read(stream, from(beyond).backward().type("Counted"));
                TEST_SAME(versions_of(both), from_to(5, 1));
            }
            const es::event_page last = co_await store.read(stream, from(std::numeric_limits<std::int64_t>::max()));
            BOOST_TEST((last.empty() && last.is_complete() && last.next_from() > furthest));
            const es::event_page zero = co_await store.read(stream, from(0));
            TEST_SAME(versions_of(zero), from_to(1, 5));
            const es::event_page none = co_await store.read(stream, from(0).backward());
            BOOST_TEST(none.empty());
            BOOST_TEST(none.is_complete());
            const es::event_page one = co_await store.read(stream, from(5).count(std::size_t(-1) / 2));
            TEST_SAME(versions_of(one), from_to(5, 5));
        }
    });
}

BOOST_FIXTURE_TEST_CASE(the_log_is_in_the_order_of_the_appends, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (int i = 0; i < 2; ++i)
            for (const char* const stream : {"a", "b", "c"}) co_await store.append(stream, i, counted_one("x"));
        const es::event_page page = co_await store.read_all();
        TEST_SAME(positions_of(page), from_to(1, 6));
        TEST_SAME(versions_of(page), numbers({1, 1, 1, 2, 2, 2}));
        TEST_SAME(streams_of(page), texts({"a", "b", "c", "a", "b", "c"}));
        const es::event_page back = co_await store.read_all(es::read_options().backward().count(4));
        TEST_SAME(positions_of(back), from_to(6, 3));
        TEST_SAME(streams_of(back), texts({"c", "b", "a", "c"}));
    });
}

BOOST_FIXTURE_TEST_CASE(a_store_that_has_written_nothing_knows_the_names_of_all_streams, store_fixture) {
    with_store([&](es::store writer) -> asio::awaitable<void> {
        texts expected;
        for (int i = 0; i < 300; ++i) {
            expected.push_back("s-" + std::to_string(i));
            co_await writer.append(expected.back(), es::no_stream, counted_one("x"));
        }
        const es::store reader = co_await es::open(options());
        const es::event_page page = co_await reader.read_all();
        TEST_SAME(streams_of(page), expected);
        co_await writer.append("new", es::no_stream, counted_one("x"));
        const es::event_page more = co_await reader.read_all(from(300));
        TEST_SAME(streams_of(more), texts({"s-299", "new"}));
    });
}

BOOST_FIXTURE_TEST_CASE(holes_in_the_log_are_stepped_over, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(9));
        delete_events("position in (1, 2, 3, 6)");
        const es::event_page forward = co_await store.read_all();
        TEST_SAME(positions_of(forward), numbers({4, 5, 7, 8, 9}));
        BOOST_TEST(forward.is_complete());
        const es::event_page cut = co_await store.read_all(es::read_options().count(2));
        TEST_SAME(positions_of(cut), numbers({4, 5}));
        BOOST_TEST(!cut.is_complete());
        const es::event_page rest = co_await store.read_all(from(cut.next_from()).count(3));
        TEST_SAME(positions_of(rest), numbers({7, 8, 9}));
        BOOST_TEST(rest.is_complete());
        const es::event_page backward = co_await store.read_all(es::read_options().backward());
        TEST_SAME(positions_of(backward), numbers({9, 8, 7, 5, 4}));
        BOOST_TEST(backward.is_complete());
        const es::event_page within = co_await store.read_all(from(6).backward());
        TEST_SAME(positions_of(within), numbers({5, 4}));
    });
}

BOOST_FIXTURE_TEST_CASE(an_append_is_read_at_once_by_its_writer, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (int i = 1; i <= 30; ++i) {
            const es::append_result done = co_await store.append("a", i - 1, counted_one("x"));
            const es::event_page page = co_await store.read("a", es::read_options().backward().count(1));
            BOOST_TEST(page.front().version() == i);
            const es::event_page all = co_await store.read_all(from(done.last_position));
            BOOST_TEST(all.size() == 1u);
        }
    });
}

BOOST_FIXTURE_TEST_CASE(a_page_and_its_events_stay_as_they_were, store_fixture) {
    std::vector<es::recorded_event> kept;
    es::event_page last;
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(3));
        es::event_page page = co_await store.read("a");
        kept.push_back(page[0]);
        kept.push_back(page[1].detached());
        co_await store.append("a", 3, counted(2, "later"));
        BOOST_TEST(page.size() == 3u);
        last = page;
        page = es::event_page();
        BOOST_TEST(page.empty());
    });
    // The store is gone, and its connections, too.
    BOOST_TEST(kept[0].data() == "1");
    BOOST_TEST(kept[1].data() == "2");
    TEST_SAME(data_of(last), texts({"1", "2", "3"}));
    kept.clear();
    last = es::event_page();
}

BOOST_FIXTURE_TEST_CASE(many_callers_read_at_once_and_each_gets_its_own_page, store_fixture) {
    with_store(options().pool_size(2), [&](es::store store) -> asio::awaitable<void> {
        for (int i = 0; i < 50; ++i) {
            const std::string name = "s-" + std::to_string(i);
            co_await store.append(name, es::no_stream, counted(3, name + "/"));
        }
        int right = 0;
        int running = 0;
        for (int reader = 0; reader < 200; ++reader) {
            const std::string name = "s-" + std::to_string(reader % 50);
            const auto work = [](es::store from_store, std::string stream, int& good) -> asio::awaitable<void> {
                const es::event_page page = co_await from_store.read(stream);
                if (data_of(page) == texts({stream + "/1", stream + "/2", stream + "/3"})) ++good;
            };
            ++running;
            asio::co_spawn(
                co_await asio::this_coro::executor, work(store, name, right), [&](std::exception_ptr) { --running; });
        }
        co_await eventually([&] { return running == 0; });
        BOOST_TEST(right == 200);
        BOOST_TEST(store.stats().connections <= 3u);
    });
}

// A page relies on the order of a UNION ALL, which workers that share the work would mix up.
BOOST_FIXTURE_TEST_CASE(no_page_is_read_by_parallel_workers, store_fixture) {
    run(es::migrate(options()));
    session server;
    const auto is_parallel = [&](const std::string& statement) {
        bool has_workers = false;
        for (const auto& row : server.run("explain " + statement))
            has_workers = has_workers || row[0].find("Gather") != std::string::npos;
        return has_workers;
    };
    server.run("select set_config(name, 'on', false) from pg_settings"
               " where name in ('force_parallel_mode', 'debug_parallel_query')");
    server.run("set plan_cache_mode = force_generic_plan");
    BOOST_TEST(is_parallel(here("select * from eventstore.events")), "the settings let every other statement be");
    const es::storage::statements all(schema());
    for (const auto* const pair : {&all.read_stream, &all.read_links, &all.read_stream_on, &all.read_links_on,
             &all.read_stream_bounded, &all.read_all, &all.read_all_bounded})
        for (const es::postgres::statement& each : *pair) {
            std::string types, nulls;
            for (const es::postgres::type_oid type : each.types) {
                const std::string comma = types.empty() ? "" : ", ";
                types +=
                    comma + server.value("select format_type(" + std::to_string(static_cast<int>(type)) + ", null)");
                nulls += comma + "null";
            }
            server.run("prepare \"" + each.name + "\" (" + types + ") as " + each.text);
            BOOST_TEST(!is_parallel("execute \"" + each.name + "\" (" + nulls + ")"), each.name);
        }
}

BOOST_AUTO_TEST_SUITE_END()
