// Removing what has expired.

#include "maintenance/retained.hpp"

#include <eventstore/verify.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>

#include <future>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(scavenge_test)

BOOST_FIXTURE_TEST_CASE(what_has_expired_is_removed_and_nothing_else, scavenged_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(10));
        co_await store.append("kept", es::no_stream, counted(10));
        co_await store.append("p-1", es::no_stream, counted(10));
        co_await store.append("p-2", es::no_stream, aged(2h, 4));
        co_await store.set_retention("a", at_most(3));
        co_await store.set_retention(es::stream_prefix("p-"), not_older_than(1h));
        co_await store.set_retention(es::stream_prefix("p-1"), from_version(9)); // within the other one
        const es::scavenge_progress done = co_await store.scavenge(quickly());
        BOOST_TEST(done.events == 7 + 8 + 4);
        BOOST_TEST(done.links == 0);
        BOOST_TEST(done.streams == 3);
        BOOST_TEST(done.held_streams == 0);
        TEST_SAME(stored_versions(*this, "a"), numbers({8, 9, 10}));
        TEST_SAME(stored_versions(*this, "p-1"), numbers({9, 10}));
        BOOST_TEST(stored_versions(*this, "p-2").empty());
        BOOST_TEST(stored_versions(*this, "kept").size() == 10u);
        const es::event_page a = co_await store.read("a");
        TEST_SAME(versions_of(a), numbers({8, 9, 10}));
        const es::event_page back = co_await store.read("a", es::read_options().backward());
        TEST_SAME(versions_of(back), numbers({10, 9, 8}));
        BOOST_TEST(back.is_complete());
        const es::event_page none = co_await store.read("p-2");
        BOOST_TEST(none.empty());
        BOOST_TEST(none.is_complete());
        const es::stream_info info = co_await store.stream_info("p-2");
        BOOST_TEST(info.version == 4);
        const es::scavenge_progress again = co_await store.scavenge(quickly());
        BOOST_TEST(again.events == 0);
        co_await store.append("a", 10, counted_one("11"));
        co_await store.append("p-2", 4, counted_one("5"));
        co_await store.remove_retention("a"); // what is gone stays gone
        const es::event_page rest = co_await store.read("a", es::read_options().backward());
        TEST_SAME(versions_of(rest), numbers({11, 10, 9, 8}));
        BOOST_TEST(rest.is_complete());
    };
    with_store(body);
    BOOST_TEST(value("select coalesce(current_setting('eventstore.hard_delete', true), '') = ''") == "t");
}

BOOST_FIXTURE_TEST_CASE(a_verification_takes_what_was_removed_for_no_loss, scavenged_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(10));
        co_await store.append("kept", es::no_stream, counted(10));
        co_await store.append("p-2", es::no_stream, aged(2h, 4));
        co_await store.append("kept", es::any_version, counted(3));
        co_await store.set_retention("a", at_most(3));
        co_await store.set_retention(es::stream_prefix("p-"), not_older_than(1h));
        co_await store.scavenge(quickly());
        const es::verify_report sound = co_await es::verify(options());
        BOOST_TEST(sound.problems == 0);
        BOOST_TEST(sound.missing == 7 + 4);
        BOOST_TEST(sound.findings.empty());   // that streams begin later is told in one sentence
        delete_events("stream_version = 13"); // behind all that was removed
        const es::verify_report damaged = co_await es::verify(options());
        BOOST_TEST(damaged.problems > 0);
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_verification_finds_no_loss_in_a_large_stream_that_is_being_scavenged, scavenged_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        constexpr std::size_t events = 4'000;
        co_await store.append("a", es::no_stream, counted(events));
        co_await store.set_retention("a", from_version(events));
        auto scavenging = co_await start(store.scavenge(quickly(20)));
        std::int64_t problems = 0;
        while (!scavenging.done()) {
            const es::verify_report report = co_await es::verify(options(), es::verify_options().page_size(100));
            problems += report.problems;
        }
        scavenging.value();
        BOOST_TEST(problems == 0);
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_longer_retention_shows_again_what_was_not_scavenged, scavenged_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(10));
        co_await store.set_retention("a", at_most(3));
        co_await store.set_retention("a", at_most(5));
        const es::event_page more = co_await store.read("a");
        BOOST_TEST(more.size() == 5u);
        co_await store.scavenge();
        co_await store.set_retention("a", at_most(8));
        const es::event_page left = co_await store.read("a");
        BOOST_TEST(left.size() == 5u);
    };
    with_store(body);
}

