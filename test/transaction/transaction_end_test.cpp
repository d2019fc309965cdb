// Transactions that are cut off: everything or nothing, never half, and nothing is left behind.
#include "api/backend_of.hpp"
#include "support/conditions.hpp"
#include "support/proxy.hpp"
#include "support/stepping.hpp"
#include "transaction/accounts.hpp"

#include <optional>
#include <set>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;

BOOST_AUTO_TEST_SUITE(transaction_end_test)

BOOST_FIXTURE_TEST_CASE(a_connection_killed_while_the_transaction_is_idle_ends_it, accounts, *own_sessions()) {
    with_accounts([&](es::store store) -> asio::awaitable<void> {
        for (const bool by_commit : {true, false}) {
            es::transaction tx = co_await store.begin();
            co_await withdraw(tx, "ada", 10);
            tx.append("a", es::any_version, counted_one("x"));
            const int pid = co_await backend_of(tx);
            terminate(pid);
            es::failure why;
            if (by_commit)
                why = co_await expect_error(es::errc::connection_lost, tx.commit());
            else
                why = co_await expect_error(es::errc::connection_lost, tx.execute("select 1"));
            BOOST_TEST(!why.outcome_unknown());
            co_await expect_error(es::errc::transaction_ended, tx.commit());
        }
        expect_stored(0, 100);
        es::transaction next = co_await store.begin(); // on a connection that works
        co_await withdraw(next, "ada", 1);
        co_await next.commit();
    });
}

BOOST_FIXTURE_TEST_CASE(a_connection_killed_while_it_waits_in_the_pool_is_replaced, accounts, *own_sessions()) {
    with_accounts(options().pool_size(1), [&](es::store store) -> asio::awaitable<void> {
        for (int i = 0; i < 5; ++i) {
            es::transaction tx = co_await store.begin();
            const int pid = co_await backend_of(tx);
            co_await withdraw(tx, "ada", 1);
            co_await tx.commit();
            terminate(pid);
        }
        expect_stored(0, 95);
    });
}

BOOST_FIXTURE_TEST_CASE(a_connection_killed_while_it_executes_ends_the_transaction, accounts, *own_sessions()) {
    with_accounts([&](es::store store) -> asio::awaitable<void> {
        es::transaction tx = co_await store.begin();
        co_await withdraw(tx, "ada", 10);
        const int pid = co_await backend_of(tx);
        auto slow = co_await start(tx.execute("select pg_sleep(20)"));
        co_await let_others_run(20);
        terminate(pid);
        co_await eventually([&] { return slow.done(); });
        try {
            (void)slow.value();
            BOOST_TEST(false, "it succeeded");
        } catch (const es::error& e) {
            BOOST_TEST((e.why().code() == es::errc::connection_lost));
            BOOST_TEST(!e.why().outcome_unknown());
        }
        co_await expect_error(es::errc::transaction_ended, tx.commit());
        expect_stored(0, 100);
    });
}

BOOST_FIXTURE_TEST_CASE(a_connection_killed_during_the_commit_stores_all_or_nothing, accounts, *own_sessions()) {
    with_accounts([&](es::store store) -> asio::awaitable<void> {
        es::transaction tx = co_await store.begin();
        co_await withdraw(tx, "ada", 10);
        tx.append("a", es::any_version, counted_one("x"));
        blocker log = hold_log();
        auto committing = co_await start(tx.commit());
        co_await eventually([&] { return log.blocks(); });
        terminate(log.blocked().front());
        co_await eventually([&] { return committing.done(); });
        try {
            (void)committing.value();
            BOOST_TEST(false, "it succeeded");
        } catch (const es::error& e) {
            BOOST_TEST((e.why().code() == es::errc::connection_lost));
            BOOST_TEST(e.why().outcome_unknown());
        }
        log.release();
        expect_stored(0, 100);
        co_await expect_error(es::errc::transaction_ended, tx.commit());
    });
}

