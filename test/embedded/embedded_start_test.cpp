#include "embedded/processes.hpp"
#include "support/coroutines.hpp"

#include <eventstore/embedded_postgres.hpp>

#include "base/live_objects.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/test/unit_test.hpp>

#include <fstream>
#include <functional>
#include <iterator>
#include <optional>

using namespace eventstore;
using namespace eventstore::test;
namespace fs = std::filesystem;

namespace {

asio::awaitable<std::string> start_and_ask(std::string database) {
    const embedded_postgres server =
        co_await embedded_postgres::start(embedded_postgres_options().database(database).setting("work_mem", "7MB"));
    co_return value_of(server.url(), "select current_database() || ' ' || current_setting('work_mem')");
}

asio::awaitable<embedded_postgres> start_default() { co_return co_await embedded_postgres::start(); }

asio::awaitable<void> start_into(std::optional<embedded_postgres>& server) {
    embedded_postgres started = co_await embedded_postgres::start();
    server.emplace(std::move(started));
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(embedded_start_test, private_folder)

BOOST_AUTO_TEST_CASE(a_coroutine_gets_a_server_that_is_ready) {
    BOOST_TEST(run(start_and_ask("shop")) == "shop 7MB");
    BOOST_TEST(leftovers().size() == 0u);
}

BOOST_AUTO_TEST_CASE(the_io_context_goes_on_meanwhile) {
    asio::io_context context;
    asio::steady_timer timer(context);
    int ticks = 0;
    std::function<void()> tick = [&] {
        timer.expires_after(milliseconds(1));
        timer.async_wait([&](boost::system::error_code failed) {
            ++ticks;
            if (!failed) tick();
        });
    };
    tick();
    const embedded_postgres server = run(context, start_default());
    BOOST_TEST(ticks > 20);
}

BOOST_AUTO_TEST_CASE(several_start_at_once) {
    std::optional<embedded_postgres> first;
    std::optional<embedded_postgres> second;
    std::vector<asio::awaitable<void>> both;
    both.push_back(start_into(first));
    both.push_back(start_into(second));
    run_threads(2, std::move(both));
    BOOST_TEST(value_of(first->url(), "select 1") == "1");
    BOOST_TEST(value_of(second->url(), "select 1") == "1");
}

BOOST_AUTO_TEST_CASE(a_failure_is_thrown_by_the_await) {
    asio::awaitable<embedded_postgres> lazy = embedded_postgres::start(embedded_postgres_options().database(""));
    const failure why = run(expect_error(errc::invalid_argument, std::move(lazy)));
    BOOST_TEST(why.message().find("`database`") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_cancelled_start_is_undone) {
    asio::io_context context;
    asio::cancellation_signal signal;
    std::exception_ptr thrown;
    bool done = false;
    asio::co_spawn(context, start_default(),
        asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr e, embedded_postgres) {
            thrown = e;
            done = true;
        }));
    while (leftovers().empty()) context.run_one_for(milliseconds(1)); // until there is something to undo
    signal.emit(asio::cancellation_type::terminal);
    context.restart();
    context.run_for(std::chrono::seconds(20));
    BOOST_REQUIRE(done);
    BOOST_REQUIRE(thrown);
    BOOST_CHECK_EXCEPTION(
        std::rethrow_exception(thrown), error, [](const error& e) { return e.code() == errc::cancelled; });
    BOOST_TEST(leftovers().size() == 0u);
}

BOOST_AUTO_TEST_CASE(a_context_that_goes_takes_its_starts_along) {
    const long objects = eventstore::detail::live_objects();
    for (const bool wait_for_more : {false, true}) {
        asio::io_context context;
        asio::co_spawn(context, start_default(), [](std::exception_ptr, embedded_postgres) {});
        context.run_one();
        while (wait_for_more && leftovers().empty()) context.run_one_for(milliseconds(1));
    }
    BOOST_TEST(leftovers().size() == 0u);
    BOOST_TEST(eventstore::detail::live_objects() == objects);
}

BOOST_AUTO_TEST_CASE(a_server_that_nobody_takes_any_more_is_stopped) {
    const long objects = eventstore::detail::live_objects();
    {
        asio::io_context context;
        asio::co_spawn(context, start_default(), [](std::exception_ptr, embedded_postgres) {});
        context.run_one(); // only as far as to wait for the server
        wait_until("a server that is ready", [&] {
            const auto names = leftovers();
            if (names.empty()) return false;
            std::ifstream file(fs::path(names.front()) / "data" / "postmaster.pid");
            return std::string(std::istreambuf_iterator<char>(file), {}).find("\nready") != std::string::npos;
        });
    }
    BOOST_TEST(leftovers().size() == 0u);
    BOOST_TEST(eventstore::detail::live_objects() == objects);
}

BOOST_AUTO_TEST_SUITE_END()
