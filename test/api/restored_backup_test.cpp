// A backup is restored while a store stays up: the positions that it has seen are given to other events.
#include "support/backup.hpp"
#include "support/receive.hpp"

namespace es = eventstore;
using namespace std::chrono_literals;
using namespace es::test;

namespace {

/// Appends as another process, which has not seen what is gone.
asio::awaitable<void> append_elsewhere(const store_fixture& here, std::string stream, std::size_t count) {
    const es::store other = co_await es::open(here.options());
    co_await other.append(stream, es::any_version, counted(count, "new"));
    co_await other.close();
}

/// What comes before the subscription says that the log was cut back; or that it is gone, if the backup does not have it.
asio::awaitable<texts> until_cut_back(es::subscription& from, bool is_in_backup = true) {
    texts seen;
    for (;;) {
        try {
            auto batch = co_await from.next(10s);
            if (!batch || batch->empty()) {
                BOOST_ERROR("nothing was said of the log that was cut back");
                break;
            }
            for (const es::recorded_event& each : *batch) seen.emplace_back(each.data());
            batch->ack();
        } catch (const es::error& thrown) {
            const bool is_gone = !is_in_backup && thrown.why().code() == es::errc::subscription_deleted;
            BOOST_TEST((is_gone || thrown.why().code() == es::errc::log_truncated), thrown.what());
            break;
        }
    }
    co_return seen;
}

/// Five events are kept and five are lost; then `added` others take their places.
void expect_nothing_skipped(store_fixture& here, std::size_t added) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        es::subscription all = co_await store.subscribe_to_all("all", one_by_one());
        es::subscription one = co_await store.subscribe("a", "one", one_by_one());
        es::event_listener live = co_await store.listen_to_all();
        const es::store before = co_await es::open(here.options());
        co_await before.append("a", es::any_version, counted(5, "kept"));
        (void)co_await receive(all, 5);
        (void)co_await receive(one, 5);
        co_await all.checkpoint();
        const backup saved(here);
        co_await before.append("a", es::any_version, counted(5, "lost"));
        co_await before.close();
        const texts told = co_await receive(all, 5);
        BOOST_TEST(told.size() == 5u);
        const texts told_one = co_await receive(one, 5);
        BOOST_TEST(told_one.size() == 5u);
        co_await all.checkpoint();
        co_await one.checkpoint();
        std::size_t heard = 0;
        while (heard < 10) {
            const auto page = co_await live.next(5s);
            BOOST_TEST_REQUIRE(!page->empty());
            heard += page->size();
        }

        saved.restore();
        co_await append_elsewhere(here, "a", added);
        const texts nothing = co_await until_cut_back(all);
        TEST_SAME(nothing, texts());
        const texts nothing_of_one = co_await until_cut_back(one);
        TEST_SAME(nothing_of_one, texts());
        co_await expect_error(es::errc::log_truncated, live.next(5s));

        // The checkpoint went back with the rest.
        const auto waits = one_by_one().when_taken(es::if_taken::wait);
        es::subscription again = co_await store.subscribe_to_all("all", waits);
        const texts rest = co_await receive(again, added);
        TEST_SAME(rest, data_of(counted(added, "new")));
    };
    here.with_store(body);
}

} // namespace

BOOST_AUTO_TEST_SUITE(restored_backup_test)

BOOST_FIXTURE_TEST_CASE(whoever_was_told_of_what_is_lost_is_told_so_while_less_is_there, store_fixture) {
    expect_nothing_skipped(*this, 2);
}
BOOST_FIXTURE_TEST_CASE(whoever_was_told_of_what_is_lost_is_told_so_while_as_much_is_there, store_fixture) {
    expect_nothing_skipped(*this, 5);
}
BOOST_FIXTURE_TEST_CASE(whoever_was_told_of_what_is_lost_is_told_so_while_more_is_there, store_fixture) {
    expect_nothing_skipped(*this, 8);
}

