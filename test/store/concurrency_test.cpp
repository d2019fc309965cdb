#include "support/concurrently.hpp"
#include "support/store_fixture.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <map>
#include <mutex>
#include <thread>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;

namespace {

using outcome = es::result<es::append_result>;

// What coroutines on several threads have seen; asserted on when all threads have ended.
class report {
public:
    void problem(const std::string& what) {
        const std::lock_guard lock(mutex_);
        if (problems_.size() < 20) problems_.push_back(what);
    }
    void accepted(const es::event_data& event, const es::append_result& where) {
        const std::lock_guard lock(mutex_);
        if (!accepted_.emplace(event.data(), where.first_position).second)
            problems_.push_back("twice: " + event.data());
    }

    const texts& problems() const { return problems_; }
    const std::map<std::string, std::int64_t>& accepted() const { return accepted_; }

private:
    std::mutex mutex_;
    texts problems_;
    std::map<std::string, std::int64_t> accepted_;
};

constexpr std::size_t stream_count = 16;

// Appends with exact versions, as a program does that has read the stream: on a conflict it learns the version and
// tries again with the same event.
asio::awaitable<void> write(es::store store, std::size_t number, std::size_t rounds, report& seen) {
    numbers versions(stream_count, 0);
    for (std::size_t i = 0; i < rounds; ++i) {
        const std::size_t which = (number * 7 + i * 5) % stream_count;
        const es::event_data event("Written", std::to_string(number) + "/" + std::to_string(i));
        for (;;) {
            const outcome done = co_await store.try_append("s-" + std::to_string(which), versions[which], event);
            if (done) {
                if (done->first_version != versions[which] + 1) seen.problem("an exact version was not kept");
                if (done->already_appended) seen.problem("appended before: " + event.data());
                versions[which] = done->last_version;
                seen.accepted(event, *done);
                break;
            }
            const es::errc why = done.error().code();
            if (why != es::errc::wrong_expected_version && why != es::errc::stream_exists) {
                seen.problem(done.error().message());
                co_return;
            }
            if (done.error()->actual == versions[which]) seen.problem("refused at the right version");
            versions[which] = done.error()->actual;
        }
    }
}

// Polls the end of the log. Whatever it has seen once must stay, and nothing may come to lie before it later.
asio::awaitable<void> watch(es::store store, const std::atomic<bool>& writing, report& seen) {
    std::vector<es::uuid> log; // by position
    bool last_round = false;
    for (;;) {
        last_round = !writing;
        const std::int64_t overlap = std::max<std::int64_t>(1, static_cast<std::int64_t>(log.size()) - 100);
        const es::event_page page = co_await store.read_all(es::read_options().from(overlap).count(500));
        std::int64_t position = overlap;
        for (const es::recorded_event& each : page) {
            if (each.position() != position) {
                seen.problem("position " + std::to_string(position) + " was missing when " +
                    std::to_string(each.position()) + " was there");
                co_return;
            }
            const auto index = static_cast<std::size_t>(position) - 1;
            if (index < log.size() && log[index] != each.id()) seen.problem("another event at the same position");
            if (index == log.size()) log.push_back(each.id());
            ++position;
        }
        if (position <= static_cast<std::int64_t>(log.size())) seen.problem("an event has gone again");
        if (last_round && page.complete()) co_return;
    }
}

asio::awaitable<void> watch_stream(
    es::store store, std::string stream, const std::atomic<bool>& writing, report& seen) {
    std::int64_t version = 0;
    while (writing) {
        try {
            const es::event_page page = co_await store.read(stream, es::read_options().from(version + 1));
            for (const es::recorded_event& each : page)
                if (each.version() != ++version) seen.problem("a version is missing in " + stream);
        } catch (const es::error& e) {
            if (e.why().code() != es::errc::stream_not_found) seen.problem(e.what());
        }
    }
}

std::vector<es::errc> codes_of(const std::vector<outcome>& all) {
    std::vector<es::errc> out;
    for (const outcome& each : all) out.push_back(each ? es::errc{} : each.error().code());
    return out;
}

std::size_t count_of(const std::vector<outcome>& all, es::errc code) {
    const std::vector<es::errc> codes = codes_of(all);
    return static_cast<std::size_t>(std::count(codes.begin(), codes.end(), code));
}

constexpr es::errc success{};

} // namespace

BOOST_AUTO_TEST_SUITE(concurrency_test)

