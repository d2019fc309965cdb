// Connections for transactions, on a real server: how many, for whom, in which order, and how they end.
#include "postgres/exclusive_connections.hpp"

#include "base/live_objects.hpp"
#include "support/stop.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>

#include <algorithm>
#include <vector>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;

BOOST_AUTO_TEST_SUITE(exclusive_pool_test)

BOOST_FIXTURE_TEST_CASE(nobody_begins_and_no_connection_is_made, pool_fixture) {
    with_pool(4, [&](pool_ptr pool) -> asio::awaitable<void> {
        const auto user = std::make_shared<pool_user>(pool);
        co_await let_others_run();
        BOOST_TEST(backends().empty());
        BOOST_TEST(pool->count().connects == 0u);
    });
}

BOOST_FIXTURE_TEST_CASE(all_users_together_have_no_more_connections_than_the_pool, pool_fixture) {
    with_pool(3, [&](pool_ptr pool) -> asio::awaitable<void> {
        std::size_t most = 0;
        const auto transactions = [&](user_ptr user) -> asio::awaitable<void> {
            for (int i = 0; i < 5; ++i) {
                const begun one = co_await begin(user);
                BOOST_REQUIRE(one.has_value());
                const std::string answer = co_await ask_on(*one, "select 1");
                // The first ones are not done before the last connection has come.
                co_await eventually([&] { return (most = std::max(most, pool->count().in_use)) >= 3; });
                BOOST_TEST(answer == "1");
            }
        };
        std::vector<asio::awaitable<void>> work;
        for (int i = 0; i < 20; ++i) work.push_back(transactions(std::make_shared<pool_user>(pool)));
        co_await concurrently(std::move(work));
        BOOST_TEST(most == 3u);
        BOOST_TEST(pool->count().connects == 3u);
        BOOST_TEST(backends().size() == 3u);
        co_await eventually([&] { return pool->count().in_use == 0; }, default_deadline);
    });
}

BOOST_FIXTURE_TEST_CASE(those_who_wait_are_served_in_order_whoever_they_are, pool_fixture) {
    with_pool(1, [&](pool_ptr pool) -> asio::awaitable<void> {
        std::vector<user_ptr> users;
        for (int i = 0; i < 3; ++i) users.push_back(std::make_shared<pool_user>(pool));
        begun first = co_await begin(users[0]);
        std::vector<int> order;
        const auto one = [&](user_ptr user, int number) -> asio::awaitable<void> {
            const begun lease = co_await begin(user);
            BOOST_REQUIRE(lease.has_value());
            order.push_back(number);
        };
        std::vector<asio::awaitable<void>> work;
        // The first one wants many, and gets no more than its turns.
        const std::vector<int> whose = {0, 0, 0, 1, 2, 0, 2, 1};
        for (std::size_t i = 0; i < whose.size(); ++i)
            work.push_back(one(users[static_cast<std::size_t>(whose[i])], static_cast<int>(i)));
        auto waiting = co_await start(concurrently(std::move(work)));
        co_await let_others_run();
        BOOST_TEST(order.empty());
        first->give_back();
        co_await eventually([&] { return waiting.done(); }, default_deadline);
        waiting.value();
        const std::vector<int> expected = {0, 1, 2, 3, 4, 5, 6, 7};
        TEST_SAME(order, expected);
    });
}

BOOST_FIXTURE_TEST_CASE(one_that_waits_is_cancelled_and_takes_nobodys_turn, pool_fixture) {
    with_pool(1, [&](pool_ptr pool) -> asio::awaitable<void> {
        const auto user = std::make_shared<pool_user>(pool);
        begun first = co_await begin(user);
        asio::cancellation_signal signal;
        const auto executor = co_await asio::this_coro::executor;
        started<begun> cancelled(executor, begin(user), signal.slot());
        auto next = co_await start(begin(user));
        auto late = co_await start(begin(user, 20ms));
        co_await eventually([&] { return late.done(); }, default_deadline);
        BOOST_TEST(code_of(late) == es::errc::timeout);
        BOOST_TEST(late.value().error().message().find("pool_size") != std::string::npos);
        signal.emit(asio::cancellation_type::terminal);
        co_await eventually([&] { return cancelled.done(); }, default_deadline);
        BOOST_TEST(code_of(cancelled) == es::errc::cancelled);
        BOOST_TEST(!next.done());
        first->give_back();
        co_await eventually([&] { return next.done(); }, default_deadline);
        BOOST_TEST(next.value().has_value());
        BOOST_TEST(pool->count().connects == 1u);
    });
}

