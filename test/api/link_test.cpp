// Events that are in another stream, too.

#include "support/receive.hpp"

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;

BOOST_AUTO_TEST_SUITE(link_test)

namespace {

numbers link_versions_of(const es::event_page& page) {
    numbers all;
    for (const es::recorded_event& each : page) all.push_back(each.link_version());
    return all;
}

void expect_same_event(const es::recorded_event& left, const es::recorded_event& right) {
    BOOST_TEST(left.id() == right.id());
    BOOST_TEST(left.stream() == right.stream());
    BOOST_TEST(left.version() == right.version());
    BOOST_TEST(left.position() == right.position());
    BOOST_TEST(left.type() == right.type());
    BOOST_TEST(left.data() == right.data());
    BOOST_TEST(left.metadata() == right.metadata());
    BOOST_TEST((left.created_at() == right.created_at()));
    BOOST_TEST((left.correlation_id() == right.correlation_id()));
    BOOST_TEST((left.causation_id() == right.causation_id()));
}

} // namespace

BOOST_FIXTURE_TEST_CASE(a_linked_event_is_read_as_it_is_in_its_own_stream, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        es::event_data rich("Rich", "data");
        rich.metadata("meta").correlation_id(es::make_uuid()).causation_id(es::make_uuid());
        co_await store.append("source", es::no_stream, counted(2));
        co_await store.append("source", 2, rich);
        const es::event_page source = co_await store.read("source");
        co_await store.append("target", es::no_stream, counted_one("own"));
        const es::append_result linked = co_await store.link("target", 1, ids_of(source));
        BOOST_TEST(linked.first_version == 2);
        BOOST_TEST(linked.last_version == 4);
        BOOST_TEST(linked.first_position == 5);
        BOOST_TEST(linked.last_position == 7);

        const es::event_page target = co_await store.read("target");
        BOOST_TEST_REQUIRE(target.size() == 4u);
        BOOST_TEST(target.is_complete());
        BOOST_TEST(!target[0].is_linked());
        BOOST_TEST(target[0].stream() == "target");
        BOOST_TEST(target[0].link_version() == 1);
        for (std::size_t i = 0; i < 3; ++i) {
            expect_same_event(target[i + 1], source[i]);
            BOOST_TEST(target[i + 1].is_linked());
            BOOST_TEST(target[i + 1].link_version() == static_cast<std::int64_t>(i + 2));
            BOOST_TEST(target[i + 1].link_position() == static_cast<std::int64_t>(i + 5));
        }
        const es::recorded_event kept = target[3].detached();
        expect_same_event(kept, source[2]);
        BOOST_TEST(kept.link_version() == 4);

        const es::stream_info info = co_await store.stream_info("target");
        BOOST_TEST(info.version == 4);
        co_await store.append("target", 4, counted_one("after"));
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(the_log_holds_the_originals_alone, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(3, "a"));
        const es::event_page source = co_await store.read("a");
        co_await store.link("b", es::no_stream, ids_of(source));
        co_await store.append("c", es::no_stream, counted_one("c"));
        co_await store.link("d", es::no_stream, source[0].id());
        const es::event_page all = co_await store.read_all();
        TEST_SAME(data_of(all), texts({"a1", "a2", "a3", "c"}));
        BOOST_TEST(all.is_complete());
        const es::event_page two = co_await store.read_all(es::read_options().from(3).count(2));
        TEST_SAME(data_of(two), texts({"a3", "c"}));
        const es::event_page back = co_await store.read_all(es::read_options().backward());
        TEST_SAME(data_of(back), texts({"c", "a3", "a2", "a1"}));
        const es::event_page typed = co_await store.read_all(es::read_options().type("Counted").count(100));
        BOOST_TEST(typed.size() == 4u);
        texts scanned;
        es::event_scan scan = store.scan_all(es::read_options().count(2));
        while (const auto event = co_await scan.next()) scanned.emplace_back(event->data());
        TEST_SAME(scanned, texts({"a1", "a2", "a3", "c"}));
        const es::recorded_event found = co_await store.find_event(source[1].id());
        BOOST_TEST(found.stream() == "a");
        BOOST_TEST(!found.is_linked());
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_link_to_a_link_is_one_to_the_original, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted_one("1"));
        const es::event_page a = co_await store.read("a");
        co_await store.link("b", es::no_stream, a[0].id());
        const es::event_page b = co_await store.read("b");
        co_await store.link("c", es::no_stream, b[0].id());
        const es::event_page c = co_await store.read("c");
        expect_same_event(c[0], a[0]);
    };
    with_store(body);
    // Even by the link's own id, which SQL can see.
    session writer;
    BOOST_TEST(number("select count(*) from eventstore.events where link_to = 1") == 2);
}

