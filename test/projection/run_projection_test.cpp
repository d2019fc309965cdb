// What a projection promises: the effect of each event once, whatever fails.
#include "effects.hpp"

#include "support/conditions.hpp"

#include <boost/asio/error.hpp>

#include <atomic>
#include <random>
#include <set>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;

BOOST_AUTO_TEST_SUITE(run_projection_test)

BOOST_FIXTURE_TEST_CASE(events_of_before_and_of_now_have_their_effects_in_order, effects) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(3));
        auto running = co_await start(es::run_projection(store, "effects", writer(), quick()));
        co_await eventually([&] { return written() == "1 2 3"; });
        const auto more = co_await store.append("b", es::any_version, counted(2));
        co_await es::projection_handle(store, "effects").wait_for(more.last_position);
        BOOST_TEST(written() == "1 2 3 1 2");
        BOOST_TEST(checkpoint() == std::to_string(more.last_position));
        BOOST_TEST(number("select count(*) from eventstore.effects where not is_live") == 0);
        co_await store.close();
        co_await eventually([&] { return running.done(); });
        running.value(); // in order
    });
}

BOOST_FIXTURE_TEST_CASE(a_batch_is_one_transaction_with_its_checkpoint, effects) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        const auto all = co_await store.append("a", es::any_version, counted(50));
        const es::store other = co_await es::open(options());
        auto running = co_await start(es::run_projection(other, "effects", writer(), quick()));
        co_await es::projection_handle(store, "effects").wait_for(all.last_position);
        BOOST_TEST(number("select count(distinct transaction) from eventstore.effects") == 1);
        BOOST_TEST(checkpoint() == "50");
        co_await other.close();
        co_await eventually([&] { return running.done(); });
    });
}

BOOST_FIXTURE_TEST_CASE(the_next_run_goes_on_behind_the_last, effects) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        for (int round = 1; round <= 3; ++round) {
            const es::store one = co_await es::open(options());
            const auto added = co_await one.append("a", es::any_version, counted_one(std::to_string(round)));
            auto running = co_await start(es::run_projection(one, "effects", writer(), quick()));
            co_await eventually([&] { return checkpoint() == std::to_string(added.last_position); });
            co_await one.close();
            co_await eventually([&] { return running.done(); });
        }
        BOOST_TEST(written() == "1 2 3");
        BOOST_TEST(repeated() == 0);
        co_await store.close();
    });
}

BOOST_FIXTURE_TEST_CASE(sessions_that_are_terminated_cost_no_effect_and_repeat_none, effects, *own_sessions()) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        constexpr int all = 300;
        auto running = co_await start(es::run_projection(store, "effects", writer(), quick().max_batch(7)));
        std::mt19937 random(5);
        for (int i = 1; i <= all; ++i) {
            co_await store.append("s-" + std::to_string(i % 7), es::any_version, counted_one(std::to_string(i)));
            if (random() % 20 == 0) terminate_backends();
        }
        co_await eventually([&] { return rows_of() >= all; }, 30s);
        BOOST_TEST(repeated() == 0);
        BOOST_TEST(rows_of() == all);
        co_await store.close();
        co_await eventually([&] { return running.done(); });
        running.value();
    });
}

BOOST_FIXTURE_TEST_CASE(an_event_that_fails_is_found_parked_and_costs_the_others_nothing, effects) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        std::vector<es::event_data> events = counted(100);
        events[41] = counted_one("bad");
        const auto all = co_await store.append("a", es::any_version, events);
        auto running = co_await start(es::run_projection(store, "effects", writer(), quick().max_retries(2)));
        co_await es::projection_handle(store, "effects").wait_for(all.last_position);
        BOOST_TEST(rows_of() == 99);
        BOOST_TEST(repeated() == 0);
        const es::subscription_handle parked_in = store.subscription_to_all("effects@1");
        const auto parked = co_await parked_in.parked();
        BOOST_TEST_REQUIRE(parked.size() == 1u);
        BOOST_TEST(parked[0].position == 42);
        BOOST_TEST(parked[0].deliveries == 3);
        BOOST_TEST(parked[0].reason == "it is bad");
        co_await store.close();
        co_await eventually([&] { return running.done(); });
    });
}