BOOST_FIXTURE_TEST_CASE(a_commit_whose_answer_is_lost_is_found_out_by_doing_it_again, accounts, *own_sessions()) {
    proxy network(url());
    auto opening = options(network.url());
    with_accounts(std::move(opening), [&](es::store store) -> asio::awaitable<void> {
        const es::event_data event("Withdrawn", "10");
        const auto attempt = [&]() -> asio::awaitable<es::failure> {
            es::transaction tx = co_await store.begin();
            co_await withdraw(tx, "ada", 10);
            tx.append("a", es::any_version, event);
            if (events_stored() == 0) network.hold_answers();
            auto committing = co_await start(tx.commit());
            co_await eventually([&] { return events_stored() == 1; });
            network.cut();
            network.pass_answers();
            co_await eventually([&] { return committing.done(); });
            try {
                (void)committing.value();
            } catch (const es::error& e) {
                co_return e.why();
            }
            co_return es::failure();
        };
        const es::failure lost = co_await attempt();
        BOOST_TEST((lost.code() == es::errc::connection_lost), lost.message());
        BOOST_TEST(lost.outcome_unknown());
        es::transaction again = co_await store.begin();
        co_await withdraw(again, "ada", 10);
        again.append("a", es::any_version, event);
        co_await expect_error(es::errc::duplicate_event, again.commit());
        expect_stored(1, 90);
    });
}

// The last bytes of the COMMIT never reach the server: it must not hold the lock of the log for long.
BOOST_FIXTURE_TEST_CASE(a_commit_that_is_cut_off_on_its_way_lets_go_of_the_log, accounts) {
    proxy network(url());
    auto opening = options(network.url()).operation_timeout(1500ms);
    with_accounts(std::move(opening), [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("warm", es::no_stream, counted_one("x"));
        for (const std::size_t lost : {5u, 20u}) {
            es::transaction tx = co_await store.begin();
            co_await withdraw(tx, "ada", 10);
            tx.append("a", es::any_version, counted_one("what is cut off"));
            network.lose_last(lost, "what is cut off"); // others may send something, too
            std::optional<es::failure> why;
            try {
                co_await tx.commit();
            } catch (const es::error& e) {
                why = e.why();
            }
            BOOST_TEST_REQUIRE(why.has_value());
            // Behind a pooler the COMMIT waits for the appends, of which something may be lost: then the server gives up first.
            if (test_server::is_pooled() && why->code() == es::errc::connection_lost)
                BOOST_TEST(!why->outcome_unknown(), why->message());
            else
                BOOST_TEST((why->code() == es::errc::timeout && why->outcome_unknown()), why->message());
            network.heal();
            network.cut();
            // Whatever became of it, others append.
            for (;;) {
                const es::result<es::append_result> done =
                    co_await store.try_append("b", es::any_version, counted_one("x"));
                if (done) break;
            }
            const std::int64_t stored = number("select count(*) from eventstore.events as e join eventstore.streams as "
                                               "s using (stream_id) where s.name = 'a'");
            BOOST_TEST(balance("ada") == 100 - 10 * stored);
        }
    });
}

BOOST_FIXTURE_TEST_CASE(a_lock_that_is_not_to_be_had_is_a_clear_error, accounts) {
    with_accounts(options().operation_timeout(1500ms), [&](es::store store) -> asio::awaitable<void> {
        blocker row(here("update eventstore.accounts set balance = 1 where id = 'ada'"));
        es::transaction tx = co_await store.begin();
        co_await withdraw(tx, "bob", 10);
        const es::failure why = co_await expect_error(es::errc::lock_timeout, withdraw(tx, "ada", 10));
        BOOST_TEST(why.retry_helps());
        co_await tx.rollback();
        row.release();
        blocker log = hold_log();
        es::transaction second = co_await store.begin();
        co_await withdraw(second, "ada", 10);
        second.append("a", es::any_version, counted_one("x"));
        const es::failure locked = co_await expect_error(es::errc::lock_timeout, second.commit());
        BOOST_TEST(!locked.outcome_unknown());
        log.release();
        expect_stored(0, 100);
    });
}

BOOST_FIXTURE_TEST_CASE(a_statement_that_takes_too_long_ends_the_transaction, accounts, *own_sessions()) {
    with_accounts([&](es::store store) -> asio::awaitable<void> {
        es::transaction tx = co_await store.within(1s).begin();
        const int pid = co_await backend_of(tx);
        co_await withdraw(tx, "ada", 10);
        const es::failure why = co_await expect_error(es::errc::timeout, tx.execute("select pg_sleep(20)"));
        BOOST_TEST(!why.outcome_unknown());
        co_await expect_error(es::errc::transaction_ended, tx.commit());
        co_await eventually([&] { // though its statement would have gone on
            return number("select count(*) from pg_stat_activity where pid = " + std::to_string(pid)) == 0;
        });
        expect_stored(0, 100);
    });
}