BOOST_FIXTURE_TEST_CASE(sixty_four_writers_on_four_threads_store_each_event_once, store_fixture) {
    constexpr std::size_t writers = 64;
    constexpr std::size_t rounds = 25;
    report seen;
    const auto body = [&]() -> asio::awaitable<void> {
        // Two stores, as in two processes: nothing but the server keeps them in order.
        const es::store one = co_await es::open(options());
        const es::store two = co_await es::open(options());
        std::atomic<bool> writing = true;
        std::atomic<std::size_t> left = writers;
        const auto write_and_count = [&](es::store store, std::size_t number) -> asio::awaitable<void> {
            co_await write(std::move(store), number, rounds, seen);
            if (--left == 0) writing = false;
        };
        std::vector<asio::awaitable<void>> work;
        for (std::size_t i = 0; i < writers; ++i) work.push_back(write_and_count(i % 2 ? one : two, i));
        work.push_back(watch(one, writing, seen));
        work.push_back(watch(two, writing, seen));
        work.push_back(watch_stream(one, "s-3", writing, seen));
        co_await concurrently(std::move(work));
    };
    run_threads(4, body(), 120s);

    TEST_SAME(seen.problems(), texts());
    BOOST_TEST(seen.accepted().size() == writers * rounds);
    BOOST_TEST(events_stored() == static_cast<std::int64_t>(writers * rounds));
    bool right = true;
    for (const auto& row : ask("select position, convert_from(data, 'UTF8') from eventstore.events")) {
        const auto found = seen.accepted().find(row[1]);
        right = right && found != seen.accepted().end() && std::to_string(found->second) == row[0];
    }
    BOOST_TEST(right, "an acknowledged event is not where it was said to be");
}

// The same with writers of other kinds, one of them without the library.
BOOST_FIXTURE_TEST_CASE(readers_see_positions_in_commit_order_whoever_writes, store_fixture) {
    run(es::migrate(options()));
    report seen;
    std::atomic<bool> writing = true;
    std::thread foreign([&] {
        try {
            session writer;
            for (int i = 0; i < 150; ++i)
                writer.run(
                    here("begin; select eventstore.append_event('sql', -1, gen_random_uuid(), 'T', 'x', '', null, null,"
                         " null, false); select eventstore.append_event('sql-2', -1, gen_random_uuid(), 'T', 'x', '',"
                         " null, null, null, false); " +
                        std::string(i % 3 == 0 ? "rollback" : "commit")));
        } catch (const std::exception& e) {
            seen.problem(e.what());
        }
    });
    const auto body = [&]() -> asio::awaitable<void> {
        const es::store store = co_await es::open(options());
        std::atomic<int> left = 8;
        const auto lists = [&](int number) -> asio::awaitable<void> {
            for (int i = 0; i < 30; ++i) {
                const outcome done = co_await store.try_append(
                    "list-" + std::to_string(number), es::any_version, counted(static_cast<std::size_t>(1 + i % 7)));
                if (!done) seen.problem(done.error().message());
            }
            if (--left == 0) writing = false;
        };
        std::vector<asio::awaitable<void>> work;
        for (int i = 0; i < 8; ++i) work.push_back(lists(i));
        for (int i = 0; i < 3; ++i) work.push_back(watch(store, writing, seen));
        co_await concurrently(std::move(work));
    };
    run_threads(3, body(), 120s);
    foreign.join();
    TEST_SAME(seen.problems(), texts());
    BOOST_TEST(number("select version from eventstore.streams where name = 'sql'") == 100);
}

BOOST_FIXTURE_TEST_CASE(of_four_with_the_same_version_exactly_one_succeeds, store_fixture) {
    const auto body = [&]() -> asio::awaitable<void> {
        const es::store one = co_await es::open(options());
        const es::store two = co_await es::open(options());
        std::int64_t version = 0;
        for (const bool two_stores : {false, true})
            for (const std::size_t size : {1u, 10u}) {
                const std::string name = (two_stores ? "two-" : "one-") + std::to_string(size);
                for (version = 0; version < static_cast<std::int64_t>(3 * size);
                     version += static_cast<std::int64_t>(size)) {
                    std::vector<asio::awaitable<outcome>> work;
                    for (int i = 0; i < 4; ++i)
                        work.push_back((two_stores && i % 2 ? two : one).try_append(name, version, counted(size)));
                    const std::vector<outcome> all = co_await concurrently(std::move(work));
                    const es::errc refusal = version == 0 ? es::errc::stream_exists : es::errc::wrong_expected_version;
                    BOOST_TEST(count_of(all, success) == 1u);
                    BOOST_TEST(count_of(all, refusal) == 3u);
                    for (const outcome& each : all)
                        if (!each) BOOST_TEST(each.error()->actual == version + static_cast<std::int64_t>(size));
                }
            }
        const es::event_page page = co_await one.read("one-10");
        TEST_SAME(versions_of(page), from_to(1, 30));
    };
    run(body());
}

