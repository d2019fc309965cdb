// Streams that are deleted for good.

#include "support/receive.hpp"

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(hard_delete_test)

namespace {

class deleting_store : public store_fixture {
public:
    deleting_store() { expect_holes(); }
    template <class Body>
    void with_store(const Body& body, std::source_location where = std::source_location::current()) {
        store_fixture::with_store(options().allow_hard_delete(), body, where);
    }
};

asio::awaitable<void> remove(const es::store& store, std::string stream) {
    return store.delete_stream(stream, es::any_version, es::deletion::hard);
}

} // namespace

BOOST_FIXTURE_TEST_CASE(it_has_to_be_allowed, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(3));
        const auto why = co_await expect_error(es::errc::hard_delete_disabled, remove(store, "a"));
        BOOST_TEST(why.message().find("allow_hard_delete") != std::string::npos);
        co_await expect_error(es::errc::hard_delete_disabled, remove(store, "none"));
    };
    with_store(body);
    BOOST_TEST(events_stored() == 3);
}

BOOST_FIXTURE_TEST_CASE(the_events_are_gone_and_the_name_is_free, deleting_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        for (const es::expected_version expected : {es::any_version, es::stream_exists, es::expected_version(2)}) {
            co_await store.append("a", es::no_stream, counted(2));
            co_await store.delete_stream("a", expected, es::deletion::hard);
            co_await expect_error(es::errc::stream_not_found, store.read("a"));
            co_await expect_error(es::errc::stream_not_found, store.stream_info("a"));
            co_await expect_error(es::errc::stream_not_found, remove(store, "a"));
            co_await expect_error(es::errc::stream_not_found, store.restore_stream("a"));
        }
        const es::append_result again = co_await store.append("a", es::no_stream, counted(2, "new "));
        BOOST_TEST(again.first_version == 1);
        BOOST_TEST(again.first_position == 7); // never given out twice
        const auto list = co_await store.streams();
        BOOST_TEST(list.size() == 1u);
    };
    with_store(body);
    TEST_SAME(stored_in("a"), texts({"new 1", "new 2"}));
    BOOST_TEST(number("select count(*) from eventstore.streams") == 1);
    BOOST_TEST(value("select coalesce(current_setting('eventstore.hard_delete', true), '') = ''") == "t");
}

BOOST_FIXTURE_TEST_CASE(a_stream_that_is_not_as_expected_stays, deleting_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(3));
        co_await expect_error(es::errc::wrong_expected_version, store.delete_stream("a", 2, es::deletion::hard));
        co_await expect_error(es::errc::stream_exists, store.delete_stream("a", es::no_stream, es::deletion::hard));
        co_await expect_error(es::errc::reserved_stream, remove(store, "$all"));
        co_await store.delete_stream("a", 3);
        co_await expect_error(es::errc::stream_deleted, remove(store, "a"));
        co_await store.restore_stream("a");
    };
    with_store(body);
    BOOST_TEST(events_stored() == 3);
}

BOOST_FIXTURE_TEST_CASE(a_stream_of_links_leaves_the_originals_alone, deleting_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(2));
        const es::event_page a = co_await store.read("a");
        co_await store.link("b", es::no_stream, a[0].id());
        co_await store.link("b", 1, a[1].id());
        const es::deletion_preview before = co_await store.preview_deletion("b");
        BOOST_TEST(before.events == 0);
        BOOST_TEST(before.links == 2);
        co_await remove(store, "b");
        const es::event_page rest = co_await store.read("a");
        TEST_SAME(data_of(rest), texts({"1", "2"}));
        co_await store.link("b", es::no_stream, a[1].id());
        const es::event_page b = co_await store.read("b");
        TEST_SAME(data_of(b), texts({"2"}));
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(links_to_deleted_events_vanish, deleting_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(3, "a"));
        const es::event_page a = co_await store.read("a");
        co_await store.append("b", es::no_stream, counted_one("b1"));
        for (const es::recorded_event& each : a) co_await store.link("b", es::any_version, each.id());
        co_await store.append("b", 4, counted_one("b5"));
        es::subscription one = co_await store.subscribe("b", "one");
        const es::deletion_preview before = co_await store.preview_deletion("a");
        BOOST_TEST(before.events == 3);
        BOOST_TEST(before.links == 0);
        BOOST_TEST(before.links_to_it == 3);
        BOOST_TEST(before.subscriptions == 0);
        co_await expect_error(es::errc::stream_not_found, store.preview_deletion("none"));
        co_await remove(store, "a");
        const es::event_page b = co_await store.read("b");
        TEST_SAME(data_of(b), texts({"b1", "b5"}));
        TEST_SAME(versions_of(b), numbers({1, 5}));
        co_await store.append("b", 5, counted_one("b6"));
        es::subscription two = co_await store.subscribe("b", "two");
        const texts told = co_await receive(two, 3);
        TEST_SAME(told, texts({"b1", "b5", "b6"}));
    };
    with_store(body);
}

