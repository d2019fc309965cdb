// A connection as it is before a pool has it.
#include "postgres/connection.hpp"
#include "postgres/holds.hpp"
#include "postgres/scripted_server.hpp"

#include "support/coroutines.hpp"
#include "support/server.hpp"

#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>

#include <chrono>
#include <memory>
#include <string>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;
using es::postgres::connection;
using es::postgres::transaction_state;

BOOST_AUTO_TEST_SUITE(connection_test)

BOOST_AUTO_TEST_CASE(it_knows_what_the_last_answer_has_left_the_transaction_in) {
    run([]() -> asio::awaitable<void> {
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        const auto link = std::make_shared<connection>(
            asio::make_strand(executor), connection::sending_mode(), es::detail::environment::make(executor, nullptr));
        BOOST_TEST((link->transaction() == transaction_state::unknown));
        const auto deadline = std::chrono::steady_clock::now() + 10s;
        const es::store_options options(test_server::url());
        auto connecting = connection::connect(
            link, *es::postgres::connect_settings::make(options, es::postgres::session_kind::reading), deadline);
        const es::result<void> connected = co_await std::move(connecting);
        if (!connected) BOOST_FAIL(connected.error().message());

        const struct {
            std::string script;
            transaction_state after;
        } steps[] = {
            {"select 1", transaction_state::idle},
            {"begin", transaction_state::in_transaction},
            {"select 1 / 0", transaction_state::failed},
            {"rollback", transaction_state::idle},
        };
        for (const auto& each : steps) {
            auto running = connection::run_script(link, each.script, deadline);
            const es::result<es::postgres::answer> answer = co_await std::move(running);
            BOOST_TEST(answer.has_value() == (each.after != transaction_state::failed), each.script);
            BOOST_TEST((link->transaction() == each.after), each.script);
        }
        link->drop(es::failure(es::errc::store_closed, "the test is over"));
        BOOST_TEST((link->transaction() == transaction_state::unknown));
    }());
}

BOOST_AUTO_TEST_CASE(a_server_that_hangs_up_is_a_lost_connection) {
    scripted_server server;
    server.hang_up();
    const es::failure why = es::postgres::connection_failure(server.connection(), "reading");
    BOOST_TEST((why.code() == es::errc::connection_lost));
    BOOST_TEST(why.retry_helps());
    BOOST_TEST(holds(why.message(), "reading: server closed the connection unexpectedly"), why.message());
    BOOST_TEST(!holds(why.message(), "\n"), why.message());
    BOOST_TEST(!why.message().ends_with(" "), why.message());
}

BOOST_AUTO_TEST_CASE(a_connection_that_says_nothing_is_told_to_be_closed) {
    const es::failure why = es::postgres::connection_failure(scripted_server().connection(), "reading");
    BOOST_TEST(why.message() == "reading: the connection was closed");
}

BOOST_AUTO_TEST_SUITE_END()