BOOST_FIXTURE_TEST_CASE(a_session_killed_while_it_is_idle_is_replaced, pool_fixture) {
    with_pool(1, [&](pool_ptr pool) -> asio::awaitable<void> {
        const auto user = std::make_shared<pool_user>(pool);
        for (int i = 0; i < 3; ++i) {
            begun one = co_await begin(user);
            BOOST_REQUIRE(one.has_value());
            const int pid = co_await pid_of(*one);
            one->give_back();
            co_await eventually([&] { return state_of(pid) == "idle"; }, default_deadline);
            terminate(pid);
        }
        begun last = co_await begin(user);
        BOOST_REQUIRE(last.has_value());
        BOOST_TEST(pool->count().connections == 1u);
        BOOST_TEST(pool->count().connects == 4u);
    });
}

BOOST_FIXTURE_TEST_CASE(a_stopped_user_ends_its_own_and_leaves_the_others_alone, pool_fixture) {
    with_pool(3, [&](pool_ptr pool) -> asio::awaitable<void> {
        const auto goes = std::make_shared<pool_user>(pool);
        const auto stays = std::make_shared<pool_user>(pool);
        begun idle = co_await begin(goes);
        begun busy = co_await begin(goes);
        begun others = co_await begin(stays);
        BOOST_REQUIRE((idle.has_value() && busy.has_value() && others.has_value()));
        const int others_pid = co_await pid_of(*others);
        const int idle_pid = co_await pid_of(*idle);
        auto refused = co_await start(begin(goes));
        auto waiting = co_await start(begin(stays));
        const auto slow = send(*busy, "select pg_sleep(1)");
        co_await let_others_run();
        auto stopping = co_await start(stop(goes));
        co_await eventually([&] { return refused.done() && waiting.done(); }, default_deadline);
        BOOST_TEST(code_of(refused) == es::errc::store_closed);
        BOOST_TEST(waiting.value().has_value()); // in the place of the idle one
        co_await eventually([&] { return state_of(idle_pid) == "gone"; }, default_deadline);
        co_await eventually([&] { return slow->done; }, default_deadline);
        BOOST_TEST(!slow->lost); // its answer was waited for
        BOOST_TEST(!stopping.done());
        busy->give_back();
        co_await eventually([&] { return stopping.done(); }, default_deadline);
        const int after = co_await pid_of(*others);
        BOOST_TEST(after == others_pid);
        auto late = co_await start(begin(goes));
        co_await eventually([&] { return late.done(); }, default_deadline);
        BOOST_TEST(code_of(late) == es::errc::store_closed);
        others->give_back();
        begun more = co_await begin(stays);
        BOOST_TEST(more.has_value());
    });
}

BOOST_FIXTURE_TEST_CASE(a_user_that_is_dropped_waits_for_no_answer, pool_fixture) {
    with_pool(2, [&](pool_ptr pool) -> asio::awaitable<void> {
        const auto goes = std::make_shared<pool_user>(pool);
        const auto stays = std::make_shared<pool_user>(pool);
        const begun busy = co_await begin(goes);
        const begun others = co_await begin(stays);
        const auto slow = send(*busy, "select pg_sleep(60)");
        const auto quick = send(*others, "select pg_sleep(0.1)");
        co_await let_others_run();
        auto stopping = stop(goes, 0s);
        co_await std::move(stopping);
        co_await eventually([&] { return quick->done; }, default_deadline);
        BOOST_TEST(slow->lost);
        BOOST_TEST(!quick->lost);
    });
}

