// The server itself goes away: stopped in order, and as in a crash.
#include "support/concurrently.hpp"
#include "support/store_fixture.hpp"

#include <eventstore/embedded_postgres.hpp>

#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <map>
#include <optional>
#include <thread>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;

BOOST_AUTO_TEST_SUITE(restart_test)

BOOST_AUTO_TEST_CASE(a_store_goes_on_after_its_server_was_restarted) {
    es::embedded_postgres server = es::embedded_postgres::start_now();
    const auto body = [&]() -> asio::awaitable<void> {
        const es::store store = co_await es::open(es::store_options(server.url()).create());
        std::int64_t version = 0;
        for (const auto how : {es::embedded_postgres::shutdown::fast, es::embedded_postgres::shutdown::immediate}) {
            co_await store.append("a", version, counted(2));
            version += 2;
            server.restart(how);
            const es::append_result lone = co_await store.append("a", version, counted_one("x"));
            BOOST_TEST(lone.first_version == ++version);
            server.restart(how);
            const es::event_page page = co_await store.read("a");
            TEST_SAME(versions_of(page), from_to(1, version));
        }
    };
    run(body(), 120s);
}

// With the durable settings that an embedded server has by default, what was acknowledged before a crash is there
// after it.
BOOST_AUTO_TEST_CASE(nothing_acknowledged_is_lost_in_a_crash) {
    es::embedded_postgres server = es::embedded_postgres::start_now();
    std::map<std::string, std::int64_t> acknowledged;
    texts problems;
    std::atomic<int> crashes = 0;
    std::atomic<bool> crashing = true;
    const auto crash_again_and_again = [&] {
        try {
            for (; crashes < 3; ++crashes) {
                std::this_thread::sleep_for(200ms); // what a writer gets done in between is the point
                server.restart(es::embedded_postgres::shutdown::immediate);
            }
        } catch (const std::exception&) {
        }
        crashing = false;
    };
    std::optional<std::jthread> operator_;
    const auto body = [&]() -> asio::awaitable<void> {
        const es::store store = co_await es::open(es::store_options(server.url()).create().operation_timeout(30s));
        operator_.emplace(crash_again_and_again);
        const auto writer = [&](int number) -> asio::awaitable<void> {
            for (int i = 0; crashing || i < 20; ++i) {
                const es::event_data event = counted_one(std::to_string(number) + "/" + std::to_string(i));
                const es::result<es::append_result> done =
                    co_await store.try_append("s-" + std::to_string(number % 2), es::any_version, event);
                if (done)
                    acknowledged[event.data()] = done->first_position;
                else if (!done.error().retry_helps())
                    problems.push_back(done.error().message());
            }
        };
        std::vector<asio::awaitable<void>> work;
        for (int i = 0; i < 4; ++i) work.push_back(writer(i));
        co_await concurrently(std::move(work));
        std::map<std::string, std::int64_t> stored;
        es::event_scan scan = store.scan_all();
        std::int64_t position = 0;
        while (const std::optional<es::recorded_event> event = co_await scan.next()) {
            BOOST_TEST(event->position() == ++position);
            BOOST_TEST(stored.emplace(event->data(), event->position()).second, event->data() << " is stored twice");
        }
        for (const auto& [data, where] : acknowledged)
            BOOST_TEST((stored.contains(data) && stored.at(data) == where), data << " was lost");
    };
    run(body(), 120s);
    operator_.reset();
    BOOST_TEST(crashes == 3);
    TEST_SAME(problems, texts());
    BOOST_TEST(acknowledged.size() >= 80u);
}

BOOST_AUTO_TEST_SUITE_END()