// Of small events a link holds a copy, of large ones it does not, and the first read of a stream does not know yet that
// there are links in it: all of that must look the same.
BOOST_FIXTURE_TEST_CASE(small_and_large_events_are_read_alike, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        std::vector<es::event_data> events;
        for (int i = 0; i < 12; ++i) {
            es::event_data event("Mixed", std::string(i % 3 == 0 ? 5'000u : 10u, static_cast<char>('a' + i)));
            if (i % 2 == 0) event.metadata("meta").correlation_id(es::make_uuid()).causation_id(es::make_uuid());
            events.push_back(std::move(event));
        }
        co_await store.append("a", es::no_stream, std::move(events));
        const es::event_page a = co_await store.read("a");
        co_await store.append("b", es::no_stream, counted_one("own"));
        co_await store.link("b", 1, ids_of(a));
        co_await store.append("b", 13, counted_one("own"));
        for (int time = 0; time < 3; ++time) {
            const es::event_page b = co_await store.read("b");
            BOOST_TEST_REQUIRE(b.size() == 14u);
            for (std::size_t i = 0; i < 12; ++i) expect_same_event(b[i + 1], a[i]);
            TEST_SAME(link_versions_of(b), from_to(1, 14));
            const es::event_page back = co_await store.read("b", es::read_options().backward().count(5));
            TEST_SAME(link_versions_of(back), from_to(14, 10));
            expect_same_event(back[1], a[11]);
            const es::event_page few = co_await store.read("b", es::read_options().from(2).max_bytes(5'100));
            BOOST_TEST_REQUIRE(few.size() == 3u);
            expect_same_event(few[0], a[0]);
        }
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(pages_and_scans_of_links_go_both_ways, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(25));
        const es::event_page a = co_await store.read("a");
        for (std::size_t i = 0; i < a.size(); i += 2) co_await store.link("b", es::any_version, a[i].id());
        for (const std::size_t count : {1u, 2u, 5u, 100u}) {
            numbers forward;
            es::event_scan scan = store.scan("b", es::read_options().count(count));
            while (const auto event = co_await scan.next()) forward.push_back(event->version());
            numbers expected;
            for (std::int64_t v = 1; v <= 25; v += 2) expected.push_back(v);
            TEST_SAME(forward, expected);
            numbers backward;
            es::event_scan back = store.scan("b", es::read_options().backward().count(count));
            while (const auto event = co_await back.next()) backward.push_back(event->link_version());
            TEST_SAME(backward, from_to(13, 1));
        }
        const es::event_page middle = co_await store.read("b", es::read_options().from(5).count(3));
        TEST_SAME(link_versions_of(middle), from_to(5, 7));
        BOOST_TEST(middle.next_from() == 8);
        const es::event_page beyond = co_await store.read("b", es::read_options().from(14));
        BOOST_TEST(beyond.empty());
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(max_bytes_counts_what_the_links_stand_for, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        const std::string large(10'000, 'x');
        std::vector<es::event_data> events;
        for (int i = 0; i < 20; ++i) events.emplace_back("Large", large);
        co_await store.append("a", es::no_stream, std::move(events));
        const es::event_page a = co_await store.read("a");
        co_await store.link("b", es::no_stream, ids_of(a));
        std::size_t seen = 0;
        std::int64_t from = 1;
        for (bool more = true; more;) {
            const es::event_page page = co_await store.read("b", es::read_options().from(from).max_bytes(35'000));
            BOOST_TEST(page.size() >= 1u);
            BOOST_TEST(page.size() <= 3u);
            TEST_SAME(link_versions_of(page), from_to(from, from + static_cast<std::int64_t>(page.size()) - 1));
            seen += page.size();
            from = page.next_from();
            more = !page.is_complete();
        }
        BOOST_TEST(seen == 20u);
        const es::event_page one = co_await store.read("b", es::read_options().max_bytes(1));
        BOOST_TEST(one.size() == 1u);
        BOOST_TEST(!one.is_complete());
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_filter_sees_the_types_of_the_originals, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        auto one = es::event_data("One", "1");
        auto two = es::event_data("Two", "2");
        co_await store.append("a", es::no_stream, es::events(one, two));
        auto both = std::vector<es::uuid>();
        both.push_back(one.id());
        both.push_back(two.id());
        co_await store.link("b", es::no_stream, both);
        const es::event_page found = co_await store.read("b", es::read_options().type("Two"));
        TEST_SAME(data_of(found), texts({"2"}));
        BOOST_TEST(found.front().link_version() == 2);
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(what_cannot_be_linked_stores_nothing, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(3));
        const es::event_page a = co_await store.read("a");
        co_await store.link("b", es::no_stream, a[0].id());

        auto missing_first = std::vector<es::uuid>(1, es::make_uuid());
        missing_first.push_back(a[1].id());
        const auto missing = co_await expect_error(es::errc::event_not_found, store.link("b", 1, missing_first));
        BOOST_TEST(missing.stream() == "b");
        auto missing_last = std::vector<es::uuid>(1, a[1].id());
        missing_last.push_back(es::make_uuid());
        co_await expect_error(es::errc::event_not_found, store.link("new", es::no_stream, missing_last));

        co_await expect_error(es::errc::duplicate_event, store.link("b", 1, a[0].id()));
        auto partly = std::vector<es::uuid>(1, a[1].id());
        partly.push_back(a[0].id());
        co_await expect_error(es::errc::duplicate_event, store.link("b", 1, partly));
        auto twice = std::vector<es::uuid>(2, a[1].id());
        co_await expect_error(es::errc::duplicate_event, store.link("b", 1, twice));
        co_await expect_error(es::errc::duplicate_event, store.link("a", 3, a[0].id())); // it is there

        co_await expect_error(es::errc::wrong_expected_version, store.link("b", 2, a[1].id()));
        co_await expect_error(es::errc::stream_exists, store.link("b", es::no_stream, a[1].id()));
        co_await expect_error(es::errc::stream_not_found, store.link("none", es::stream_exists, a[1].id()));
        co_await expect_error(es::errc::reserved_stream, store.link("$all", es::any_version, a[1].id()));
        co_await expect_error(es::errc::invalid_argument, store.link("", es::any_version, a[1].id()));
        const es::append_result nothing = co_await store.link("b", 7, std::vector<es::uuid>());
        BOOST_TEST(nothing.last_version == 0);
        delete_stream_softly("b");
        co_await expect_error(es::errc::stream_deleted, store.link("b", es::any_version, a[1].id()));
    };
    with_store(body);
    BOOST_TEST(events_stored() == 4);
    BOOST_TEST(number("select count(*) from eventstore.streams") == 2);
}

BOOST_FIXTURE_TEST_CASE(of_many_who_link_the_same_event_one_succeeds, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(10));
        const es::event_page a = co_await store.read("a");
        const auto link = [&](std::size_t which) -> asio::awaitable<int> {
            int done = 0;
            const std::string into(1, static_cast<char>('b' + which % 2));
            for (const es::uuid& id : ids_of(a)) {
                try {
                    co_await store.link(into, es::any_version, id);
                    ++done;
                } catch (const es::error& thrown) {
                    if (thrown.why().code() != es::errc::duplicate_event) throw;
                }
            }
            co_return done;
        };
        std::vector<asio::awaitable<int>> all;
        for (std::size_t i = 0; i < 10; ++i) all.push_back(link(i));
        const auto done = co_await concurrently(std::move(all));
        int sum = 0;
        for (const int each : done) sum += each;
        BOOST_TEST(sum == 20);
    };
    with_store(body);
    BOOST_TEST(events_stored() == 30);
}

BOOST_AUTO_TEST_SUITE_END()
