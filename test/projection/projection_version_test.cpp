// A new version of a read model beside the old one, and how it takes over.
#include "effects.hpp"

#include <random>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;

BOOST_AUTO_TEST_SUITE(projection_version_test)

namespace {

struct versions : effects {
    es::projection_options version(int number) { return quick().version(number).max_batch(7); }

    /// Readers use a view.
    es::projection_options switching(int number) {
        const std::string sql =
            here("create or replace view eventstore.readers as select * from eventstore.effects where "
                 "version = ") +
            std::to_string(number);
        auto send = [sql](es::transaction& tx) -> asio::awaitable<void> { return send_readers(tx, sql); };
        return version(number).on_switch(send);
    }
    static asio::awaitable<void> send_readers(es::transaction& tx, std::string sql) { co_await tx.execute(sql); }

    std::string readers() { return value("select string_agg(distinct version::text, ' ') from eventstore.readers"); }
    std::string state(int number) {
        return value(
            "select coalesce((select case when live_until is not null then 'superseded' when switched_at is not "
            "null then 'in use' when live_after is not null then 'taking over' else 'replaying' end from "
            "eventstore.projections where version = " +
            std::to_string(number) + "), '')");
    }
    /// Events that had side effects in no version, or in more than one.
    std::int64_t wrongly_live() {
        return number("select count(*) from (select from eventstore.effects group by position having count(*) filter "
                      "(where is_live) <> 1) as wrong");
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(a_new_version_replays_without_side_effects_and_takes_over, versions) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(50));
        auto old = co_await start(es::run_projection(store, "effects", writer(), version(1)));
        co_await eventually([&] { return rows_of(1) == 50; });
        auto replacing = co_await start(es::run_projection(store, "effects", writer(), switching(2)));
        co_await eventually([&] { return state(2) == "in use"; });
        BOOST_TEST(rows_of(2) == 50);
        BOOST_TEST(number("select count(*) from eventstore.effects where version = 2 and is_live") == 0);
        BOOST_TEST(readers() == "2");
        const auto more = co_await store.append("b", es::any_version, counted(10));
        co_await es::projection_handle(store, "effects").wait_for(more.last_position);
        BOOST_TEST(number("select count(*) from eventstore.effects where version = 2 and is_live") == 10);
        co_await eventually([&] { return rows_of(1) == 60; }); // the old one is kept up to date
        BOOST_TEST(number("select count(*) from eventstore.effects where version = 1 and is_live") == 50);
        BOOST_TEST(wrongly_live() == 0);
        BOOST_TEST(repeated() == 0);
        co_await store.close();
        co_await eventually([&] { return old.done() && replacing.done(); });
        old.value();
        replacing.value();
    });
}

BOOST_FIXTURE_TEST_CASE(each_event_has_side_effects_in_one_version_while_others_append, versions) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        const es::store other = co_await es::open(options());
        auto old = co_await start(es::run_projection(other, "effects", writer(), version(1).consumers(2)));
        co_await store.append("a", es::any_version, counted(100));
        auto replacing = co_await start(es::run_projection(store, "effects", writer(), switching(2).consumers(3)));
        std::int64_t last = 0;
        for (int i = 0; i < 20'000 && (i < 50 || state(2) != "in use"); ++i) {
            const auto added = co_await store.append("s-" + std::to_string(i % 9), es::any_version, counted_one("x"));
            last = added.last_position;
        }
        for (int i = 0; i < 20; ++i) {
            const auto added = co_await store.append("s-" + std::to_string(i % 9), es::any_version, counted_one("y"));
            last = added.last_position;
        }
        co_await eventually([&] { return rows_of(1) == last && rows_of(2) == last; }, 30s);
        BOOST_TEST(wrongly_live() == 0);
        BOOST_TEST(repeated() == 0);
        BOOST_TEST(readers() == "2");
        co_await other.close();
        co_await store.close();
        co_await eventually([&] { return old.done() && replacing.done(); });
    });
}

BOOST_FIXTURE_TEST_CASE(a_version_does_not_pass_an_older_one_that_stands_still, versions) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        const es::store other = co_await es::open(options());
        auto old = co_await start(es::run_projection(other, "effects", writer(), version(1)));
        const auto first = co_await store.append("a", es::any_version, counted(10));
        co_await es::projection_handle(store, "effects").wait_for(first.last_position);
        co_await other.close();
        co_await eventually([&] { return old.done(); });
        co_await store.append("a", es::any_version, counted(10)); // nobody handles them yet
        auto replacing = co_await start(es::run_projection(store, "effects", writer(), switching(2)));
        co_await eventually([&] { return rows_of(2) == 20; });
        BOOST_TEST(number("select count(*) from eventstore.effects where version = 2 and is_live") == 10);
        BOOST_TEST(wrongly_live() == 0);
        BOOST_TEST(state(2) == "in use");
        co_await store.close();
        co_await eventually([&] { return replacing.done(); });
    });
}

