// Tries to connect to a real server, and their ends.
#include "postgres/connector.hpp"

#include "support/concurrently.hpp"
#include "support/store_fixture.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;

BOOST_AUTO_TEST_SUITE(connector_test)

BOOST_FIXTURE_TEST_CASE(a_try_that_is_stopped_while_it_sets_up_its_session_is_no_failure, store_fixture) {
    std::vector<std::string> lines;
    const auto keep = [&](es::log_level, std::string_view line) { lines.emplace_back(line); };
    const auto body = [&]() -> asio::awaitable<void> {
        const auto executor = co_await asio::this_coro::executor;
        const auto connector = std::make_shared<es::postgres::connector>(options(),
            es::detail::environment::make(executor, keep), es::postgres::session_kind::reading, "connecting");
        const std::string slow = "select pg_sleep(60) /* " + schema() + " */";
        const es::postgres::connection::inspector look =
            [&](std::shared_ptr<es::postgres::connection> link, const es::postgres::connect_settings&,
                es::detail::steady_time deadline) -> asio::awaitable<es::result<void>> {
            auto asking = es::postgres::connection::run_script(link, slow, deadline);
            const auto answer = co_await std::move(asking);
            if (!answer) co_return answer.error();
            co_return es::result<void>();
        };
        auto trying = co_await start(es::postgres::connector::connect(connector, asio::make_strand(executor), look));
        const std::string sleeping =
            "select count(*) from pg_stat_activity where wait_event = 'PgSleep' and strpos(query, '" + schema() +
            "') > 0";
        co_await eventually([&] { return number(sleeping) == 1; }, default_deadline);
        connector->stop();
        co_await eventually([&] { return trying.done(); }, 10s);
        BOOST_REQUIRE(!trying.value().has_value());
        BOOST_TEST(trying.value().error().code() == es::errc::store_closed);
    };
    run(body(), default_deadline);
    for (const std::string& each : lines) BOOST_TEST_MESSAGE(each);
    BOOST_TEST(lines.empty());
}

BOOST_AUTO_TEST_SUITE_END()
