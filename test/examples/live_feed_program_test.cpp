// The program as a process: how it begins, and that it ends in order.
#include "examples/http_client.hpp"
#include "examples/live_feed_program.hpp"

#include <csignal>
#include <string>

namespace asio = boost::asio;
namespace es = eventstore;
using namespace eventstore::test;

namespace {

/// Appends, follows the feed, has the program end meanwhile, and returns its exit code.
template <class End>
int exit_code_after(const std::string& schema, const End& end) {
    live_feed_program program(schema);
    const auto client = [&]() -> asio::awaitable<void> {
        const reply appended = co_await post(program.port(), "/streams/a", R"({"type":"A","data":1})");
        BOOST_TEST(appended.status == 201u);
        event_source source(co_await asio::this_coro::executor);
        co_await source.open(program.port());
        const std::optional<sent_event> event = co_await source.next();
        BOOST_TEST(event.has_value());
        end(program);
        while (const std::optional<sent_event> more = co_await source.next()) {
        } // to the end of the feed
    };
    run(client());
    return program.wait();
}

} // namespace

BOOST_AUTO_TEST_SUITE(live_feed_program_test)

BOOST_FIXTURE_TEST_CASE(it_ends_in_order_when_it_is_told_to, store_fixture) {
    BOOST_TEST(exit_code_after(schema(), [](child_program& program) { program.signal(SIGTERM); }) == 0);
    BOOST_TEST(exit_code_after(schema(), [](child_program& program) { program.signal(SIGINT); }) == 0);
    BOOST_TEST(exit_code_after(schema(), [](child_program& program) { program.end_input(); }) == 0);
    BOOST_TEST(events_stored() == 3);
}

BOOST_FIXTURE_TEST_CASE(a_port_that_is_taken_is_an_error, store_fixture) {
    const live_feed_program first(schema());
    child_program second(live_feed_program::command(schema(), first.port()), 0, 2);
    const std::string complaint = second.read_until('\n');
    BOOST_TEST(complaint.find("Address already in use") != complaint.npos, complaint);
    BOOST_TEST(second.wait() == 1);
}

BOOST_AUTO_TEST_SUITE_END()