// Of a large event a link holds no copy: without the event it stands for nothing.
BOOST_FIXTURE_TEST_CASE(a_dangling_link_is_skipped, deleting_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        const std::string large(3'000, '.');
        std::vector<es::event_data> events;
        for (const char* const name : {"a1", "a2", "a3"}) events.push_back(counted_one(name + large));
        co_await store.append("a", es::no_stream, std::move(events));
        const es::event_page a = co_await store.read("a");
        for (const es::recorded_event& each : a) co_await store.link("b", es::any_version, each.id());
        delete_events("position = 2");
        const es::event_page b = co_await store.read("b");
        TEST_SAME(data_of(b), texts({"a1" + large, "a3" + large}));
        BOOST_TEST(b.back().link_version() == 3);
        const es::event_page middle = co_await store.read("b", es::read_options().from(2).count(1));
        BOOST_TEST(middle.empty());
        BOOST_TEST(middle.next_from() == 3);
        BOOST_TEST(!middle.is_complete());
        es::event_scan scan = store.scan("b", es::read_options().count(1));
        texts scanned;
        while (const auto event = co_await scan.next()) scanned.emplace_back(event->data());
        TEST_SAME(scanned, texts({"a1" + large, "a3" + large}));
        es::subscription reader = co_await store.subscribe("b", "reader");
        const texts told = co_await receive(reader, 2);
        TEST_SAME(told, texts({"a1" + large, "a3" + large}));
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(the_log_goes_on_over_the_gap, deleting_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(3, "a"));
        co_await store.append("b", es::no_stream, counted(3, "b"));
        es::subscription before = co_await store.subscribe_to_all("before", es::subscription_options().max_batch(1));
        auto batch = co_await before.next(5s);
        batch->ack();
        co_await before.unsubscribe();
        co_await remove(store, "a");
        const es::event_page forward = co_await store.read_all();
        TEST_SAME(positions_of(forward), numbers({4, 5, 6}));
        const es::event_page back = co_await store.read_all(es::read_options().backward());
        TEST_SAME(positions_of(back), numbers({6, 5, 4}));
        es::subscription fresh = co_await store.subscribe_to_all("fresh");
        es::subscription resumed = co_await store.subscribe_to_all("before");
        co_await store.append("c", es::no_stream, counted_one("c1"));
        const texts all = co_await receive(fresh, 4);
        TEST_SAME(all, texts({"b1", "b2", "b3", "c1"}));
        const texts rest = co_await receive(resumed, 4);
        TEST_SAME(rest, texts({"b1", "b2", "b3", "c1"}));
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_stream_made_anew_is_delivered_from_its_first_event_to_who_is_there, deleting_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        es::subscription reader = co_await store.subscribe("a", "reader");
        co_await store.append("a", es::no_stream, counted(5, "old "));
        const texts first = co_await receive(reader, 5);
        BOOST_TEST(first.size() == 5u);
        co_await reader.checkpoint();
        co_await remove(store, "a");
        co_await store.append("a", es::no_stream, counted(3, "new "));
        const texts again = co_await receive(reader, 3);
        TEST_SAME(again, texts({"new 1", "new 2", "new 3"}));
        co_await store.append("a", 3, counted_one("new 4"));
        const texts more = co_await receive(reader, 1);
        TEST_SAME(more, texts({"new 4"}));
        co_await reader.checkpoint();
        BOOST_TEST(number("select version from eventstore.subscriptions") == 4);
        co_await reader.unsubscribe();
        es::subscription later = co_await store.subscribe("a", "reader");
        const texts nothing = co_await receive(later, 0);
        BOOST_TEST(nothing.empty());
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_stream_made_anew_is_delivered_from_its_first_event_to_who_comes_back, deleting_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(5, "old "));
        {
            es::subscription reader = co_await store.subscribe("a", "reader");
            const texts first = co_await receive(reader, 5);
            BOOST_TEST(first.size() == 5u);
            co_await reader.unsubscribe();
        }
        co_await remove(store, "a");
        co_await store.append("a", es::no_stream, counted(7, "new "));
        es::subscription reader = co_await store.subscribe("a", "reader");
        const texts again = co_await receive(reader, 7);
        BOOST_TEST(again.front() == "new 1");
        BOOST_TEST(again.size() == 7u);
    };
    with_store(body);
}

