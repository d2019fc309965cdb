// PgBouncer between a store and its server, where it is installed.
#include "support/concurrently.hpp"
#include "support/receive.hpp"
#include "support/stepping.hpp"
#include "support/store_fixture.hpp"

#include <eventstore/subscription.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <signal.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace es = eventstore;
namespace fs = std::filesystem;
using namespace std::chrono_literals;
using namespace es::test;

namespace {

constexpr const char* program = "/usr/sbin/pgbouncer";

boost::test_tools::assertion_result is_installed(boost::unit_test::test_unit_id) { return fs::exists(program); }

/// One of its own, in front of the tests' server; it listens on a socket in a folder of its own.
class pooler {
public:
    pooler(const std::string& mode, const std::string& more = "") {
        BOOST_TEST_REQUIRE(mkdtemp(folder_.data()) != nullptr);
        session direct;
        const std::string socket = direct.host() + "/.s.PGSQL." + direct.port();
        user_ = direct.value("select current_user");
        database_ = direct.value("select current_database()");
        std::ofstream(folder_ + "/users") << '"' << user_ << "\" \"\"\n";
        std::ofstream(folder_ + "/ini") << "[databases]\n* = host=" << direct.host() << " port=" << direct.port()
                                        << "\n[pgbouncer]\nlisten_port = 6432\nunix_socket_dir = " << folder_
                                        << "\nauth_type = trust\nauth_file = " << folder_
                                        << "/users\npool_mode = " << mode
                                        << "\ndefault_pool_size = 2\nlogfile = " << folder_
                                        << "/log\npidfile = " << folder_ << "/pid\n"
                                        << more << '\n';
        // The socket's folder is for the server's user alone, and PgBouncer refuses to run as root.
        const std::string owner = "$(stat --format %U '" + socket + "')";
        const std::string as_owner = "if [ $(id -u) -eq 0 ]; then chown -R " + owner + " " + folder_ +
            "; as=\"setpriv --reuid=" + owner + " --regid=$(id -g " + owner + ") --clear-groups\"; fi; $as ";
        const std::string start = as_owner + program + " --quiet --daemon " + folder_ + "/ini";
        BOOST_TEST_REQUIRE(std::system(start.c_str()) == 0);
        const auto end = std::chrono::steady_clock::now() + 20s;
        while (!is_listening()) BOOST_TEST_REQUIRE((std::chrono::steady_clock::now() < end), "PgBouncer did not start");
    }
    ~pooler() {
        pid_t pid = 0;
        if (std::ifstream(folder_ + "/pid") >> pid && pid > 1) ::kill(pid, SIGTERM);
        const auto end = std::chrono::steady_clock::now() + 20s;
        while (fs::exists(folder_ + "/pid") && std::chrono::steady_clock::now() < end) {
        }
        std::error_code ignored;
        fs::remove_all(folder_, ignored);
    }
    pooler(const pooler&) = delete;
    pooler& operator=(const pooler&) = delete;

    std::string url() const { return "host=" + folder_ + " port=6432 dbname='" + database_ + "' user='" + user_ + "'"; }

private:
    bool is_listening() const {
        try {
            const session attempt(url());
            return true;
        } catch (const std::exception&) {
            return false;
        }
    }

    std::string folder_ = "/tmp/eventstore-pooler-XXXXXX";
    std::string user_;
    std::string database_;
};

void is_found_out(es::store_options options) {
    const es::failure why = run(expect_error(es::errc::server_unusable, es::open(std::move(options))));
    BOOST_TEST(why.message().find("pooled(true)") != std::string::npos, why.message());
}

} // namespace

BOOST_AUTO_TEST_SUITE(pooler_test, *boost::unit_test::precondition(&is_installed))

BOOST_FIXTURE_TEST_CASE(a_pooler_that_was_not_told_of_is_found_out, store_fixture) {
    run(es::migrate(options()));
    for (const char* const mode : {"transaction", "session"}) {
        const pooler strict(mode);
        is_found_out(options(strict.url()).pooled(false));
        const pooler lenient(mode, "ignore_startup_parameters = options"); // which takes the settings, and forgets them
        is_found_out(options(lenient.url()).pooled(false));
    }
}