// The position of the last event is given out once, and who has seen it goes on.
BOOST_FIXTURE_TEST_CASE(the_last_event_of_the_log_may_go, scavenged_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        es::subscription all = co_await store.subscribe_to_all("all");
        co_await store.append("b", es::no_stream, counted(1, "b"));
        co_await store.append("a", es::no_stream, aged(2h, 3));
        const texts seen = co_await receive(all, 4);
        BOOST_TEST(seen.size() == 4u);
        co_await all.checkpoint();
        co_await store.set_retention("a", not_older_than(1h));
        const es::scavenge_progress done = co_await store.scavenge();
        BOOST_TEST(done.events == 3);
        BOOST_TEST(number("select floor from eventstore.log_state") == 4);
        const es::stream_info log = co_await store.stream_info("$all");
        BOOST_TEST(log.version == 4);
        const es::event_page rest = co_await store.read_all();
        TEST_SAME(positions_of(rest), numbers({1}));
        BOOST_TEST(rest.is_complete());
        const es::append_result next =
            co_await store.append("a", 3, counted_one("a4")); // the store has seen position 4
        BOOST_TEST(next.first_position == 5);
        const texts live = co_await receive(all, 1);
        TEST_SAME(live, texts({"a4"}));
    };
    with_store(body);
}

// The event at a checkpoint is the proof that the log was not cut back. Where it was scavenged, the history is.
BOOST_FIXTURE_TEST_CASE(a_checkpoint_whose_event_was_scavenged_is_no_cut_back_log, scavenged_store) {
    const auto first = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(5));
        es::subscription all = co_await store.subscribe_to_all("all");
        es::subscription one = co_await store.subscribe("a", "one");
        const texts of_all = co_await receive(all, 5);
        const texts of_one = co_await receive(one, 5);
        BOOST_TEST(of_all.size() + of_one.size() == 10u);
        co_await all.unsubscribe();
        co_await one.unsubscribe();
        co_await store.set_retention("a", from_version(6));
        const es::scavenge_progress done = co_await store.scavenge(quickly());
        BOOST_TEST(done.events == 5);
    };
    with_store(first);
    const auto second = [&](es::store store) -> asio::awaitable<void> { // another process, say
        es::subscription all = co_await store.subscribe_to_all("all");
        es::subscription one = co_await store.subscribe("a", "one");
        const texts nothing = co_await receive(all, 0);
        BOOST_TEST(nothing.empty());
        co_await store.append("a", 5, counted(2, "new "));
        const texts of_all = co_await receive(all, 2);
        TEST_SAME(of_all, texts({"new 1", "new 2"}));
        const texts of_one = co_await receive(one, 2);
        TEST_SAME(of_one, texts({"new 1", "new 2"}));
        co_await all.checkpoint();
        co_await one.checkpoint();
    };
    with_store(second);
    BOOST_TEST(number("select min(version) from eventstore.subscriptions where name = 'one'") == 7);
}

// Of a checkpoint of an older schema it is not known which stream of that name it is of; its first event tells, if it is left.
BOOST_FIXTURE_TEST_CASE(a_checkpoint_that_does_not_know_its_stream_is_not_set_back, scavenged_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(5));
        ask("insert into eventstore.subscriptions (stream, name, position, version) values ('a', 'one', 5, 5)");
        co_await store.set_retention("a", from_version(4));
        const es::scavenge_progress done = co_await store.scavenge();
        BOOST_TEST(done.events == 3);
        co_await store.append("a", 5, counted_one("6"));
        es::subscription one = co_await store.subscribe("a", "one");
        const texts told = co_await receive(one, 1);
        TEST_SAME(told, texts({"6"}));
    };
    with_store(body);
}