BOOST_FIXTURE_TEST_CASE(a_parked_event_that_is_replayed_has_its_effect_once, effects) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        bool is_mended = false;
        const std::string sql = here("insert into eventstore.effects values ($1, $2, $3, $4)");
        const es::projection_handler handler = [&](es::transaction& tx,
                                                   const es::projection_batch& batch) -> asio::awaitable<void> {
            for (const es::recorded_event& event : batch) {
                if (event.data() == "bad" && !is_mended) throw std::runtime_error("not yet");
                co_await tx.execute(sql, batch.version(), event.position(), batch.is_live(), event.data());
            }
        };
        co_await store.append("a", es::any_version, counted_one("1"));
        co_await store.append("a", es::any_version, counted_one("bad"));
        const auto all = co_await store.append("a", es::any_version, counted_one("3"));
        auto running = co_await start(es::run_projection(store, "effects", handler, quick().max_retries(0)));
        co_await es::projection_handle(store, "effects").wait_for(all.last_position);
        BOOST_TEST(written() == "1 3");
        is_mended = true;
        const es::subscription_handle administered = store.subscription_to_all("effects@1");
        BOOST_TEST(co_await administered.replay() == 1);
        co_await eventually([&] { return written() == "1 bad 3"; });
        co_await eventually([&] { return number("select count(*) from eventstore.parked_events") == 0; });
        const auto more = co_await store.append("a", es::any_version, counted_one("4"));
        co_await es::projection_handle(store, "effects").wait_for(more.last_position);
        BOOST_TEST(written() == "1 bad 3 4");
        BOOST_TEST(repeated() == 0);
        co_await store.close();
        co_await eventually([&] { return running.done(); });
        running.value();
    });
}

namespace {

/// An event is parked, and its owner dies before the checkpoint that passes it is written.
struct parked_before_a_death : effects {
    bool is_mended = false;

    asio::awaitable<void> write_unless_bad(es::transaction& tx, const es::projection_batch& batch) {
        const std::string sql = here("insert into eventstore.effects values ($1, $2, $3, $4)");
        for (const es::recorded_event& event : batch) {
            if (event.data() == "bad" && !is_mended) throw std::runtime_error("not yet");
            co_await tx.execute(sql, batch.version(), event.position(), batch.is_live(), event.data());
        }
    }
    es::projection_handler handler() {
        return [this](es::transaction& tx, const es::projection_batch& batch) { return write_unless_bad(tx, batch); };
    }
    asio::awaitable<void> park_and_die(es::store store) {
        ask("create function eventstore.refuse() returns trigger language plpgsql as $$ begin raise exception 'no'; "
            "end $$;"
            "create trigger refuse before update on eventstore.subscriptions for each row when (new.position > 1) "
            "execute function eventstore.refuse()");
        co_await store.append("a", es::any_version, counted_one("1"));
        co_await store.append("a", es::any_version, counted_one("bad"));
        const es::store owner = co_await es::open(options().close_timeout(200ms));
        const auto work = handler();
        auto running = co_await start(es::run_projection(owner, "effects", work, quick().max_retries(0)));
        co_await eventually([&] { return number("select count(*) from eventstore.parked_events") == 1; });
        co_await owner.close();
        co_await eventually([&] { return running.done(); });
        ask("drop trigger refuse on eventstore.subscriptions; update eventstore.subscriptions set owner = null");
        BOOST_TEST(checkpoint() == "1");
        BOOST_TEST(written() == "1");
        is_mended = true;
    }
    /// The next owner.
    asio::awaitable<void> expect_each_effect_once(es::store store) {
        const auto work = handler();
        auto running = co_await start(es::run_projection(store, "effects", work, quick()));
        co_await es::projection_handle(store, "effects").wait_for(2);
        BOOST_TEST(written() == "1 bad");
        BOOST_TEST(number("select count(*) from eventstore.parked_events") == 0);
        const std::int64_t released = co_await store.subscription_to_all("effects@1").replay();
        BOOST_TEST(released == 0);
        const auto more = co_await store.append("a", es::any_version, counted_one("3"));
        co_await es::projection_handle(store, "effects").wait_for(more.last_position);
        co_await let_pass(200ms);
        BOOST_TEST(written() == "1 bad 3");
        co_await store.close();
        co_await eventually([&] { return running.done(); });
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(what_was_parked_by_an_owner_that_died_and_is_handled_is_not_parked, parked_before_a_death) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        co_await park_and_die(store);
        co_await expect_each_effect_once(store);
    });
}