BOOST_FIXTURE_TEST_CASE(a_transaction_whose_owner_is_silent_is_ended_by_the_server, accounts) {
    with_accounts([&](es::store store) -> asio::awaitable<void> {
        es::transaction tx = co_await store.within(1s).begin();
        const int pid = co_await backend_of(tx);
        co_await withdraw(tx, "ada", 10);
        co_await eventually(
            [&] { return number("select count(*) from pg_stat_activity where pid = " + std::to_string(pid)) == 0; });
        const es::failure why = co_await expect_error(es::errc::connection_lost, tx.commit());
        // What stands before the server may pass its end on late, when the COMMIT was sent.
        if (test_server::store_url() == test_server::url()) BOOST_TEST(!why.outcome_unknown());
        expect_stored(0, 100);
    });
}

BOOST_FIXTURE_TEST_CASE(a_transaction_cancelled_at_each_point_stores_all_or_nothing, accounts) {
    std::set<ended> ways;
    std::int64_t stored = 0; // certainly
    std::int64_t unknown = 0;
    with_accounts([&](es::store) -> asio::awaitable<void> {
        ask("update eventstore.accounts set balance = 1000000 where id = 'ada'");
        co_return;
    });
    const auto once = [&](es::store store) -> asio::awaitable<void> {
        es::transaction tx = co_await store.begin();
        co_await withdraw(tx, "ada", 1);
        tx.append("a", es::any_version, counted_one("x"));
        co_await tx.commit();
    };
    // On a connection that is there, and on one that has to be made: until it runs to its end.
    const auto cancelled_after = [&](std::size_t after, bool is_connected) {
        bool ran_to_its_end = false;
        asio::io_context context;
        {
            const es::store store = run(context, es::open(options().pool_size(1)));
            if (is_connected) {
                run(context, once(store));
                ++stored;
            }
            es::test::inside(context, [&] {
                cancellable operation(context, once(store));
                step(context, after, [&] { return operation.done(); });
                ran_to_its_end = operation.done();
                operation.cancel();
                step_until(context, [&] { return operation.done(); });
                const ended how = how_it_ended(operation);
                ways.insert(how);
                stored += how == ended::well ? 1 : 0;
                unknown += how == ended::unknown ? 1 : 0;
            });
            run(context, once(store)); // what follows is not disturbed
            ++stored;
        }
        context.restart();
        context.run_for(default_deadline);
        BOOST_TEST(context.stopped());
        const std::int64_t events = events_stored();
        BOOST_TEST(events == 1'000'000 - balance("ada"));
        BOOST_TEST(events >= stored);
        BOOST_TEST(events <= stored + unknown);
        return ran_to_its_end;
    };
    for (const bool is_connected : {true, false}) {
        for (std::size_t after = 0; after < 500; ++after) {
            BOOST_TEST_CONTEXT("cancelled after " << after << " handlers, connected: " << is_connected) {
                if (cancelled_after(after, is_connected)) break;
            }
        }
    }
    BOOST_TEST(ways.contains(ended::well));
    BOOST_TEST(ways.contains(ended::cancelled));
    // Behind a pooler the COMMIT goes out late, and little is under way that could be cancelled.
    BOOST_TEST((ways.contains(ended::unknown) || test_server::is_pooled()));
}

BOOST_FIXTURE_TEST_CASE(a_cancelled_commit_is_told_of_as_unknown, accounts, *own_sessions()) {
    with_accounts([&](es::store store) -> asio::awaitable<void> {
        blocker log = hold_log();
        es::transaction tx = co_await store.within(2s).begin();
        co_await withdraw(tx, "ada", 10);
        tx.append("a", es::any_version, counted_one("x"));
        asio::cancellation_signal signal;
        auto work = tx.commit();
        const auto executor = co_await asio::this_coro::executor;
        started<std::vector<es::append_result>> committing(executor, std::move(work), signal.slot());
        co_await eventually([&] { return log.blocks(); });
        signal.emit(asio::cancellation_type::terminal);
        co_await eventually([&] { return committing.done(); });
        try {
            (void)committing.value();
            BOOST_TEST(false, "it succeeded");
        } catch (const es::error& e) {
            BOOST_TEST((e.why().code() == es::errc::cancelled));
            BOOST_TEST(e.why().outcome_unknown());
        }
        co_await expect_error(es::errc::transaction_ended, tx.rollback());
        log.release();
        co_await eventually([&] { return backends().size() <= 1; }); // the appender's
        const std::int64_t stored = events_stored();
        expect_stored(stored, 100 - 10 * stored);
    });
}