// It lives on while the events at its place go, live and behind.
BOOST_FIXTURE_TEST_CASE(a_subscriber_that_stays_gets_each_event_once, scavenged_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        es::subscription all = co_await store.subscribe_to_all("all");
        es::subscription one = co_await store.subscribe("a", "one");
        for (int round = 0; round < 5; ++round) {
            const std::string name = std::to_string(round) + "-";
            co_await store.append("a", es::any_version, counted(4, name));
            const texts of_all = co_await receive(all, 4);
            TEST_SAME(of_all, data_of(counted(4, name)));
            const texts of_one = co_await receive(one, 4);
            TEST_SAME(of_one, data_of(counted(4, name)));
            co_await all.checkpoint();
            co_await one.checkpoint();
            co_await store.set_retention("a", from_version(1'000));
            co_await store.scavenge(quickly());
            BOOST_TEST(events_stored() == 0);
            co_await store.remove_retention("a");
            co_await store.restore_stream("a"); // has them look again
            ask("select eventstore.tell_followers('restored 1')");
        }
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(what_a_subscription_has_not_acknowledged_stays, scavenged_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(10));
        co_await store.append("b", es::no_stream, counted(10));
        co_await store.set_retention(es::stream_prefix(""), at_most(2));
        ask("insert into eventstore.subscriptions (stream, name, position, version) values ('a', 'one', 0, 4),"
            " ('$all', 'all', 15, 0)");
        const es::scavenge_progress done = co_await store.scavenge(quickly());
        BOOST_TEST(done.events == 4 + 5);
        BOOST_TEST(done.held_streams == 2);
        TEST_SAME(stored_versions(*this, "a"), from_to(5, 10));
        TEST_SAME(stored_versions(*this, "b"), from_to(6, 10));
        es::subscription all = co_await store.subscribe_to_all("all");
        const texts rest = co_await receive(all, 5);
        TEST_SAME(rest, data_of_counted(6, 10));
        co_await all.checkpoint();
        const es::scavenge_progress again = co_await store.scavenge(quickly());
        BOOST_TEST(again.events == 3);
        BOOST_TEST(again.held_streams == 1);
        const es::scavenge_progress forced = co_await store.scavenge(quickly().ignore_subscriptions());
        BOOST_TEST(forced.events == 4);
        BOOST_TEST(forced.held_streams == 0);
        TEST_SAME(stored_versions(*this, "a"), numbers({9, 10}));
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(what_is_parked_stays, scavenged_store) {
    const std::string subscribe =
        "insert into eventstore.subscriptions (stream, name, position, version) values ('b', 'one', 12, 6)";
    const std::string park = // an event, and a link
        "insert into eventstore.parked_events (subscription_id, position, reason, deliveries)"
        " select subscription_id, p, 'why', 1 from eventstore.subscriptions, unnest(array[3, 10]) as p";
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(6));
        const es::event_page a = co_await store.read("a");
        co_await store.link("b", es::no_stream, ids_of(a));
        ask(subscribe + ";" + park);
        co_await store.set_retention("a", from_version(7));
        const es::scavenge_progress done = co_await store.scavenge(quickly(2));
        BOOST_TEST(done.events == 4);
        BOOST_TEST(done.links == 4);
        BOOST_TEST(done.held_streams == 1);
        TEST_SAME(stored_versions(*this, "a"), numbers({3, 4}));
        TEST_SAME(stored_versions(*this, "b"), numbers({3, 4}));
        const es::event_page hidden = co_await store.read("a");
        BOOST_TEST(hidden.empty());
        const es::subscription_handle one = store.subscription("b", "one");
        const std::int64_t discarded = co_await one.discard();
        BOOST_TEST(discarded == 2);
        co_await store.scavenge(quickly(2));
        BOOST_TEST(events_stored() == 0);
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(links_go_with_their_events_once_their_subscribers_have_seen_them, scavenged_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(4, "a"));
        const es::event_page a = co_await store.read("a");
        co_await store.append("b", es::no_stream, counted_one("b1"));
        co_await store.link("b", 1, ids_of(a));
        ask("insert into eventstore.subscriptions (stream, name, position, version) values ('b', 'one', 0, 3)");
        co_await store.set_retention("a", from_version(5));
        const es::scavenge_progress done = co_await store.scavenge(quickly());
        BOOST_TEST(done.events == 2); // of which the links are versions 2 and 3
        BOOST_TEST(done.links == 2);
        BOOST_TEST(done.held_streams == 1);
        const es::event_page b = co_await store.read("b");
        TEST_SAME(data_of(b), texts({"b1", "a3", "a4"}));
        es::subscription one = co_await store.subscribe("b", "one");
        const texts told = co_await receive(one, 2);
        TEST_SAME(told, texts({"a3", "a4"}));
        co_await one.checkpoint();
        co_await store.scavenge(quickly());
        const es::event_page rest = co_await store.read("b");
        TEST_SAME(data_of(rest), texts({"b1"}));
        BOOST_TEST(rest.is_complete());
        co_await expect_error(es::errc::event_not_found, store.link("c", es::no_stream, a[0].id()));
    };
    with_store(body);
}

// Who links to an event holds it until the link can be seen; who comes later does not find it.
BOOST_FIXTURE_TEST_CASE(a_link_that_is_made_meanwhile_does_not_outlive_its_event, scavenged_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(3));
        co_await store.set_retention("a", from_version(4));
        const es::event_page log = co_await store.read_all();
        const std::string id = "'" + es::to_string(log[1].id()) + "'";
        blocker linking("set local lock_timeout = '20s';" +
            here("select eventstore.append_events(array['b'], array[-1]::bigint[], array[1], null, 0, array[1],"
                 "array[-1]::bigint[], array[1], array[false], array[1], array[1], array[gen_random_uuid()], "
                 "array['$link'],"
                 "array['']::bytea[], null, null, null, null, array[" +
                id + "]::uuid[], null, null, true)"));
        auto scavenging = co_await start(store.scavenge());
        const auto waits = [&] { return linking.blocks(); };
        co_await eventually(waits);
        linking.commit();
        const auto ends = [&] { return scavenging.done(); };
        co_await eventually(ends);
        const es::scavenge_progress done = scavenging.value();
        BOOST_TEST(done.events == 3);
        BOOST_TEST(done.links == 1);
        BOOST_TEST(events_stored() == 0);
    };
    with_store(body);
}

