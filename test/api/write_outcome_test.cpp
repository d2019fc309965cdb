// What was told as done is committed: whatever fails next to it, at its commit, or on its way back.

#include "support/concurrently.hpp"
#include "support/conditions.hpp"
#include "support/group_fixture.hpp"
#include "support/proxy.hpp"
#include "support/receive.hpp"

#include <eventstore/snapshot.hpp>

#include <boost/algorithm/string/replace.hpp>

#include <source_location>

BOOST_AUTO_TEST_SUITE(write_outcome_test)

using namespace eventstore::test;
using namespace std::chrono_literals;
namespace es = eventstore;

namespace {

/// Reads that the server refuses, one after the other, until the test has seen enough.
struct failing_reads {
    bool stop = false;
    int refused = 0;

    asio::awaitable<void> go_on(es::store store) {
        while (!stop) {
            try {
                co_await store.read_snapshot("x");
            } catch (const es::error&) {
                ++refused;
            }
        }
    }
};

class failing_neighbours : public group_fixture {
public:
    void refuse_snapshots(const std::string& schema) {
        ask("alter table " + quoted_name(schema) + ".snapshots rename to hidden");
    }

    asio::awaitable<void> begin(es::store store, int many) {
        const auto executor = co_await asio::this_coro::executor;
        for (int i = 0; i < many; ++i) others_.emplace_back(executor, reads.go_on(store));
    }
    asio::awaitable<void> end() {
        reads.stop = true;
        for (const auto& each : others_) co_await eventually([&] { return each.done(); });
        BOOST_TEST(reads.refused > 0);
    }

    failing_reads reads;

private:
    std::vector<started<void>> others_;
};

constexpr char refusing[] = "create function eventstore.refuse() returns trigger language plpgsql as "
                            "$$ begin raise exception 'not today'; end $$;";

/// Has each commit of a transaction that has changed the table fail.
void refuse_commits(store_fixture& test, const std::string& table) {
    test.ask("create constraint trigger refuse_" + table + " after insert or update or delete on eventstore." + table +
        " deferrable initially deferred for each row execute function eventstore.refuse()");
}

asio::awaitable<void> expect_commit_failure(
    asio::awaitable<void> work, std::string what, std::source_location where = std::source_location::current()) {
    const es::failure why = co_await expect_error(es::errc::database_error, std::move(work), where);
    BOOST_TEST(why.sqlstate() == "P0001", what);
    BOOST_TEST(!why.outcome_unknown(), what);
    BOOST_TEST(why.message().find("not today") != std::string::npos, what << ": " << why.message());
}

asio::awaitable<void> subscribe(es::store store, std::string name) {
    const auto taken = co_await store.subscribe_to_all(name);
}

} // namespace

BOOST_FIXTURE_TEST_CASE(subscriptions_that_were_taken_beside_failing_reads_are_taken, failing_neighbours) {
    with_store(options().pool_size(1), [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted_one("1"));
        refuse_snapshots(schema());
        co_await begin(store, 8);
        std::vector<es::subscription> all;
        for (int i = 0; i < 50; ++i) {
            const std::string name = "s" + std::to_string(i);
            es::subscription taken = co_await store.subscribe_to_all(name);
            all.push_back(std::move(taken));
            BOOST_TEST(number("select count(*) from eventstore.subscriptions where owner is not null and name = '" +
                           name + "'") == 1);
        }
        co_await end();
        for (es::subscription& each : all) {
            auto batch = co_await each.next(5s);
            BOOST_TEST_REQUIRE(batch.has_value());
            batch->ack();
            co_await each.checkpoint();
        }
        BOOST_TEST(number("select min(position) from eventstore.subscriptions") == 1);
    });
}

