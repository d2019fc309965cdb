// What a connection of one user does on a real server: statements one after the other, and COPY in both directions.
#include "postgres/connection.hpp"

#include "support/coroutines.hpp"
#include "support/server.hpp"

#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;
using es::postgres::connection;

BOOST_AUTO_TEST_SUITE(copy_test)

namespace {

using link_ptr = std::shared_ptr<connection>;

es::detail::steady_time in(std::chrono::milliseconds time) { return std::chrono::steady_clock::now() + time; }

asio::awaitable<void> connect_and(std::function<asio::awaitable<void>(link_ptr)> body) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    const auto link = std::make_shared<connection>(
        asio::make_strand(executor), connection::sending_mode(), es::detail::environment::make(executor, nullptr));
    const es::store_options options(test_server::url());
    auto connecting = connection::connect(
        link, *es::postgres::connect_settings::make(options, es::postgres::session_kind::reading), in(10s));
    const es::result<void> connected = co_await std::move(connecting);
    if (!connected) BOOST_FAIL(connected.error().message());
    co_await body(link);
    link->drop(es::failure(es::errc::store_closed, "the test is over"));
}

/// Runs the body with a connection.
void with_connection(const std::function<asio::awaitable<void>(link_ptr)>& body) { run(connect_and(body)); }

es::postgres::statement statement(std::string text) {
    es::postgres::statement made;
    made.text = std::move(text);
    made.doing = "testing";
    return made;
}

asio::awaitable<void> begin(link_ptr link, std::string text) {
    auto beginning = connection::begin_copy(link, std::move(text), in(10s));
    const es::result<void> begun = co_await std::move(beginning);
    if (!begun) BOOST_FAIL(begun.error().message());
}

} // namespace

BOOST_AUTO_TEST_CASE(rows_come_until_there_is_no_more_room_and_go_on_after_that) {
    with_connection([](link_ptr link) -> asio::awaitable<void> {
        co_await begin(link, "copy (select n from generate_series(1, 5) as n) to stdout");
        std::vector<std::string> rows;
        const connection::copy_sink two_at_a_time = [&](std::string_view piece) {
            rows.emplace_back(piece);
            return rows.size() % 2 != 0;
        };
        for (const std::size_t expected : {2U, 4U}) {
            auto receiving = connection::receive_copied(link, two_at_a_time, in(10s));
            const auto state = co_await std::move(receiving);
            BOOST_TEST((state && *state == connection::copy_state::going_on));
            BOOST_TEST(rows.size() == expected);
        }
        auto receiving = connection::receive_copied(link, two_at_a_time, in(10s));
        const auto state = co_await std::move(receiving);
        BOOST_TEST((state && *state == connection::copy_state::ended));
        BOOST_TEST(
            rows == (std::vector<std::string>{"1\n", "2\n", "3\n", "4\n", "5\n"}), boost::test_tools::per_element());
        // The next one follows.
        const es::postgres::statement seven = statement("select 7::bigint");
        auto asking = connection::run_statement(link, seven, {}, in(10s));
        const auto answer = co_await std::move(asking);
        BOOST_TEST((answer && answer->int8(0, 0) == 7));
    });
}

