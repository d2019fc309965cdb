// Snapshots: recorded, read, replaced by newer ones only.

#include "support/concurrently.hpp"
#include "support/store_fixture.hpp"

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

es::snapshot account(std::int64_t version, std::string data) {
    return es::snapshot("account-1", version, "Account", std::move(data));
}

} // namespace

BOOST_AUTO_TEST_SUITE(snapshot_test)

BOOST_FIXTURE_TEST_CASE(a_snapshot_that_was_never_recorded_is_not_found, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::failure why = co_await expect_error(es::errc::snapshot_not_found, store.read_snapshot("account-1"));
        BOOST_TEST(why.message().find("'account-1'") != std::string::npos, why.message());
    });
}

BOOST_FIXTURE_TEST_CASE(a_snapshot_is_read_as_it_was_recorded, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        std::string every_byte;
        for (int i = 0; i < 256; ++i) every_byte += static_cast<char>(i);
        es::snapshot what("stra\u00dfe $1 '\"", 7, "\u00e9tat", every_byte);
        what.metadata("\0meta"s);
        const auto before = std::chrono::system_clock::now();
        co_await store.record_snapshot(what);
        const es::snapshot read = co_await store.read_snapshot(what.source());
        BOOST_TEST(read.source() == what.source());
        BOOST_TEST(read.version() == 7);
        BOOST_TEST(read.type() == what.type());
        BOOST_TEST((read.data() == every_byte));
        BOOST_TEST((read.metadata() == "\0meta"s));
        BOOST_TEST((read.recorded_at() > before - 5s && read.recorded_at() < before + 1min));

        const es::snapshot empty("empty", 1, "T", "");
        co_await store.record_snapshot(empty);
        const es::snapshot same = co_await store.read_snapshot("empty");
        BOOST_TEST(same.data().empty());
        BOOST_TEST(same.metadata().empty());
    });
}

BOOST_FIXTURE_TEST_CASE(a_newer_snapshot_replaces_an_older_one, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.record_snapshot(account(3, "three"));
        const es::snapshot three = co_await store.read_snapshot("account-1");
        es::snapshot next("account-1", 9, "Account.v2", "nine");
        next.metadata("about nine");
        co_await store.record_snapshot(next);
        const es::snapshot nine = co_await store.read_snapshot("account-1");
        BOOST_TEST(nine.version() == 9);
        BOOST_TEST(nine.type() == "Account.v2");
        BOOST_TEST(nine.data() == "nine");
        BOOST_TEST(nine.metadata() == "about nine");
        BOOST_TEST((nine.recorded_at() > three.recorded_at()));
        BOOST_TEST(number("select count(*) from eventstore.snapshots") == 1);
    });
}

BOOST_FIXTURE_TEST_CASE(an_older_snapshot_changes_nothing, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.record_snapshot(account(9, "nine"));
        const es::snapshot before = co_await store.read_snapshot("account-1");
        co_await store.record_snapshot(account(8, "eight"));
        const es::snapshot after = co_await store.read_snapshot("account-1");
        BOOST_TEST(after.version() == 9);
        BOOST_TEST(after.data() == "nine");
        BOOST_TEST((after.recorded_at() == before.recorded_at()));
    });
}

BOOST_FIXTURE_TEST_CASE(a_snapshot_of_the_same_version_replaces_the_one_before, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        es::snapshot first = account(5, "first");
        first.metadata("of the first");
        co_await store.record_snapshot(first);
        co_await store.record_snapshot(account(5, "second"));
        const es::snapshot read = co_await store.read_snapshot("account-1");
        BOOST_TEST(read.version() == 5);
        BOOST_TEST(read.data() == "second");
        BOOST_TEST(read.metadata() == "");
    });
}

BOOST_FIXTURE_TEST_CASE(sources_have_snapshots_of_their_own, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.record_snapshot(es::snapshot("a", 9, "T", "of a"));
        co_await store.record_snapshot(es::snapshot("A", 2, "T", "of A"));
        co_await store.delete_snapshot("A");
        co_await store.record_snapshot(es::snapshot("b", 1, "T", "of b"));
        const es::snapshot a = co_await store.read_snapshot("a");
        const es::snapshot b = co_await store.read_snapshot("b");
        BOOST_TEST(a.data() == "of a");
        BOOST_TEST(b.data() == "of b");
        co_await expect_error(es::errc::snapshot_not_found, store.read_snapshot("A"));
    });
}

BOOST_FIXTURE_TEST_CASE(a_deleted_snapshot_is_gone_and_may_be_recorded_anew, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.delete_snapshot("account-1"); // there is none, which is well
        co_await store.record_snapshot(account(9, "nine"));
        co_await store.delete_snapshot("account-1");
        co_await expect_error(es::errc::snapshot_not_found, store.read_snapshot("account-1"));
        co_await store.delete_snapshot("account-1");
        co_await store.record_snapshot(account(2, "two"));
        const es::snapshot two = co_await store.read_snapshot("account-1");
        BOOST_TEST(two.version() == 2);
    });
}

// Each lets the others go first as often as not; what is left is the newest of all, with its own data.
BOOST_FIXTURE_TEST_CASE(of_snapshots_recorded_at_once_the_newest_stays, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::store other = co_await es::open(options());
        for (int round = 0; round < 20; ++round) {
            const std::string source = "source-" + std::to_string(round);
            std::vector<asio::awaitable<void>> work;
            for (int i = 0; i < 20; ++i) {
                const int version = 1 + (i * 7 + round) % 20;
                const es::store& by = i % 2 == 0 ? store : other;
                work.push_back(by.record_snapshot(es::snapshot(source, version, "T", std::to_string(version))));
            }
            co_await concurrently(std::move(work));
            const es::snapshot left = co_await store.read_snapshot(source);
            BOOST_TEST(left.version() == 20);
            BOOST_TEST(left.data() == "20");
        }
    });
}