BOOST_FIXTURE_TEST_CASE(stores_that_share_sessions_keep_their_events_apart, store_fixture) {
    const fresh_schema other;
    const pooler between("transaction", "max_client_conn = 100");
    const auto body = [&]() -> asio::awaitable<void> {
        const es::store mine = co_await es::open(options(between.url()).pooled());
        const es::store theirs = co_await es::open(options(between.url()).pooled().schema(other.name()));
        for (int i = 1; i <= 5; ++i) {
            co_await mine.append("a", es::any_version, counted_one("mine" + std::to_string(i)));
            co_await theirs.append("a", es::any_version, counted_one("theirs" + std::to_string(i)));
        }
        const es::event_page of_mine = co_await mine.read("a");
        const es::event_page of_theirs = co_await theirs.read("a");
        TEST_SAME(data_of(of_mine), texts({"mine1", "mine2", "mine3", "mine4", "mine5"}));
        TEST_SAME(data_of(of_theirs), texts({"theirs1", "theirs2", "theirs3", "theirs4", "theirs5"}));
    };
    run(body());
}

// PgBouncer before 1.21 releases a server session at the first of several answers that a client waits for. If that client
// disconnects, the next client of the session would receive the others.
BOOST_FIXTURE_TEST_CASE(what_a_dead_client_has_asked_is_not_answered_to_the_next, store_fixture) {
    const pooler between("transaction", "default_pool_size = 1"); // what one client leaves, the next one gets
    const auto how = options(between.url()).pooled().pool_size(1);
    std::unique_ptr<blocker> row;
    {
        asio::io_context context(1);
        const es::store store = run(context, es::open(how));
        run(context, store.record_snapshot(es::snapshot("second", 1, "Sum", "1")));
        const std::string second = "select from eventstore.snapshots where source = 'second' for update";
        row = std::make_unique<blocker>(here(second));
        for (const char* source : {"first", "second"})
            asio::co_spawn(context, store.record_snapshot(es::snapshot(source, 2, "Sum", "2")), asio::detached);
        step_until(context, [&] { return row->blocks(); });
    }
    const auto body = [&]() -> asio::awaitable<void> {
        auto opening = co_await start(es::open(how));
        const auto end = std::chrono::steady_clock::now() + 2s; // its statements may wait behind that of the dead one
        while (!opening.done() && std::chrono::steady_clock::now() < end) co_await let_others_run();
        row->release();
        co_await eventually([&] { return opening.done(); });
        const es::store store = opening.value();
        const es::append_result done = co_await store.append("a", es::no_stream, counted(2));
        BOOST_TEST(done.last_version == 2);
        const es::snapshot first = co_await store.read_snapshot("first");
        BOOST_TEST(first.version() == 2);
        const es::event_page page = co_await store.read("a");
        TEST_SAME(positions_of(page), from_to(done.first_position, done.last_position));
    };
    run(body());
}

BOOST_FIXTURE_TEST_CASE(a_store_listens_through_a_pooler_that_keeps_sessions, store_fixture) {
    const pooler between("transaction");
    const pooler keeping("session");
    const auto how = options(between.url()).pooled().session_url(keeping.url());
    const auto body = [&]() -> asio::awaitable<void> {
        const es::store store = co_await es::open(how);
        es::subscription all = co_await store.subscribe_to_all("all");
        const std::string channel = value("select 'es_' || md5(" + quoted_text(schema()) + ")");
        co_await eventually([&] {
            return number("select count(*) from pg_stat_activity where query like 'listen \"" + channel + "\"%'") > 0;
        });
        es::store other = co_await es::open(options());
        co_await other.append("a", es::no_stream, counted_one("heard"));
        BOOST_TEST((co_await receive(all, 1)).size() == 1u);
        co_await all.unsubscribe();
    };
    run(body());
}

BOOST_AUTO_TEST_SUITE_END()