BOOST_FIXTURE_TEST_CASE(what_was_parked_beside_failing_reads_is_parked, failing_neighbours) {
    with_store(options().pool_size(1), [&](es::store store) -> asio::awaitable<void> {
        for (int i = 0; i < 30; ++i) co_await store.append("a", es::any_version, counted_one("x"));
        auto how = es::subscription_options().max_retries(0).max_batch(1);
        es::subscription mailer = co_await store.subscribe_to_all("mailer", how);
        refuse_snapshots(schema());
        co_await begin(store, 4);
        for (int i = 0; i < 30; ++i) {
            auto batch = co_await mailer.next(5s);
            BOOST_TEST_REQUIRE((batch && !batch->empty()));
            batch->nack("cannot be handled");
        }
        co_await eventually([&] { return number("select position from eventstore.subscriptions") == 30; });
        BOOST_TEST(number("select count(*) from eventstore.parked_events") == 30);
        co_await end();
    });
}

BOOST_FIXTURE_TEST_CASE(a_tenant_whose_statements_fail_undoes_nothing_of_another_one, failing_neighbours) {
    run([](failing_neighbours& test) -> asio::awaitable<void> {
        es::store_group group = co_await es::open_group(test.options().pool_size(1));
        std::vector<es::store> stores = co_await test.open_tenants(group, 2);
        test.refuse_snapshots(test.tenant(0));
        co_await test.begin(stores[0], 8);
        std::vector<es::subscription> all;
        for (int i = 0; i < 30; ++i) {
            const std::string name = "s" + std::to_string(i);
            es::subscription taken = co_await stores[1].subscribe_to_all(name);
            all.push_back(std::move(taken));
            const es::snapshot state(name, 1, "T", "{}");
            co_await stores[1].record_snapshot(state);
            BOOST_TEST(test.in(1, "select count(*) from tenant.subscriptions where name = '" + name + "'") == "1");
            BOOST_TEST(test.in(1, "select count(*) from tenant.snapshots where source = '" + name + "'") == "1");
        }
        co_await test.end();
        all.clear();
        co_await group.close();
    }(*this));
}

BOOST_FIXTURE_TEST_CASE(a_commit_that_fails_is_a_failure_of_every_call, store_fixture) {
    with_store(options().allow_hard_delete(), [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(2));
        co_await store.append("gone", es::any_version, counted(2));
        co_await store.delete_stream("gone", es::any_version);
        const es::snapshot before("state", 1, "T", "{}");
        co_await store.record_snapshot(before);
        {
            es::subscription old = co_await store.subscribe_to_all("old");
            co_await old.unsubscribe();
        }
        ask(refusing);
        for (const char* table : {"snapshots", "streams", "subscriptions", "events"}) refuse_commits(*this, table);
        const es::snapshot state("state", 2, "T", "{}");
        co_await expect_commit_failure(store.record_snapshot(state), "record_snapshot");
        co_await expect_commit_failure(store.delete_snapshot("state"), "delete_snapshot");
        co_await expect_commit_failure(store.delete_stream("a", es::any_version), "delete_stream");
        co_await expect_commit_failure(store.delete_stream("a", es::any_version, es::deletion::hard), "for good");
        co_await expect_commit_failure(store.restore_stream("gone"), "restore_stream");
        co_await expect_commit_failure(store.subscription_to_all("old").remove(), "delete_subscription");
        co_await expect_commit_failure(store.subscription_to_all("old").reset_to_position(0), "reset_subscription");
        co_await expect_commit_failure(subscribe(store, "old"), "subscribe, to one that is there");
        co_await expect_commit_failure(subscribe(store, "new"), "subscribe, to a new one");
        const auto appended = co_await store.try_append("a", es::any_version, counted_one("3"));
        BOOST_TEST(expect_error(es::errc::database_error, appended).sqlstate() == "P0001");

        BOOST_TEST(value("select version from eventstore.snapshots") == "1");
        BOOST_TEST(number("select count(*) from eventstore.streams where deleted_at is null") == 1);
        BOOST_TEST(number("select count(*) from eventstore.subscriptions where owner is null") == 1);
        BOOST_TEST(events_stored() == 4);
        for (const char* table : {"snapshots", "streams", "subscriptions", "events"})
            ask(std::string("drop trigger refuse_") + table + " on eventstore." + table);
    });
}

