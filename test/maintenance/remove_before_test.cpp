// Removing the beginning of the log.

#include "maintenance/retained.hpp"

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(remove_before_test)

namespace {

class archived_store : public scavenged_store {
public:
    template <class Body>
    void with_store(const Body& body) {
        store_fixture::with_store(options().allow_hard_delete(), body);
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(all_streams_lose_their_beginning_and_keep_their_version, archived_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        for (int i = 0; i < 5; ++i) {
            co_await store.append("a", es::any_version, counted(2));
            co_await store.append("b", es::any_version, counted(1));
        }
        const es::scavenge_progress done = co_await store.remove_before(8, quickly(2));
        BOOST_TEST(done.events == 7);
        const es::event_page log = co_await store.read_all();
        TEST_SAME(positions_of(log), from_to(8, 15));
        const es::event_page a = co_await store.read("a");
        TEST_SAME(versions_of(a), from_to(6, 10));
        const es::event_page back = co_await store.read("a", es::read_options().backward());
        TEST_SAME(versions_of(back), from_to(10, 6));
        BOOST_TEST(back.is_complete());
        const es::event_page b = co_await store.read("b");
        TEST_SAME(versions_of(b), from_to(3, 5));
        const es::append_result next = co_await store.append("a", 10, counted_one("11"));
        BOOST_TEST(next.first_position == 16);
        const es::scavenge_progress all = co_await store.remove_before(17, quickly(2));
        BOOST_TEST(all.events == 9);
        const es::append_result later = co_await store.append("b", 5, counted_one("6"));
        BOOST_TEST(later.first_position == 17);
        const es::stream_info info = co_await store.stream_info("a");
        BOOST_TEST(info.version == 11);
        const es::event_page none = co_await store.read("a");
        BOOST_TEST(none.empty());
        BOOST_TEST(none.is_complete());
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(it_is_refused_while_a_subscription_needs_an_event, archived_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(5));
        co_await store.append("b", es::no_stream, counted(5));
        const auto subscribe = [&](const std::string& stream, int position, int version) {
            ask("insert into eventstore.subscriptions (stream, name, position, version) values ('" + stream +
                "', 'one', " + std::to_string(position) + ", " + std::to_string(version) + ")");
        };
        const auto refused = [&](std::int64_t position) -> asio::awaitable<void> {
            const es::failure why =
                co_await expect_error(es::errc::subscription_behind, store.remove_before(position, quickly()));
            BOOST_TEST(why.message().find("'one'") != std::string::npos);
            BOOST_TEST(why.retry_helps());
        };
        subscribe("$all", 2, 0);
        co_await refused(4);
        co_await store.remove_before(3, quickly());
        BOOST_TEST(events_stored() == 8);
        co_await store.subscription_to_all("one").remove();
        subscribe("b", 7, 2);
        co_await store.remove_before(8, quickly());
        co_await refused(9);
        co_await store.subscription("b", "one").remove();
        subscribe("c", 0, 0);
        ask("insert into eventstore.parked_events (subscription_id, position, reason, deliveries)"
            " select subscription_id, 9, 'why', 1 from eventstore.subscriptions");
        co_await store.remove_before(9, quickly());
        co_await refused(10);
        BOOST_TEST(events_stored() == 2);
        const es::scavenge_progress done = co_await store.remove_before(11, quickly().ignore_subscriptions());
        BOOST_TEST(done.events == 2);
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(links_behind_the_position_go_too_once_they_were_seen, archived_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(3, "a"));
        const es::event_page a = co_await store.read("a");
        co_await store.link("b", es::no_stream, ids_of(a));
        ask("insert into eventstore.subscriptions (stream, name, position, version) values ('b', 'one', 5, 2)");
        co_await expect_error(es::errc::subscription_behind, store.remove_before(4));
        ask("update eventstore.subscriptions set version = 3");
        const es::scavenge_progress done = co_await store.remove_before(4, quickly(2));
        BOOST_TEST(done.events == 3);
        BOOST_TEST(done.links == 3);
        BOOST_TEST(events_stored() == 0);
        const es::append_result next = co_await store.append("a", 3, counted_one("a4"));
        BOOST_TEST(next.first_position == 7);
    };
    with_store(body);
}

// The next event of a subscription decides: how far it is behind costs nothing.
BOOST_FIXTURE_TEST_CASE(the_lag_of_a_subscription_to_a_stream_is_not_gone_through, archived_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(20));
        co_await store.append("b", es::no_stream, counted(3'000));
    };
    with_store(body);
    ask("insert into eventstore.subscriptions (stream, name, position, version) values ('b', 'one', 0, 0);"
        "insert into eventstore.parked_events (subscription_id, position, reason, deliveries)"
        " select s.subscription_id, p, 'why', 1 from eventstore.subscriptions as s, generate_series(2000, 2010) as p;"
        "analyze eventstore.events; analyze eventstore.parked_events");
    session user;
    user.run("begin");
    BOOST_TEST(user.value(here("select events_removed from eventstore.remove_before(21, 10, false)")) == "10");
    const std::string looked =
        user.value(here("select coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)"
                        " from pg_stat_xact_user_tables where relid = 'eventstore.events'::regclass"));
    BOOST_TEST(std::stoll(looked) < 200);
    user.run("commit");
    BOOST_TEST(user.value(here("select outcome from eventstore.remove_before(22, 10, false)")) == "1");
}

BOOST_FIXTURE_TEST_CASE(subscribers_go_on_over_the_gap, archived_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(5));
        es::subscription all = co_await store.subscribe_to_all("all");
        es::subscription one = co_await store.subscribe("a", "one");
        const texts of_all = co_await receive(all, 5);
        const texts of_one = co_await receive(one, 5);
        BOOST_TEST(of_all.size() + of_one.size() == 10u);
        co_await all.checkpoint();
        co_await one.unsubscribe();
        co_await store.remove_before(6);
        BOOST_TEST(events_stored() == 0);
        co_await store.append("a", 5, counted(2, "new "));
        const texts more = co_await receive(all, 2);
        TEST_SAME(more, texts({"new 1", "new 2"}));
        es::subscription again = co_await store.subscribe("a", "one");
        const texts rest = co_await receive(again, 2);
        TEST_SAME(rest, texts({"new 1", "new 2"}));
        es::subscription fresh = co_await store.subscribe_to_all("fresh");
        const texts left = co_await receive(fresh, 2);
        TEST_SAME(left, texts({"new 1", "new 2"}));
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(bad_input_is_refused, archived_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(5));
        co_await expect_error(es::errc::invalid_argument, store.remove_before(0));
        const auto beyond = co_await expect_error(es::errc::invalid_argument, store.remove_before(7));
        BOOST_TEST(beyond.message().find("ends at position 5") != std::string::npos);
        co_await expect_error(es::errc::invalid_argument, store.remove_before(1, quickly(0)));
        const es::scavenge_progress none = co_await store.remove_before(1);
        BOOST_TEST(none.events == 0);
    };
    with_store(body);
    const auto careful = [&](es::store store) -> asio::awaitable<void> {
        const auto why = co_await expect_error(es::errc::hard_delete_disabled, store.remove_before(2));
        BOOST_TEST(why.message().find("allow_hard_delete") != std::string::npos);
    };
    store_fixture::with_store(careful);
    BOOST_TEST(events_stored() == 5);
}

BOOST_AUTO_TEST_SUITE_END()