BOOST_FIXTURE_TEST_CASE(what_is_delivered_anyway_is_not_replayed, parked_before_a_death) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        co_await park_and_die(store);
        const std::int64_t released = co_await store.subscription_to_all("effects@1").replay();
        BOOST_TEST(released == 1);
        co_await expect_each_effect_once(store);
    });
}

BOOST_FIXTURE_TEST_CASE(a_handler_that_goes_on_after_an_error_of_its_sql_has_the_event_parked, effects) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        const std::string sql = here("insert into eventstore.effects values ($1, $2, $3, $4)");
        const es::projection_handler handler = [&](es::transaction& tx,
                                                   const es::projection_batch& batch) -> asio::awaitable<void> {
            for (const es::recorded_event& event : batch) {
                try {
                    const std::string number = event.data() == "2" ? "none" : "1";
                    co_await tx.execute("select $1::text::integer", number);
                } catch (const es::error&) { // swallowed
                }
                co_await tx.execute(sql, batch.version(), event.position(), batch.is_live(), event.data());
            }
        };
        const auto all = co_await store.append("a", es::any_version, counted(3));
        auto running = co_await start(es::run_projection(store, "effects", handler, quick().max_retries(0)));
        co_await es::projection_handle(store, "effects").wait_for(all.last_position);
        BOOST_TEST(written() == "1 3");
        BOOST_TEST(number("select count(*) from eventstore.parked_events") == 1);
        co_await store.close();
        co_await eventually([&] { return running.done(); });
    });
}

BOOST_FIXTURE_TEST_CASE(an_event_that_fails_is_skipped_or_ends_the_projection_if_so_asked, effects) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted_one("1"));
        co_await store.append("a", es::any_version, counted_one("bad"));
        const auto all = co_await store.append("a", es::any_version, counted_one("3"));
        const auto none = quick().max_retries(0);
        co_await expect_error(es::errc::subscription_stopped,
            es::run_projection(
                store, "effects", writer(), es::projection_options(none).exhausted(es::when_exhausted::stop)));
        BOOST_TEST(written() == "1");
        auto running = co_await start(es::run_projection(
            store, "effects", writer(), es::projection_options(none).exhausted(es::when_exhausted::skip)));
        co_await es::projection_handle(store, "effects").wait_for(all.last_position);
        BOOST_TEST(written() == "1 3");
        BOOST_TEST(number("select count(*) from eventstore.parked_events") == 0);
        co_await store.close();
        co_await eventually([&] { return running.done(); });
    });
}

BOOST_FIXTURE_TEST_CASE(what_every_event_fails_with_blames_none_and_passes_when_it_is_mended, effects) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        ask("alter table eventstore.effects rename to not_there");
        const auto all = co_await store.append("a", es::any_version, counted(20));
        auto running = co_await start(es::run_projection(store, "effects", writer(), quick().max_retries(0)));
        co_await eventually(
            [&] { return number("select count(*) from eventstore.subscriptions where owner is not null") == 1; });
        co_await let_pass(300ms); // several tries
        ask("alter table eventstore.not_there rename to effects");
        co_await es::projection_handle(store, "effects").wait_for(all.last_position);
        BOOST_TEST(rows_of() == 20);
        BOOST_TEST(number("select count(*) from eventstore.parked_events") == 0);
        co_await store.close();
        co_await eventually([&] { return running.done(); });
    });
}