// The one that waits compares with what it finds at the end of its waiting.
BOOST_FIXTURE_TEST_CASE(a_snapshot_that_had_to_wait_does_not_replace_a_newer_one, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (const bool is_there : {false, true}) {
            const std::string source = is_there ? "there" : "new";
            if (is_there) co_await store.record_snapshot(es::snapshot(source, 1, "T", "one"));
            blocker writer(here("select eventstore.record_snapshot('" + source + "', 9, 'T', 'nine', '')"));
            std::vector<asio::awaitable<void>> work;
            work.push_back(store.record_snapshot(es::snapshot(source, 8, "T", "eight")));
            const auto let_go = [&]() -> asio::awaitable<void> {
                co_await eventually([&] { return writer.blocks(); });
                writer.commit();
            };
            work.push_back(let_go());
            co_await concurrently(std::move(work));
            const es::snapshot left = co_await store.read_snapshot(source);
            BOOST_TEST(left.version() == 9);
            BOOST_TEST(left.data() == "nine");
        }
    });
}

BOOST_FIXTURE_TEST_CASE(a_large_snapshot_is_kept_up_to_the_limit, store_fixture) {
    with_store(options().max_event_bytes(3'000'000), [&](es::store store) -> asio::awaitable<void> {
        std::string data(3'000'000, 'x');
        for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 2'654'435'761u >> 13);
        co_await store.record_snapshot(account(1, data));
        const es::snapshot read = co_await store.read_snapshot("account-1");
        BOOST_TEST((read.data() == data));
        const es::failure why =
            co_await expect_error(es::errc::invalid_argument, store.record_snapshot(account(2, data + "y")));
        BOOST_TEST(why.message().find("'account-1' has 3000001 bytes") != std::string::npos, why.message());
    });
}

BOOST_FIXTURE_TEST_CASE(a_snapshot_that_makes_no_sense_is_refused, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await expect_error(es::errc::invalid_argument, store.record_snapshot(account(0, "")));
        co_await expect_error(es::errc::invalid_argument, store.record_snapshot(es::snapshot("", 1, "T", "")));
        co_await expect_error(es::errc::invalid_argument, store.record_snapshot(es::snapshot("a", 1, "", "")));
        co_await expect_error(es::errc::invalid_argument, store.read_snapshot(""));
        co_await expect_error(es::errc::invalid_argument, store.read_snapshot("\xff"));
        co_await expect_error(es::errc::invalid_argument, store.delete_snapshot(std::string(513, 'x')));
        BOOST_TEST(number("select count(*) from eventstore.snapshots") == 0);
        co_await store.close();
        co_await expect_error(es::errc::store_closed, store.record_snapshot(account(1, "")));
        co_await expect_error(es::errc::store_closed, store.read_snapshot("a"));
        co_await expect_error(es::errc::store_closed, store.delete_snapshot("a"));
    });
}

BOOST_FIXTURE_TEST_CASE(stores_in_two_schemas_have_snapshots_of_their_own, store_fixture) {
    const fresh_schema other;
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::store second = co_await es::open(options().schema(other.name()));
        co_await store.record_snapshot(account(9, "here"));
        co_await expect_error(es::errc::snapshot_not_found, second.read_snapshot("account-1"));
        co_await second.record_snapshot(account(1, "there"));
        const es::snapshot mine = co_await store.read_snapshot("account-1");
        const es::snapshot theirs = co_await second.read_snapshot("account-1");
        BOOST_TEST(mine.data() == "here");
        BOOST_TEST(theirs.data() == "there");
    });
}

BOOST_FIXTURE_TEST_CASE(a_snapshot_outlives_a_restart, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> { co_await store.record_snapshot(account(3, "three")); });
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::snapshot read = co_await store.read_snapshot("account-1");
        BOOST_TEST(read.data() == "three");
    });
}

// As appending: by the functions, or not at all.
BOOST_FIXTURE_TEST_CASE(a_role_may_record_snapshots_without_rights_on_the_table, store_fixture) {
    run(es::migrate(options()));
    const fresh_role recording(schema() + "_recorder");
    const std::string role = quoted_name(recording.name());
    const std::string record = here("select eventstore.record_snapshot('a', 1, 'T', 'data', '')");
    const std::string forget = here("select eventstore.delete_snapshot('a')");
    const std::string insufficient_privilege = "42501";
    ask("grant usage on schema " + quoted_name(schema()) + " to " + role);
    {
        session recorder;
        recorder.run("set role " + role);
        BOOST_TEST(recorder.state_of(record) == insufficient_privilege);
        BOOST_TEST(recorder.state_of(forget) == insufficient_privilege);
        ask("grant execute on function eventstore.record_snapshot, eventstore.delete_snapshot to " + role);
        BOOST_TEST(recorder.state_of(record) == "");
        BOOST_TEST(recorder.state_of(here("update eventstore.snapshots set version = 100")) == insufficient_privilege);
        BOOST_TEST(recorder.state_of(here("select * from eventstore.snapshots")) == insufficient_privilege);
        recorder.run("create temp table snapshots (source text primary key, version bigint, type text, data bytea,"
                     " metadata bytea, recorded_at timestamptz); set search_path = pg_temp, public");
        BOOST_TEST(recorder.value(here("select eventstore.delete_snapshot('a')")) == "t");
    }
}

BOOST_AUTO_TEST_SUITE_END()
