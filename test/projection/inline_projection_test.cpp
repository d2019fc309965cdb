// Read models that are written with the append.
#include "effects.hpp"

#include "support/conditions.hpp"

#include <eventstore/inline_projection.hpp>

#include <boost/asio/cancellation_signal.hpp>

#include <random>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;

BOOST_AUTO_TEST_SUITE(inline_projection_test)

namespace {

asio::awaitable<void> append_some(es::inline_projection to, std::string stream, int count) {
    for (int i = 1; i <= count; ++i) co_await to.append(stream, i - 1, counted_one(stream + std::to_string(i)));
}

} // namespace

BOOST_FIXTURE_TEST_CASE(an_append_and_its_effect_are_there_together, effects) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        const es::inline_projection written_with(store, writer());
        const auto first = co_await written_with.append("a", es::no_stream, counted_one("1"));
        BOOST_TEST(written() == "1");
        BOOST_TEST(first.last_version == 1);
        const auto second = co_await written_with.append("a", 1, counted(3));
        BOOST_TEST(second.first_position == 2);
        BOOST_TEST(written() == "1 1 2 3");
        BOOST_TEST(number("select count(*) from eventstore.effects where is_live") == 4);
        BOOST_TEST(number("select count(distinct transaction) from eventstore.effects") == 2);
        co_await store.close();
    });
}

BOOST_FIXTURE_TEST_CASE(appends_that_wait_share_transactions_and_keep_their_order, effects) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        const es::inline_projection written_with(store, writer());
        std::vector<asio::awaitable<void>> writers;
        for (int i = 0; i < 20; ++i) writers.push_back(append_some(written_with, "s-" + std::to_string(i) + "-", 10));
        co_await concurrently(std::move(writers));
        BOOST_TEST(rows_of() == 200);
        BOOST_TEST(repeated() == 0);
        BOOST_TEST(number("select count(distinct transaction) from eventstore.effects") < 100);
        BOOST_TEST(
            number("select count(*) from eventstore.events as e where not exists (select from eventstore.effects "
                   "as f where f.position = e.position)") == 0);
        co_await store.close();
    });
}

BOOST_FIXTURE_TEST_CASE(a_conflict_fails_alone_and_has_no_effect, effects) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        const es::inline_projection written_with(store, writer());
        co_await written_with.append("a", es::no_stream, counted_one("1"));
        std::vector<asio::awaitable<es::result<es::append_result>>> appends;
        for (int i = 0; i < 10; ++i)
            appends.push_back(
                written_with.try_append(i == 5 ? "a" : "s-" + std::to_string(i), es::no_stream, counted_one("x")));
        const auto outcomes = co_await concurrently(std::move(appends));
        for (int i = 0; i < 10; ++i) BOOST_TEST(outcomes[std::size_t(i)].has_value() == (i != 5));
        expect_error(es::errc::stream_exists, outcomes[5]);
        BOOST_TEST(rows_of() == 10);
        BOOST_TEST(events_stored() == 10);
        co_await store.close();
    });
}

BOOST_FIXTURE_TEST_CASE(an_append_that_the_handler_refuses_fails_alone_and_stores_nothing, effects) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        const es::inline_projection written_with(store, writer());
        std::vector<asio::awaitable<es::result<es::append_result>>> appends;
        for (int i = 0; i < 30; ++i)
            appends.push_back(
                written_with.try_append("s-" + std::to_string(i), es::no_stream, counted_one(i == 17 ? "bad" : "x")));
        const auto outcomes = co_await concurrently(std::move(appends));
        for (int i = 0; i < 30; ++i) BOOST_TEST(outcomes[std::size_t(i)].has_value() == (i != 17));
        const auto why = expect_error(es::errc::handler_failed, outcomes[17]);
        BOOST_TEST(why.message().find("it is bad") != std::string::npos);
        BOOST_TEST(!why.outcome_unknown());
        BOOST_TEST(rows_of() == 29);
        BOOST_TEST(repeated() == 0);
        BOOST_TEST(events_stored() == 29);
        co_await store.close();
    });
}

BOOST_FIXTURE_TEST_CASE(what_is_stored_already_is_not_written_again, effects) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        const es::inline_projection written_with(store, writer());
        const es::event_data event = counted_one("1");
        co_await written_with.append("a", es::no_stream, event);
        const auto again = co_await written_with.append("a", es::no_stream, event);
        BOOST_TEST(again.already_appended);
        BOOST_TEST(rows_of() == 1);
        // An id that is stored elsewhere costs the others nothing.
        std::vector<asio::awaitable<es::result<es::append_result>>> appends;
        appends.push_back(written_with.try_append("b", es::no_stream, event));
        appends.push_back(written_with.try_append("c", es::no_stream, counted_one("2")));
        const auto outcomes = co_await concurrently(std::move(appends));
        expect_error(es::errc::duplicate_event, outcomes[0]);
        BOOST_TEST(outcomes[1].has_value());
        BOOST_TEST(written() == "1 2");
        co_await store.close();
    });
}

