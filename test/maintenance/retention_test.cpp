// How long events are kept: the settings, and what reads show of them.

#include "maintenance/retained.hpp"
#include "support/older_schema.hpp"

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(retention_test)

namespace {

asio::awaitable<numbers> versions_in(const es::store& store, std::string stream, es::read_options options = {}) {
    const es::event_page page = co_await store.read(stream, options);
    co_return versions_of(page);
}

} // namespace

BOOST_FIXTURE_TEST_CASE(a_read_shows_the_newest_events_forward_and_backward_from_any_version, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(10));
        co_await store.append("b", es::no_stream, counted(10));
        co_await store.set_retention("a", at_most(4));
        const es::event_page forward = co_await store.read("a");
        TEST_SAME(versions_of(forward), numbers({7, 8, 9, 10}));
        BOOST_TEST(forward.is_complete());
        const es::event_page backward = co_await store.read("a", es::read_options().backward());
        TEST_SAME(versions_of(backward), numbers({10, 9, 8, 7}));
        BOOST_TEST(backward.is_complete());
        for (const std::int64_t from : {0, 1, 5, 7}) {
            const numbers all = co_await versions_in(store, "a", es::read_options().from(from));
            TEST_SAME(all, numbers({7, 8, 9, 10}));
        }
        const numbers later = co_await versions_in(store, "a", es::read_options().from(9));
        TEST_SAME(later, numbers({9, 10}));
        const numbers earlier = co_await versions_in(store, "a", es::read_options().from(8).backward());
        TEST_SAME(earlier, numbers({8, 7}));
        const es::event_page expired = co_await store.read("a", es::read_options().from(6).backward());
        BOOST_TEST(expired.empty());
        BOOST_TEST(expired.is_complete());
        const numbers other = co_await versions_in(store, "b");
        BOOST_TEST(other.size() == 10u);
        const es::event_page log = co_await store.read_all();
        BOOST_TEST(log.size() == 20u);
        co_await store.append("a", 10, counted_one("11"));
        const numbers moved = co_await versions_in(store, "a");
        TEST_SAME(moved, numbers({8, 9, 10, 11}));
        const es::stream_info info = co_await store.stream_info("a");
        BOOST_TEST(info.version == 11);
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(pages_end_where_the_retention_begins, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        const std::string large(3'000, '.');
        std::vector<es::event_data> events;
        for (int i = 1; i <= 10; ++i) events.push_back(counted_one(large));
        co_await store.append("a", es::no_stream, std::move(events));
        co_await store.set_retention("a", at_most(4));
        const es::event_page first = co_await store.read("a", es::read_options().count(2));
        TEST_SAME(versions_of(first), numbers({7, 8}));
        BOOST_TEST(!first.is_complete());
        BOOST_TEST(first.next_from() == 9);
        const es::event_page last = co_await store.read("a", es::read_options().from(9).count(2));
        TEST_SAME(versions_of(last), numbers({9, 10}));
        BOOST_TEST(last.is_complete());
        const es::event_page bytes = co_await store.read("a", es::read_options().max_bytes(7'000));
        TEST_SAME(versions_of(bytes), numbers({7, 8}));
        BOOST_TEST(!bytes.is_complete());
        const es::event_page end = co_await store.read("a", es::read_options().backward().from(8).count(2));
        TEST_SAME(versions_of(end), numbers({8, 7}));
        BOOST_TEST(end.is_complete());
        const es::event_page middle = co_await store.read("a", es::read_options().backward().count(2));
        BOOST_TEST(!middle.is_complete());
        const es::event_page typed = co_await store.read("a", es::read_options().type("Counted").count(3));
        TEST_SAME(versions_of(typed), numbers({7, 8, 9}));
        BOOST_TEST(!typed.is_complete());
        const es::event_page back = co_await store.read("a", es::read_options().type("Counted").backward());
        TEST_SAME(versions_of(back), numbers({10, 9, 8, 7}));
        BOOST_TEST(back.is_complete());
        const es::event_page none = co_await store.read("a", es::read_options().type("Other"));
        BOOST_TEST(none.empty());
        BOOST_TEST(none.is_complete());
        es::event_scan scan = store.scan("a", es::read_options().count(1));
        numbers scanned;
        while (const auto event = co_await scan.next()) scanned.push_back(event->version());
        TEST_SAME(scanned, numbers({7, 8, 9, 10}));
        es::event_scan down = store.scan("a", es::read_options().count(1).backward());
        scanned.clear();
        while (const auto event = co_await down.next()) scanned.push_back(event->version());
        TEST_SAME(scanned, numbers({10, 9, 8, 7}));
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_stream_of_which_all_has_expired_is_empty_and_keeps_its_version, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, aged(2h, 5));
        co_await store.set_retention("a", not_older_than(1h));
        for (const bool backward : {false, true}) {
            es::read_options options;
            if (backward) options.backward();
            const es::event_page page = co_await store.read("a", options);
            BOOST_TEST(page.empty());
            BOOST_TEST(page.is_complete());
            if (!backward) BOOST_TEST(page.next_from() == 6);
        }
        const es::stream_retention what = co_await store.retention("a");
        BOOST_TEST(what.first_version == 6);
        BOOST_TEST(what.version == 5);
        co_await expect_error(es::errc::wrong_expected_version, store.append("a", 4, counted_one("no")));
        co_await store.append("a", 5, counted_one("6"));
        const numbers left = co_await versions_in(store, "a");
        TEST_SAME(left, numbers({6}));
    };
    with_store(body);
}

// Links whose originals are gone leave gaps: so many versions below are not so many events.
BOOST_FIXTURE_TEST_CASE(a_page_that_goes_backward_over_a_gap_shows_nothing_that_has_expired, scavenged_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, aged(2h, 10));
        co_await store.append("a", 10, counted(11));
        delete_events("stream_version between 12 and 19");
        co_await store.set_retention("a", not_older_than(1h));
        for (std::size_t count = 1; count <= 12; ++count) {
            BOOST_TEST_CONTEXT(count << " events") {
                const es::event_page page = co_await store.read("a", es::read_options().backward().count(count));
                numbers expected{21, 20, 11};
                expected.resize(std::min(count, expected.size()));
                TEST_SAME(versions_of(page), expected);
            }
        }
    };
    with_store(body);
}

