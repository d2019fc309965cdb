// A subscription, when its stream is made anew, or another log is put in the place of its own.

#include "support/receive.hpp"

BOOST_AUTO_TEST_SUITE(subscription_history_test)

using namespace eventstore::test;
using namespace std::chrono_literals;
namespace es = eventstore;

namespace {

es::subscription_options lazy() { return es::subscription_options().checkpoint_after(5s).group_by(es::grouping::none); }

} // namespace

BOOST_FIXTURE_TEST_CASE(
    a_stream_made_anew_is_delivered_from_its_first_event_whenever_its_former_life_ended, store_fixture) {
    expect_holes();
    for (const bool exists_before : {false, true}) {
        for (const bool is_written_before : {false, true}) {
            const std::string name = std::string(exists_before ? "old" : "late") + (is_written_before ? "-w" : "");
            with_store(options().allow_hard_delete(), [&](es::store store) -> asio::awaitable<void> {
                if (exists_before) co_await store.append(name, es::any_version, counted(1, "old"));
                es::subscription first = co_await store.subscribe(name, "mailer", lazy());
                co_await store.append(name, es::any_version, counted(5, "older"));
                const std::size_t older = exists_before ? 6 : 5;
                const texts before = co_await receive(first, older);
                BOOST_TEST(before.size() == older);
                if (is_written_before) co_await first.checkpoint();
                co_await store.delete_stream(name, es::any_version, es::deletion::hard);
                co_await first.unsubscribe();
                co_await store.append(name, es::any_version, counted(7, "new"));
                es::subscription again = co_await store.subscribe(name, "mailer", lazy());
                const texts anew = co_await receive(again, 7);
                TEST_SAME(anew, texts({"new1", "new2", "new3", "new4", "new5", "new6", "new7"}));
                co_await again.unsubscribe();
            });
        }
    }
}

BOOST_FIXTURE_TEST_CASE(a_reset_of_a_subscription_to_a_stream_that_was_made_anew_counts, store_fixture) {
    expect_holes();
    with_store(options().allow_hard_delete(), [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(3, "old"));
        {
            es::subscription first = co_await store.subscribe("a", "mailer", lazy());
            const texts before = co_await receive(first, 3);
            BOOST_TEST(before.size() == 3u);
            co_await first.unsubscribe();
        }
        co_await store.delete_stream("a", es::any_version, es::deletion::hard);
        co_await store.append("a", es::any_version, counted(4, "new"));
        co_await store.subscription("a", "mailer").reset_to_version(2);
        es::subscription again = co_await store.subscribe("a", "mailer", lazy());
        const texts after = co_await receive(again, 2);
        TEST_SAME(after, texts({"new3", "new4"}));
        co_await again.unsubscribe();
    });
}

BOOST_FIXTURE_TEST_CASE(a_checkpoint_is_written_only_over_the_one_that_its_owner_knows, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(3));
        es::subscription all = co_await store.subscribe_to_all("mailer");
        const texts before = co_await receive(all, 3);
        BOOST_TEST(before.size() == 3u);
        co_await all.checkpoint();
        // As a backup leaves it that was restored: the same owner and epoch, and an older checkpoint.
        ask("update eventstore.subscriptions set position = 1, event_id = null");
        co_await expect_error(es::errc::subscription_lost, all.next(10s)); // a mere renewal finds out
        BOOST_TEST(number("select position from eventstore.subscriptions") == 1);
        es::subscription again = co_await store.subscribe_to_all(
            "mailer", es::subscription_options().when_taken(es::if_taken::wait).lease(300ms));
        const texts after = co_await receive(again, 2);
        TEST_SAME(after, texts({"2", "3"}));
    });
}

BOOST_FIXTURE_TEST_CASE(the_owner_of_a_restored_row_with_the_same_epoch_is_not_this_one, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        es::subscription all = co_await store.subscribe_to_all("mailer");
        ask("update eventstore.subscriptions set owner = gen_random_uuid()");
        co_await expect_error(es::errc::subscription_lost, all.next(10s));
        BOOST_TEST(value("select owner is not null from eventstore.subscriptions") == "t");
    });
}

