// The portions in which a scavenge removes: their pace, their ends, and how much of the log each looks at.

#include "maintenance/retained.hpp"

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/this_coro.hpp>

#include <stdexcept>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(scavenge_portions_test)

namespace {

/// Counts the rows of the log that a call looks at.
class looking_store : public scavenged_store {
public:
    /// Aged events of one stream, without their writers.
    void store_aged(const std::string& stream, int count, const std::string& age) {
        ask("with s as (insert into eventstore.streams (name, created_at, version) values (" + quoted_text(stream) +
            ", now(), " + std::to_string(count) +
            ") returning stream_id)"
            " insert into eventstore.events (position, stream_id, stream_version, created_at, event_id, type, data, "
            "metadata)"
            " select coalesce((select max(position) from eventstore.events), 0) + n, s.stream_id, n, now() - interval "
            "'" +
            age + "', gen_random_uuid(), 'Counted', '', '' from s, generate_series(1, " + std::to_string(count) +
            ") as n");
        ask("analyze eventstore.events");
    }
    /// In a transaction of its own, which is committed.
    std::int64_t rows_looked_at(const std::string& call) {
        session user;
        user.run("begin");
        user.run(here(call));
        const std::string looked =
            user.value(here("select coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)"
                            " from pg_stat_xact_user_tables where relid = 'eventstore.events'::regclass"));
        user.run("commit");
        return std::stoll(looked);
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(it_goes_at_the_pace_that_was_asked_for_and_tells_how_far_it_is, scavenged_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(40));
        co_await store.set_retention("a", from_version(41));
        numbers told;
        const auto progress = [&](const es::scavenge_progress& now) { told.push_back(now.events); };
        es::scavenge_options options;
        options.events_per_second(100).portion(10).on_progress(progress);
        const es::scavenge_progress done = co_await store.scavenge(options);
        BOOST_TEST((done.elapsed >= 290ms)); // after each full portion a tenth of a second
        BOOST_TEST(done.events == 40);
        BOOST_TEST(done.events_per_second() <= 140);
        BOOST_TEST_REQUIRE(told.size() >= 4u);
        TEST_SAME(numbers(told.begin(), told.begin() + 4), numbers({10, 20, 30, 40}));
        const auto thrower = [](const es::scavenge_progress&) { throw std::runtime_error("enough"); };
        es::scavenge_options throwing;
        throwing.on_progress(thrower);
        bool has_thrown = false;
        try {
            co_await store.scavenge(throwing);
        } catch (const std::runtime_error&) {
            has_thrown = true;
        }
        BOOST_TEST(has_thrown);
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(a_cancelled_one_leaves_whole_portions, scavenged_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(100));
        co_await store.set_retention("a", from_version(101));
        asio::cancellation_signal cancellation;
        const auto progress = [&](const es::scavenge_progress& now) {
            if (now.events == 20) cancellation.emit(asio::cancellation_type::terminal);
        };
        es::scavenge_options options;
        options.events_per_second(50).portion(10).on_progress(progress);
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        started<es::scavenge_progress> cancelled(executor, store.scavenge(options), cancellation.slot());
        const auto ends = [&] { return cancelled.done(); };
        co_await eventually(ends);
        BOOST_CHECK_THROW(cancelled.value(), std::exception);
        TEST_SAME(stored_versions(*this, "a"), from_to(21, 100));
        const es::scavenge_progress done = co_await store.scavenge();
        BOOST_TEST(done.events == 80);
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(several_take_turns, scavenged_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(100));
        co_await store.append("b", es::no_stream, counted(100));
        co_await store.set_retention(es::stream_prefix(""), at_most(10));
        std::vector<asio::awaitable<es::scavenge_progress>> both;
        for (int i = 0; i < 3; ++i) both.push_back(store.scavenge(quickly(7)));
        const std::vector<es::scavenge_progress> done = co_await concurrently(std::move(both));
        std::int64_t removed = 0;
        for (const es::scavenge_progress& each : done) removed += each.events;
        BOOST_TEST(removed == 180);
        BOOST_TEST(events_stored() == 20);
    };
    with_store(body);
}

// 1,200 streams: more than one call examines.
BOOST_FIXTURE_TEST_CASE(many_streams_are_examined_in_portions, scavenged_store) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        std::vector<es::stream_append> parts;
        for (int i = 0; i < 1'200; ++i) parts.emplace_back("s" + std::to_string(i), es::any_version, counted(2));
        co_await store.append(std::move(parts));
        co_await store.set_retention(es::stream_prefix("s"), at_most(1));
        co_await store.set_retention("s7", at_most(2));
        const es::scavenge_progress done = co_await store.scavenge(quickly(1'000));
        BOOST_TEST(done.events == 1'199);
        BOOST_TEST(done.streams == 1'200);
    };
    with_store(body);
}

// How many there are must not decide how long a portion takes: it would never end within the time that a call has.
BOOST_FIXTURE_TEST_CASE(a_portion_looks_at_a_bounded_number_of_expired_events, looking_store) {
    constexpr int most_looked = 10'000;
    const auto first = [&](es::store store) -> asio::awaitable<void> {
        co_await store.set_retention(es::stream_prefix("old"), not_older_than(1h));
        co_await store.set_retention("young", not_older_than(1h));
    };
    with_store(first);
    store_aged("old", 30'000, "2 hours");
    store_aged("young", 30'000, "0");
    ask("select eventstore.prepare_scavenging()");
    const std::int64_t of_young = rows_looked_at("select eventstore.scavenge(null, '', 250, false)");
    BOOST_TEST(of_young < 100);
    const std::int64_t of_old = rows_looked_at("select eventstore.scavenge('', '', 250, false)");
    BOOST_TEST(of_old < 2 * most_looked + 10 * 250);
    const auto rest = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("old", 30'000, counted_one("kept"));
        const es::scavenge_progress done = co_await store.scavenge(quickly(3'000));
        BOOST_TEST(done.events == 30'000 - 250);
        BOOST_TEST(done.held_streams == 0);
        BOOST_TEST(done.streams == 2);
        TEST_SAME(stored_versions(*this, "old"), numbers({30'001}));
        BOOST_TEST(stored_versions(*this, "young").size() == 30'000u);
    };
    with_store(rest);
}

// It passes over what a dead subscription holds, and reports it.
BOOST_FIXTURE_TEST_CASE(a_subscription_that_holds_everything_is_passed_over_in_bounded_portions, looking_store) {
    constexpr int most_looked = 10'000;
    const auto first = [&](es::store store) -> asio::awaitable<void> {
        co_await store.set_retention(es::stream_prefix(""), not_older_than(1h));
    };
    with_store(first);
    for (const char* const name : {"a", "b", "c", "d"}) store_aged(name, 15'000, "2 hours");
    ask("insert into eventstore.subscriptions (stream, name, position, version) values ('$all', 'dead', 0, 0)");
    const std::int64_t of_one_call = rows_looked_at("select eventstore.scavenge('', '', 250, false)");
    BOOST_TEST(of_one_call < 2 * 4 * most_looked); // two streams of the four
    TEST_SAME(
        ask("select reached, is_done, streams_done, streams_held from eventstore.scavenge('', '', 250, false)")[0],
        texts({"b", "f", "2", "2"}));
    const auto rest = [&](es::store store) -> asio::awaitable<void> {
        const es::scavenge_progress held = co_await store.scavenge(quickly(1'000));
        BOOST_TEST(held.events == 0);
        BOOST_TEST(held.streams == 4);
        BOOST_TEST(held.held_streams == 4);
        ask("update eventstore.subscriptions set position = 12000;"
            "insert into eventstore.parked_events (subscription_id, position, reason, deliveries)"
            " select subscription_id, 5, 'why', 1 from eventstore.subscriptions");
        const es::scavenge_progress some =
            co_await store.scavenge(quickly(10'000)); // more than it looks at and may remove
        BOOST_TEST(some.events == 12'000 - 1);
        BOOST_TEST(some.held_streams == 4);
    };
    with_store(rest);
}

BOOST_AUTO_TEST_SUITE_END()
