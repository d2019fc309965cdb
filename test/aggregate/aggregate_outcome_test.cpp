// What a command tells when its events are stored, or may be, and something fails.
#include "aggregate/wallet.hpp"
#include "support/concurrently.hpp"

#include <stdexcept>
#include <string>
#include <vector>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;
using namespace std::chrono_literals;

namespace {

/// Takes no event but the first one of the log. Before an append it is not known that there is another one.
struct alone {
    using event = taken_out;
    void apply(const taken_out&, const es::recorded_event& recorded) {
        if (recorded.position() > 1) throw std::out_of_range("another one was there");
    }
};

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

// The event has the id of the command, and was stored by another call, which had decided otherwise.
BOOST_FIXTURE_TEST_CASE(the_state_is_made_from_the_events_that_are_stored, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (const auto& options : {es::aggregate_options(), cached().snapshot_every(1)}) {
            const std::string id = "wallet-" + std::to_string(options.cache_bytes());
            const wallets all(store, options);
            co_await all.execute(id, put(1));
            const es::uuid command = es::make_uuid();
            const auto decide = [&](const wallet&) -> asio::awaitable<es::event_data> {
                const put_in first{100, "another call"};
                const es::event_data other = es::to_event_data(first).id(command);
                co_await store.append(id, es::any_version, other);
                const put_in second{5, "this call"};
                co_return es::to_event_data(second).id(command);
            };
            const auto done = co_await all.execute(id, decide);
            BOOST_TEST(done.appended().already_appended);
            BOOST_TEST(done.version() == 2);
            BOOST_TEST(done.state().coins == 101);
            const auto next = co_await all.execute(id, put(1));
            BOOST_TEST(next.state().coins == 102);
            const auto loaded = co_await wallets(store, es::aggregate_options().snapshot_every(100)).load(id);
            BOOST_TEST((loaded.state() == next.state()));
        }
    });
}

BOOST_FIXTURE_TEST_CASE(a_failure_after_the_append_says_that_the_events_are_stored, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const wallets all(store, cached());
        const es::uuid command = es::make_uuid();
        const auto decide = [&](const wallet&) -> asio::awaitable<es::event_data> {
            const es::event_data event = es::to_event_data(taken_out{1}).id(command);
            co_await store.append("wallet-1", es::any_version, event);
            co_await store.append("wallet-1", es::any_version, es::event_data("Stolen", "{}"));
            co_return event;
        };
        const auto outcome = co_await all.try_execute("wallet-1", decide);
        const es::failure& why = outcome.error();
        BOOST_TEST((why.code() == es::errc::unknown_event_type));
        BOOST_TEST(why.outcome_unknown());
        BOOST_TEST(has(why, "the events of the command are stored"), why.message());
    });
}

BOOST_FIXTURE_TEST_CASE(an_exception_of_apply_after_the_append_says_so_too, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("other", es::no_stream, taken_out(1));
        const es::aggregate_store<alone> all(store);
        const auto decide = [](const alone&) { return taken_out{1}; };
        const auto outcome = co_await all.try_execute("wallet-1", decide);
        const es::failure& why = outcome.error();
        BOOST_TEST((why.code() == es::errc::handler_failed));
        BOOST_TEST(why.outcome_unknown());
        BOOST_TEST(has(why, "another one was there"), why.message());
        BOOST_TEST(has(why, "the events of the command are stored"), why.message());
        BOOST_TEST(events_stored() == 2);
    });
}

BOOST_AUTO_TEST_SUITE_END()
