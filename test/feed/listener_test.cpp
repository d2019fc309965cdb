// One connection that listens for many, on a real server.
#include "support/concurrently.hpp"
#include "support/group_fixture.hpp"
#include "support/proxy.hpp"
#include "support/stop.hpp"

#include "feed/listener.hpp"

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;
using es::feed::listener;

BOOST_AUTO_TEST_SUITE(listener_test)

namespace {

class ear final : public es::feed::notification_receiver {
public:
    void on_listening() override { ++listening; }
    void on_listening_lost() override { ++deaf; }
    void on_notification(const es::feed::notification& what) override { heard.emplace_back(what.kind); }

    int listening = 0;
    int deaf = 0;
    texts heard;
};

class listener_fixture : public group_fixture {
public:
    using listener_ptr = std::shared_ptr<listener>;

    /// Runs `body(listener)`, and closes it.
    template <class Body>
    void with_listener(const Body& body) {
        run(work(body)); // teardown() looks for connections that are left
    }

    void notify(const std::string& schema, const std::string& message) {
        ask("select pg_notify('es_' || md5(" + quoted_text(schema) + "), " + quoted_text(message) + ")");
    }

    static asio::awaitable<std::shared_ptr<ear>> join(listener_ptr where, std::string schema) {
        const auto who = std::make_shared<ear>();
        where->join(std::move(schema), who);
        co_await eventually([&] { return who->listening > 0; }, default_deadline);
        co_return who;
    }

private:
    template <class Body>
    asio::awaitable<void> work(const Body& body) {
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        const auto made =
            std::make_shared<listener>(options(), es::detail::environment::make(executor, options().on_log()));
        co_await body(made);
        auto stopping = stop(made);
        co_await std::move(stopping);
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(while_nobody_hears_there_is_no_connection, listener_fixture) {
    with_listener([&](listener_ptr all) -> asio::awaitable<void> {
        co_await let_others_run();
        BOOST_TEST(connections() == 0u);
        auto first = co_await join(all, "a");
        auto second = co_await join(all, "b");
        BOOST_TEST(connections() == 1u);
        all->leave("a", first.get());
        notify("b", "still here");
        co_await eventually([&] { return !second->heard.empty(); }, default_deadline);
        all->leave("b", second.get());
        co_await eventually([&] { return connections() == 0; }, default_deadline);
        BOOST_TEST(second->deaf == 0); // it went by itself
        second = co_await join(all, "b");
        BOOST_TEST(connections() == 1u);
    });
}

BOOST_FIXTURE_TEST_CASE(each_hears_its_own_schema_and_no_other, listener_fixture) {
    with_listener([&](listener_ptr all) -> asio::awaitable<void> {
        const auto first = co_await join(all, "a");
        const auto second = co_await join(all, "b");
        const auto same = co_await join(all, "b");
        notify("a", "1");
        notify("b", "2");
        notify("c", "3");
        notify("a", "4");
        notify("b", "5");
        co_await eventually([&] { return same->heard.size() == 2 && first->heard.size() == 2; }, default_deadline);
        TEST_SAME(first->heard, texts({"1", "4"}));
        TEST_SAME(second->heard, texts({"2", "5"}));
        TEST_SAME(same->heard, texts({"2", "5"}));
        BOOST_TEST(connections() == 1u);
    });
}

BOOST_FIXTURE_TEST_CASE(one_that_has_left_hears_no_more, listener_fixture) {
    with_listener([&](listener_ptr all) -> asio::awaitable<void> {
        const auto leaves = co_await join(all, "a");
        const auto stays = co_await join(all, "a");
        auto forgets = co_await join(all, "a");
        all->leave("a", leaves.get());
        forgets.reset(); // without a word
        notify("a", "1");
        co_await eventually([&] { return !stays->heard.empty(); }, default_deadline);
        TEST_SAME(stays->heard, texts({"1"}));
        BOOST_TEST(leaves->heard.empty());
    });
}

BOOST_FIXTURE_TEST_CASE(after_a_lost_connection_all_are_told_and_hear_again, listener_fixture) {
    with_listener([&](listener_ptr all) -> asio::awaitable<void> {
        const auto first = co_await join(all, "a");
        const auto second = co_await join(all, "b");
        for (int time = 1; time <= 3; ++time) {
            terminate_backends();
            co_await eventually(
                [&] { return first->listening == 1 + time && second->listening == 1 + time; }, default_deadline);
            BOOST_TEST(first->deaf == time);
            BOOST_TEST(second->deaf == time);
            notify("a", std::to_string(time));
            notify("b", std::to_string(time));
            co_await eventually(
                [&] {
                    return first->heard.size() == static_cast<std::size_t>(time) &&
                        second->heard.size() == static_cast<std::size_t>(time);
                },
                default_deadline);
        }
        TEST_SAME(first->heard, texts({"1", "2", "3"}));
    });
}

BOOST_FIXTURE_TEST_CASE(a_connection_that_never_answers_is_made_anew, listener_fixture) {
    proxy between(url());
    between.lose_last(1, "md5("); // the end of the first statement, so that the server waits for it for ever
    const auto body = [&]() -> asio::awaitable<void> {
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        const auto how = options(between.url()).operation_timeout(300ms);
        const auto all = std::make_shared<listener>(how, es::detail::environment::make(executor, how.on_log()));
        const auto who = std::make_shared<ear>();
        all->join("a", who);
        co_await eventually([&] { return who->deaf > 0; }, default_deadline); // and was told so
        co_await eventually([&] { return who->listening > 0; }, default_deadline);
        notify("a", "1");
        co_await eventually([&] { return !who->heard.empty(); }, default_deadline);
        auto stopping = stop(all);
        co_await std::move(stopping);
    };
    run(body());
}

BOOST_FIXTURE_TEST_CASE(many_join_at_once_and_each_hears, listener_fixture) {
    with_listener([&](listener_ptr all) -> asio::awaitable<void> {
        std::vector<std::shared_ptr<ear>> ears;
        const auto name = [](std::size_t i) { return "tenant" + std::to_string(i); };
        for (std::size_t i = 0; i < 600; ++i) {
            ears.push_back(std::make_shared<ear>());
            all->join(name(i), ears.back());
        }
        const auto all_of = [&](const auto& what) { return std::ranges::all_of(ears, what); };
        co_await eventually(
            [&] { return all_of([](const auto& each) { return each->listening == 1; }); }, default_deadline);
        ask("select pg_notify('es_' || md5('tenant' || i), i::text) from generate_series(0, 599) as i");
        co_await eventually(
            [&] { return all_of([](const auto& each) { return each->heard.size() == 1; }); }, default_deadline);
        for (std::size_t i = 0; i < ears.size(); ++i) BOOST_TEST(ears[i]->heard.front() == std::to_string(i));
        BOOST_TEST(connections() == 1u);
    });
}

BOOST_FIXTURE_TEST_CASE(one_that_comes_back_at_once_misses_nothing_from_then_on, listener_fixture) {
    with_listener([&](listener_ptr all) -> asio::awaitable<void> {
        const auto stays = co_await join(all, "other");
        auto who = co_await join(all, "a");
        for (int i = 0; i < 20; ++i) {
            all->leave("a", who.get());
            who = co_await join(all, "a");
            notify("a", std::to_string(i));
            co_await eventually([&] { return !who->heard.empty(); }, default_deadline);
            TEST_SAME(who->heard, texts({std::to_string(i)}));
        }
    });
}

BOOST_AUTO_TEST_CASE(a_notification_is_a_word_and_up_to_two_numbers) {
    const auto check = [](std::string_view text, std::string_view what, std::int64_t first, std::int64_t second) {
        const auto read = es::feed::notification::parse(text);
        BOOST_TEST(read.kind == what);
        BOOST_TEST(read.first == first);
        BOOST_TEST(read.second == second);
    };
    check("log 12 9223372036854775807", "log", 12, 9223372036854775807);
    check("free 7", "free", 7, 0);
    check("", "", 0, 0);
    check("gone", "gone", 0, 0);
    check("log x 5", "log", 0, 0); // what others send to the channel does no harm
    check("log 99999999999999999999 5", "log", 0, 5);
}

BOOST_AUTO_TEST_SUITE_END()