BOOST_FIXTURE_TEST_CASE(closing_the_store_ends_open_transactions, accounts) {
    with_accounts(options().close_timeout(5s), [&](es::store store) -> asio::awaitable<void> {
        es::transaction idle = co_await store.begin();
        co_await withdraw(idle, "ada", 10);
        es::transaction busy = co_await store.begin();
        co_await withdraw(busy, "bob", 10);
        auto slow = co_await start(busy.execute("select pg_sleep(1)"));
        es::transaction committing = co_await store.begin();
        committing.append("a", es::any_version, counted_one("x"));
        auto commit = co_await start(committing.commit());
        co_await eventually([&] { return events_stored() == 1; }); // its answer may still be on its way
        const auto before = std::chrono::steady_clock::now();
        co_await store.close();
        BOOST_TEST((std::chrono::steady_clock::now() - before < 3s));
        BOOST_TEST(slow.done());
        BOOST_TEST(commit.done());
        (void)commit.value(); // what was sent is carried out
        co_await expect_error(es::errc::store_closed, idle.execute("select 1"));
        co_await expect_error(es::errc::store_closed, idle.commit());
        co_await expect_error(es::errc::store_closed, store.begin());
        expect_stored(1, 100);
        BOOST_TEST(balance("bob") == 100);
    });
}

BOOST_FIXTURE_TEST_CASE(closing_the_store_waits_no_longer_than_its_time, accounts, *own_sessions()) {
    with_accounts(options().close_timeout(200ms), [&](es::store store) -> asio::awaitable<void> {
        es::transaction tx = co_await store.begin();
        co_await withdraw(tx, "ada", 10);
        auto slow = co_await start(tx.execute("select pg_sleep(20)"));
        co_await let_others_run(5);
        co_await store.close();
        co_await eventually([&] { return slow.done(); });
        try {
            (void)slow.value();
            BOOST_TEST(false, "it succeeded");
        } catch (const es::error& e) {
            BOOST_TEST((e.why().code() == es::errc::store_closed));
        }
        expect_stored(0, 100);
    });
}

BOOST_FIXTURE_TEST_CASE(a_transaction_keeps_its_store_open_until_it_has_ended, accounts, *own_sessions()) {
    with_accounts([&](es::store store) -> asio::awaitable<void> {
        es::transaction tx = co_await store.begin();
        { const es::store last = std::move(store); }
        co_await withdraw(tx, "ada", 10);
        tx.append("a", es::any_version, counted_one("x"));
        co_await tx.commit();
        co_await eventually([&] { return backends().empty(); }); // though `tx` is still there
        expect_stored(1, 90);
    });
}

BOOST_FIXTURE_TEST_CASE(a_handle_may_outlive_the_context_of_its_store, accounts, *own_sessions()) {
    with_accounts([&](es::store) -> asio::awaitable<void> { co_return; });
    std::optional<es::transaction> open;
    std::optional<es::transaction> ended;
    std::optional<es::transaction> killed;
    {
        asio::io_context context;
        const es::store store = run(context, es::open(options()));
        open.emplace(run(context, store.begin()));
        run(context, withdraw(*open, "ada", 10));
        ended.emplace(run(context, store.begin()));
        run(context, ended->commit());
        killed.emplace(run(context, store.begin()));
        terminate(run(context, backend_of(*killed)));
        auto lost = run(context, expect_error(es::errc::connection_lost, killed->execute("select 1")));
    }
    asio::io_context other;
    run(other, expect_error(es::errc::store_closed, open->execute("select 1")));
    run(other, expect_error(es::errc::transaction_ended, ended->commit()));
    open.reset();
    ended.reset();
    killed.reset();
    expect_stored(0, 100);
}

BOOST_FIXTURE_TEST_CASE(transactions_run_on_many_threads, accounts) {
    with_accounts([&](es::store) -> asio::awaitable<void> { co_return; });
    const auto body = [&]() -> asio::awaitable<void> {
        const es::store store = co_await es::open(options().pool_size(4));
        const auto one = [](es::store in, std::string sql, int number) -> asio::awaitable<void> {
            for (int i = 0; i < 5; ++i) {
                es::transaction tx = co_await in.begin();
                co_await tx.execute(sql);
                tx.append("t-" + std::to_string(number), es::any_version, counted_one("x"));
                if (i % 2 == 0) co_await tx.commit();
            }
        };
        std::vector<asio::awaitable<void>> work;
        for (int i = 0; i < 8; ++i)
            work.push_back(
                one(store, here("update eventstore.accounts set balance = balance - 1 where id = 'ada'"), i));
        co_await concurrently(std::move(work));
    };
    run_threads(4, body());
    expect_stored(24, 76);
}

BOOST_AUTO_TEST_SUITE_END()
