// Rows that came by another way than the functions: a replication, or a restore of the data alone.

#include "support/store_fixture.hpp"

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;

BOOST_AUTO_TEST_SUITE(copied_rows_test)

namespace {

/// One event in each, at the position that is the stream's id.
void copy_streams(store_fixture& to, int from, int through) {
    const std::string ids = " from generate_series(" + std::to_string(from) + ", " + std::to_string(through) + ") as n";
    to.ask("insert into eventstore.streams (stream_id, name, version, created_at) overriding system value"
           " select n, 'copied-' || n, 1, now()" +
        ids +
        "; insert into eventstore.events (position, stream_id, stream_version, created_at, event_id, type, data, "
        "metadata)"
        " select n, n, 1, now(), gen_random_uuid(), 'T', '1', ''" +
        ids);
}

} // namespace

// The sequence of the ids does not come along.
BOOST_FIXTURE_TEST_CASE(new_streams_get_ids_behind_those_that_were_copied, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        copy_streams(*this, 1, 5);
        co_await store.append("lone", es::no_stream, counted_one("1"));
        copy_streams(*this, 7, 9);
        auto a = es::stream_append("batch-1", es::no_stream, counted_one("1"));
        auto b = es::stream_append("batch-2", es::no_stream, counted_one("1"));
        co_await store.append(es::appends(a, b));
        co_await store.append("any", es::any_version, counted_one("1"));
    };
    with_store(body);
    BOOST_TEST(value("select string_agg(name || ' ' || stream_id, ', ' order by stream_id) from eventstore.streams"
                     " where name not like 'copied%'") == "lone 6, batch-1 10, batch-2 11, any 12");
}

// How large the largest event is, nobody has seen.
BOOST_FIXTURE_TEST_CASE(pages_of_copied_events_are_bounded_by_their_exact_sizes, store_fixture) {
    constexpr std::int64_t count = 40;
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        BOOST_TEST(value("select largest_event is null from eventstore.log_state") == "t");
        ask("insert into eventstore.streams (name, version, created_at) values ('a', 40, now());"
            "insert into eventstore.events (position, stream_id, stream_version, created_at, event_id, type, data, "
            "metadata)"
            " select n, s.stream_id, n, now(), gen_random_uuid(), 'T', convert_to(repeat('x', 100000), 'UTF8'), ''"
            " from generate_series(1, 40) as n, eventstore.streams as s");
        co_await store.append("a", count, counted_one("last"));
        BOOST_TEST(value("select largest_event is null from eventstore.log_state") == "t");
        std::int64_t seen = 0;
        while (seen <= count) {
            es::read_options options;
            options.from(seen + 1).max_bytes(1'000'000);
            const es::event_page page = co_await store.read("a", options);
            BOOST_TEST_REQUIRE(!page.empty());
            std::size_t bytes = 0;
            for (const es::recorded_event& each : page) bytes += each.data().size();
            BOOST_TEST(bytes <= 1'100'000u);
            seen = page.back().version();
        }
        BOOST_TEST(seen == count + 1);
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(the_first_append_into_an_empty_log_makes_its_largest_event_known, store_fixture) {
    for (const bool lone : {true, false}) {
        run(es::migrate(options()));
        const auto body = [&](es::store store) -> asio::awaitable<void> {
            const std::size_t count = lone ? 1 : 3;
            co_await store.append("a", es::no_stream, counted(count));
        };
        with_store(body);
        BOOST_TEST(number("select largest_event from eventstore.log_state") == 4096);
        ask("set client_min_messages = error; drop schema " + quoted_name(schema()) + " cascade");
    }
    run(es::migrate(options()));
}

// Rows of a table without a primary key cannot be deleted once it is published; a promotion does that.
BOOST_FIXTURE_TEST_CASE(a_published_store_outlives_a_promotion, store_fixture) {
    const fresh_database database("published_" + schema());
    run(es::migrate(options(database.url())));
    session server(url_with(test_server::superuser_url(), {{"dbname", database.name()}})); // publishes all tables
    server.run("set client_min_messages = error; create publication everything for all tables");
    const std::string append =
        here("select eventstore.append_event('a', -1, gen_random_uuid(), 'T', '1', '', null, null,"
             " null, false)");
    for (int i = 0; i < 3; ++i) {
        server.run(append);
        server.run(here("update eventstore.log_state set timeline = timeline - 1"));
    }
    server.run(append);
    BOOST_TEST(server.value(here("select count(*) from eventstore.forks")) == "1");
    BOOST_TEST(server.value(here("select head from eventstore.forks")) == "3");
    for (const auto& row : server.run(here("select c.relname from pg_class as c where c.relkind = 'r'"
                                           " and c.relnamespace = (select relnamespace from pg_class"
                                           " where oid = 'eventstore.events'::regclass) and not exists (select"
                                           " from pg_index as i where i.indrelid = c.oid and i.indisprimary)")))
        BOOST_ERROR(row[0] << " has no primary key");
    run(es::migrate(options()));
}

BOOST_AUTO_TEST_SUITE_END()
