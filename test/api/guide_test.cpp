// What sql/README.md tells operators to run: it runs, and has the effect that is promised there.
#include "support/receive.hpp"

#include <eventstore/archive.hpp>
#include <eventstore/roles.hpp>

#include <filesystem>
#include <fstream>
#include <regex>
#include <stdexcept>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;
using namespace std::chrono_literals;

namespace {

/// The text between ```sql and ```.
texts snippets() {
    std::ifstream in(EVENTSTORE_SOURCE_FOLDER "/sql/README.md");
    texts found;
    bool inside = false;
    for (std::string line; std::getline(in, line);) {
        if (line == "```sql") {
            inside = true;
            found.emplace_back();
        } else if (line == "```") {
            inside = false;
        } else if (inside) {
            found.back() += line + '\n';
        }
    }
    if (!in.eof() || inside || found.empty()) throw std::runtime_error("sql/README.md cannot be read");
    return found;
}

/// The one snippet that has these words in it.
std::string snippet_with(const std::string& words) {
    for (const std::string& each : snippets())
        if (each.find(words) != std::string::npos) return each;
    throw std::runtime_error("sql/README.md has no snippet with: " + words);
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    return std::regex_replace(text, std::regex(from), to);
}

struct guide_fixture : store_fixture {
    guide_fixture() { run(es::migrate(options())); }

    std::string for_test(const std::string& snippet) const {
        std::string text = replaced(here(snippet), "schema eventstore", "schema " + quoted_name(schema()));
        text = replaced(text, "shop_subscriber", quoted_name(schema() + "_subscriber"));
        return replaced(text, "shop_reader", quoted_name(schema() + "_reader"));
    }
    /// A connection string with which every session has the rights of the role, and no others.
    std::string as(const std::string& role) const {
        return url_with(test_server::url(), {{"options", "-c role=" + schema() + role}});
    }
};

/// The roles of a store, on a database where nothing is everybody's, and what they are granted.
struct roles_fixture : guide_fixture {
    roles_fixture() {
        ask(for_test("revoke all on schema eventstore from public;"
                     "revoke all on all tables in schema eventstore from public;"
                     "revoke all on all sequences in schema eventstore from public;"
                     "revoke all on all functions in schema eventstore from public"));
        for (int i = 0; i < 2; ++i) run(es::grant_roles(options(), schema())); // after each migration again
    }

    es::store_options options_as(const std::string& role) const { return es::store_options(as(role)).schema(schema()); }
    void with_role(const std::string& role, const store_work& body) { with_store(options_as(role), body); }

    /// The server's words reach the caller.
    template <class T>
    asio::awaitable<void> expect_refusal(asio::awaitable<T> work) {
        const es::failure why = co_await expect_error(es::errc::database_error, std::move(work));
        BOOST_TEST(why.message().find("permission denied for") != std::string::npos, why.message());
        BOOST_TEST(why.sqlstate() == "42501");
    }

    const fresh_role writer{schema() + "_writer"};
    const fresh_role reader{schema() + "_reader"};
    const fresh_role subscriber{schema() + "_subscriber"};
    const fresh_role recorder{schema() + "_recorder"};
    const fresh_role keeper{schema() + "_keeper"};
    const fresh_role scavenger{schema() + "_scavenger"};
    const fresh_role archivist{schema() + "_archivist"};
};

} // namespace

BOOST_AUTO_TEST_SUITE(guide_test)

BOOST_FIXTURE_TEST_CASE(an_event_can_be_appended_and_read_with_plain_sql, guide_fixture) {
    BOOST_TEST(value(for_test(snippet_with("append_event("))).starts_with("{0,1,1,"));
    const rows events = ask(for_test(snippet_with("convert_from")));
    BOOST_REQUIRE(events.size() == 1U);
    TEST_SAME(events[0], (texts{"1", "account-1", "1", "AccountOpened", R"({"owner":"Ada"})"}));
}