BOOST_FIXTURE_TEST_CASE(several_streams_are_appended_and_written_together_or_not_at_all, effects) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        const es::inline_projection written_with(store, writer());
        std::vector<es::stream_append> parts;
        parts.emplace_back("a", es::no_stream, counted(2));
        parts.emplace_back("b", es::no_stream, std::vector<es::event_data>());
        parts.emplace_back("c", es::no_stream, counted(1));
        const auto results = co_await written_with.append(parts);
        BOOST_TEST(results.size() == 3u);
        BOOST_TEST(results[2].last_version == 1);
        BOOST_TEST(written() == "1 2 1");
        std::vector<es::stream_append> conflicting;
        conflicting.emplace_back("d", es::no_stream, counted(2));
        conflicting.emplace_back("a", es::no_stream, counted(2));
        co_await expect_error(es::errc::stream_exists, written_with.append(conflicting));
        BOOST_TEST(rows_of() == 3);
        BOOST_TEST(events_stored() == 3);
        co_await store.close();
    });
}

BOOST_FIXTURE_TEST_CASE(subscribers_get_its_events_from_memory, effects) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        es::subscription all = co_await store.subscribe_to_all("all");
        const es::inline_projection written_with(store, writer());
        co_await written_with.append("a", es::no_stream, counted(3));
        TEST_SAME(co_await receive(all, 3), data_of_counted(1, 3));
        co_await store.close();
    });
}

BOOST_FIXTURE_TEST_CASE(sessions_that_are_terminated_lose_and_repeat_nothing, effects, *own_sessions()) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        const es::inline_projection written_with(store, writer());
        std::vector<asio::awaitable<void>> work;
        const auto kill = [&]() -> asio::awaitable<void> {
            for (int i = 0; i < 6; ++i) { // fewer than an append has attempts
                co_await let_pass(50ms);
                terminate_backends();
            }
        };
        for (int i = 0; i < 5; ++i) work.push_back(append_some(written_with, "s-" + std::to_string(i) + "-", 30));
        work.push_back(kill());
        co_await concurrently(std::move(work));
        BOOST_TEST(events_stored() == 150);
        BOOST_TEST(rows_of() == 150);
        BOOST_TEST(repeated() == 0);
        co_await store.close();
    });
}

BOOST_FIXTURE_TEST_CASE(an_append_cancelled_before_it_was_sent_stores_nothing, effects) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        const es::inline_projection written_with(store, writer());
        blocker log = hold_log();
        const auto executor = co_await asio::this_coro::executor;
        auto first = co_await start(written_with.append("a", es::no_stream, counted_one("1")));
        co_await eventually([&] { return log.blocks(); });
        asio::cancellation_signal signal;
        started<es::append_result> second(
            executor, written_with.append("b", es::no_stream, counted_one("2")), signal.slot());
        co_await let_others_run();
        signal.emit(asio::cancellation_type::terminal);
        co_await eventually([&] { return second.done(); });
        BOOST_CHECK_THROW(second.value(), es::error);
        log.release();
        co_await eventually([&] { return first.done(); });
        BOOST_TEST(first.value().last_version == 1);
        BOOST_TEST(written() == "1");
        co_await store.close();
        co_await expect_error(es::errc::store_closed, written_with.append("c", es::no_stream, counted_one("3")));
    });
}

BOOST_FIXTURE_TEST_CASE(an_append_that_waits_for_the_log_in_vain_says_so_and_stores_nothing, effects) {
    with_effects(options().operation_timeout(2s), [&](es::store store) -> asio::awaitable<void> {
        const es::inline_projection written_with(store, writer());
        blocker log = hold_log();
        const es::failure why =
            co_await expect_error(es::errc::lock_timeout, written_with.append("a", es::no_stream, counted_one("1")));
        BOOST_TEST(!why.outcome_unknown());
        BOOST_TEST(store.stats().lock_timeouts == 1u);
        log.release();
        co_await written_with.append("a", es::no_stream, counted_one("1"));
        BOOST_TEST(written() == "1");
        BOOST_TEST(store.stats().appends == 1u);
        BOOST_TEST(store.stats().events_appended == 1u);
        co_await store.close();
    });
}

BOOST_FIXTURE_TEST_CASE(bad_arguments_are_refused_before_anything_is_sent, effects) {
    with_effects([&](es::store store) -> asio::awaitable<void> {
        const es::inline_projection written_with(store, writer());
        co_await expect_error(es::errc::reserved_stream, written_with.append("$all", es::no_stream, counted_one("1")));
        co_await expect_error(es::errc::invalid_argument, written_with.append("", es::no_stream, counted_one("1")));
        const es::inline_projection of_nothing(es::store(), writer());
        co_await expect_error(es::errc::store_closed, of_nothing.append("a", es::no_stream, counted_one("1")));
        BOOST_TEST(events_stored() == 0);
        co_await store.close();
    });
}

BOOST_AUTO_TEST_SUITE_END()