// It has not noticed that the stream went and came back: it was busy, and is behind.
BOOST_FIXTURE_TEST_CASE(a_subscription_that_is_behind_begins_the_new_stream_at_its_first_event, deleting_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(40, "old "));
        es::subscription_options small;
        small.max_batch(2).max_queued(4);
        es::subscription reader = co_await store.subscribe("a", "reader", small);
        auto batch = co_await reader.next(5s);
        BOOST_TEST(batch->size() == 2u);
        co_await remove(store, "a");
        co_await store.append("a", es::no_stream, counted(60, "new "));
        batch->ack();
        texts fresh;
        while (fresh.size() < 60) {
            auto more = co_await reader.next(5s);
            if (!more || more->empty()) break;
            for (const es::recorded_event& each : *more) {
                // What was in memory already may still come.
                if (each.data().starts_with("new ")) fresh.emplace_back(each.data());
            }
            more->ack();
        }
        TEST_SAME(fresh, data_of(counted(60, "new ")));
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_large_stream_goes_in_steps_while_others_append, deleting_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(5'500));
        auto removing = co_await start(remove(store, "a"));
        std::int64_t appended = 0;
        while (!removing.done()) {
            co_await store.append("b", es::any_version, counted_one("b"));
            ++appended;
        }
        removing.value();
        BOOST_TEST(appended >= 3);
        BOOST_TEST(events_stored() == appended);
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(what_was_left_half_done_is_finished_by_the_next_one, deleting_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(10));
        co_await store.append("b", es::no_stream, counted(10));
        session writer; // which dies after the first step
        writer.run(here("select eventstore.delete_stream('a', -1, true, gen_random_uuid())"));
        writer.run(here("select eventstore.purge_stream((select min(stream_id) from eventstore.streams), 4)"));
        co_await expect_error(es::errc::stream_not_found, store.read("a"));
        const auto list = co_await store.streams();
        BOOST_TEST(list.size() == 1u);
        co_await remove(store, "b");
        BOOST_TEST(events_stored() == 0);
        BOOST_TEST(number("select count(*) from eventstore.streams") == 0);
        const es::append_result next = co_await store.append("a", es::no_stream, counted_one("1"));
        BOOST_TEST(next.first_position == 21);
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(removing_no_events_is_refused_and_keeps_the_tombstone, deleting_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(2));
        ask("select eventstore.delete_stream('a', -1, true, gen_random_uuid())");
        session writer;
        for (const char* const most : {"0", "-1", "null"})
            BOOST_TEST(
                writer.state_of(here(std::string("select eventstore.purge_stream(1, ") + most + ")")) == "22023");
        BOOST_TEST(number("select count(*) from eventstore.streams") == 1);
        BOOST_TEST(number("select eventstore.purge_stream(1, 1)") == 1);
        BOOST_TEST(events_stored() == 1);
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(an_event_is_not_found_once_its_stream_is_deleted_for_good, deleting_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        const es::event_data soft("T", "1"), hard("T", "2");
        co_await store.append("soft", es::no_stream, soft);
        co_await store.append("hard", es::no_stream, hard);
        delete_stream_softly("soft");
        ask("select eventstore.delete_stream('hard', -1, true, gen_random_uuid())"); // its events are there yet
        co_await expect_error(es::errc::event_not_found, store.find_event(hard.id()));
        const es::recorded_event hidden = co_await store.find_event(soft.id()); // it stays in the log
        BOOST_TEST(hidden.stream() == "soft");
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_stream_that_is_being_deleted_cannot_be_linked_to, deleting_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(1));
        const es::event_page a = co_await store.read("a");
        ask("select eventstore.delete_stream('a', -1, true, gen_random_uuid())");
        co_await expect_error(es::errc::event_not_found, store.link("b", es::no_stream, a[0].id()));
    };
    with_store(body);
}

BOOST_AUTO_TEST_SUITE_END()
