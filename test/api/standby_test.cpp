// A server in recovery: there is no LISTEN, and nothing can be written, until it is promoted.
#include "support/receive.hpp"
#include "support/replicated_server.hpp"
#include "support/store_fixture.hpp"

namespace es = eventstore;
using namespace std::chrono_literals;
using namespace es::test;

namespace {

constexpr const char* sessions = "select sessions from pg_stat_database where datname = current_database()";
constexpr const char* listeners = "select count(*) from pg_stat_activity where query like 'listen %'";

} // namespace

BOOST_AUTO_TEST_SUITE(standby_test)

BOOST_AUTO_TEST_CASE(a_listener_follows_a_standby_and_hears_after_its_promotion) {
    replicated_server servers;
    std::vector<std::string> log;
    const auto body = [&]() -> asio::awaitable<void> {
        const auto keep = [&](es::log_level, std::string_view text) { log.emplace_back(text); };
        const es::store store = co_await es::open(es::store_options(servers.standby.url()).on_log(keep));
        es::event_listener all = co_await store.listen_to_all();
        es::event_listener one = co_await store.listen("a");
        const int connected = std::stoi(servers.on_standby(sessions));
        for (int round = 0; round < 3; ++round) {
            co_await servers.append(std::to_string(round) + "-", 2);
            const auto heard = co_await all.next(10s);
            TEST_SAME(data_of(*heard), data_of(counted(2, std::to_string(round) + "-")));
            const auto heard_of_one = co_await one.next(10s);
            TEST_SAME(data_of(*heard_of_one), data_of(*heard));
        }
        BOOST_TEST(log.size() <= 2u, log.back()); // each cause once, though it is tried again and again
        BOOST_TEST(std::stoi(servers.on_standby(sessions)) - connected < 20);
        servers.promote();
        co_await store.append("a", es::any_version, counted(2, "own"));
        const auto own = co_await all.next(10s);
        TEST_SAME(data_of(*own), texts({"own1", "own2"}));
        co_await eventually([&] { return servers.on_standby(listeners) == "1"; });
        const es::store other = co_await es::open(es::store_options(servers.standby.url()));
        co_await other.append("a", es::any_version, counted(1, "others"));
        const auto others = co_await all.next(10s);
        TEST_SAME(data_of(*others), texts({"others1"}));
    };
    run(body(), 120s);
}

BOOST_AUTO_TEST_CASE(a_standby_can_be_read_and_refuses_a_subscription_at_once) {
    replicated_server servers;
    const auto body = [&]() -> asio::awaitable<void> {
        const es::store store = co_await es::open(es::store_options(servers.standby.url()));
        const es::event_page page = co_await store.read_all();
        TEST_SAME(data_of(page), texts({"before1", "before2"}));
        const auto begun = std::chrono::steady_clock::now();
        const auto why = co_await expect_error(es::errc::connection_lost, store.subscribe_to_all("reader"));
        BOOST_TEST((std::chrono::steady_clock::now() - begun < 5s));
        BOOST_TEST(why.message().find("read-only") != std::string::npos, why.message());
    };
    run(body(), 120s);
}

BOOST_AUTO_TEST_CASE(a_subscription_that_waits_is_taken_after_the_promotion) {
    replicated_server servers;
    const auto body = [&]() -> asio::awaitable<void> {
        const es::store store = co_await es::open(es::store_options(servers.standby.url()));
        const auto waits = es::subscription_options().when_taken(es::if_taken::wait).group_by(es::grouping::none);
        auto subscribing = co_await start(store.within(60s).subscribe_to_all("reader", waits));
        co_await let_others_run();
        BOOST_TEST(!subscribing.done());
        servers.promote();
        co_await eventually([&] { return subscribing.done(); }, 30s);
        const texts told = co_await receive(subscribing.value(), 2);
        TEST_SAME(told, texts({"before1", "before2"}));
    };
    run(body(), 120s);
}

BOOST_AUTO_TEST_SUITE_END()