BOOST_FIXTURE_TEST_CASE(the_old_version_is_dropped_when_told_and_does_not_come_back, versions) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        const es::projection_handle projection(store, "effects");
        co_await store.append("a", es::any_version, counted(10));
        auto old = co_await start(es::run_projection(store, "effects", writer(), version(1)));
        co_await eventually([&] { return rows_of(1) == 10; });
        auto replacing = co_await start(es::run_projection(store, "effects", writer(), switching(2)));
        co_await eventually([&] { return state(2) == "in use"; });
        co_await expect_error(es::errc::invalid_argument, projection.drop(2)); // readers use it
        co_await expect_error(es::errc::projection_not_found, projection.drop(3));

        const std::string sql = here("delete from eventstore.effects where version = 1");
        auto remove = [sql](es::transaction& tx) -> asio::awaitable<void> { return send_readers(tx, sql); };
        co_await projection.drop(1, remove);
        co_await eventually([&] { return old.done(); });
        BOOST_CHECK_THROW(old.value(), es::error);
        BOOST_TEST(rows_of(1) == 0);
        BOOST_TEST(number("select count(*) from eventstore.subscriptions where name like 'effects@1%'") == 0);
        co_await expect_error(
            es::errc::projection_superseded, es::run_projection(store, "effects", writer(), version(1)));
        const auto all = co_await projection.versions();
        BOOST_TEST_REQUIRE(all.size() == 1u);
        BOOST_TEST((all[0].state == es::projection_state::in_use));
        co_await store.close();
        co_await eventually([&] { return replacing.done(); });
        replacing.value();
    });
}

BOOST_FIXTURE_TEST_CASE(progress_and_state_are_told, versions) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        co_await expect_error(es::errc::projection_not_found, es::projection_handle(store, "effects").versions());
        co_await expect_error(
            es::errc::projection_not_found, es::projection_handle(store.within(100ms), "effects").wait_for(1));
        BOOST_TEST((co_await es::projections(store)).empty());
        co_await store.append("a", es::any_version, counted(10));
        ask("select eventstore.open_projection('effects', 1, 1)");
        const auto not_begun =
            co_await expect_error(es::errc::timeout, es::projection_handle(store.within(100ms), "effects").wait_for(1));
        BOOST_TEST(not_begun.message().find("has not begun") != std::string::npos);
        ask("select eventstore.open_projection('effects', 2, 1)");
        ask("insert into eventstore.subscriptions (stream, name, position) values ('$all', 'effects@1', 10), ('$all', "
            "'effects@2', 4)");
        const auto all = co_await es::projections(store);
        BOOST_TEST_REQUIRE(all.size() == 2u);
        BOOST_TEST((all[0].state == es::projection_state::in_use));
        BOOST_TEST(all[0].position == 10);
        BOOST_TEST((all[1].state == es::projection_state::replaying));
        BOOST_TEST(all[1].position == 4);
        BOOST_TEST(all[1].head == 10);
        BOOST_TEST(all[1].time_left.has_value());
        BOOST_TEST(!all[1].switched_at.has_value());
        TEST_SAME(all[1].subscriptions, texts{"effects@2"});
        co_await store.close();
    });
}

BOOST_FIXTURE_TEST_CASE(a_checkpoint_of_another_read_model_is_refused_and_not_gone_on_from, versions) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        const auto all = co_await store.append("a", es::any_version, counted(10));
        ask("insert into eventstore.subscriptions (stream, name, position) values "
            "('$all', 'effects@1', 7)"); // imported
        const auto why = co_await expect_error(
            es::errc::invalid_argument, es::run_projection(store, "effects", writer(), version(1)));
        BOOST_TEST(why.message().find("remove the subscription") != std::string::npos);
        BOOST_TEST(number("select count(*) from eventstore.projections") == 0);
        co_await store.subscription_to_all("effects@1").remove();
        auto running = co_await start(es::run_projection(store, "effects", writer(), version(1)));
        co_await es::projection_handle(store, "effects").wait_for(all.last_position);
        BOOST_TEST(rows_of(1) == 10);
        co_await store.close();
        co_await eventually([&] { return running.done(); });
    });
}