// An append that links to an event, and brings the largest event of the log, writes the row of the log, too. Both lock that
// row before the events.
BOOST_FIXTURE_TEST_CASE(an_append_with_a_link_and_a_large_event_does_not_deadlock_with_a_portion, scavenged_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(6));
        co_await store.append("b", es::no_stream, counted(1));
        co_await store.set_retention("a", from_version(7));
        const es::event_page log = co_await store.read_all();
        const std::string appending =
            here("set lock_timeout = '60s';"
                 "select eventstore.append_events(array['b'], array[-1]::bigint[], array[2], null, 0, array[1],"
                 "array[-1]::bigint[], array[2], array[false], array[1, 1], array[1, 2], array[gen_random_uuid(), "
                 "gen_random_uuid()], array['$link', 'Large'], array['', repeat('x', 10000)]::bytea[], null, null, "
                 "null, null, "
                 "array['" +
                es::to_string(log[3].id()) + "', null]::uuid[], null, 10000, true)");
        // The append holds the event, and waits for its stream before it writes the row of the log.
        blocker holder(here("select from eventstore.streams where name = 'b' for no key update"));
        const auto append = [&] { return session().state_of(appending); };
        std::future<std::string> state = std::async(std::launch::async, append);
        const auto appends = [&] { return holder.blocks(); };
        co_await eventually(appends);
        auto scavenging = co_await start(store.scavenge());
        const auto scavenges = [&] {
            return number("select count(*) from pg_stat_activity where wait_event_type = 'Lock' and strpos(query, " +
                       quoted_text(schema()) + ") > 0 and strpos(query, 'scavenge(') > 0") == 1;
        };
        co_await eventually(scavenges);
        holder.release();
        const auto ends = [&] { return scavenging.done(); };
        co_await eventually(ends);
        BOOST_TEST(state.get() == "");
        const es::scavenge_progress done = scavenging.value();
        BOOST_TEST(done.events == 6);
        BOOST_TEST(done.links == 1);
        TEST_SAME(stored_versions(*this, "b"), numbers({1, 3}));
    };
    with_store(body);
}