// Imports have events of any time.
BOOST_FIXTURE_TEST_CASE(without_a_limit_events_of_any_age_are_kept, scavenged_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        std::vector<es::event_data> events = counted(2);
        for (es::event_data& each : events) each.created_at(std::chrono::sys_days(std::chrono::year(1) / 1 / 1));
        co_await store.append("a", es::no_stream, std::move(events));
        co_await store.set_retention(es::stream_prefix(""), not_older_than(1h));
        const numbers expired = co_await versions_in(store, "a");
        BOOST_TEST(expired.empty());
        co_await store.set_retention("a", not_older_than(es::retention::unlimited_age));
        const numbers kept = co_await versions_in(store, "a");
        TEST_SAME(kept, numbers({1, 2}));
        const es::scavenge_progress done = co_await store.scavenge();
        BOOST_TEST(done.events == 0);
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(only_the_old_events_before_the_first_younger_one_expire, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, aged(3h, 3));
        co_await store.append("a", 3, aged(0h, 1));
        co_await store.append("a", 4, aged(5h, 2)); // behind a younger one
        co_await store.set_retention("a", not_older_than(1h));
        const numbers shown = co_await versions_in(store, "a");
        TEST_SAME(shown, numbers({4, 5, 6}));
        const numbers back = co_await versions_in(store, "a", es::read_options().backward());
        TEST_SAME(back, numbers({6, 5, 4}));
        const numbers one = co_await versions_in(store, "a", es::read_options().backward().count(1));
        TEST_SAME(one, numbers({6}));
        const numbers from = co_await versions_in(store, "a", es::read_options().from(5));
        TEST_SAME(from, numbers({5, 6}));
        co_await store.set_retention("a", not_older_than(4h));
        const numbers longer = co_await versions_in(store, "a");
        BOOST_TEST(longer.size() == 6u);
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(each_setting_of_a_stream_replaces_that_of_its_longest_prefix, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.set_retention(es::stream_prefix("car"), at_most(1).truncate_before(2));
        co_await store.set_retention(es::stream_prefix("cart-"), at_most(3));
        co_await store.set_retention(es::stream_prefix("cart-2"), at_most(5).max_age(1h));
        for (const char* const name : {"ca", "car", "cart-1", "cart-2", "cart-22", "cart-3"})
            co_await store.append(name, es::no_stream, counted(10)); // after the setting, too
        co_await store.set_retention("cart-22", at_most(8));
        co_await store.set_retention("cart-3", at_most(es::retention::unlimited_count));
        const auto expect = [&](std::string stream, std::size_t count) -> asio::awaitable<void> {
            const numbers shown = co_await versions_in(store, stream);
            BOOST_TEST(shown.size() == count, stream);
        };
        co_await expect("ca", 10);
        co_await expect("car", 1);
        co_await expect("cart-1", 3); // truncate_before of "car" does not count
        co_await expect("cart-2", 5);
        co_await expect("cart-22", 8);
        co_await expect("cart-3", 10);
        const es::stream_retention of = co_await store.retention("cart-22");
        BOOST_TEST((of.prefix == "cart-2"));
        BOOST_TEST((of.own.max_count() == 8));
        BOOST_TEST(!of.own.max_age().has_value());
        BOOST_TEST((of.effective.max_count() == 8));
        BOOST_TEST((of.effective.max_age() == std::chrono::milliseconds(1h)));
        BOOST_TEST(of.first_version == 3);
        const std::vector<es::retention_info> all = co_await store.retentions();
        texts names;
        for (const es::retention_info& each : all) names.push_back((each.is_prefix ? "*" : "") + each.name);
        TEST_SAME(names, texts({"*car", "*cart-", "*cart-2", "cart-22", "cart-3"}));
        co_await store.remove_retention("cart-3");
        co_await expect("cart-3", 3);
        co_await store.remove_retention(es::stream_prefix("cart-"));
        co_await expect("cart-1", 1);
        co_await store.remove_retention(es::stream_prefix("cart-")); // which is not there
        co_await store.remove_retention(es::stream_prefix("car"));
        co_await expect("car", 10);
        co_await store.set_retention(es::stream_prefix(""), at_most(2));
        co_await expect("ca", 2);
        co_await store.remove_retention(es::stream_prefix(""));
        co_await store.remove_retention(es::stream_prefix("cart-2"));
        co_await store.remove_retention("cart-22");
        co_await expect("cart-22", 10);
        BOOST_TEST(value("select retained_names is null from eventstore.log_state") == "t");
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_stream_may_get_its_retention_before_it_exists, scavenged_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.set_retention("a", at_most(2));
        const es::stream_retention none = co_await store.retention("a");
        BOOST_TEST(none.version == 0);
        BOOST_TEST(none.first_version == 1);
        co_await store.append("a", es::no_stream, counted(5));
        co_await store.append("ab", es::no_stream, counted(5)); // no prefix
        numbers shown = co_await versions_in(store, "a");
        TEST_SAME(shown, numbers({4, 5}));
        const numbers other = co_await versions_in(store, "ab");
        BOOST_TEST(other.size() == 5u);
        const es::scavenge_progress done = co_await store.scavenge();
        BOOST_TEST(done.events == 3);
        BOOST_TEST(value("select retained_names is null from eventstore.log_state") == "t");
        shown = co_await versions_in(store, "a");
        TEST_SAME(shown, numbers({4, 5}));
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_hard_delete_takes_the_retention_with_it, scavenged_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(5));
        co_await store.set_retention("a", from_version(4));
        co_await store.set_retention("b", from_version(4)); // which does not exist
        co_await store.append("b", es::no_stream, counted(5));
        co_await store.delete_stream("a", es::any_version, es::deletion::hard);
        co_await store.delete_stream("b", es::any_version, es::deletion::hard);
        const std::vector<es::retention_info> none = co_await store.retentions();
        BOOST_TEST(none.empty());
        BOOST_TEST(value("select retained_names is null from eventstore.log_state") == "t");
        co_await store.append("a", es::no_stream, counted(5));
        const numbers shown = co_await versions_in(store, "a");
        BOOST_TEST(shown.size() == 5u);
        co_await store.set_retention("a", from_version(4));
        co_await store.delete_stream("a", es::any_version);
        co_await expect_error(es::errc::stream_deleted, store.read("a"));
        co_await store.restore_stream("a"); // with its retention
        const numbers restored = co_await versions_in(store, "a");
        TEST_SAME(restored, numbers({4, 5}));
    };
    with_store(options().allow_hard_delete(), body);
}