BOOST_FIXTURE_TEST_CASE(a_third_version_gets_the_side_effects_no_earlier_than_the_second, versions) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(10));
        for (const char* version : {"1", "2", "3"})
            ask("select eventstore.open_projection('effects', " + std::string(version) + ", 1)");
        ask("insert into eventstore.subscriptions (stream, name, position) values ('$all', 'effects@1', 10), ('$all', "
            "'effects@2', 4), ('$all', 'effects@3', 4)");
        BOOST_TEST(value("select eventstore.hand_over_projection('effects', 2, 100)") == "t");
        BOOST_TEST(value("select eventstore.hand_over_projection('effects', 3, 100)") == "t"); // the second is at 4
        BOOST_TEST(number("select live_until from eventstore.projections where version = 1") == 10);
        BOOST_TEST(number("select live_until from eventstore.projections where version = 2") == 10); // for no event
        BOOST_TEST(number("select live_after from eventstore.projections where version = 3") == 10);
        co_await store.close();
    });
}

BOOST_FIXTURE_TEST_CASE(a_version_that_was_overtaken_does_not_send_the_readers_back, versions) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        const auto all = co_await store.append("a", es::any_version, counted(10));
        for (const char* version : {"1", "2", "3"})
            ask("select eventstore.open_projection('effects', " + std::string(version) + ", 1)");
        ask("insert into eventstore.subscriptions (stream, name, position) values ('$all', 'effects@1', 10), ('$all', "
            "'effects@2', 4), ('$all', 'effects@3', 4)");
        BOOST_TEST(value("select eventstore.hand_over_projection('effects', 2, 100)") == "t");
        BOOST_TEST(value("select eventstore.hand_over_projection('effects', 3, 100)") == "t");
        ask("update eventstore.subscriptions set position = 10 where name = 'effects@3'");
        BOOST_TEST(value("select eventstore.switch_projection('effects', 3)") == "t");
        ask("insert into eventstore.effects values (3, 10, false, 'x');"
            "create view eventstore.readers as select * from eventstore.effects where version = 3");
        auto overtaken = co_await start(es::run_projection(store, "effects", writer(), switching(2)));
        co_await eventually([&] { return checkpoint("effects@2") == std::to_string(all.last_position); });
        const auto more = co_await store.append("a", es::any_version, counted(1)); // it looks once more
        co_await eventually([&] { return checkpoint("effects@2") == std::to_string(more.last_position); });
        BOOST_TEST(readers() == "3");
        BOOST_TEST(value("select eventstore.switch_projection('effects', 2)") == "f");
        BOOST_TEST(value("select is_settled from eventstore.enter_projection('effects', 2)") == "t");
        co_await store.close();
        co_await eventually([&] { return overtaken.done(); });
    });
}

BOOST_FIXTURE_TEST_CASE(a_version_that_is_not_as_far_waits_for_no_lock, versions) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(10));
        ask("select eventstore.open_projection('effects', 1, 1); select eventstore.open_projection('effects', 2, 1)");
        ask("insert into eventstore.subscriptions (stream, name, position) values ('$all', 'effects@1', 10), ('$all', "
            "'effects@2', 4)");
        blocker in_use(here("select from eventstore.projections for share"));
        ask("set lock_timeout = '1s'");
        BOOST_TEST(value("select eventstore.hand_over_projection('effects', 2, 1)") == "f");
        BOOST_TEST(value("select eventstore.switch_projection('effects', 2)") == "f");
        BOOST_CHECK_THROW(ask("select eventstore.hand_over_projection('effects', 2, 100)"), std::exception); // it is
        in_use.release();
        BOOST_TEST(value("select eventstore.hand_over_projection('effects', 2, 100)") == "t");
        co_await store.close();
    });
}

BOOST_FIXTURE_TEST_CASE(readers_are_switched_without_a_lock_on_the_subscriptions, versions) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        bool was_free = false;
        auto look = [&](es::transaction&) -> asio::awaitable<void> {
            co_await eventually([&] { // but for their renewals
                return number("select count(*) from (select from eventstore.subscriptions where name like 'effects@%' "
                              "for update skip locked) as free") == 2;
            });
            was_free = true;
        };
        co_await store.append("a", es::any_version, counted(10));
        auto old = co_await start(es::run_projection(store, "effects", writer(), version(1)));
        co_await eventually([&] { return rows_of(1) == 10; });
        auto replacing = co_await start(es::run_projection(store, "effects", writer(), version(2).on_switch(look)));
        co_await eventually([&] { return state(2) == "in use"; });
        BOOST_TEST(was_free);
        co_await store.close();
        co_await eventually([&] { return old.done() && replacing.done(); });
    });
}

