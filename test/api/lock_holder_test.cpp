// An append that cannot have a lock in time says which, and who holds it.
#include "support/concurrently.hpp"
#include "support/conditions.hpp"
#include "support/store_fixture.hpp"

namespace es = eventstore;
using namespace std::chrono_literals;
using namespace es::test;

BOOST_AUTO_TEST_SUITE(lock_holder_test)

namespace {

using outcome = es::result<es::append_result>;

void expect_holder(const es::failure& why, const std::string& what, int pid) {
    BOOST_TEST(why.message().find(what) != std::string::npos, why.message());
    const std::string holder = "held by the session with process id " + std::to_string(pid);
    BOOST_TEST(why.message().find(holder) != std::string::npos, why.message());
    BOOST_TEST(why.retry_helps());
}

struct table_lock {
    const char* table;
    const char* mode;
    const char* name; // of the mode, as pg_locks has it
};

constexpr table_lock table_locks[] = {
    {"events", "share", "ShareLock"}, // an index is being built
    {"events", "access exclusive", "AccessExclusiveLock"},
    {"streams", "exclusive", "ExclusiveLock"},
    {"log_state", "access exclusive", "AccessExclusiveLock"},
};

std::string statement_of(const table_lock& what) {
    return std::string("lock table eventstore.") + what.table + " in " + what.mode + " mode";
}

} // namespace

BOOST_FIXTURE_TEST_CASE(a_table_lock_that_is_held_too_long_is_named_with_its_holder, store_fixture, *own_sessions()) {
    with_store(options().operation_timeout(1200ms), [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(1));
        for (const table_lock& what : table_locks) {
            for (const std::size_t size : {1u, 3u}) {
                blocker table(here(statement_of(what)));
                const outcome refused = co_await store.within(5s).try_append("a", es::any_version, counted(size));
                const es::failure why = expect_error(es::errc::lock_timeout, refused);
                expect_holder(
                    why, std::string("a lock on the table ") + what.table + ", on which " + what.name, table.pid());
                BOOST_TEST(why.sqlstate() == "55P03");
                BOOST_TEST(!why.outcome_unknown());
                table.release();
            }
        }
        co_await store.append("a", 1, counted(1));
    });
    BOOST_TEST(events_stored() == 2);
}

BOOST_FIXTURE_TEST_CASE(whose_time_is_over_first_hears_of_the_holder_and_that_it_may_be_stored_yet, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(1));
        std::int64_t stored = 1;
        for (const table_lock& what : table_locks) {
            blocker table(here(statement_of(what)));
            const outcome late = co_await store.within(100ms).try_append("a", es::any_version, counted(1));
            const es::failure why = expect_error(es::errc::lock_timeout, late);
            expect_holder(why, what.table, table.pid());
            BOOST_TEST(why.outcome_unknown());
            table.release();
            ++stored; // the flush goes on
            co_await eventually([&] { return events_stored() == stored; });
        }
    });
}

// The append of another process has the log's lock, and waits itself.
BOOST_FIXTURE_TEST_CASE(at_the_end_of_a_line_is_who_does_not_wait, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::store other = co_await es::open(options());
        co_await store.append("a", es::any_version, counted(1));
        co_await other.append("b", es::any_version, counted(1));
        blocker table(here("lock table eventstore.events in share mode"));
        started<es::append_result> first = co_await start(other.append("b", es::any_version, counted(1)));
        co_await eventually([&] { return table.blocks(); });
        const outcome late = co_await store.within(100ms).try_append("a", es::any_version, counted(1));
        expect_holder(expect_error(es::errc::lock_timeout, late), "the table events", table.pid());
        table.release();
        co_await eventually([&] { return first.done(); });
        co_await eventually([&] { return events_stored() == 4; });
    });
}

BOOST_FIXTURE_TEST_CASE(many_who_are_late_at_once_are_all_told, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(1));
        blocker log = hold_log();
        std::vector<asio::awaitable<outcome>> work;
        for (int i = 0; i < 50; ++i) work.push_back(store.within(100ms).try_append("a", es::any_version, counted(1)));
        const std::uint64_t reads = store.stats().reads;
        auto all = concurrently(std::move(work));
        const std::vector<outcome> told = co_await std::move(all);
        std::int64_t unknown = 0;
        for (const outcome& each : told) {
            const es::failure why = expect_error(es::errc::lock_timeout, each);
            expect_holder(why, "the lock of the log", log.pid());
            unknown += why.outcome_unknown() ? 1 : 0;
        }
        BOOST_TEST(store.stats().reads - reads <= 3u); // one look for many
        BOOST_TEST(unknown >= 1);
        log.release();
        co_await eventually([&] { return events_stored() == 1 + unknown; });
    });
}

BOOST_AUTO_TEST_SUITE_END()