BOOST_FIXTURE_TEST_CASE(truncate_before_holds_for_events_to_come, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(2));
        co_await store.set_retention("a", from_version(5));
        const es::event_page none = co_await store.read("a");
        BOOST_TEST(none.empty());
        BOOST_TEST(none.next_from() == 3);
        co_await store.append("a", 2, counted(3));
        const numbers shown = co_await versions_in(store, "a");
        TEST_SAME(shown, numbers({5}));
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_stream_of_links_has_a_retention_like_any_other, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(5, "a"));
        const es::event_page a = co_await store.read("a");
        co_await store.link("b", es::no_stream, ids_of(a));
        co_await store.set_retention("b", at_most(2));
        const es::event_page b = co_await store.read("b");
        TEST_SAME(data_of(b), texts({"a4", "a5"}));
        const es::event_page down = co_await store.read("b", es::read_options().backward());
        TEST_SAME(data_of(down), texts({"a5", "a4"}));
        co_await store.remove_retention("b");
        co_await store.set_retention("a", at_most(1)); // links show what is stored
        const es::event_page all = co_await store.read("b");
        BOOST_TEST(all.size() == 5u);
        const es::recorded_event found = co_await store.find_event(a[0].id());
        BOOST_TEST(found.version() == 1);
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_subscription_passes_over_what_has_expired, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(6));
        co_await store.append("old", es::no_stream, aged(2h, 3));
        co_await store.set_retention("a", at_most(2));
        co_await store.set_retention("old", not_older_than(1h));
        es::subscription one = co_await store.subscribe("a", "one");
        const texts told = co_await receive(one, 2);
        TEST_SAME(told, texts({"5", "6"}));
        es::subscription none = co_await store.subscribe("old", "none");
        const texts nothing = co_await receive(none, 0);
        BOOST_TEST(nothing.empty());
        co_await store.append("old", 3, aged(3h, 1, "live ")); // expired, and told at once
        const texts live = co_await receive(none, 1);
        TEST_SAME(live, texts({"live 1"}));
        es::subscription all = co_await store.subscribe_to_all("all");
        const texts log = co_await receive(all, 10);
        BOOST_TEST(log.size() == 10u);
        co_await store.subscription("a", "one").wait_for(6);
        const auto passed = [&] {
            return number("select version from eventstore.subscriptions where name = 'none'") == 4;
        };
        co_await eventually(passed);
    };
    with_store(body);
}