BOOST_FIXTURE_TEST_CASE(a_superseded_version_is_not_dropped_before_its_last_side_effect, versions) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        const es::projection_handle projection(store, "effects");
        co_await store.append("a", es::any_version, counted(10));
        ask("select eventstore.open_projection('effects', 1, 1); select eventstore.open_projection('effects', 2, 1)");
        ask("insert into eventstore.subscriptions (stream, name, position) values ('$all', 'effects@1', 4), ('$all', "
            "'effects@2', 10)");
        BOOST_TEST(value("select eventstore.hand_over_projection('effects', 2, 100)") == "t");
        const auto why = co_await expect_error(es::errc::invalid_argument, projection.drop(1));
        BOOST_TEST(why.message().find("through position 10") != std::string::npos);
        auto old = co_await start(es::run_projection(store, "effects", writer(), version(1)));
        co_await eventually([&] { return checkpoint() == "10"; });
        co_await projection.drop(1);
        co_await eventually([&] { return old.done(); });
        BOOST_TEST(number("select count(*) from eventstore.projections") == 1);
        co_await store.close();
    });
}

BOOST_FIXTURE_TEST_CASE(a_process_that_waits_leaves_nothing_of_a_version_that_is_dropped, versions) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        for (const std::size_t consumers : {1u, 3u}) {
            const auto how = version(1).consumers(consumers);
            const es::store other = co_await es::open(options());
            const auto all = co_await store.append("a", es::any_version, counted(10));
            auto first = co_await start(es::run_projection(store, "effects", writer(), how));
            co_await es::projection_handle(store, "effects").wait_for(all.last_position);
            auto waiting = co_await start(es::run_projection(other, "effects", writer(), how));
            co_await let_pass(100ms);
            co_await es::projection_handle(store, "effects").drop(1);
            co_await eventually([&] { return first.done() && waiting.done(); });
            BOOST_CHECK_THROW(first.value(), es::error);
            BOOST_CHECK_THROW(waiting.value(), es::error);
            BOOST_TEST(number("select count(*) from eventstore.subscriptions") == 0);
            co_await other.close();
        }
        const auto all = co_await store.append("a", es::any_version, counted(1));
        auto again = co_await start(es::run_projection(store, "effects", writer(), version(1)));
        co_await es::projection_handle(store, "effects").wait_for(all.last_position);
        co_await store.close();
        co_await eventually([&] { return again.done(); });
    });
}

BOOST_FIXTURE_TEST_CASE(a_drop_locks_the_subscriptions_in_the_order_of_their_checkpoints, versions) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        ask("select eventstore.open_projection('effects', 1, 2)");
        ask("insert into eventstore.subscriptions (stream, name, position) values ('$all', 'effects@1/2', 0)");
        ask("insert into eventstore.subscriptions (stream, name, position) values ('$all', 'effects@1/1', 0)");
        blocker checkpoint(here("select from eventstore.subscriptions where name = 'effects@1/2' for update"));
        auto dropping = co_await start(es::projection_handle(store, "effects").drop(1));
        co_await eventually([&] { return checkpoint.blocks(); });
        ask("select from eventstore.subscriptions where name = 'effects@1/1' for update nowait"); // throws otherwise
        checkpoint.release();
        co_await eventually([&] { return dropping.done(); });
        dropping.value();
        co_await store.close();
    });
}

BOOST_FIXTURE_TEST_CASE(a_switch_that_fails_is_tried_again, versions) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        int calls = 0;
        auto fail_twice = [&calls](es::transaction&) -> asio::awaitable<void> {
            if (++calls < 3) throw std::runtime_error("not yet");
            co_return;
        };
        co_await store.append("a", es::any_version, counted(10));
        auto old = co_await start(es::run_projection(store, "effects", writer(), version(1)));
        co_await eventually([&] { return rows_of(1) == 10; });
        auto replacing =
            co_await start(es::run_projection(store, "effects", writer(), version(2).on_switch(fail_twice)));
        co_await eventually([&] { return state(2) == "in use"; });
        BOOST_TEST(calls == 3);
        co_await store.close();
        co_await eventually([&] { return old.done() && replacing.done(); });
    });
}

BOOST_AUTO_TEST_SUITE_END()
