// The log under a store's feet becomes another one: an older backup takes its place, or an old primary comes back. No
// append may go there.
#include "support/concurrently.hpp"
#include "support/store_fixture.hpp"

#include <eventstore/embedded_postgres.hpp>
#include <eventstore/store_group.hpp>
#include <eventstore/transaction.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace es = eventstore;
namespace fs = std::filesystem;
using namespace std::chrono_literals;
using namespace es::test;

namespace {

/// The log as a backup has it that was made when it had as many events; what comes later never was.
class restored_fixture : public store_fixture {
public:
    void restore(std::int64_t events) {
        session root(test_server::superuser_url());
        root.run(here(
            "begin; set local session_replication_role = replica; delete from eventstore.events where position > " +
            std::to_string(events) +
            "; update eventstore.streams as s set version = (select count(*) from eventstore.events as e where "
            "e.stream_id = s.stream_id); delete from eventstore.streams where version = 0; commit"));
    }
};

/// Refused at once, and nothing is written.
asio::awaitable<void> is_refused(asio::awaitable<es::append_result> append) {
    const auto before = std::chrono::steady_clock::now();
    const es::failure why = co_await expect_error(es::errc::log_truncated, std::move(append));
    BOOST_TEST((std::chrono::steady_clock::now() - before < 5s));
    BOOST_TEST(!why.outcome_unknown());
    BOOST_TEST(!why.retry_helps());
}

/// A session that is new is refused at the beginning, one that was there before at the end.
asio::awaitable<void> transact(es::store store) {
    es::transaction work = co_await store.begin();
    work.append("a", es::any_version, counted_one("refused"));
    co_await work.commit();
}

asio::awaitable<void> transaction_is_refused(const es::store& store) {
    co_await expect_error(es::errc::log_truncated, transact(store));
}

/// Two servers with an address each; the second took the place of the first.
class two_servers {
public:
    two_servers() {
        BOOST_TEST_REQUIRE(mkdtemp(name_.data()) != nullptr);
        fs::permissions(name_, fs::perms::others_exec | fs::perms::group_exec, fs::perm_options::add);
        start_old();
        port_ = session(servers_[0].url()).port();
    }
    ~two_servers() {
        for (auto& each : servers_) each = es::embedded_postgres();
        std::error_code ignored;
        fs::remove_all(name_, ignored);
    }
    two_servers(const two_servers&) = delete;
    two_servers& operator=(const two_servers&) = delete;

    void start_old() { start(0); }
    void stop_old() { stop(0); }
    void stop_new() { stop(1); }
    /// The first has ended; what it had at last is all there.
    void fail_over() {
        stop_old();
        BOOST_TEST_REQUIRE(std::system(("cp -a " + path("0") + " " + path("1")).c_str()) == 0);
        const std::string signal = path("1") + "/recovery.signal";
        std::ofstream(signal).close();
        BOOST_TEST_REQUIRE(std::system(("chown --reference=" + path("1") + " " + signal).c_str()) == 0);
        start(1);
    }

    /// Names the old one first.
    es::store_options both() const { return at(path("at0") + "," + path("at1"), port_ + "," + port_); }
    /// An address that leads to the one, and later to the other.
    es::store_options one_address() const { return at(path("here"), port_); }
    void lead_to_old() { link("here", 0); }
    void lead_to_new() { link("here", 1); }

    std::string events_on_old() { return session(servers_[0].url()).value("select count(*) from eventstore.events"); }
    std::string events_on_new() { return session(servers_[1].url()).value("select count(*) from eventstore.events"); }
    void end_sessions_on_new() {
        session(servers_[1].url())
            .run("select pg_terminate_backend(pid, 10000) from pg_stat_activity where application_name = 'eventstore'");
    }

private:
    std::string path(const std::string& name) const { return name_ + "/" + name; }
    es::store_options at(const std::string& hosts, const std::string& ports) const {
        return es::store_options("host=" + hosts + " port=" + ports + " user=postgres dbname=postgres").create();
    }
    void link(const std::string& name, std::size_t which) {
        fs::remove(path(name));
        fs::create_directory_symlink(session(servers_[which].url()).host(), path(name));
    }
    void start(std::size_t which) {
        const std::string number = std::to_string(which);
        servers_[which] = es::embedded_postgres::start_now(
            es::embedded_postgres_options().data_folder(path(number)).setting("restore_command", "false"));
        session ready(servers_[which].url()); // its promotion is over
        while (ready.value("select pg_is_in_recovery()") == "t") {
        }
        link("at" + number, which);
    }
    void stop(std::size_t which) {
        servers_[which] = es::embedded_postgres();
        fs::remove(path("at" + std::to_string(which)));
    }

    std::string name_ = "/tmp/eventstore-history-XXXXXX";
    std::string port_;
    es::embedded_postgres servers_[2];
};

} // namespace

BOOST_AUTO_TEST_SUITE(history_test)