// Or nothing of it could ever be scavenged.
BOOST_FIXTURE_TEST_CASE(a_subscription_to_what_has_expired_acknowledges_it, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("old", es::no_stream, aged(2h, 3));
        co_await store.set_retention("old", not_older_than(1h));
        es::subscription none = co_await store.subscribe("old", "none");
        const auto passed = [&] { return number("select version from eventstore.subscriptions") == 3; };
        co_await eventually(passed);
        co_await store.subscription("old", "none").wait_for(3);
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(bad_input_is_refused, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        using es::errc;
        const es::retention fine = at_most(1);
        co_await expect_error(errc::reserved_stream, store.set_retention("$all", fine));
        co_await expect_error(errc::reserved_stream, store.set_retention(es::stream_prefix("$"), fine));
        co_await expect_error(errc::reserved_stream, store.retention("$all"));
        co_await expect_error(errc::reserved_stream, store.remove_retention("$all"));
        co_await expect_error(errc::invalid_argument, store.set_retention("", fine));
        co_await expect_error(errc::invalid_argument, store.set_retention(std::string(513, 'x'), fine));
        const auto empty = co_await expect_error(errc::invalid_argument, store.set_retention("a", es::retention()));
        BOOST_TEST(empty.message().find("remove_retention") != std::string::npos);
        co_await expect_error(errc::invalid_argument, store.set_retention("a", at_most(0)));
        co_await expect_error(errc::invalid_argument, store.set_retention("a", from_version(0)));
        co_await expect_error(errc::invalid_argument, store.set_retention("a", not_older_than(0ms)));
        const auto age = es::retention::unlimited_age + 1ms;
        co_await expect_error(errc::invalid_argument, store.set_retention("a", not_older_than(age)));
        co_await expect_error(errc::invalid_argument, store.scavenge(quickly(0)));
        co_await expect_error(errc::invalid_argument, store.scavenge(quickly(10'001)));
        co_await expect_error(errc::invalid_argument, store.scavenge(es::scavenge_options().events_per_second(-1)));
        const std::vector<es::retention_info> none = co_await store.retentions();
        BOOST_TEST(none.empty());
        co_await store.set_retention("a", not_older_than(es::retention::unlimited_age)); // and what is just possible
        co_await store.set_retention("a", not_older_than(1ms));
        co_await store.append("a", es::no_stream, counted(3));
        co_await store.set_retention("a", not_older_than(es::retention::unlimited_age));
        const es::event_page all = co_await store.read("a");
        BOOST_TEST(all.size() == 3u);
    };
    with_store(body);
    session user;
    BOOST_TEST(user.state_of(here("select eventstore.set_retention('$x', true, 1, null, null)")) == "22023");
    BOOST_TEST(user.state_of(here("select eventstore.set_retention('x', false, null, null, null)")) == "22023");
    BOOST_TEST(user.state_of(here("select eventstore.scavenge(null, '', 0, false)")) == "22023");
    BOOST_TEST(user.state_of(here(
                   "begin isolation level serializable; select eventstore.scavenge(null, '', 1, false)")) == "25008");
}

BOOST_FIXTURE_TEST_CASE(a_thousand_prefixes_are_the_most, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(3));
        ask("select eventstore.set_retention('p' || i, true, 2, null, null) from generate_series(1, 1000) as i");
        const auto why =
            co_await expect_error(es::errc::invalid_argument, store.set_retention(es::stream_prefix("q"), at_most(1)));
        BOOST_TEST(why.message().find("1000") != std::string::npos);
        co_await store.set_retention(es::stream_prefix("p7"), at_most(1)); // one that is there
        co_await store.set_retention("a", at_most(1));                     // a stream that exists
        const numbers shown = co_await versions_in(store, "a");
        TEST_SAME(shown, numbers({3}));
    };
    with_store(body);
}

// The page is one index range scan, which begins with the first version that is shown.
BOOST_FIXTURE_TEST_CASE(a_plan_stays_an_index_range_scan, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(5'000));
        co_await store.set_retention("a", at_most(10));
    };
    with_store(body);
    ask("analyze eventstore.events; analyze eventstore.streams");
    std::string statement = here(std::string(es::storage::for_proof(
        es::storage::for_links(es::storage::for_direction(es::storage::sql::read_stream, false), false), false)));
    session user;
    user.run("set jit = off; prepare page (text, bigint, bigint, bigint) as " + statement);
    std::string plan;
    for (const auto& row : user.run("explain (analyze, buffers, costs off) execute page('a', 1, 1000, 4000000)"))
        plan += row[0] + '\n';
    BOOST_TEST(plan.find("Index Scan using events_stream_version_key") != std::string::npos, plan);
    BOOST_TEST(plan.find("Seq Scan on events") == std::string::npos, plan);
    BOOST_TEST(plan.find("rows=10 ") != std::string::npos, plan);
    BOOST_TEST(plan.find("Rows Removed by Filter") == std::string::npos, plan);
}

BOOST_FIXTURE_TEST_CASE(an_older_schema_with_data_is_brought_along, scavenged_store) {
    make_older_schema(test_server::url(), schema(), 9);
    ask("select eventstore.append_event('a', -1, gen_random_uuid(), 'T', 'x', '', null, null, null, false)"
        " from generate_series(1, 5)");
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.set_retention("a", at_most(2));
        const numbers shown = co_await versions_in(store, "a");
        TEST_SAME(shown, numbers({4, 5}));
        const es::scavenge_progress done = co_await store.scavenge(quickly());
        BOOST_TEST(done.events == 3);
        co_await store.append("a", 5, counted_one("6"));
    };
    with_store(body);
}