BOOST_FIXTURE_TEST_CASE(the_lock_of_the_log_can_be_watched, guide_fixture) {
    const std::string watch = for_test(snippet_with("pg_locks"));
    BOOST_TEST(ask(watch).empty());
    session holder;
    holder.run("begin; " +
        here("select eventstore.append_event('a', -1, gen_random_uuid(), 'T', '', '', "
             "null, null, null, false)"));
    const rows held = ask(watch);
    BOOST_REQUIRE(held.size() == 1U);
    BOOST_TEST(held[0][0] == std::to_string(holder.pid()));
    BOOST_TEST(held[0][3] == "idle in transaction");
    holder.run("rollback");
}

// Not to everybody, as PostgreSQL has it by default, and not by what a test forgot to take away: by the grants alone.
BOOST_FIXTURE_TEST_CASE(a_writer_can_append_and_a_reader_can_read, roles_fixture) {
    const es::event_data one("T", "1");
    with_role("_writer", [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, one);
        const es::append_result again = co_await store.append("a", es::no_stream, one);
        BOOST_TEST(again.already_appended);
        co_await store.append("a", 1, counted(100));
        co_await store.append("b", es::no_stream, es::event_data("T", std::string(10'000, 'x')));
        co_await expect_error(es::errc::wrong_expected_version, store.append("a", 1, counted(1)));
        co_await expect_refusal(store.read("a"));
        co_await expect_refusal(store.read_all());
        co_await expect_refusal(store.find_event(one.id()));
    });
    with_role("_reader", [&](es::store store) -> asio::awaitable<void> {
        const es::event_page page = co_await store.read("a");
        BOOST_TEST(page.size() == 101U);
        const es::event_page all = co_await store.read_all(es::read_options().stream_prefix("b"));
        BOOST_TEST(all.size() == 1U);
        co_await store.find_event(one.id());
        const std::vector<es::stream_info> streams = co_await store.streams();
        BOOST_TEST(streams.size() == 2U);
        co_await store.stream_info("$all");
        co_await expect_refusal(store.append("a", es::any_version, counted(1)));
        co_await expect_refusal(store.append("a", es::any_version, counted(2)));
        co_await expect_refusal(store.delete_stream("a", es::any_version));
    });
    const es::snapshot state("a", 101, "T", "state");
    with_role("_recorder", [&](es::store store) -> asio::awaitable<void> {
        co_await store.record_snapshot(state);
        co_await store.delete_snapshot("b");
        co_await expect_refusal(store.read_snapshot("a"));
    });
    with_role("_reader", [&](es::store store) -> asio::awaitable<void> {
        const es::snapshot same = co_await store.read_snapshot("a");
        BOOST_TEST(same.data() == "state");
        co_await expect_refusal(store.record_snapshot(state));
        co_await expect_refusal(store.delete_snapshot("a"));
    });
    for (const char* const role : {"_writer", "_reader", "_subscriber", "_recorder"}) {
        session somebody(as(role));
        for (const char* const statement :
            {"insert into eventstore.streams (name, version, created_at) values ('forged', 1, now())",
                "update eventstore.events set type = 'x'", "update eventstore.streams set version = 100",
                "delete from eventstore.events", "truncate eventstore.events", "drop table eventstore.events",
                "update eventstore.log_state set floor = 100", "create table eventstore.mine ()",
                "insert into eventstore.schema_migrations values (99, 'forged')"})
            BOOST_TEST(somebody.state_of(here(statement)) == "42501", statement);
    }
    BOOST_TEST(events_stored() == 102);
}

BOOST_FIXTURE_TEST_CASE(a_writer_may_delete_streams_and_bring_them_back, roles_fixture) {
    expect_holes();
    with_store(options_as("_writer").allow_hard_delete(), [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(3));
        co_await store.delete_stream("a", es::any_version);
        co_await store.restore_stream("a");
        co_await store.delete_stream("a", es::any_version, es::deletion::hard);
    });
    BOOST_TEST(events_stored() == 0);
}

// Silence would look like a log in which nothing happens.
BOOST_FIXTURE_TEST_CASE(a_subscriber_needs_both_parts_and_hears_of_what_it_lacks, roles_fixture) {
    with_role("_writer",
        [&](es::store store) -> asio::awaitable<void> { co_await store.append("a", es::no_stream, counted(3)); });
    with_role("_reader",
        [&](es::store store) -> asio::awaitable<void> { co_await expect_refusal(store.subscribe_to_all("mailer")); });
    const auto subscribe = [&](es::store store) -> asio::awaitable<void> {
        es::subscription mailer = co_await store.subscribe_to_all("mailer");
        const texts before = co_await receive(mailer, 3);
        TEST_SAME(before, texts({"1", "2", "3"}));
        es::subscription_options once = es::subscription_options().max_retries(0);
        es::subscription parking = co_await store.subscribe_to_all("parking", once);
        std::optional<es::event_batch> refused = co_await parking.next();
        refused->nack("not now");
        co_await parking.checkpoint();
        co_await mailer.unsubscribe();
        co_await parking.unsubscribe();
        co_await store.subscription_to_all("mailer").reset_to_position(1);
        co_await store.subscription_to_all("mailer").remove();
    };
    run(expect_refusal(es::open(options_as("_subscriber")))); // which looks at the version of the schema
    ask(for_test("grant select on eventstore.schema_migrations to shop_subscriber"));
    with_role("_subscriber", [&](es::store store) -> asio::awaitable<void> {
        const auto listen_blindly = [&]() -> asio::awaitable<void> {
            es::subscription blind = co_await store.subscribe_to_all("blind");
            co_await blind.next(20s);
        };
        co_await expect_refusal(listen_blindly());
    });
    session(test_server::superuser_url()).run(for_test("grant shop_reader to shop_subscriber"));
    with_role("_subscriber", subscribe);
}

BOOST_FIXTURE_TEST_CASE(who_sets_a_retention_who_scavenges_and_who_archives_are_three, roles_fixture) {
    expect_holes();
    const es::retention newest = es::retention().max_count(2);
    with_store([](es::store store) -> asio::awaitable<void> { co_await store.append("a", es::no_stream, counted(6)); });
    with_role("_keeper", [&](es::store store) -> asio::awaitable<void> {
        co_await store.set_retention("a", newest);
        co_await store.set_retention(es::stream_prefix("b"), newest);
        co_await store.remove_retention(es::stream_prefix("b"));
        const auto list = co_await store.retentions();
        BOOST_TEST(list.size() == 1u);
        co_await expect_refusal(store.scavenge());
    });
    with_role("_reader", [&](es::store store) -> asio::awaitable<void> {
        const es::event_page page = co_await store.read("a");
        TEST_SAME(versions_of(page), numbers({5, 6}));
        const es::stream_retention what = co_await store.retention("a");
        BOOST_TEST(what.first_version == 5);
        co_await expect_refusal(store.set_retention("a", newest));
    });
    with_role("_scavenger", [&](es::store store) -> asio::awaitable<void> {
        const es::scavenge_progress done = co_await store.scavenge();
        BOOST_TEST(done.events == 4);
        co_await expect_refusal(store.set_retention("a", newest));
    });
    with_store(options_as("_archivist").allow_hard_delete(), [&](es::store store) -> asio::awaitable<void> {
        const es::scavenge_progress done = co_await store.remove_before(6);
        BOOST_TEST(done.events == 1);
        co_await expect_refusal(store.scavenge());
        const std::string path =
            (std::filesystem::temp_directory_path() / ("archive-" + es::to_string(es::make_uuid()))).string();
        auto archiving = es::archive_events(options_as("_archivist").allow_hard_delete(), path, es::archive_options(7));
        const es::archive_summary made = co_await std::move(archiving);
        BOOST_TEST(made.removed == 1);
        std::filesystem::remove(path);
    });
}

BOOST_AUTO_TEST_SUITE_END()