// Who has set a longer retention, or has removed it, can rely on it.
BOOST_FIXTURE_TEST_CASE(a_retention_is_changed_behind_the_portion_under_way, scavenged_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(10));
        co_await store.set_retention("a", from_version(9));
        blocker portion(here("select eventstore.scavenge(null, '', 3, false)"));
        auto setting = co_await start(store.set_retention("a", from_version(6)));
        const auto one_waits = [&] { return portion.blocks(); };
        co_await eventually(one_waits);
        auto removing = co_await start(store.remove_retention("a"));
        const auto both_wait = [&] { return portion.blocks(2); };
        co_await eventually(both_wait);
        co_await store.append("a", 10, counted_one("11")); // which waits for none of them
        portion.commit();
        const auto end = [&] { return setting.done() && removing.done(); };
        co_await eventually(end);
        setting.value();
        removing.value();
        const es::scavenge_progress none = co_await store.scavenge(quickly());
        BOOST_TEST(none.events == 0);
        TEST_SAME(stored_versions(*this, "a"), from_to(4, 11));
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(ids_of_removed_events_are_forgotten, scavenged_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        const std::vector<es::event_data> events = counted(3);
        co_await store.append("a", es::no_stream, events);
        co_await store.set_retention("a", from_version(4));
        const es::append_result known = co_await store.append("a", es::any_version, events);
        BOOST_TEST(known.already_appended);
        co_await store.scavenge();
        co_await expect_error(es::errc::event_not_found, store.find_event(events[0].id()));
        const es::append_result again = co_await store.append("a", 3, events);
        BOOST_TEST(!again.already_appended);
        BOOST_TEST(again.first_version == 4);
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(snapshots_stay, scavenged_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(3));
        const es::snapshot state("a", 3, "T", "state");
        co_await store.record_snapshot(state);
        co_await store.set_retention("a", from_version(4));
        co_await store.scavenge();
        const es::snapshot found = co_await store.read_snapshot("a");
        BOOST_TEST(found.version() == 3);
    };
    with_store(body);
}

// A role that may scavenge removes what has expired, and nothing else.
BOOST_FIXTURE_TEST_CASE(a_role_with_the_right_to_scavenge_removes_nothing_that_is_kept, scavenged_store) {
    fresh_role role(schema() + "_scavenger");
    const std::string name = quoted_name(role.name());
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(5));
        co_await store.append("b", es::no_stream, counted(5));
        co_await store.set_retention("a", at_most(2));
    };
    with_store(body);
    ask("revoke execute on all functions in schema " + quoted_name(schema()) + " from public");
    ask("grant usage on schema " + quoted_name(schema()) + " to " + name +
        "; grant execute on function eventstore.prepare_scavenging, eventstore.scavenge to " + name);
    session user;
    user.run("set role " + name);
    for (const char* const refused : {"delete from eventstore.events", "select * from eventstore.events",
             "select eventstore.remove_events(array[1, 2])", "select eventstore.remove_before(5, 10, true)",
             "select eventstore.set_retention('b', false, 6, null, null)",
             "select eventstore.remove_retention('a', false)", "select eventstore.purge_stream(2, 10)"})
        BOOST_TEST(user.state_of(here(refused)) == "42501", refused);
    user.run(here("set eventstore.hard_delete = 'on'"));
    BOOST_TEST(user.state_of(here("delete from eventstore.events")) == "42501");
    BOOST_TEST(user.value(here("select count(*) from unnest(eventstore.prepare_scavenging())")) == "0");
    BOOST_TEST(user.value(here("select events_removed from eventstore.scavenge(null, '', 100, true)")) == "3");
    BOOST_TEST(user.value(here("select events_removed from eventstore.scavenge('', '', 100, true)")) == "0");
    BOOST_TEST(stored_versions(*this, "b").size() == 5u);
    session owner; // whose mistakes the triggers stop as before
    BOOST_TEST(owner.state_of(here("delete from eventstore.events")) == "23001");
}

BOOST_AUTO_TEST_SUITE_END()
