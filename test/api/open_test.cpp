#include "support/concurrently.hpp"
#include "support/conditions.hpp"
#include "support/proxy.hpp"
#include "support/store_fixture.hpp"

#include <boost/asio/ip/tcp.hpp>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;

namespace {

// A schema whose name needs care wherever it goes.
class named_schema {
public:
    explicit named_schema(std::string name) : name_(std::move(name)) { drop(); }
    ~named_schema() { drop(); }
    const std::string& name() const noexcept { return name_; }
    bool exists() const {
        return sql_value("select count(*) from pg_namespace where nspname = " + quoted_text(name_)) == "1";
    }

private:
    void drop() const {
        sql("set client_min_messages = error; drop schema if exists " + quoted_name(name_) + " cascade");
    }
    std::string name_;
};

asio::awaitable<es::failure> open_fails(es::errc code, es::store_options options) {
    const es::failure why = co_await expect_error(code, es::open(std::move(options)));
    BOOST_TEST(!why.message().empty());
    BOOST_TEST(why.message().find('\n') == std::string::npos, why.message());
    co_return why;
}

asio::awaitable<void> append_and_read(es::store store) {
    co_await store.append("a", es::any_version, counted_one("alone"));
    co_await store.append("a", es::any_version, counted(2));
    const es::event_page page = co_await store.read("a");
    TEST_SAME(data_of(page), texts({"alone", "1", "2"}));
    const es::event_page all = co_await store.read_all();
    BOOST_TEST(all.size() == 3u);
    BOOST_TEST(all[0].stream() == "a");
    const es::event_page filtered = co_await store.read_all(es::read_options().type("Counted").stream_prefix("a"));
    BOOST_TEST(filtered.size() == 3u);
    const std::vector<es::stream_info> list = co_await store.streams();
    BOOST_TEST(list.size() == 1u);
    co_await expect_error(es::errc::wrong_expected_version, store.append("a", 1, counted_one("x")));
}

} // namespace

BOOST_AUTO_TEST_SUITE(open_test)

BOOST_FIXTURE_TEST_CASE(a_missing_schema_is_made_only_if_asked_for, store_fixture) {
    const auto body = [&]() -> asio::awaitable<void> {
        const es::failure why = co_await open_fails(es::errc::schema_missing, options().create(false));
        BOOST_TEST(why.message().find(schema()) != std::string::npos, why.message());
        BOOST_TEST(value("select count(*) from pg_namespace where nspname = '" + schema() + "'") == "0");
        {
            const es::store made = co_await es::open(options());
            co_await append_and_read(made);
        }
        const es::store again = co_await es::open(options().create(false));
        const es::event_page page = co_await again.read("a");
        BOOST_TEST(page.size() == 3u);
        const es::store and_again = co_await es::open(options());
        const es::event_page same = co_await and_again.read("a");
        BOOST_TEST(same.size() == 3u);
    };
    run(body());
}

BOOST_FIXTURE_TEST_CASE(a_schema_that_holds_something_else_is_missing_its_store, store_fixture) {
    ask("create schema " + quoted_name(schema()) +
        "; create table eventstore.mine (x int); insert into eventstore.mine values (1)");
    run(open_fails(es::errc::schema_missing, options().create(false)));
    with_store([&](es::store store) -> asio::awaitable<void> { co_await append_and_read(store); });
    BOOST_TEST(value("select x from eventstore.mine") == "1");
}

BOOST_FIXTURE_TEST_CASE(a_schema_newer_than_the_library_is_left_alone, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> { co_await append_and_read(store); });
    ask("insert into eventstore.schema_migrations (version, name) values (9999, 'from the future')");
    for (const bool create : {false, true}) {
        const es::failure why = run(open_fails(es::errc::schema_too_new, options().create(create)));
        BOOST_TEST(why.message().find("9999") != std::string::npos, why.message());
    }
    run(expect_error(es::errc::schema_too_new, es::migrate(options())));
    BOOST_TEST(number("select count(*) from eventstore.schema_migrations where version < 9999") ==
        number("select max(version) from eventstore.schema_migrations where version < 9999"));
}