BOOST_FIXTURE_TEST_CASE(a_checkpoint_whose_commit_fails_is_written_later, store_fixture) {
    with_store(options().on_log([](es::log_level, std::string_view) {}), [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(2));
        auto how = es::subscription_options().checkpoint_after(1ms);
        es::subscription mailer = co_await store.subscribe_to_all("mailer", how);
        auto batch = co_await mailer.next(5s); // its hand-out is written down first
        BOOST_TEST_REQUIRE((batch && !batch->empty()));
        ask(refusing);
        refuse_commits(*this, "subscriptions");
        batch->ack();
        started<void> waiting = co_await start(mailer.checkpoint());
        co_await let_others_run(100);
        BOOST_TEST(number("select position from eventstore.subscriptions") == 0);
        BOOST_TEST(!waiting.done());
        ask("drop trigger refuse_subscriptions on eventstore.subscriptions");
        co_await eventually([&] { return waiting.done(); });
        BOOST_TEST(number("select position from eventstore.subscriptions") == 2);
    });
}

// The first attempt has done it, and its answer is lost: the second one finds nothing left to do.
BOOST_FIXTURE_TEST_CASE(
    what_an_attempt_without_an_answer_has_done_is_no_failure_of_the_next_one, store_fixture, *own_sessions()) {
    proxy network(url());
    const auto how = options(network.url()).allow_hard_delete().pool_size(1);
    with_store(how, [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(2));
        co_await store.append("b", es::any_version, counted(2));
        {
            es::subscription old = co_await store.subscribe_to_all("old");
            co_await old.unsubscribe();
        }
        expect_holes();
        const auto carry_out = [&](asio::awaitable<void> work, std::string until) -> asio::awaitable<void> {
            network.hold_answers();
            started<void> waiting = co_await start(std::move(work));
            co_await eventually([&] { return number(until) == 1; });
            network.cut();
            network.pass_answers();
            co_await eventually([&] { return waiting.done(); });
            waiting.value();
        };
        const auto one = [](const std::string& condition) { return "select (" + condition + ")::int"; };
        const std::string none_left = "not exists (select from eventstore.";
        auto unsubscribing =
            carry_out(store.subscription_to_all("old").remove(), one(none_left + "subscriptions where name = 'old')"));
        co_await std::move(unsubscribing);
        auto deleting = carry_out(store.delete_stream("a", es::any_version),
            one("exists (select from eventstore.streams where name = 'a' and deleted_at is not null)"));
        co_await std::move(deleting);
        auto restoring = carry_out(store.restore_stream("a"),
            one("exists (select from eventstore.streams where name = 'a' and deleted_at is null)"));
        co_await std::move(restoring);
        auto removing = carry_out(store.delete_stream("b", es::any_version, es::deletion::hard),
            one(none_left + "streams where name = 'b')"));
        co_await std::move(removing);
        BOOST_TEST(number("select count(*) from eventstore.events") == 2);
        const es::snapshot state("state", 1, "T", "{}");
        auto recording = carry_out(store.record_snapshot(state), one("exists (select from eventstore.snapshots)"));
        co_await std::move(recording);
        auto forgetting = carry_out(store.delete_snapshot("state"), one(none_left + "snapshots)"));
        co_await std::move(forgetting);
        // Where nothing was removed, there was nothing.
        co_await expect_error(es::errc::subscription_not_found, store.subscription_to_all("old").remove());
    });
}

BOOST_FIXTURE_TEST_CASE(out_of_time_a_write_that_was_sent_says_that_its_outcome_is_unknown, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::snapshot state("state", 1, "T", "{}");
        co_await store.record_snapshot(state);
        blocker table(here("lock table eventstore.snapshots"));
        const es::store hasty = store.within(200ms);
        const es::failure written = co_await expect_error(es::errc::timeout, hasty.record_snapshot(state));
        BOOST_TEST(written.outcome_unknown());
        const es::failure read = co_await expect_error(es::errc::timeout, hasty.read_snapshot("state"));
        BOOST_TEST(!read.outcome_unknown());
        table.release();
    });
}