BOOST_FIXTURE_TEST_CASE(concurrent_appends_without_a_version_all_succeed, store_fixture) {
    const auto body = [&]() -> asio::awaitable<void> {
        const es::store one = co_await es::open(options());
        const es::store two = co_await es::open(options());
        for (const es::expected_version expected : {es::any_version, es::any_version, es::stream_exists}) {
            std::vector<asio::awaitable<outcome>> work;
            for (int i = 0; i < 8; ++i)
                work.push_back(
                    (i % 2 ? two : one).try_append("a", expected, counted(static_cast<std::size_t>(1 + i % 2))));
            const std::vector<outcome> all = co_await concurrently(std::move(work));
            BOOST_TEST(count_of(all, success) == 8u);
        }
        const es::event_page page = co_await one.read("a");
        TEST_SAME(versions_of(page), from_to(1, 36));
    };
    run(body());
}

BOOST_FIXTURE_TEST_CASE(in_one_flush_each_append_has_its_own_outcome, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::event_data known = counted_one("known");
        const es::event_data fresh = counted_one("fresh");
        co_await store.append("old", es::no_stream, es::events(known, counted_one("2")));
        co_await store.append("gone", es::no_stream, counted_one("x"));
        delete_stream_softly("gone");
        const std::uint64_t flushes = store.stats().flushes;

        // While the first one waits for the lock, the others gather behind it.
        blocker log = hold_log();
        started<es::append_result> first = co_await start(store.append("first", es::no_stream, counted_one("x")));
        co_await eventually([&] { return log.blocks(); });

        struct row {
            std::string stream;
            es::expected_version expected;
            std::vector<es::event_data> events;
            es::errc code;
            std::int64_t number; // the first version, or the actual one
        };
        std::vector<row> table;
        table.push_back({"new", es::no_stream, counted(2, "new "), success, 1});
        table.push_back({"old", 1, counted(1), es::errc::wrong_expected_version, 2});
        table.push_back({"old", 2, counted(1, "old "), success, 3});
        table.push_back({"old", 2, counted(1), es::errc::wrong_expected_version, 3}); // it was right before this flush
        table.push_back({"old", 3, counted(2, "old more "), success, 4});
        table.push_back({"old", es::no_stream, counted(1), es::errc::stream_exists, 5});
        table.push_back({"gone", es::any_version, counted(1), es::errc::stream_deleted, -1});
        table.push_back({"new", es::stream_exists, counted(1, "exists "), success, 3}); // made a moment ago
        table.push_back({"missing", es::stream_exists, counted(1), es::errc::stream_not_found, -1});
        table.push_back({"missing", es::any_version, counted(1, "made "), success, 1});
        table.push_back({"missing", es::no_stream, counted(1), es::errc::stream_exists, 1});
        table.push_back({"other", es::any_version, es::events(known), es::errc::duplicate_event, -1});
        table.push_back({"old", 77, es::events(known), success, 1}); // stored already: version 1
        table.push_back({"failed", 5, es::events(fresh), es::errc::wrong_expected_version, 0});
        table.push_back({"failed", es::no_stream, es::events(fresh), success, 1}); // the id is free again
        table.push_back({"chain", 0, counted(1, "c"), success, 1});
        table.push_back({"chain", 1, counted(3, "c"), success, 2});
        table.push_back({"chain", 4, counted(1, "c"), success, 5});
        table.push_back({"chain", 4, counted(1, "c"), es::errc::wrong_expected_version, 5});
        table.push_back(
            {"large", es::any_version, es::events(es::event_data("L", std::string(200'000, 'x'))), success, 1});
        std::vector<asio::awaitable<outcome>> work;
        for (const row& each : table) {
            if (each.events.size() == 1)
                work.push_back(store.try_append(each.stream, each.expected, each.events[0]));
            else
                work.push_back(store.try_append(each.stream, each.expected, each.events));
        }
        started<std::vector<outcome>> rest = co_await start(concurrently(std::move(work)));
        co_await eventually([&] { return store.stats().queued_appends == table.size(); });
        log.release();
        co_await eventually([&] { return rest.done() && first.done(); });

        const std::vector<outcome>& all = rest.value();
        std::int64_t position = 4; // 3 events of before, and the first
        for (std::size_t i = 0; i < table.size(); ++i) BOOST_TEST_CONTEXT("append " << i << " to " << table[i].stream) {
                BOOST_TEST((all[i] ? success : all[i].error().code()) == table[i].code);
                if (all[i]) {
                    BOOST_TEST(all[i]->first_version == table[i].number);
                    BOOST_TEST(all[i]->already_appended == (table[i].stream == "old" && table[i].number == 1));
                    if (!all[i]->already_appended) {
                        BOOST_TEST(all[i]->first_position == position + 1);
                        position += static_cast<std::int64_t>(table[i].events.size());
                    } else {
                        BOOST_TEST(all[i]->first_position == 1);
                    }
                } else {
                    if (table[i].number >= 0) BOOST_TEST(all[i].error()->actual == table[i].number);
                    BOOST_TEST(all[i].error()->stream == table[i].stream);
                }
            }
        BOOST_TEST(store.stats().flushes == flushes + 2); // one for the first, one for all the others
        BOOST_TEST(store.stats().retried_flushes == 0u);
    });
    TEST_SAME(stored_in("old"), texts({"known", "2", "old 1", "old more 1", "old more 2"}));
    TEST_SAME(stored_in("new"), texts({"new 1", "new 2", "exists 1"}));
    TEST_SAME(stored_in("chain"), texts({"c1", "c1", "c2", "c3", "c1"}));
    BOOST_TEST(number("select count(*) from eventstore.streams where name = 'other'") == 0);
}

BOOST_FIXTURE_TEST_CASE(eight_stores_take_turns_on_one_log, store_fixture) {
    const auto body = [&]() -> asio::awaitable<void> {
        const auto one = [&](int number) -> asio::awaitable<void> {
            const es::store store = co_await es::open(options());
            for (int i = 0; i < 25; ++i)
                co_await store.append("own-" + std::to_string(number), i, counted_one(std::to_string(i)));
            co_await store.close();
        };
        std::vector<asio::awaitable<void>> work;
        for (int i = 0; i < 8; ++i) work.push_back(one(i));
        co_await concurrently(std::move(work));
    };
    run_threads(2, body(), 60s);
    BOOST_TEST(events_stored() == 200);
}

// On several threads, with the cancellation of one coroutine at any moment: whatever is said to be stored is, whatever
// is said not to be is not.
BOOST_FIXTURE_TEST_CASE(appends_cancelled_at_random_on_four_threads_tell_the_truth, store_fixture) {
    struct attempt {
        std::string data;
        bool stored = false;
        bool unknown = false;
    };
    std::mutex mutex;
    std::vector<attempt> attempts;
    texts problems;
    const auto body = [&]() -> asio::awaitable<void> {
        const es::store store = co_await es::open(options());
        const auto caller = [&](int number) -> asio::awaitable<void> {
            const auto strand = co_await asio::this_coro::executor;
            asio::steady_timer timer(strand);
            for (int i = 0; i < 40; ++i) {
                const es::event_data event = counted_one(std::to_string(number) + "/" + std::to_string(i));
                // All on the caller's strand, as the library asks of callers who cancel.
                asio::cancellation_signal signal;
                bool done = false;
                attempt said{event.data()};
                asio::co_spawn(strand, store.append("s-" + std::to_string(number % 4), es::any_version, event),
                    asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr e, es::append_result) {
                        done = true;
                        try {
                            if (e) std::rethrow_exception(e);
                            said.stored = true;
                        } catch (const es::error& why) {
                            said.unknown = why.why()->outcome_unknown;
                            if (why.why().code() != es::errc::cancelled) {
                                const std::lock_guard lock(mutex);
                                problems.emplace_back(why.what());
                            }
                        } catch (const boost::system::system_error& why) {
                            if (why.code() != asio::error::operation_aborted) {
                                const std::lock_guard lock(mutex);
                                problems.emplace_back(why.what());
                            }
                        }
                    }));
                timer.expires_after(std::chrono::microseconds((number * 131 + i * 977) % 3000));
                co_await timer.async_wait(asio::use_awaitable);
                signal.emit(asio::cancellation_type::terminal);
                while (!done) {
                    timer.expires_after(100us);
                    co_await timer.async_wait(asio::use_awaitable);
                }
                const std::lock_guard lock(mutex);
                attempts.push_back(said);
            }
        };
        std::vector<asio::awaitable<void>> work;
        for (int i = 0; i < 16; ++i) work.push_back(caller(i));
        co_await concurrently(std::move(work));
        co_await store.append("last", es::no_stream, counted_one("last"));
        co_await store.close();
    };
    run_threads(4, body(), 120s);

    TEST_SAME(problems, texts());
    BOOST_TEST(attempts.size() == 640u);
    std::map<std::string, int> stored;
    for (const auto& row : ask("select convert_from(data, 'UTF8') from eventstore.events")) ++stored[row[0]];
    std::size_t cancelled = 0;
    for (const attempt& each : attempts) {
        const int times = stored.contains(each.data) ? stored.at(each.data) : 0;
        BOOST_TEST(times <= 1, each.data);
        if (each.stored)
            BOOST_TEST(times == 1, each.data << " was acknowledged and is lost");
        else if (!each.unknown)
            BOOST_TEST(times == 0, each.data << " was said not to be stored");
        cancelled += each.stored ? 0 : 1;
    }
    BOOST_TEST(cancelled > 0u);
    BOOST_TEST(cancelled < 640u);
}

BOOST_AUTO_TEST_SUITE_END()