BOOST_FIXTURE_TEST_CASE(it_is_kept_by_one_store_at_a_time_and_the_other_takes_over, effects) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        const es::store first = co_await es::open(options());
        const es::store second = co_await es::open(options());
        auto one = co_await start(es::run_projection(first, "effects", writer(), quick().max_batch(3)));
        auto two = co_await start(es::run_projection(second, "effects", writer(), quick().max_batch(3)));
        co_await store.append("a", es::any_version, counted(50));
        co_await eventually([&] { return rows_of() > 5; });
        co_await first.close();
        co_await eventually([&] { return one.done(); });
        co_await store.append("a", es::any_version, counted(50));
        co_await eventually([&] { return rows_of() >= 100; });
        BOOST_TEST(rows_of() == 100);
        BOOST_TEST(repeated() == 0);
        co_await second.close();
        co_await eventually([&] { return two.done(); });
        co_await store.close();
    });
}

BOOST_FIXTURE_TEST_CASE(an_owner_that_was_replaced_commits_nothing, effects) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        bool is_first = true;
        const std::string sql = here("insert into eventstore.effects values ($1, $2, $3, $4)");
        const es::projection_handler handler = [&](es::transaction& tx,
                                                   const es::projection_batch& batch) -> asio::awaitable<void> {
            if (std::exchange(is_first, false)) // another process takes over behind its back
                ask("update eventstore.subscriptions set epoch = epoch + 1, owner = null");
            auto working = write(sql, tx, batch);
            co_await std::move(working);
        };
        const auto all = co_await store.append("a", es::any_version, counted(10));
        auto running = co_await start(es::run_projection(store, "effects", handler, quick()));
        co_await es::projection_handle(store, "effects").wait_for(all.last_position);
        BOOST_TEST(!is_first);
        BOOST_TEST(rows_of() == 10);
        BOOST_TEST(repeated() == 0);
        co_await store.close();
        co_await eventually([&] { return running.done(); });
        running.value();
    });
}

BOOST_FIXTURE_TEST_CASE(consumers_share_the_events_by_key_and_keep_the_order_of_each, effects) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        auto three = quick().consumers(3).max_batch(5);
        auto running = co_await start(es::run_projection(store, "effects", writer(), three));
        std::int64_t last = 0;
        for (int i = 1; i <= 60; ++i) {
            const auto written_ =
                co_await store.append("s-" + std::to_string(i % 6), es::any_version, counted_one(std::to_string(i)));
            last = written_.last_position;
        }
        co_await es::projection_handle(store, "effects").wait_for(last);
        BOOST_TEST(rows_of() == 60);
        BOOST_TEST(repeated() == 0);
        co_await eventually([&] { // those without an event behind the last write it a little later
            return number(
                       "select count(*) from eventstore.subscriptions where name like 'effects@1/%' and position = " +
                       std::to_string(last)) == 3;
        });
        // In the order of commits, the positions of one stream only grow.
        BOOST_TEST(
            number("select count(*) from (select position < lag(position) over (partition by e.stream_id order by "
                   "transaction, position) as back from eventstore.effects join eventstore.events as e using "
                   "(position)) as steps where back") == 0);
        co_await store.close();
        co_await eventually([&] { return running.done(); });
        running.value();
    });
}

BOOST_FIXTURE_TEST_CASE(the_number_of_consumers_of_a_version_stays, effects) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        auto running = co_await start(es::run_projection(store, "effects", writer(), quick().consumers(2)));
        co_await eventually([&] { return number("select count(*) from eventstore.projections") == 1; });
        const auto why = co_await expect_error(
            es::errc::invalid_argument, es::run_projection(store, "effects", writer(), quick().consumers(3)));
        BOOST_TEST(why.message().find("has 2 consumers") != std::string::npos);
        co_await store.close();
        co_await eventually([&] { return running.done(); });
    });
}

BOOST_FIXTURE_TEST_CASE(the_first_failure_of_one_consumer_ends_all, effects) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        for (int i = 0; i < 20; ++i)
            co_await store.append("s-" + std::to_string(i), es::any_version, counted_one("bad"));
        co_await expect_error(es::errc::subscription_stopped,
            es::run_projection(
                store, "effects", writer(), quick().consumers(4).max_retries(0).exhausted(es::when_exhausted::stop)));
        co_await eventually(
            [&] { return number("select count(*) from eventstore.subscriptions where owner is not null") == 0; });
        co_await store.close();
    });
}