BOOST_AUTO_TEST_CASE(rows_that_are_sent_may_be_cut_anywhere) {
    with_connection([](link_ptr link) -> asio::awaitable<void> {
        auto making = connection::run_script(link, "create temporary table copied (line text)", in(10s));
        const auto made = co_await std::move(making);
        BOOST_TEST(made.has_value());
        co_await begin(link, "copy copied from stdin");
        const std::string large(300'000, 'x'); // more than is given to libpq at once
        const std::string rows = "first\n" + large + "\nlast\n";
        for (std::size_t at = 0; at < rows.size(); at += 99'999) {
            auto sending = connection::send_copied(link, std::string_view(rows).substr(at, 99'999), in(10s));
            const auto sent = co_await std::move(sending);
            BOOST_TEST(sent.has_value());
        }
        auto ending = connection::end_sending(link, in(10s));
        const auto stored = co_await std::move(ending);
        BOOST_TEST((stored && *stored == 3));
        const es::postgres::statement sum = statement("select sum(length(line))::bigint from copied");
        auto asking = connection::run_statement(link, sum, {}, in(10s));
        const auto answer = co_await std::move(asking);
        BOOST_TEST((answer && answer->int8(0, 0) == 300'009));
    });
}

BOOST_AUTO_TEST_CASE(a_row_that_the_server_refuses_is_told_at_the_end) {
    with_connection([](link_ptr link) -> asio::awaitable<void> {
        auto making = connection::run_script(link, "create temporary table copied (n bigint)", in(10s));
        const auto made = co_await std::move(making);
        BOOST_TEST(made.has_value());
        co_await begin(link, "copy copied from stdin");
        auto sending = connection::send_copied(link, "1\nno number\n", in(10s));
        co_await std::move(sending);
        auto ending = connection::end_sending(link, in(10s));
        const auto stored = co_await std::move(ending);
        BOOST_REQUIRE(!stored);
        BOOST_TEST(stored.error().sqlstate() == "22P02"); // invalid_text_representation
    });
}

BOOST_AUTO_TEST_CASE(what_fails_behind_the_first_rows_is_told) {
    with_connection([](link_ptr link) -> asio::awaitable<void> {
        co_await begin(link, "copy (select 1 / (3 - n) from generate_series(1, 5) as n) to stdout");
        std::size_t rows = 0;
        const connection::copy_sink count = [&](std::string_view) { return ++rows > 0; };
        auto receiving = connection::receive_copied(link, count, in(10s));
        const auto state = co_await std::move(receiving);
        BOOST_REQUIRE(!state);
        BOOST_TEST(state.error().sqlstate() == "22012"); // division_by_zero
        BOOST_TEST(rows == 2U);
    });
}

BOOST_AUTO_TEST_CASE(a_statement_that_fails_or_is_no_copy_begins_none) {
    with_connection([](link_ptr link) -> asio::awaitable<void> {
        auto missing = connection::begin_copy(link, "copy nothing_of_this_name to stdout", in(10s));
        const auto refused = co_await std::move(missing);
        BOOST_REQUIRE(!refused);
        BOOST_TEST(refused.error().sqlstate() == "42P01"); // undefined_table
        auto other = connection::begin_copy(link, "select 1", in(10s));
        const auto no_copy = co_await std::move(other);
        BOOST_REQUIRE(!no_copy);
        BOOST_TEST(no_copy.error().message().find("took the statement for another one") != std::string::npos);
    });
}

BOOST_AUTO_TEST_CASE(a_server_that_takes_too_long_is_not_waited_for) {
    with_connection([](link_ptr link) -> asio::awaitable<void> {
        auto beginning = connection::begin_copy(link, "copy (select pg_sleep(60)) to stdout", in(200ms));
        const auto begun = co_await std::move(beginning);
        BOOST_REQUIRE(!begun);
        BOOST_TEST((begun.error().code() == es::errc::timeout));
        BOOST_TEST(begun.error().retry_helps());
    });
    with_connection([](link_ptr link) -> asio::awaitable<void> {
        const es::postgres::statement sleep = statement("select pg_sleep(60)");
        auto asking = connection::run_statement(link, sleep, {}, in(200ms));
        const auto answer = co_await std::move(asking);
        BOOST_REQUIRE(!answer);
        BOOST_TEST((answer.error().code() == es::errc::timeout));
    });
}

BOOST_AUTO_TEST_CASE(a_statement_has_its_parameters_and_its_failure) {
    with_connection([](link_ptr link) -> asio::awaitable<void> {
        es::postgres::parameters arguments;
        arguments.add(std::int64_t{6});
        es::postgres::statement twice = statement("select $1 * 7");
        twice.types.push_back(es::postgres::type_oid::int8);
        auto asking = connection::run_statement(link, twice, std::move(arguments), in(10s));
        const auto answer = co_await std::move(asking);
        BOOST_TEST((answer && answer->int8(0, 0) == 42));
        const es::postgres::statement division = statement("select 1 / 0");
        auto failing = connection::run_statement(link, division, {}, in(10s));
        const auto failed = co_await std::move(failing);
        BOOST_REQUIRE(!failed);
        BOOST_TEST(failed.error().sqlstate() == "22012");
        BOOST_TEST(failed.error().message().starts_with("testing: "), failed.error().message());
    });
}

BOOST_AUTO_TEST_SUITE_END()
