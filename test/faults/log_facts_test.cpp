// What is read of a real database is what the store has told; and what the checker says of it.

#include "faults/checker.hpp"
#include "support/receive.hpp"

#include <eventstore/projection.hpp>

BOOST_AUTO_TEST_SUITE(log_facts_test)

using namespace eventstore::test;
using namespace std::chrono_literals;
namespace es = eventstore;
namespace faults = eventstore::test::faults;

namespace {

es::event_data proving_event() {
    const es::uuid id = es::make_uuid();
    return es::event_data("Proving", faults::payload_of(id, 100)).id(id);
}

std::string text_of(const std::vector<faults::violation>& found) {
    std::string text;
    for (const faults::violation& broken : found) text += broken.text + "\n";
    return text;
}

/// A writer and a subscriber in this process, with records in memory.
struct recorded_fixture : store_fixture {
    std::string text;
    faults::recorder records{"test", [this](std::string_view lines) { text += lines; }};

    asio::awaitable<es::append_result> append(es::store store, std::string stream, std::vector<es::event_data> events) {
        faults::part_to_append part{stream, -1, {}};
        for (const es::event_data& event : events) part.ids.push_back(event.id());
        const std::uint64_t attempt = records.appending(schema(), std::vector<faults::part_to_append>(1, part));
        const es::append_result told = co_await store.append(stream, es::any_version, events);
        const faults::told_place place{told.first_version, told.last_version, told.first_position, told.last_position};
        records.stored(attempt, std::vector<faults::told_place>(1, place));
        co_return told;
    }

    /// Takes and acknowledges so many events.
    asio::awaitable<void> follow(es::subscription& from, std::uint64_t ownership, std::size_t count) {
        while (count > 0) {
            auto batch = co_await from.next(10s);
            BOOST_TEST_REQUIRE((batch && !batch->empty()));
            std::vector<faults::delivered_event> events;
            for (const es::recorded_event& event : *batch)
                events.push_back({event.position(), event.version(), std::string(event.stream()), event.id()});
            const std::uint64_t number = records.delivered(ownership, 1, events);
            records.acking(ownership, number);
            batch->ack();
            count -= std::min(count, batch->size());
        }
    }

    faults::history history() const {
        faults::history all;
        all.add(text, "records");
        return all;
    }
    std::vector<faults::violation> check(const faults::log_facts& facts, std::vector<std::string> streams) const {
        std::vector<faults::subscription_rules> rules;
        for (std::string& stream : streams) {
            rules.emplace_back().store = schema();
            rules.back().stream = std::move(stream);
            rules.back().name = "reader";
            rules.back().order = faults::ordering::stream;
        }
        return faults::check(history(), std::vector<faults::log_facts>(1, facts), rules);
    }
};

asio::awaitable<void> add(std::string step, es::transaction& tx, const es::projection_batch& batch) {
    faults::projection_arguments events;
    for (const es::recorded_event& event : batch) events.add(event.stream(), event.version());
    const std::string streams = events.streams();
    const std::string versions = events.versions();
    co_await tx.execute(step, streams, versions);
}

std::vector<es::event_data> proving_events(std::size_t count) {
    std::vector<es::event_data> made;
    while (made.size() < count) made.push_back(proving_event());
    return made;
}

} // namespace

BOOST_FIXTURE_TEST_CASE(a_run_on_a_real_store_is_right, recorded_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (int i = 0; i < 20; ++i) {
            const std::string stream = i % 3 == 0 ? "a" : "b c";
            co_await append(store, stream, proving_events(3));
        }
        for (const std::string stream : {"$all", "a"}) {
            const bool is_all = stream == "$all";
            for (int owner = 0; owner < 2; ++owner) {
                es::subscription_options options;
                options.max_batch(3);
                auto subscribing =
                    is_all ? store.subscribe_to_all("reader", options) : store.subscribe(stream, "reader", options);
                es::subscription reader = co_await std::move(subscribing);
                const std::uint64_t ownership =
                    records.owns(schema(), stream, "reader", reader.epoch(), reader.position());
                const std::size_t count = is_all ? 30 : owner == 0 ? 12 : 9;
                co_await follow(reader, ownership, count);
                const std::int64_t position = reader.position();
                co_await reader.checkpoint();
                records.durable(ownership, position);
                records.leaving(ownership, 1);
                co_await reader.unsubscribe();
                records.ended(ownership);
            }
        }
    });
    session database;
    const faults::log_facts facts = faults::load_facts(database, schema());
    BOOST_TEST(facts.events.size() == 60u);
    BOOST_TEST(facts.streams.size() == 2u);
    BOOST_TEST(facts.subscriptions.size() == 2u);
    BOOST_TEST(text_of(check(facts, {"$all", "a"})) == "");
}

