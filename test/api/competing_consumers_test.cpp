// Several consumers of one subscription.

#include "support/receive.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <map>
#include <set>

BOOST_AUTO_TEST_SUITE(competing_consumers_test)

using namespace eventstore::test;
using namespace std::chrono_literals;
namespace es = eventstore;

namespace {
es::subscription_options shared(std::size_t consumers) {
    return es::subscription_options().concurrency_limit(consumers).max_batch(1);
}
} // namespace

BOOST_FIXTURE_TEST_CASE(events_are_shared_out_and_the_checkpoint_is_the_end_of_what_is_done, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        es::subscription first = co_await store.subscribe_to_all("shared", shared(3));
        es::subscription second = co_await store.subscribe_to_all("shared", shared(3));
        es::subscription third = co_await store.subscribe_to_all("shared", shared(3));
        co_await expect_error(es::errc::too_many_subscribers, store.subscribe_to_all("shared", shared(3)));
        co_await store.append("a", es::any_version, counted(6));
        const auto position = [&]() -> asio::awaitable<std::int64_t> {
            co_await first.checkpoint();
            co_return number("select position from eventstore.subscriptions");
        };
        auto one = co_await first.next(5s);
        auto two = co_await second.next(5s);
        auto three = co_await third.next(5s);
        BOOST_TEST(one->front().data() == "1");
        BOOST_TEST(two->front().data() == "2");
        BOOST_TEST(three->front().data() == "3");
        one->ack();
        two->ack();
        three->ack();
        std::int64_t reached = co_await position();
        BOOST_TEST(reached == 3);
        auto four = co_await third.next(5s);
        auto five = co_await first.next(5s);
        auto six = co_await second.next(5s);
        BOOST_TEST(four->front().data() == "4");
        six->ack();
        five->ack();
        reached = co_await position();
        BOOST_TEST(reached == 3);
        four->ack();
        reached = co_await position();
        BOOST_TEST(reached == 6);
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(what_a_consumer_held_goes_to_the_others_in_order, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::any_version, counted(4));
        es::subscription stays = co_await store.subscribe_to_all("shared", shared(2).max_in_flight(2));
        {
            es::subscription goes = co_await store.subscribe_to_all("shared", shared(2));
            auto one = co_await goes.next(5s);
            auto two = co_await goes.next(5s);
            BOOST_TEST(one->front().data() == "1");
            BOOST_TEST(two->front().data() == "2");
        }
        const texts all = co_await receive(stays, 4);
        TEST_SAME(all, texts({"1", "2", "3", "4"}));
        co_await stays.unsubscribe();
    };
    with_store(body);
    BOOST_TEST(number("select position from eventstore.subscriptions") == 4);
    BOOST_TEST(value("select owner is null from eventstore.subscriptions") == "t");
}

BOOST_FIXTURE_TEST_CASE(a_late_consumer_gets_its_share, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        es::subscription early = co_await store.subscribe_to_all("shared", shared(2));
        co_await store.append("a", es::any_version, counted(2));
        auto one = co_await early.next(5s);
        es::subscription late = co_await store.subscribe_to_all("shared", shared(2));
        auto two = co_await late.next(5s);
        BOOST_TEST(two->front().data() == "2");
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(events_of_one_key_stay_in_order_at_one_consumer, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        constexpr int streams = 10;
        constexpr int each_has = 20;
        std::map<std::string, std::vector<std::string>> order; // of each stream, as acknowledged
        std::set<std::string> out;                             // streams of which an event is being handled
        int done = 0;
        bool is_mixed_up = false;
        std::set<int> workers;
        const auto work = [&](int number) -> asio::awaitable<void> {
            es::subscription mine = co_await store.subscribe_to_all(
                "keyed", shared(4).partition_by(es::partition::stream).max_in_flight(1));
            asio::steady_timer timer(co_await asio::this_coro::executor);
            while (done < streams * each_has) {
                auto batch = co_await mine.next(100ms);
                if (!batch || batch->empty()) continue;
                const std::string stream(batch->front().stream());
                is_mixed_up = is_mixed_up || !out.insert(stream).second;
                timer.expires_after(std::chrono::microseconds(100 * (number + 1)));
                co_await timer.async_wait(asio::use_awaitable);
                for (const es::recorded_event& event : *batch) order[stream].emplace_back(event.data());
                done += static_cast<int>(batch->size());
                workers.insert(number);
                out.erase(stream);
                batch->ack();
            }
        };
        std::vector<asio::awaitable<void>> all;
        for (int i = 0; i < 4; ++i) all.push_back(work(i));
        const auto write = [&]() -> asio::awaitable<void> {
            for (int i = 1; i <= each_has; ++i)
                for (int s = 0; s < streams; ++s)
                    co_await store.append("s-" + std::to_string(s), es::any_version, counted_one(std::to_string(i)));
        };
        all.push_back(write());
        co_await concurrently(std::move(all));
        BOOST_TEST(!is_mixed_up);
        BOOST_TEST(workers.size() == 4u);
        texts expected;
        for (int i = 1; i <= each_has; ++i) expected.push_back(std::to_string(i));
        for (const auto& [stream, seen] : order) TEST_SAME(seen, expected);
    };
    with_store(body);
}

BOOST_FIXTURE_TEST_CASE(the_key_may_be_the_callers_own, store_fixture) {
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        const auto by_data = [](const es::recorded_event& event) { return std::string(event.data()); };
        es::subscription first = co_await store.subscribe_to_all("keyed", shared(2).partition_by(by_data));
        es::subscription second = co_await store.subscribe_to_all("keyed", shared(2));
        co_await store.append("a", es::any_version, counted_one("x"));
        co_await store.append("b", es::any_version, counted_one("x"));
        co_await store.append("c", es::any_version, counted_one("y"));
        auto x = co_await first.next(5s);
        auto y = co_await second.next(5s);
        BOOST_TEST(x->front().stream() == "a");
        BOOST_TEST(y->front().stream() == "c"); // b has to wait for a
        y->ack();
        auto none = co_await second.next(50ms);
        BOOST_TEST(none->empty());
        x->ack();
        auto again = co_await second.next(5s);
        BOOST_TEST(again->front().stream() == "b");
    };
    with_store(body);
}

BOOST_AUTO_TEST_SUITE_END()
