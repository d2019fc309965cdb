// A commit that waits for a synchronous standby, until the server is told to wait no longer: it is committed, and may be on
// no other server. Such a write is no success.
#include "support/concurrently.hpp"
#include "support/store_fixture.hpp"

#include <eventstore/embedded_postgres.hpp>
#include <eventstore/snapshot.hpp>
#include <eventstore/transaction.hpp>

namespace es = eventstore;
using namespace std::chrono_literals;
using namespace es::test;

namespace {

/// A server whose commits wait for a standby that does not exist, from without_standby() to with_standby().
class synchronous_server {
public:
    void without_standby() { settle("set synchronous_standby_names = 'nobody'", "nobody"); }
    void with_standby() { settle("reset synchronous_standby_names", ""); }

    asio::awaitable<void> until_a_commit_waits() {
        co_await eventually([this] {
            return admin_.value("select count(*) from pg_stat_activity where wait_event = 'SyncRep'") != "0";
        });
    }
    /// What pg_cancel_backend, and a fast shutdown, do to such a commit.
    void end_the_waiting() {
        admin_.run("select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'");
    }
    std::string stored() { return admin_.value("select count(*) from eventstore.events"); }
    const std::string& url() const { return server_.url(); }

private:
    void settle(const std::string& what, const std::string& expected) {
        admin_.run("alter system " + what);
        admin_.run("select pg_reload_conf()");
        while (session(url()).value("show synchronous_standby_names") != expected) {
        }
    }

    es::embedded_postgres server_ = es::embedded_postgres::start_now();
    session admin_ = session(server_.url());
};

/// A write whose commit the server stops waiting for.
template <class T>
asio::awaitable<void> expect_unknown_outcome(synchronous_server& server, asio::awaitable<T> write) {
    server.without_standby();
    started<T> writing = co_await start(std::move(write));
    co_await server.until_a_commit_waits();
    server.end_the_waiting();
    co_await eventually([&] { return writing.done(); });
    BOOST_CHECK_EXCEPTION(writing.value(), es::error, [](const es::error& e) {
        BOOST_TEST(std::string(e.what()).find("synchronous standby") != std::string::npos, e.what());
        return e.code() == es::errc::connection_lost && e.why().outcome_unknown();
    });
    server.with_standby();
}

} // namespace

BOOST_AUTO_TEST_SUITE(synchronous_standby_test)

BOOST_AUTO_TEST_CASE(an_append_is_done_when_the_standby_has_it) {
    synchronous_server server;
    const auto body = [&]() -> asio::awaitable<void> {
        const es::store store = co_await es::open(es::store_options(server.url()).create());
        server.without_standby();
        auto appending = co_await start(store.within(60s).append("a", es::no_stream, counted(2)));
        for (int round = 0; round < 2; ++round) { // what comes again finds its events, and waits as they did
            co_await server.until_a_commit_waits();
            BOOST_TEST(!appending.done());
            server.end_the_waiting();
            co_await eventually([&] { return store.stats().retried_flushes > static_cast<std::uint64_t>(round); });
        }
        BOOST_TEST(!appending.done());
        server.with_standby();
        co_await eventually([&] { return appending.done(); });
        BOOST_TEST(appending.value().last_version == 2);
        BOOST_TEST(server.stored() == "2");
    };
    run(body(), 120s);
}

BOOST_AUTO_TEST_CASE(a_transaction_is_of_unknown_outcome) {
    synchronous_server server;
    const auto body = [&]() -> asio::awaitable<void> {
        const es::store store = co_await es::open(es::store_options(server.url()).create());
        es::transaction work = co_await store.begin();
        work.append("a", es::no_stream, counted(1));
        auto committing = expect_unknown_outcome(server, work.commit());
        co_await std::move(committing);
        BOOST_TEST(server.stored() == "1");
    };
    run(body(), 120s);
}

BOOST_AUTO_TEST_CASE(a_snapshot_is_of_unknown_outcome) {
    synchronous_server server;
    const auto body = [&]() -> asio::awaitable<void> {
        const es::store store = co_await es::open(es::store_options(server.url()).create());
        const es::snapshot state("a", 2, "Sum", "3");
        auto recording = expect_unknown_outcome(server, store.record_snapshot(state));
        co_await std::move(recording);
        const es::snapshot kept = co_await store.read_snapshot("a");
        BOOST_TEST(kept.version() == 2);
    };
    run(body(), 120s);
}

BOOST_AUTO_TEST_SUITE_END()
