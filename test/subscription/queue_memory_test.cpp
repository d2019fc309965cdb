// What a queued event is charged with: the memory that it keeps.

#include "read/page.hpp"
#include "subscription/subscription_state.hpp"

#include <boost/test/unit_test.hpp>

#include <memory>
#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(queue_memory_test)

using namespace eventstore;
using namespace eventstore::delivery;

namespace {

constexpr std::size_t event_bytes = 1000;

/// A page of so many events, and whether it is still in memory.
struct kept_page {
    explicit kept_page(int events) : payload(std::make_shared<std::string>(event_bytes, 'x')), storage(payload) {
        std::vector<eventstore::detail::page_row> rows;
        for (int i = 1; i <= events; ++i) {
            eventstore::detail::page_row row;
            row.position = row.version = i;
            row.stream = "s";
            row.type = "T";
            row.data = *payload;
            rows.push_back(row);
        }
        std::vector<eventstore::detail::page::keep_alive> kept(1, std::move(payload));
        events_page = eventstore::detail::page::make(std::move(rows), std::move(kept), true, events + 1);
    }

    std::shared_ptr<std::string> payload;
    std::weak_ptr<std::string> storage;
    event_page events_page;
};

subscription_state begun_state() {
    const subscription_state::settings how;
    subscription_state state(how, place());
    state.wish();
    return state;
}

} // namespace

BOOST_AUTO_TEST_CASE(one_event_of_a_large_page_lets_the_page_go) {
    kept_page page(100);
    subscription_state state = begun_state();
    const std::vector<arrival> one{{41, 0}};
    state.page_arrived(page.events_page, one, {100, 0}, true);
    BOOST_TEST(state.queued_bytes() >= event_bytes);
    BOOST_TEST(state.queued_bytes() < 2 * event_bytes);
    page.events_page = event_page();
    BOOST_TEST(page.storage.expired());
    state.remember({1000, 1, 1000});
    const auto batch = state.take(state.join(), steady_time());
    BOOST_TEST_REQUIRE(batch.has_value());
    BOOST_TEST(batch->events[0].position() == 42);
    BOOST_TEST(batch->events[0].data() == std::string(event_bytes, 'x'));
    BOOST_TEST(batch->events[0].stream() == "s");
}

BOOST_AUTO_TEST_CASE(some_events_of_a_page_are_charged_with_all_of_it) {
    kept_page page(20);
    subscription_state state = begun_state();
    const std::vector<arrival> some{{0, 0}, {3, 0}, {6, 0}, {9, 0}, {19, 0}};
    state.page_arrived(page.events_page, some, {20, 0}, true);
    BOOST_TEST(state.queued_bytes() >= 20 * event_bytes);
    BOOST_TEST(state.queued_bytes() <= eventstore::detail::page::kept_bytes(page.events_page));
    state.remember({1000, 1, 1000});
    const auto who = state.join();
    while (const auto batch = state.take(who, steady_time())) state.acknowledge(who, batch->first, batch->count);
    BOOST_TEST(state.queued_bytes() == 0u);
}

BOOST_AUTO_TEST_CASE(a_live_batch_is_taken_as_far_as_it_fits) {
    subscription_state::settings how;
    how.max_queued_bytes = 10 * event_bytes;
    subscription_state state(how, place());
    state.wish();
    state.page_arrived(event_page(), {}, {0, 0}, true);
    const kept_page page(40);
    std::vector<std::uint32_t> all;
    for (std::uint32_t i = 0; i < 40; ++i) all.push_back(i);
    const auto room = state.open_for(page.events_page, all, {}, {40, 0});
    BOOST_TEST_REQUIRE(room.is_open);
    BOOST_TEST(room.bytes == 10 * event_bytes);
    BOOST_TEST(room.skip == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