BOOST_FIXTURE_TEST_CASE(an_event_that_was_removed_behind_the_stores_back_is_found, recorded_fixture) {
    expect_holes();
    with_store([&](es::store store) -> asio::awaitable<void> { co_await append(store, "a", proving_events(5)); });
    delete_events("position = 3");
    session database;
    const std::vector<faults::violation> found = check(faults::load_facts(database, schema()), {});
    BOOST_TEST((!found.empty()));
    BOOST_TEST(text_of(found).find("was acknowledged and is not stored") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(data_that_is_not_the_events_own_is_found, recorded_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        std::vector<es::event_data> events = proving_events(1);
        events.push_back(es::event_data("Proving", faults::payload_of(es::make_uuid(), 100)));
        events.push_back(es::event_data("Proving", ""));
        co_await append(store, "a", events);
    });
    session database;
    const faults::log_facts facts = faults::load_facts(database, schema());
    BOOST_TEST_REQUIRE(facts.events.size() == 3u);
    BOOST_TEST(facts.events[0].has_own_payload);
    BOOST_TEST(!facts.events[1].has_own_payload);
    BOOST_TEST(!facts.events[2].has_own_payload);
}

BOOST_FIXTURE_TEST_CASE(a_read_model_is_loaded_and_compared, recorded_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        session(test_server::url()).run(faults::projection_table(schema(), "totals"));
        co_await append(store, "a", proving_events(3));
        const es::append_result last = co_await append(store, "b", proving_events(2));
        const std::string step = faults::projection_step(schema(), "totals");
        auto handler = [step](es::transaction& tx, const es::projection_batch& batch) { return add(step, tx, batch); };
        cancellable running(
            context_of(co_await asio::this_coro::executor), es::run_projection(store, "totals", handler));
        co_await es::projection_handle(store, "totals").wait_for(last.last_position);
        co_await store.close();
        co_await eventually([&] { return running.done(); });
    });
    session database;
    const std::vector<faults::projection_to_load> models(1, faults::projection_to_load{"totals", {"totals@1"}});
    faults::log_facts facts = faults::load_facts(database, schema(), models);
    BOOST_TEST_REQUIRE(facts.projections.size() == 1u);
    BOOST_TEST(facts.projections[0].rows.size() == 2u);
    BOOST_TEST(text_of(check(facts, {})) == "");
    database.run(here("update eventstore.totals set events = events + 1 where stream = 'b'"));
    facts = faults::load_facts(database, schema(), models);
    BOOST_TEST(text_of(check(facts, {})).find("stream 'b': it holds 3 events") != std::string::npos);
}

// Whatever order the events come in, and in whatever batches.
BOOST_FIXTURE_TEST_CASE(a_read_model_counts_the_events_that_are_out_of_order, recorded_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> { co_await append(store, "a", proving_events(1)); });
    session database;
    database.run(faults::projection_table(schema(), "totals"));
    const std::string stream = "a \"b\" \\ {c}, d";
    const auto add_versions = [&](const std::vector<std::int64_t>& versions) {
        faults::projection_arguments events;
        for (const std::int64_t version : versions) {
            events.add(stream, version);
            events.add("another", version);
        }
        std::string step = faults::projection_step(schema(), "totals");
        step.replace(step.find("$1"), 2, quoted_text(events.streams()));
        step.replace(step.find("$2"), 2, quoted_text(events.versions()));
        database.run(step);
    };
    const auto row = [&] {
        const std::vector<faults::projection_to_load> models(1, faults::projection_to_load{"totals", {"totals@1"}});
        const auto rows = faults::load_facts(database, schema(), models).projections.at(0).rows;
        BOOST_TEST_REQUIRE(rows.size() == 2u);
        BOOST_TEST((rows[0].stream == stream));
        return rows[0];
    };
    add_versions({1, 2, 3});
    BOOST_TEST(row().events == 3);
    BOOST_TEST(row().versions == 6);
    BOOST_TEST(row().last_version == 3);
    BOOST_TEST(row().misordered == 0);
    add_versions({4, 6, 5});
    BOOST_TEST(row().misordered == 1);
    BOOST_TEST(row().last_version == 5);
    add_versions({5, 6});
    BOOST_TEST(row().misordered == 2);
    BOOST_TEST(row().events == 8);
    BOOST_TEST(row().versions == 32);
}

BOOST_FIXTURE_TEST_CASE(links_are_refused, recorded_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const std::vector<es::event_data> events = proving_events(1);
        co_await append(store, "a", events);
        const std::vector<es::uuid> ids(1, events.front().id());
        co_await store.link("links", es::any_version, ids);
    });
    session database;
    BOOST_CHECK_THROW(faults::load_facts(database, schema()), std::runtime_error);
}

BOOST_AUTO_TEST_SUITE_END()
