// More appends at once than the queue may hold: ten thousand callers, and a budget for a few hundred of them.
#include "support/concurrently.hpp"
#include "support/resident_memory.hpp"
#include "support/store_fixture.hpp"

#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;

namespace {

using outcome = es::result<es::append_result>;
using clock_type = std::chrono::steady_clock;

constexpr std::size_t crowd = 10'000;
constexpr std::size_t queue_budget = std::size_t{256} << 10;
constexpr std::size_t event_bytes = 1000;

es::event_data event_of_size(std::size_t bytes) { return es::event_data("Sized", std::string(bytes, 'x')); }

struct crowded_store : store_fixture {
    es::store_options crowded() const {
        return options()
            .max_queued_bytes(queue_budget)
            .operation_timeout(std::chrono::duration_cast<es::milliseconds>(patient(60s)));
    }
};

/// Starts one append for each caller, in their order.
std::vector<started<outcome>> start_all(const es::store& store, const asio::any_io_executor& on) {
    std::vector<started<outcome>> all;
    all.reserve(crowd);
    for (std::size_t i = 0; i < crowd; ++i)
        all.emplace_back(on, store.try_append("a", es::any_version, event_of_size(event_bytes)));
    return all;
}

std::size_t count_ended(const std::vector<started<outcome>>& all) {
    return static_cast<std::size_t>(std::ranges::count_if(all, [](const auto& one) { return one.done(); }));
}

/// What a caller does who is told that the store is overloaded: comes again after a while.
struct offered_load {
    clock_type::time_point end;
    std::vector<clock_type::duration> latencies; // of the appends that were admitted
    std::size_t refused = 0;
};

asio::awaitable<void> append_again_and_again(es::store store, int caller, offered_load& load) {
    asio::steady_timer pause(co_await asio::this_coro::executor);
    const std::string stream = "caller-" + std::to_string(caller);
    while (clock_type::now() < load.end) {
        const auto begin = clock_type::now();
        const outcome stored = co_await store.try_append(stream, es::any_version, event_of_size(event_bytes));
        if (stored) {
            load.latencies.push_back(clock_type::now() - begin);
        } else {
            expect_error(es::errc::overloaded, stored);
            ++load.refused;
            pause.expires_after(100ms);
            co_await pause.async_wait(asio::use_awaitable);
        }
    }
}

double in_seconds(clock_type::duration time) { return std::chrono::duration<double>(time).count(); }

} // namespace

BOOST_AUTO_TEST_SUITE(overload_test)

BOOST_FIXTURE_TEST_CASE(ten_thousand_appends_wait_for_admission_in_order, crowded_store) {
    with_store(crowded(), [&](es::store store) -> asio::awaitable<void> {
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        blocker log = hold_log();
        const std::size_t before = resident_bytes();
        std::vector<started<outcome>> all = start_all(store, executor);
        co_await eventually([&] { return log.blocks() && store.stats().queued_appends > crowd * 9 / 10; }, 30s);
        BOOST_TEST(store.stats().queued_bytes <= queue_budget);
        BOOST_TEST(count_ended(all) == 0u);
        // Those that wait have their own event each, and no copy of it: what they are encoded into is the budget's.
        if (memory_is_exact) BOOST_TEST(resident_bytes() < before + crowd * (event_bytes + 6000));
        log.release();
        bool was_above_budget = false;
        co_await eventually(
            [&] {
                was_above_budget = was_above_budget || store.stats().queued_bytes > queue_budget;
                return all.back().done() && count_ended(all) == crowd;
            },
            60s);
        BOOST_TEST(!was_above_budget);
        bool is_in_order = true;
        for (std::size_t i = 0; i < crowd; ++i)
            is_in_order = is_in_order && all[i].value().value().first_version == static_cast<std::int64_t>(i) + 1;
        BOOST_TEST(is_in_order);
        BOOST_TEST(store.stats().queued_appends == 0u);
        BOOST_TEST(store.stats().queued_bytes == 0u);
    });
    BOOST_TEST(events_stored() == static_cast<std::int64_t>(crowd));
}

BOOST_FIXTURE_TEST_CASE(who_does_not_want_to_wait_is_refused_at_once, crowded_store) {
    std::int64_t expected = 0;
    with_store(crowded().fail_when_full(), [&](es::store store) -> asio::awaitable<void> {
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        blocker log = hold_log();
        std::vector<started<outcome>> all = start_all(store, executor);
        const std::size_t admitted_at_most = queue_budget / event_bytes;
        co_await eventually([&] { return log.blocks() && count_ended(all) >= crowd - admitted_at_most; }, 30s);
        BOOST_TEST(store.stats().queued_bytes <= queue_budget);
        const std::size_t refused = count_ended(all); // while the log is held none can be stored
        BOOST_TEST(refused < crowd);
        for (started<outcome>& one : all)
            if (one.done()) expect_error(es::errc::overloaded, one.value());
        log.release();
        co_await eventually([&] { return count_ended(all) == crowd; }, 60s);
        for (started<outcome>& one : all)
            if (one.value()) ++expected;
        BOOST_TEST(static_cast<std::size_t>(expected) == crowd - refused);
        const outcome after = co_await store.try_append("a", es::any_version, event_of_size(event_bytes));
        BOOST_TEST(after.has_value());
        ++expected;
    });
    BOOST_TEST(events_stored() == expected);
}

// The longest queue is the budget: so long, and not longer, an append that was admitted waits for those before it.
BOOST_FIXTURE_TEST_CASE(who_is_admitted_waits_no_longer_than_the_queue_is_long, crowded_store) {
    offered_load load;
    with_store(crowded().fail_when_full(), [&](es::store store) -> asio::awaitable<void> {
        const auto begin = clock_type::now();
        load.end = begin + 2s;
        std::vector<asio::awaitable<void>> work;
        for (int caller = 0; caller < 2000; ++caller) work.push_back(append_again_and_again(store, caller, load));
        co_await concurrently(std::move(work));
        const double took = in_seconds(clock_type::now() - begin);
        std::ranges::sort(load.latencies);
        BOOST_REQUIRE(load.latencies.size() > 100u);
        BOOST_TEST(load.refused > load.latencies.size() / 10); // else it was no overload
        const double drained = (queue_budget / event_bytes) / (static_cast<double>(load.latencies.size()) / took);
        const double p99 = in_seconds(load.latencies[load.latencies.size() * 99 / 100]);
        BOOST_TEST(p99 < 5 * drained + in_seconds(patient(250ms)));
        BOOST_TEST(store.stats().queued_appends == 0u);
        BOOST_TEST(store.stats().queued_bytes == 0u);
        const auto alone = clock_type::now();
        co_await store.append("after", es::no_stream, event_of_size(event_bytes));
        BOOST_TEST(in_seconds(clock_type::now() - alone) < in_seconds(patient(1s)));
    });
    BOOST_TEST(events_stored() == static_cast<std::int64_t>(load.latencies.size()) + 1);
}

BOOST_AUTO_TEST_SUITE_END()
