// Handlers that keep the thread of the io_context: logged with the operation after which they did.
#include "support/receive.hpp"

#include <eventstore/transaction.hpp>

#include <thread>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;

BOOST_AUTO_TEST_SUITE(blocked_handler_test)

namespace {

void block(std::chrono::milliseconds time = 150ms) { std::this_thread::sleep_for(time); } // it is what this is about

class log_fixture : public store_fixture {
public:
    es::store_options logged() {
        const auto keep = [this](es::log_level level, std::string_view line) {
            if (level == es::log_level::warning && line.find("kept a thread") != line.npos) lines.emplace_back(line);
        };
        return options().on_log(keep).longest_handler(100ms);
    }
    bool has(const std::string& what) const {
        return std::any_of(
            lines.begin(), lines.end(), [&](const std::string& line) { return line.find(what) != line.npos; });
    }
    std::vector<std::string> lines;
};

} // namespace

BOOST_FIXTURE_TEST_CASE(a_coroutine_that_sleeps_after_an_append_is_logged, log_fixture) {
    with_store(logged(), [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(1));
        block();
        co_await store.append("a", 1, counted(1)); // suspends: the handler ends
        co_await eventually([&] { return has("after append"); });
        const es::store_stats now = store.stats();
        BOOST_TEST(now.blocked_handlers >= 1u);
        BOOST_TEST((now.blocked.max >= 140ms));
    });
}

BOOST_FIXTURE_TEST_CASE(one_that_does_not_is_silent, log_fixture) {
    with_store(logged().longest_handler(2s), [&](es::store store) -> asio::awaitable<void> {
        for (int i = 0; i < 20; ++i) {
            co_await store.append("a", es::any_version, counted(1));
            block(10ms); // too short, however often
        }
        co_await let_pass(150ms); // waits, and keeps no thread
        (void)co_await store.read("a");
        BOOST_TEST(store.stats().blocked_handlers == 0u);
    });
    BOOST_TEST(lines.empty());
}

BOOST_FIXTURE_TEST_CASE(a_limit_of_0_turns_it_off, log_fixture) {
    with_store(logged().longest_handler(0ms), [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(1));
        block();
        (void)co_await store.read("a");
        BOOST_TEST(store.stats().blocked_handlers == 0u);
    });
    BOOST_TEST(lines.empty());
}

BOOST_FIXTURE_TEST_CASE(a_limit_out_of_bounds_is_refused, store_fixture) {
    run([](const store_fixture& test) -> asio::awaitable<void> {
        co_await expect_error(es::errc::invalid_argument, es::open(test.options().longest_handler(-1ms)));
        co_await expect_error(es::errc::invalid_argument, es::open(test.options().longest_handler(25h)));
        co_await expect_error(es::errc::invalid_argument, es::open(test.options().stalled_after(0ms)));
    }(*this));
}

BOOST_FIXTURE_TEST_CASE(each_operation_is_logged_by_its_name, log_fixture) {
    with_store(logged(), [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(2));
        (void)co_await store.read("a");
        block();
        es::subscription all = co_await store.subscribe_to_all("mailer");
        auto batch = co_await all.next(5s);
        block();
        BOOST_REQUIRE((batch && !batch->empty()));
        batch->ack();
        es::transaction tx = co_await store.begin();
        (void)co_await tx.execute("select 1");
        block();
        co_await tx.commit();
        block();
        es::event_scan scan = store.scan("a");
        (void)co_await scan.next();
        block();
        co_await store.append("a", 2, counted(1));
        const auto refused = co_await store.try_append("a", 1, counted(1));
        BOOST_TEST(!refused);
        block(); // after an error, too
        (void)co_await store.read("a");
        co_await eventually([&] { return has("after read") && has("after next") && has("after execute"); });
        co_await eventually([&] { return has("after commit") && has("after scan") && has("after append"); });
    });
}

BOOST_FIXTURE_TEST_CASE(selectors_and_partition_functions_are_watched, log_fixture) {
    with_store(logged(), [&](es::store store) -> asio::awaitable<void> {
        const auto slow = [](const es::recorded_event&) {
            block();
            return true;
        };
        const auto slow_key = [](const es::recorded_event& event) {
            block();
            return std::string(event.stream());
        };
        es::subscription selecting =
            co_await store.subscribe_to_all("selecting", es::subscription_options().selector(slow));
        es::subscription sharing = co_await store.subscribe_to_all(
            "sharing", es::subscription_options().concurrency_limit(2).partition_by(slow_key));
        es::event_listener live = co_await store.listen_to_all(es::listen_options().selector(slow));
        co_await store.append("a", es::no_stream, counted(1));
        co_await eventually([&] { return has("of subscription 'selecting'"); });
        co_await eventually([&] { return has("of subscription 'sharing'"); });
        co_await eventually([&] { return has("in the selector of a listener"); });
        BOOST_TEST(store.stats().blocked_handlers >= 3u);
    });
}

BOOST_FIXTURE_TEST_CASE(without_on_log_it_is_counted_all_the_same, store_fixture) {
    with_store(options().longest_handler(100ms), [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(1));
        block();
        co_await let_pass(1ms);
        BOOST_TEST(store.stats().blocked_handlers >= 1u);
    });
}

BOOST_AUTO_TEST_SUITE_END()