// Claims take one row each, in any order, settlements many in the order of their ids.
BOOST_FIXTURE_TEST_CASE(claims_and_settlements_of_many_do_not_wait_for_each_other_in_a_circle, store_fixture) {
    std::vector<std::string> log; // on the one thread of the test
    const auto how =
        options().pool_size(1).on_log([&](es::log_level, std::string_view text) { log.emplace_back(text); });
    with_store(how, [&](es::store store) -> asio::awaitable<void> {
        const es::store other = co_await es::open(how);
        co_await store.append("a", es::any_version, counted_one("1"));
        constexpr int many = 20;
        const auto take_all = [](es::store with, bool backward) -> asio::awaitable<void> {
            for (int round = 0; round < 5; ++round) {
                std::vector<es::subscription> all;
                for (int i = 0; i < many; ++i) {
                    const std::string name = "s" + std::to_string(backward ? many - i : i + 1);
                    try {
                        es::subscription taken = co_await with.subscribe_to_all(name);
                        all.push_back(std::move(taken));
                    } catch (const es::error& e) {
                        BOOST_TEST((e.why().code() == es::errc::subscription_already_exists), e.what());
                    }
                }
                for (es::subscription& each : all) co_await each.unsubscribe();
            }
        };
        std::vector<asio::awaitable<void>> work;
        work.push_back(take_all(store, false));
        work.push_back(take_all(other, true));
        auto both = concurrently(std::move(work));
        co_await std::move(both);
        for (const std::string& each : log) BOOST_TEST(each.find("40P01") == std::string::npos, each);
    });
}

// As of a later version of the schema, to which somebody migrates while the store is open.
BOOST_FIXTURE_TEST_CASE(an_answer_that_is_not_understood_leaves_the_outcome_unknown, store_fixture) {
    const std::string wrapped = R"(
        do $do$
        declare
            f record;
        begin
            select
                pg_get_function_identity_arguments(p.oid) as types,
                pg_get_function_arguments(p.oid) as arguments,
                array_to_string(p.proargnames, ', ') as names
            into strict f
            from pg_proc as p
            join pg_class as c on c.relnamespace = p.pronamespace
            where p.proname = 'NAME' and c.oid = 'eventstore.streams'::regclass;
            execute format('alter function eventstore.NAME(%s) rename to known_NAME', f.types);
            execute format(
                'create function eventstore.NAME(%s) returns bigint[] language plpgsql as '
                '$f$ begin perform eventstore.known_NAME(%s); return array[99]; end $f$', f.arguments, f.names);
        end
        $do$)";
    const auto answers_otherwise = [&](const char* function) {
        ask(boost::algorithm::replace_all_copy(wrapped, "NAME", function));
    };
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (const char* const name : {"lone", "group", "transaction", "deleted"})
            co_await store.append(name, es::no_stream, counted_one("1"));
        for (const char* const function : {"append_event", "append_events", "append_events_or_fail", "delete_stream"})
            answers_otherwise(function);

        const auto expect_unknown = [&](auto work, const char* stream, std::int64_t events) -> asio::awaitable<void> {
            const es::failure why = co_await expect_error(es::errc::schema_too_new, std::move(work));
            BOOST_TEST(why.outcome_unknown(), why.message());
            BOOST_TEST(
                number("select version from eventstore.streams where name = '" + std::string(stream) + "'") == events);
        };
        co_await expect_unknown(store.append("lone", 1, counted_one("2")), "lone", 2);
        co_await expect_unknown(store.append("group", 1, counted(2)), "group", 3);
        es::transaction transaction = co_await store.begin();
        transaction.append("transaction", 1, counted_one("2"));
        co_await expect_unknown(transaction.commit(), "transaction", 2);
        const es::failure why = co_await expect_error(es::errc::schema_too_new, store.delete_stream("deleted", 1));
        BOOST_TEST(why.outcome_unknown());
    });
}

BOOST_AUTO_TEST_SUITE_END()