BOOST_FIXTURE_TEST_CASE(a_user_without_transactions_is_stopped_at_once_and_the_connections_stay, pool_fixture) {
    with_pool(1, [&](pool_ptr pool) -> asio::awaitable<void> {
        const auto goes = std::make_shared<pool_user>(pool);
        const auto stays = std::make_shared<pool_user>(pool);
        begun one = co_await begin(goes);
        one->give_back();
        auto stopping = stop(goes);
        co_await std::move(stopping);
        const begun next = co_await begin(stays);
        BOOST_TEST(next.has_value());
    });
}

BOOST_FIXTURE_TEST_CASE(a_closed_pool_ends_what_is_open_and_refuses_who_waits, pool_fixture) {
    with_pool(2, [&](pool_ptr pool) -> asio::awaitable<void> {
        const auto user = std::make_shared<pool_user>(pool);
        begun idle = co_await begin(user);
        begun busy = co_await begin(user);
        auto waiting = co_await start(begin(user));
        const auto slow = send(*busy, "select pg_sleep(1)");
        co_await let_others_run();
        auto stopping = co_await start(stop(pool));
        co_await eventually([&] { return waiting.done() && slow->done; }, default_deadline);
        BOOST_TEST(code_of(waiting) == es::errc::store_closed);
        BOOST_TEST(!slow->lost);
        BOOST_TEST(!stopping.done());
        busy->give_back();
        co_await eventually([&] { return stopping.done(); }, default_deadline);
        const std::string answer = co_await ask_on(*idle, "select 1");
        BOOST_TEST(answer != "1");
        co_await eventually([&] { return backends().empty(); }, default_deadline);
    });
}

BOOST_FIXTURE_TEST_CASE(a_pool_closed_while_a_session_is_being_cleaned_does_not_wait_for_it, pool_fixture) {
    with_pool(1, [&](pool_ptr pool) -> asio::awaitable<void> {
        const auto user = std::make_shared<pool_user>(pool);
        begun one = co_await begin(user);
        one->give_back();
        co_await eventually([&] { return pool->count().in_use == 0; }, default_deadline); // its cleaning is under way
    });
}

BOOST_FIXTURE_TEST_CASE(a_context_that_goes_takes_the_sessions_along_and_leases_may_outlive_it, pool_fixture) {
    const long before = es::detail::live_objects();
    {
        begun open;
        begun unused;
        user_ptr user;
        {
            asio::io_context context;
            const pool_ptr pool = make(context.get_executor(), 2);
            user = std::make_shared<pool_user>(pool);
            open = run(context, begin(user));
            unused = run(context, begin(user));
            BOOST_REQUIRE((open.has_value() && unused.has_value()));
            unused->give_back();
            pool->abandon();
        }
        open->drop(es::failure(es::errc::cancelled, "too late"));
        asio::io_context another;
        auto stopping = stop(user, 0s);
        run(another, std::move(stopping));
    }
    BOOST_TEST(es::detail::live_objects() == before);
}

BOOST_FIXTURE_TEST_CASE(a_context_that_goes_while_some_wait_leaves_nothing_behind, pool_fixture) {
    const long before = es::detail::live_objects();
    for (std::size_t handlers = 0; handlers < 40; ++handlers) {
        asio::io_context context;
        const pool_ptr pool = make(context.get_executor(), 1);
        const auto user = std::make_shared<pool_user>(pool);
        for (int i = 0; i < 3; ++i)
            asio::co_spawn(context, begin(user), [](const std::exception_ptr&, const begun&) {});
        for (std::size_t i = 0; i < handlers; ++i) context.run_one_for(1s);
        pool->abandon();
    }
    BOOST_TEST(es::detail::live_objects() == before);
}

BOOST_AUTO_TEST_SUITE_END()