BOOST_FIXTURE_TEST_CASE(whoever_has_seen_nothing_that_is_lost_goes_on, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        es::subscription all = co_await store.subscribe_to_all("all", one_by_one());
        es::subscription one = co_await store.subscribe("a", "one", one_by_one());
        co_await store.append("a", es::any_version, counted(5, "kept"));
        (void)co_await receive(all, 5);
        (void)co_await receive(one, 5);
        co_await all.checkpoint();
        co_await one.checkpoint();
        const backup saved(*this);
        saved.restore();
        co_await append_elsewhere(*this, "a", 3);
        const texts of_all = co_await receive(all, 3);
        TEST_SAME(of_all, texts({"new1", "new2", "new3"}));
        const texts of_one = co_await receive(one, 3);
        TEST_SAME(of_one, texts({"new1", "new2", "new3"}));
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_subscription_that_is_catching_up_reads_no_page_of_another_log, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(20, "kept"));
        const backup saved(*this);
        co_await append_elsewhere(*this, "a", 20);
        auto small_pages = one_by_one().max_queued(4).max_in_flight(1);
        for (const bool is_of_all : {true, false}) {
            auto subscribing =
                is_of_all ? store.subscribe_to_all("slow", small_pages) : store.subscribe("a", "slow", small_pages);
            es::subscription slow = co_await std::move(subscribing);
            for (int i = 0; i < 30; ++i) (co_await slow.next(5s))->ack();
            saved.restore();
            co_await append_elsewhere(*this, "a", 40);
            const texts seen = co_await until_cut_back(slow, false);
            BOOST_TEST(seen.size() <= 5u); // what had been read before
            for (const std::string& each : seen) BOOST_TEST(std::stoi(each.substr(3)) <= 20, each);
        }
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_scan_ends_where_the_log_is_another_one, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(10, "kept"));
        const backup saved(*this);
        for (const bool is_backward : {false, true}) {
            for (const bool is_of_all : {true, false}) {
                co_await append_elsewhere(*this, "a", 30);
                es::read_options pages;
                pages.count(5);
                if (is_backward) pages.backward();
                es::event_scan scan = is_of_all ? store.scan_all(pages) : store.scan("a", pages);
                for (int i = 0; i < 20; ++i) {
                    const auto event = co_await scan.next();
                    BOOST_TEST_REQUIRE(event.has_value());
                }
                saved.restore();
                co_await append_elsewhere(*this, "a", 40);
                std::size_t more = 0; // of the page that was on its way
                const auto to_the_end = [&]() -> asio::awaitable<void> {
                    while (const auto event = co_await scan.next()) ++more;
                };
                co_await expect_error(es::errc::log_truncated, to_the_end());
                BOOST_TEST(more <= 5u);
                co_await expect_error(es::errc::log_truncated, scan.next());
                saved.restore();
            }
        }
    };
    with_store(body);
}

// Ids of streams are given out again, too: what the store remembers of them is of the log that is lost.
BOOST_FIXTURE_TEST_CASE(the_names_of_streams_are_those_of_the_log_that_is_there, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("first", es::any_version, counted(1));
        const backup saved(*this);
        co_await append_elsewhere(*this, "lost", 1);
        const auto names = [&]() -> asio::awaitable<texts> {
            texts all;
            const es::event_page page = co_await store.read_all();
            for (const es::recorded_event& each : page) all.emplace_back(each.stream());
            co_return all;
        };
        const texts before = co_await names();
        TEST_SAME(before, texts({"first", "lost"}));
        saved.restore();
        co_await append_elsewhere(*this, "new", 2);
        const texts after = co_await names();
        TEST_SAME(after, texts({"first", "new", "new"}));
    };
    with_store(body);
}

// The tables of a backup come one after the other, events before streams.
BOOST_FIXTURE_TEST_CASE(events_whose_stream_is_still_to_come_are_not_passed_over, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await append_elsewhere(*this, "a", 1);
        co_await append_elsewhere(*this, "b", 1);
        ask("create table eventstore.to_come as select * from eventstore.streams where name = 'b';"
            "alter table eventstore.streams disable trigger user; delete from eventstore.streams where name = 'b'");
        co_await expect_error(es::errc::database_error, store.read_all());
        es::subscription all = co_await store.subscribe_to_all("all", one_by_one());
        const texts nothing = co_await receive(all, 0);
        TEST_SAME(nothing, texts());
        ask("insert into eventstore.streams overriding system value select * from eventstore.to_come;"
            "alter table eventstore.streams enable trigger user; drop table eventstore.to_come");
        const texts both = co_await receive(all, 2);
        TEST_SAME(both, texts({"new1", "new1"}));
    };
    with_store(body);
}

BOOST_AUTO_TEST_SUITE_END()