BOOST_FIXTURE_TEST_CASE(cancelled_it_ends_and_rolls_back, effects) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        for (const std::size_t consumers : {1u, 3u}) {
            bool is_called = false;
            const std::string sql = here("insert into eventstore.effects values ($1, $2, $3, $4)");
            const es::projection_handler handler = [&](es::transaction& tx,
                                                       const es::projection_batch& batch) -> asio::awaitable<void> {
                auto working = write(sql, tx, batch);
                co_await std::move(working);
                is_called = true;
                co_await tx.execute("select pg_sleep(20)");
            };
            co_await store.append("a", es::any_version, counted(5));
            asio::cancellation_signal signal;
            const auto executor = co_await asio::this_coro::executor;
            const std::string name = "cancelled-" + std::to_string(consumers);
            started<void> running(
                executor, es::run_projection(store, name, handler, quick().consumers(consumers)), signal.slot());
            co_await eventually([&] { return is_called; });
            signal.emit(asio::cancellation_type::terminal);
            co_await eventually([&] { return running.done(); });
            BOOST_CHECK_THROW(running.value(), es::error);
            co_await eventually(
                [&] { return number("select count(*) from eventstore.subscriptions where owner is not null") == 0; });
            BOOST_TEST(rows_of() == 0);
        }
        co_await store.close();
    });
}

BOOST_FIXTURE_TEST_CASE(cancelled_it_ends_behind_its_handlers, effects) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        int calls = 0;
        int alive = 0;
        int alive_at_end = -1;
        const es::projection_handler handler = [&](es::transaction& tx,
                                                   const es::projection_batch&) -> asio::awaitable<void> {
            const std::shared_ptr<void> guard(nullptr, [&alive](void*) { --alive; });
            ++alive;
            ++calls;
            co_await tx.execute("select pg_sleep(20)");
        };
        const auto run = [&]() -> asio::awaitable<void> {
            std::exception_ptr thrown;
            try {
                co_await es::run_projection(store, "effects", handler, quick().consumers(3));
            } catch (...) {
                thrown = std::current_exception();
            }
            alive_at_end = alive; // what the handlers refer to goes now
            if (thrown) std::rethrow_exception(thrown);
        };
        for (int i = 0; i < 20; ++i) co_await store.append("s-" + std::to_string(i), es::any_version, counted(1));
        asio::cancellation_signal signal;
        const auto executor = co_await asio::this_coro::executor;
        started<void> running(executor, run(), signal.slot());
        co_await eventually([&] { return calls == 3; });
        signal.emit(asio::cancellation_type::terminal);
        signal.emit(asio::cancellation_type::terminal); // once more
        co_await eventually([&] { return running.done(); });
        BOOST_CHECK_THROW(running.value(), es::error);
        BOOST_TEST(alive_at_end == 0);
        co_await store.close();
    });
}

BOOST_FIXTURE_TEST_CASE(bad_arguments_are_refused, effects) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        const auto refused = es::errc::invalid_argument;
        const auto handler = writer();
        co_await expect_error(refused, es::run_projection(store, "", handler));
        co_await expect_error(refused, es::run_projection(store, std::string(481, 'x'), handler));
        co_await expect_error(refused, es::run_projection(store, "a\xff", handler));
        co_await expect_error(refused, es::run_projection(store, "a", handler, quick().version(0)));
        co_await expect_error(refused, es::run_projection(store, "a", handler, quick().consumers(0)));
        co_await expect_error(refused, es::run_projection(store, "a", handler, quick().consumers(65)));
        co_await expect_error(refused, es::run_projection(store, "a", handler, quick().max_batch(0)));
        co_await expect_error(refused, es::run_projection(store, "a", handler, quick().lease(1ms)));
        co_await expect_error(refused, es::run_projection(store, "a", handler, quick().after(-1)));
        co_await expect_error(refused, es::run_projection(store, "a", handler, quick().max_retries(-1)));
        co_await store.close();
        co_await expect_error(es::errc::store_closed, es::run_projection(store, "a", handler));
        co_await expect_error(es::errc::store_closed, es::run_projection(es::store(), "a", handler));
    });
}

BOOST_AUTO_TEST_SUITE_END()