// It was granted what there was to grant then.
BOOST_FIXTURE_TEST_CASE(a_reader_of_an_older_schema_reads_on, store_fixture) {
    const fresh_role reader(schema() + "_reader");
    const std::string role = quoted_name(reader.name());
    make_older_schema(test_server::url(), schema(), 9);
    ask("select eventstore.append_event('a', -1, gen_random_uuid(), 'T', 'x', '', null, null, null, false)"
        " from generate_series(1, 5)");
    ask("grant usage on schema " + quoted_name(schema()) + " to " + role + "; grant select on all tables in schema " +
        quoted_name(schema()) + " to " + role +
        "; grant execute on function eventstore.timeline, eventstore.is_held, eventstore.payload_size to " + role);
    run(es::migrate(options()));
    ask("revoke execute on all functions in schema " + quoted_name(schema()) + " from public");
    ask("select eventstore.set_retention('a', false, null, 2, null)");
    const std::string url = url_with(test_server::url(), {{"options", "-c role=" + reader.name()}});
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        const numbers shown = co_await versions_in(store, "a");
        TEST_SAME(shown, numbers({4, 5}));
        const es::stream_retention what = co_await store.retention("a");
        BOOST_TEST(what.first_version == 4);
    };
    with_store(es::store_options(url).schema(schema()), body);
}

BOOST_AUTO_TEST_SUITE_END()