BOOST_FIXTURE_TEST_CASE(a_schema_older_than_the_library_is_missing_something, store_fixture) {
    const int newest = run(es::migrate(options()));
    BOOST_TEST(newest >= 5);
    ask("delete from eventstore.schema_migrations where version = " + std::to_string(newest));
    const es::failure why = run(open_fails(es::errc::schema_missing, options().create(false)));
    BOOST_TEST(why.message().find(std::to_string(newest - 1)) != std::string::npos, why.message());
}

BOOST_FIXTURE_TEST_CASE(migrate_makes_the_schema_once, store_fixture) {
    const int first = run(es::migrate(options().create(false)));
    const int second = run(es::migrate(options()));
    BOOST_TEST(first == second);
    BOOST_TEST(number("select max(version) from eventstore.schema_migrations") == first);
    BOOST_TEST(number("select count(*) from eventstore.schema_migrations") == first);
    with_store(
        options().create(false), [&](es::store store) -> asio::awaitable<void> { co_await append_and_read(store); });
}

BOOST_FIXTURE_TEST_CASE(a_migration_that_fails_leaves_nothing_behind, store_fixture) {
    // In the way of one of the later migrations.
    ask("create schema " + quoted_name(schema()) +
        "; create function eventstore.refuse_change() returns int language sql as 'select 1'");
    const es::failure why = run(expect_error(es::errc::database_error, es::open(options())));
    BOOST_TEST(why.sqlstate() == "42723");
    BOOST_TEST(value("select to_regclass('eventstore.events') is null") == "t");
    BOOST_TEST(value("select to_regclass('eventstore.schema_migrations') is null") == "t");
    ask("drop function eventstore.refuse_change()");
    with_store([&](es::store store) -> asio::awaitable<void> { co_await append_and_read(store); });
}

BOOST_FIXTURE_TEST_CASE(many_may_make_the_schema_at_once, store_fixture) {
    const auto body = [&]() -> asio::awaitable<void> {
        const auto open_and_append = [&](int number) -> asio::awaitable<void> {
            const es::store store = co_await es::open(options());
            co_await store.append("s-" + std::to_string(number), es::no_stream, counted_one("x"));
        };
        const auto migrate = [&]() -> asio::awaitable<void> {
            const int version = co_await es::migrate(options());
            BOOST_TEST(version >= 5);
        };
        std::vector<asio::awaitable<void>> work;
        for (int i = 0; i < 6; ++i) work.push_back(open_and_append(i));
        for (int i = 0; i < 4; ++i) work.push_back(migrate());
        co_await concurrently(std::move(work));
    };
    run(body());
    BOOST_TEST(events_stored() == 6);
}

