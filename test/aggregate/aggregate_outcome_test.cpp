// What a command tells when its events are stored, or may be, and something fails.
#include "aggregate/wallet.hpp"
#include "support/concurrently.hpp"

#include <string>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;
using namespace std::chrono_literals;

namespace {

bool has(const es::failure& why, const std::string& part) { return why.message().find(part) != std::string::npos; }

} // namespace

BOOST_AUTO_TEST_SUITE(aggregate_outcome_test)

// The first attempt may have stored it; that the next one has surely not got the lock tells nothing of the first.
BOOST_FIXTURE_TEST_CASE(an_outcome_that_was_unknown_stays_unknown_when_the_repeat_fails, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const wallets all(store.within(1s));
        co_await all.execute("wallet-1", put(1));
        blocker holder = hold_log();
        started<es::result<es::execution<wallet>>> command(
            co_await asio::this_coro::executor, all.try_execute("wallet-1", put(2)));
        co_await eventually([&] { return holder.blocks(); });
        terminate_backends();
        co_await eventually([&] { return command.done(); });
        const es::failure why = command.value().error();
        BOOST_TEST(why.outcome_unknown(), why.message());
        BOOST_TEST(has(why, "an earlier attempt may have stored the events"), why.message());
        holder.release();
    });
}

BOOST_AUTO_TEST_SUITE_END()
