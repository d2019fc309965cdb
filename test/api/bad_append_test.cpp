// An append that the server cannot carry out, among others of the same flush.
#include "support/concurrently.hpp"
#include "support/store_fixture.hpp"

namespace es = eventstore;
using namespace std::chrono_literals;
using namespace es::test;

BOOST_AUTO_TEST_SUITE(bad_append_test)

namespace {

using outcome = es::result<es::append_result>;

/// What the server does at an event of type Bad.
std::string at_bad_events(const std::string& what) {
    return "create function eventstore.at_bad() returns trigger language plpgsql as $$ begin if new.type = 'Bad' "
           "then " +
        what +
        " end if; return new; end $$; create trigger at_bad after insert on eventstore.events for each row "
        "execute function eventstore.at_bad()";
}

/// One append to each stream but one, at once, among them a bad one.
asio::awaitable<std::vector<outcome>> append_to_each(es::store store, int count, int bad, std::string data = "{}") {
    std::vector<asio::awaitable<outcome>> work;
    for (int i = 0; i < count; ++i) {
        es::event_data event(i == bad ? "Bad" : "Good", i == bad ? data : "{}");
        work.push_back(store.try_append("s-" + std::to_string(i), es::any_version, std::move(event)));
    }
    auto all = concurrently(std::move(work));
    co_return co_await std::move(all);
}

void expect_only(const std::vector<outcome>& told, int bad) {
    for (int i = 0; i < static_cast<int>(told.size()); ++i) {
        const outcome& each = told[static_cast<std::size_t>(i)];
        BOOST_TEST(each.has_value() == (i != bad), "append " << i << (each ? "" : ": " + each.error().message()));
    }
}

} // namespace

BOOST_FIXTURE_TEST_CASE(an_append_that_ends_its_backend_fails_and_no_other, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("before", es::any_version, counted(1));
        ask(at_bad_events("perform pg_terminate_backend(pg_backend_pid());"));
        std::int64_t stored = 1;
        for (const int bad : {0, 5, 9}) {
            const auto began = std::chrono::steady_clock::now();
            auto appending = append_to_each(store, 10, bad);
            const std::vector<outcome> told = co_await std::move(appending);
            expect_only(told, bad);
            const es::failure why = expect_error(es::errc::connection_lost, told[static_cast<std::size_t>(bad)]);
            BOOST_TEST(why.outcome_unknown());
            BOOST_TEST(why.message().find("times that it was sent, the last") != std::string::npos, why.message());
            BOOST_TEST((std::chrono::steady_clock::now() - began < 10s));
            stored += 9;
            BOOST_TEST(events_stored() == stored);
        }
    });
}

BOOST_FIXTURE_TEST_CASE(an_append_that_is_refused_fails_and_no_other, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("before", es::any_version, counted(1));
        std::int64_t stored = 1;
        for (const char* what :
            {"raise exception 'not on my table';", "perform 1 from nowhere;", "perform nothing();"}) {
            ask(at_bad_events(what));
            auto appending = append_to_each(store, 10, 5);
            const std::vector<outcome> told = co_await std::move(appending);
            expect_only(told, 5);
            BOOST_TEST(!told[5].error().outcome_unknown());
            stored += 9;
            BOOST_TEST(events_stored() == stored);
            ask("drop trigger at_bad on eventstore.events; drop function eventstore.at_bad()");
        }
    });
}

BOOST_FIXTURE_TEST_CASE(an_append_that_is_no_jsonb_fails_and_no_other, store_fixture) {
    with_store(options().payload(es::payload_format::jsonb), [&](es::store store) -> asio::awaitable<void> {
        auto appending = append_to_each(store, 10, 5, R"({"s":"\u0000"})");
        const std::vector<outcome> told = co_await std::move(appending);
        expect_only(told, 5);
        BOOST_TEST(events_stored() == 9);
    });
}

BOOST_FIXTURE_TEST_CASE(one_bad_append_among_a_thousand_costs_few_flushes, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("before", es::any_version, counted(1));
        ask(at_bad_events("raise exception 'not on my table';"));
        const std::uint64_t before = store.stats().flushes;
        auto appending = append_to_each(store, 1000, 700);
        const std::vector<outcome> told = co_await std::move(appending);
        expect_only(told, 700);
        BOOST_TEST(events_stored() == 1000);
        BOOST_TEST(store.stats().flushes - before <= 30u);
    });
}

BOOST_FIXTURE_TEST_CASE(appends_to_one_stream_keep_their_order_beside_a_bad_one, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("before", es::any_version, counted(1));
        ask(at_bad_events("perform pg_terminate_backend(pg_backend_pid());"));
        std::vector<asio::awaitable<outcome>> work;
        texts expected;
        for (int i = 0; i < 40; ++i) {
            if (i == 13) {
                es::event_data bad("Bad", "{}");
                work.push_back(store.try_append("bad", es::any_version, std::move(bad)));
            }
            expected.push_back(std::to_string(i));
            work.push_back(store.try_append("a", es::any_version, counted_one(std::to_string(i))));
        }
        auto all = concurrently(std::move(work));
        const std::vector<outcome> told = co_await std::move(all);
        expect_only(told, 13);
        TEST_SAME(stored_in("a"), expected);
    });
}

BOOST_AUTO_TEST_SUITE_END()
