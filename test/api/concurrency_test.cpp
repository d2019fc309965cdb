#include "support/concurrently.hpp"
#include "support/store_fixture.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <functional>
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
            if (done.error().actual().value() == versions[which]) seen.problem("refused at the right version");
            versions[which] = done.error().actual().value();
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
        if (last_round && page.is_complete()) co_return;
    }
}

// In functions of their own: clang++ 16 keeps the address of a thread-local variable over a suspension, after which the
// coroutine may be on another thread, and Asio's co_spawn and emit, inlined into one, would use it.
[[gnu::noinline]] void spawn_cancellable(const asio::any_io_executor& where, asio::awaitable<es::append_result> what,
    asio::cancellation_signal& signal, std::function<void(std::exception_ptr)> ended) {
    asio::co_spawn(where, std::move(what),
        asio::bind_cancellation_slot(signal.slot(),
            [ended = std::move(ended)](std::exception_ptr e, const es::append_result&) { ended(std::move(e)); }));
}

[[gnu::noinline]] void cancel(asio::cancellation_signal& signal) { signal.emit(asio::cancellation_type::terminal); }

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
                const auto ended = [&](std::exception_ptr e) {
                    done = true;
                    try {
                        if (e) std::rethrow_exception(e);
                        said.stored = true;
                    } catch (const es::error& why) {
                        said.unknown = why.why().outcome_unknown();
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
                };
                auto appending = store.append("s-" + std::to_string(number % 4), es::any_version, event);
                spawn_cancellable(strand, std::move(appending), signal, ended);
                if (i > 0) { // the first may end, on any machine; the others are cut short somewhere on their way
                    const int patience = i % 4 == 0 ? 50'000 : 3'000;
                    timer.expires_after(std::chrono::microseconds((number * 131 + i * 977) % patience));
                    co_await timer.async_wait(asio::use_awaitable);
                    cancel(signal);
                }
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