BOOST_FIXTURE_TEST_CASE(an_older_backup_under_a_live_writer_gets_no_append, restored_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(6));
        restore(5);
        for (int round = 0; round < 2; ++round) { // it stays so
            co_await is_refused(store.append("a", es::any_version, counted_one("refused")));
            co_await is_refused(store.append("b", es::no_stream, counted(3)));
            co_await transaction_is_refused(store);
        }
        terminate_backends(); // and a new session does not mend it
        // The first may go to the session that has ended, and be stored for all the store knows.
        co_await expect_error(es::errc::log_truncated, store.append("a", es::any_version, counted_one("refused")));
        co_await is_refused(store.append("a", es::any_version, counted_one("refused")));
        co_await transaction_is_refused(store);
        BOOST_TEST(events_stored() == 5);

        const es::store other = co_await es::open(options());
        co_await other.append("a", 5, counted(2, "other"));
        // Now there is an event again where this one saw its last.
        co_await is_refused(store.append("a", es::any_version, counted_one("refused")));
        co_await is_refused(store.append("b", es::no_stream, counted(3)));
        co_await transaction_is_refused(store);
        BOOST_TEST(events_stored() == 7);
        co_await other.append("a", 7, counted_one("other"));
    });
    BOOST_TEST(events_stored() == 8);
}

BOOST_FIXTURE_TEST_CASE(a_backup_that_holds_all_that_was_seen_goes_on, restored_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(3));
        const es::store other = co_await es::open(options());
        co_await other.append("b", es::any_version, counted(3));
        restore(3);
        co_await store.append("a", 3, counted_one("4"));
        terminate_backends();
        co_await store.append("a", 4, counted_one("5"));
    });
    BOOST_TEST(events_stored() == 5);
}

BOOST_FIXTURE_TEST_CASE(what_was_seen_may_be_deleted_for_good, store_fixture) {
    expect_holes();
    with_store(options().allow_hard_delete(), [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(3));
        co_await store.append("b", es::any_version, counted(3));
        co_await store.delete_stream("b", es::any_version, es::deletion::hard);
        co_await store.append("a", 3, counted_one("4"));
        co_await store.delete_stream("a", es::any_version, es::deletion::hard);
        terminate_backends();
        co_await store.append("c", es::no_stream, counted(2));
    });
    BOOST_TEST(events_stored() == 2);
}

BOOST_AUTO_TEST_CASE(an_old_primary_that_comes_back_is_passed_over_for_the_one_that_holds_the_log) {
    for (const bool is_of_group : {false, true}) {
        two_servers servers;
        const auto body = [&]() -> asio::awaitable<void> {
            es::store_group group;
            es::store store;
            if (is_of_group) {
                group = co_await es::open_group(servers.both());
                store = co_await group.open("eventstore");
            } else {
                store = co_await es::open(servers.both());
            }
            co_await store.append("a", es::any_version, counted(3));
            servers.fail_over();
            co_await store.append("a", 3, counted(2));
            servers.start_old(); // as it was, and takes writes
            servers.end_sessions_on_new();
            co_await store.append("a", 5, counted_one("6"));
            servers.end_sessions_on_new();
            co_await store.append("a", 6, counted(2));
            if (!is_of_group) {
                servers.end_sessions_on_new();
                es::transaction work = co_await store.begin();
                work.append("a", 8, counted_one("9"));
                co_await work.commit();
            }
            BOOST_TEST(servers.events_on_new() == (is_of_group ? "8" : "9"));
            BOOST_TEST(servers.events_on_old() == "3");

            servers.stop_new(); // better no append than one there
            co_await expect_error(
                es::errc::log_truncated, store.within(2s).append("a", es::any_version, counted_one("refused")));
            BOOST_TEST(servers.events_on_old() == "3");
        };
        run(body(), 120s);
    }
}

BOOST_AUTO_TEST_CASE(an_old_primary_at_the_same_address_gets_no_append) {
    two_servers servers;
    servers.lead_to_old();
    const auto body = [&]() -> asio::awaitable<void> {
        const es::store store = co_await es::open(servers.one_address());
        co_await store.append("a", es::any_version, counted(3));
        servers.fail_over();
        servers.lead_to_new();
        co_await store.append("a", 3, counted(2));
        servers.start_old();
        servers.lead_to_old();
        servers.end_sessions_on_new();
        // It may be sent before the end of the session is heard of: the new server may have it, for all the store knows.
        co_await expect_error(es::errc::log_truncated, store.append("a", es::any_version, counted_one("refused")));
        co_await is_refused(store.append("a", es::any_version, counted_one("refused")));
        co_await expect_error(es::errc::log_truncated, store.begin());
        BOOST_TEST(servers.events_on_old() == "3");
        servers.lead_to_new();
        co_await store.append("a", 5, counted_one("6"));
    };
    run(body(), 120s);
}

BOOST_AUTO_TEST_SUITE_END()