BOOST_FIXTURE_TEST_CASE(an_idle_owner_finds_out_that_another_event_stands_where_it_has_seen_one, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(6));
        es::subscription all = co_await store.subscribe_to_all("mailer");
        const texts before = co_await receive(all, 6);
        BOOST_TEST(before.size() == 6u);
        co_await all.checkpoint();
        // A backup of an hour ago, to which others have appended since: the same history, by its number.
        ask("alter table eventstore.events disable trigger user");
        ask("update eventstore.events set event_id = gen_random_uuid() where position = 6");
        ask("alter table eventstore.events enable trigger user");
        co_await expect_error(es::errc::log_truncated, all.next(10s));
    });
}

BOOST_FIXTURE_TEST_CASE(who_waits_for_a_subscription_is_told_that_the_log_is_another_one, store_fixture) {
    with_store(
        options(url_with(url(), {{"application_name", "waiting"}})), [&](es::store store) -> asio::awaitable<void> {
            co_await store.append("a", es::any_version, counted(6));
            const es::store other = co_await es::open(options());
            const es::subscription owned = co_await other.subscribe_to_all("mailer");
            const auto waits = es::subscription_options().when_taken(es::if_taken::wait);
            auto waiting = co_await start(
                expect_error(es::errc::log_truncated, store.within(60s).subscribe_to_all("mailer", waits)));
            co_await eventually([&] {
                return number("select count(*) from pg_stat_activity where application_name = 'waiting'"
                              " and query like '%claim_subscription%'") > 0;
            });
            ask("alter table eventstore.events disable trigger user");
            ask("update eventstore.events set event_id = gen_random_uuid() where position = 6");
            ask("alter table eventstore.events enable trigger user");
            co_await eventually([&] { return waiting.done(); }, 20s);
            BOOST_TEST(waiting.value().message().find("position 6") != std::string::npos, waiting.value().message());
        });
}

// Renewals show what was seen last, and what a filter leaves out is no other event.
BOOST_FIXTURE_TEST_CASE(a_filter_at_the_end_of_a_stream_is_no_lost_log, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::event_data wanted("Wanted", "1");
        co_await store.append("a", es::any_version, wanted);
        co_await store.append("b", es::any_version, counted(2));
        co_await store.append("a", es::any_version, counted(3));
        const auto some = [] { return es::subscription_options().type("Wanted").lease(300ms); };
        es::subscription one = co_await store.subscribe("a", "one", some());
        es::subscription all = co_await store.subscribe_to_all("all", some());
        auto of_one = co_await one.next(5s);
        of_one->ack();
        auto of_all = co_await all.next(5s);
        of_all->ack();
        const auto beat = [&] { return number("select min(beat) from eventstore.subscriptions"); };
        const std::int64_t before = beat();
        co_await eventually([&] { return beat() > before + 5; });
        const es::event_data another("Wanted", "2");
        co_await store.append("a", es::any_version, another);
        auto batch = co_await one.next(5s);
        BOOST_TEST((batch && batch->size() == 1u));
        auto same = co_await all.next(5s);
        BOOST_TEST((same && same->size() == 1u));
    });
}

BOOST_FIXTURE_TEST_CASE(waiting_for_a_position_that_does_not_exist_yet_waits_for_it, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::store other = co_await es::open(options());
        co_await store.append("a", es::any_version, counted(1));
        es::subscription one = co_await store.subscribe("a", "model");
        const texts first = co_await receive(one, 1);
        BOOST_TEST(first.size() == 1u);
        co_await one.checkpoint();
        std::vector<es::store> askers(1, store);
        askers.push_back(other);
        for (const es::store& each : askers) {
            co_await expect_error(es::errc::timeout, each.within(50ms).subscription("a", "model").wait_for(2));
            co_await each.subscription("a", "model").wait_for(1);
        }
        cancellable waits(context_of(co_await asio::this_coro::executor), other.subscription("a", "model").wait_for(3));
        co_await store.append("b", es::any_version, counted(1));
        co_await store.append("a", es::any_version, counted(1, "x"));
        co_await let_others_run();
        BOOST_TEST(!waits.done());
        const texts second = co_await receive(one, 1);
        BOOST_TEST(second.size() == 1u);
        co_await eventually([&] { return waits.done(); });
        waits.value();
    });
}

BOOST_AUTO_TEST_SUITE_END()