BOOST_AUTO_TEST_CASE(any_schema_name_is_quoted) {
    for (const std::string& name : {std::string(R"("we'ird"; drop)"), std::string("x'; drop schema public cascade; --"),
             std::string(R"(back\slash 'n' "quote")"), std::string("UPPER lower"),
             std::string("stra\u00dfe \U0001F680"), std::string("percent %s $1 ${x} :x"), std::string("select"),
             std::string("$$ $f$ $migration$"), std::string("/* comment"), std::string("-- comment"),
             // The library writes the name in the place of "eventstore.": once, and not in what it has written.
             std::string("eventstore.log_state"), std::string("my eventstore.eventstore."), std::string(63, 'x')}) {
        BOOST_TEST_CONTEXT(name) {
            const named_schema schema(name);
            const es::failure why = run(
                open_fails(es::errc::schema_missing, es::store_options(test_server::url()).schema(name).create(false)));
            BOOST_TEST(!schema.exists());
            const auto use = [&]() -> asio::awaitable<void> {
                const es::store store = co_await es::open(es::store_options(test_server::url()).schema(name).create());
                co_await append_and_read(store);
            };
            run(use());
            BOOST_TEST(schema.exists());
            BOOST_TEST(sql_value("select count(*) from " + quoted_name(name) + ".events") == "3");
            BOOST_TEST(session().state_of("delete from " + quoted_name(name) + ".events") == "23001");
        }
    }
}

BOOST_AUTO_TEST_CASE(names_that_can_be_no_schema_are_refused) {
    for (const std::string& name : {std::string(), std::string(64, 'x'), std::string(70, 'x'), std::string("a\0b", 3),
             std::string("\xff"), std::string("pg_mine"), std::string(62, 'x') + "\u00e9"})
        for (const bool create : {false, true}) {
            const es::failure why = run(open_fails(
                es::errc::invalid_argument, es::store_options(test_server::url()).schema(name).create(create)));
            BOOST_TEST(why.message().find("schema") != std::string::npos, why.message());
            run(expect_error(
                es::errc::invalid_argument, es::migrate(es::store_options(test_server::url()).schema(name))));
        }
}

BOOST_FIXTURE_TEST_CASE(options_out_of_their_bounds_are_refused, store_fixture) {
    const std::vector<std::pair<std::string, es::store_options>> table = {
        {"pool_size", options().pool_size(0)},
        {"pool_size", options().pool_size(1001)},
        {"operation_timeout", options().operation_timeout(0ms)},
        {"operation_timeout", options().operation_timeout(-1ms)},
        {"close_timeout", options().close_timeout(-1ms)},
        {"max_event_bytes", options().max_event_bytes((std::size_t(64) << 20) + 1)},
        {"max_event_bytes", options().max_event_bytes(0)},
    };
    for (const auto& [which, how] : table) {
        const es::failure why = run(open_fails(es::errc::invalid_argument, how));
        BOOST_TEST(why.message().find(which) != std::string::npos, why.message());
    }
}

BOOST_FIXTURE_TEST_CASE(a_url_that_is_none_is_refused, store_fixture) {
    for (const char* const url : {"postgresql://host:notaport/db", "nonsense", "host=localhost port",
             "no_such_option=1", "postgresql://localhost/db?no_such_option=1", "postgresql://[::1/db",
             "postgresql://%zz@localhost/db", "host='unfinished"}) {
        const auto attempt = [&]() -> asio::awaitable<es::errc> {
            es::errc code{};
            try {
                const es::store store = co_await es::open(options(url));
            } catch (const es::error& e) {
                BOOST_TEST(!e.why().message().empty());
                code = e.why().code();
            }
            co_return code;
        };
        const es::errc code = run(attempt());
        BOOST_TEST((code == es::errc::invalid_argument), url);
    }
}

BOOST_FIXTURE_TEST_CASE(a_server_that_cannot_be_reached_is_reported_in_time, store_fixture) {
    asio::io_context context;
    asio::ip::tcp::acceptor closed(context, {asio::ip::address_v4::loopback(), 0});
    const std::string free_port = std::to_string(closed.local_endpoint().port());
    closed.close();
    // One that takes connections and never says a word.
    asio::ip::tcp::acceptor mute(context, {asio::ip::address_v4::loopback(), 0});
    const std::string mute_port = std::to_string(mute.local_endpoint().port());

    const std::vector<std::string> urls = {
        "host=127.0.0.1 port=" + free_port,
        "postgresql://localhost:" + free_port + "/db",
        "host=/no/such/folder",
        "host=no-such-host.invalid",
        url_with(url(), {{"dbname", "no_such_database"}}),
        url_with(url(), {{"user", "no_such_role"}}),
        "host=127.0.0.1 port=" + mute_port,
    };
    for (const std::string& each : urls) {
        const auto began = std::chrono::steady_clock::now();
        const bool is_mute = each.ends_with(mute_port);
        const es::failure why = run(expect_error(is_mute ? es::errc::timeout : es::errc::connection_lost,
            es::open(options(each).operation_timeout(1500ms))));
        const auto took = std::chrono::steady_clock::now() - began;
        BOOST_TEST((took < patient(4s)), each);
        BOOST_TEST(why.message().size() > 20u, why.message());
        BOOST_TEST(why.message().find('\n') == std::string::npos, why.message());
        BOOST_TEST(why.retry_helps(), each);
        BOOST_TEST(!why.outcome_unknown());
    }
}

// As a pooler cuts them whose session with the server ends just then.
BOOST_FIXTURE_TEST_CASE(open_bears_that_a_connection_is_lost_while_it_is_looked_at, store_fixture) {
    run(es::migrate(options()));
    proxy network(url());
    network.cut_at("server_version_num", 2);
    const es::store store = run(es::open(options(network.url())));
    network.cut_at("server_version_num", 1000);
    const es::failure why = run(expect_error(es::errc::connection_lost, es::open(options(network.url()))));
    BOOST_TEST(why.retry_helps());
}

BOOST_FIXTURE_TEST_CASE(a_password_is_never_told, store_fixture) {
    const std::vector<std::string> secrets = {
        "s3cr3t-pass", "s3cr3t'pass", "s3cr3t pass", "s3cr3t%pass", "s3cr3t\"pass", "x"};
    for (const std::string& secret : secrets) {
        std::string encoded; // for a URI, each byte in hexadecimal
        for (const char c : secret) {
            static const char digits[] = "0123456789ABCDEF";
            encoded += {'%', digits[c >> 4], digits[c & 15]};
        }
        std::string escaped; // for keyword=value
        for (const char c : secret) {
            if (c == '\'' || c == '\\') escaped += '\\';
            escaped += c;
        }
        const bool plain = secret.find_first_of("'% \"") == std::string::npos;
        std::vector<std::string> urls = {
            url_with(url(), {{"password", secret}, {"dbname", "no_such_database"}}),
            url_with(url(), {{"password", secret}, {"user", "no_such_role"}}),
            "host=/no/such/folder password='" + escaped + "'",
            "host=no-such-host.invalid password='" + escaped + "'",
            "host=127.0.0.1 port=1 password='" + escaped + "' no_such_option=1",
            "password='" + escaped, // the end is missing
            "host=localhost password " + secret,
            "postgresql://ada:" + encoded + "@127.0.0.1:1/db",
            "postgresql://ada:" + encoded + "@127.0.0.1:notaport/db",
            "postgresql://ada:" + encoded + "@[::1/db",
            "postgresql://ada:" + encoded + "%zz@localhost/db",
            "postgresql://ada:" + encoded + "@localhost/db?no_such_option=1",
            "postgresql://localhost:1/db?password=" + encoded,
            "postgresql://localhost:1/db?password=" + encoded + "%z",
            "postgresql://localhost:1/db?password" + encoded,
        };
        if (plain) {
            urls.push_back("postgresql://ada:" + secret + "@[::1/db");
            urls.push_back("postgresql://ada:" + secret + "%zz@localhost/db");
            urls.push_back("postgresql://localhost/db?password=" + secret + "%zz");
            urls.push_back("postgresql://localhost/db?" + secret);
            urls.push_back("postgresql://localhost/db?password=" + secret + "=1");
        }
        for (const std::string& each : urls) {
            std::string log;
            const auto keep = [&log](es::log_level, std::string_view line) { log += line; };
            const auto attempt = [&]() -> asio::awaitable<std::string> {
                std::string told;
                try {
                    const es::store store = co_await es::open(options(each).on_log(keep).operation_timeout(1500ms));
                } catch (const es::error& e) {
                    told = std::string(e.what()) + e.why().message() + e.why().stream() + e.why().sqlstate() +
                        e.code().message();
                }
                co_return told;
            };
            const std::string told = run(attempt());
            BOOST_TEST(!told.empty(), each);
            if (secret.size() == 1) continue; // any message holds an x; it must still be readable
            for (const std::string& text : {told, log}) {
                BOOST_TEST(text.find(secret) == std::string::npos, each << " -> " << text);
                BOOST_TEST(text.find(encoded) == std::string::npos, each << " -> " << text);
                BOOST_TEST(text.find("s3cr3t") == std::string::npos, each << " -> " << text);
            }
        }
    }
}

BOOST_FIXTURE_TEST_CASE(several_hosts_are_tried, store_fixture) {
    const session server(url());
    const std::string several =
        url_with(url(), {{"host", "/no/such/folder," + server.host()}, {"port", "1," + server.port()}});
    with_store(options(several), [&](es::store store) -> asio::awaitable<void> { co_await append_and_read(store); });
}

// Text is UTF-8 here, whatever else the url or the environment says.
BOOST_FIXTURE_TEST_CASE(another_client_encoding_does_not_change_the_text, store_fixture) {
    with_store(
        options(url_with(url(), {{"client_encoding", "LATIN1"}})), [&](es::store store) -> asio::awaitable<void> {
            const std::string name = "stra\u00dfe";
            co_await store.append(name, es::no_stream, es::event_data("\u00e9", "x"));
            co_await store.append(name, es::any_version, counted(2));
            const es::event_page page = co_await store.read_all();
            BOOST_TEST(page[0].stream() == name);
            BOOST_TEST(page[0].type() == "\u00e9");
            const std::vector<es::stream_info> list = co_await store.streams();
            BOOST_TEST(list[0].name == name);
        });
    BOOST_TEST(value("select name = 'stra\u00dfe' from eventstore.streams") == "t");
}

BOOST_FIXTURE_TEST_CASE(settings_of_the_role_do_not_reach_the_store, store_fixture, *own_sessions()) {
    const std::string hostile = "-c timezone=Pacific/Kiritimati -c datestyle=SQL,DMY -c bytea_output=escape"
                                " -c search_path=pg_temp -c standard_conforming_strings=off -c intervalstyle=iso_8601";
    with_store(options(url_with(url(), {{"options", hostile}})), [&](es::store store) -> asio::awaitable<void> {
        co_await append_and_read(store);
        const es::timestamp when{1'700'000'000'123'456us};
        co_await store.append("b", es::no_stream, es::event_data("T", std::string("\0\\x'\x01", 5)).created_at(when));
        const es::event_page page = co_await store.read("b");
        BOOST_TEST((page[0].created_at() == when));
        BOOST_TEST((page[0].data() == std::string_view("\0\\x'\x01", 5)));
    });
}

BOOST_FIXTURE_TEST_CASE(a_default_above_read_committed_does_not_stop_appends, store_fixture, *own_sessions()) {
    const std::string hostile = "-c default_transaction_isolation=serializable";
    with_store(options(url_with(url(), {{"options", hostile}})),
        [&](es::store store) -> asio::awaitable<void> { co_await append_and_read(store); });
}

BOOST_FIXTURE_TEST_CASE(asynchronous_commit_is_refused_unless_allowed, store_fixture, *own_sessions()) {
    const std::string careless = url_with(url(), {{"options", "-c synchronous_commit=off"}});
    const es::failure why = run(open_fails(es::errc::server_unusable, options(careless)));
    BOOST_TEST(why.message().find("synchronous_commit") != std::string::npos, why.message());
    with_store(options(careless).allow_asynchronous_commit(),
        [&](es::store store) -> asio::awaitable<void> { co_await append_and_read(store); });
}

BOOST_FIXTURE_TEST_CASE(
    a_pooler_is_served_without_prepared_statements_and_session_settings, store_fixture, *told_warnings()) {
    with_store(options().pooled(), [&](es::store store) -> asio::awaitable<void> {
        co_await append_and_read(store);
        BOOST_TEST(ask("select 1").size() == 1u);
    });
}

BOOST_FIXTURE_TEST_CASE(stores_in_two_schemas_know_nothing_of_each_other, store_fixture) {
    const fresh_schema other;
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::store second = co_await es::open(options().schema(other.name()));
        const es::event_data event = counted_one("same id");
        const es::append_result here_ = co_await store.append("a", es::no_stream, event);
        const es::append_result there = co_await second.append("a", es::no_stream, event);
        BOOST_TEST(here_.first_position == 1);
        BOOST_TEST(there.first_position == 1);
        co_await second.append("a", 1, counted(3));
        const es::event_page mine = co_await store.read("a");
        const es::event_page theirs = co_await second.read("a");
        BOOST_TEST(mine.size() == 1u);
        BOOST_TEST(theirs.size() == 4u);

        // A writer that holds the log of the one does not hold that of the other.
        blocker log = hold_log();
        co_await second.append("a", 4, counted_one("free"));
        log.release();
    });
}

BOOST_AUTO_TEST_SUITE_END()
