#include "read/page.hpp"

#include "base/live_objects.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using namespace eventstore;
using eventstore::detail::live_objects;
using eventstore::detail::page;
using eventstore::detail::page_row;

static_assert(std::contiguous_iterator<event_page::const_iterator>);
static_assert(std::is_nothrow_move_constructible_v<event_page> && std::is_nothrow_copy_constructible_v<event_page>);
static_assert(std::is_nothrow_move_constructible_v<recorded_event>);

namespace {

/// What rows point into; a test sees when it goes.
struct storage {
    std::string stream = "account-1";
    std::string type = "Opened";
    std::vector<std::string> data;
};

struct made_page {
    event_page events;
    std::weak_ptr<const storage> watch;
};

made_page page_of(std::size_t count, bool complete = true, std::int64_t next_from = 0) {
    const auto texts = std::make_shared<storage>();
    for (std::size_t i = 0; i < count; ++i) texts->data.push_back("data " + std::to_string(i));
    std::vector<page_row> rows(count);
    for (std::size_t i = 0; i < count; ++i) {
        rows[i].version = static_cast<std::int64_t>(i) + 1;
        rows[i].position = static_cast<std::int64_t>(i) + 101;
        rows[i].created_at = timestamp(std::chrono::microseconds(i));
        rows[i].id = make_uuid();
        rows[i].stream = texts->stream;
        rows[i].type = texts->type;
        rows[i].data = texts->data[i];
        rows[i].metadata = std::string_view(texts->data[i]).substr(0, 4);
        if (i % 2 == 0) rows[i].correlation_id = make_uuid();
    }
    std::vector<page::keep_alive> kept{texts};
    return {page::make(std::move(rows), std::move(kept), complete, next_from), texts};
}

void expect_same(const recorded_event& left, const recorded_event& right) {
    BOOST_TEST(left.version() == right.version());
    BOOST_TEST(left.position() == right.position());
    BOOST_TEST((left.created_at() == right.created_at()));
    BOOST_TEST((left.id() == right.id()));
    BOOST_TEST(left.stream() == right.stream());
    BOOST_TEST(left.type() == right.type());
    BOOST_TEST(left.data() == right.data());
    BOOST_TEST(left.metadata() == right.metadata());
    BOOST_TEST((left.correlation_id() == right.correlation_id()));
    BOOST_TEST((left.causation_id() == right.causation_id()));
}

} // namespace

BOOST_AUTO_TEST_SUITE(page_test)

BOOST_AUTO_TEST_CASE(a_default_page_is_empty_and_complete) {
    const event_page none;
    BOOST_TEST(none.empty());
    BOOST_TEST(none.size() == 0u);
    BOOST_TEST(none.is_complete());
    BOOST_TEST(none.next_from() == 0);
    const event_page copy = none;
    BOOST_TEST(copy.empty());
}

BOOST_AUTO_TEST_CASE(a_page_shows_its_rows_in_order) {
    const auto made = page_of(3, false, 4);
    const event_page& events = made.events;
    BOOST_TEST(events.size() == 3u);
    BOOST_TEST(!events.empty());
    BOOST_TEST(!events.is_complete());
    BOOST_TEST(events.next_from() == 4);
    std::int64_t version = 0;
    for (const recorded_event& each : events) BOOST_TEST(each.version() == ++version);
    BOOST_TEST(events[1].data() == "data 1");
    BOOST_TEST(events[1].metadata() == "data");
    BOOST_TEST(events[1].stream() == "account-1");
    BOOST_TEST(events.front().position() == 101);
    BOOST_TEST(events.back().position() == 103);
    BOOST_TEST(events[0].correlation_id().has_value());
    BOOST_TEST(!events[1].correlation_id().has_value());
}

BOOST_AUTO_TEST_CASE(payloads_are_not_copied) {
    const auto made = page_of(2);
    const auto texts = made.watch.lock();
    BOOST_TEST((made.events[1].data().data() == texts->data[1].data()));
}

BOOST_AUTO_TEST_CASE(a_page_without_rows_keeps_what_was_said_of_it) {
    const auto made = page_of(0, false, 77);
    BOOST_TEST(made.events.empty());
    BOOST_TEST(!made.events.is_complete());
    BOOST_TEST(made.events.next_from() == 77);
}

BOOST_AUTO_TEST_CASE(copies_of_a_page_share_it_and_the_last_one_frees_it) {
    const long before = live_objects();
    auto made = page_of(3);
    {
        event_page copy = made.events;
        BOOST_TEST((copy.begin() == made.events.begin()));
        BOOST_TEST(live_objects() == before + 1);
        const event_page moved = std::move(copy);
        BOOST_TEST(copy.empty()); // NOLINT: a page that was moved from is an empty one
        made.events = event_page();
        BOOST_TEST(!made.watch.expired());
        BOOST_TEST(moved[2].data() == "data 2");
    }
    BOOST_TEST(made.watch.expired());
    BOOST_TEST(live_objects() == before);
}

BOOST_AUTO_TEST_CASE(a_page_may_be_assigned_to_itself) {
    auto made = page_of(2);
    const event_page& same = made.events;
    made.events = same;
    BOOST_TEST(made.events.size() == 2u);
    BOOST_TEST(made.events[1].data() == "data 1");
}

BOOST_AUTO_TEST_CASE(a_copied_event_keeps_its_whole_page_alive) {
    auto made = page_of(3);
    std::optional<recorded_event> kept = made.events[1];
    made.events = event_page();
    BOOST_TEST(!made.watch.expired());
    BOOST_TEST(kept->data() == "data 1");
    kept.reset();
    BOOST_TEST(made.watch.expired());
}

BOOST_AUTO_TEST_CASE(events_can_be_copied_moved_and_assigned_among_pages) {
    const long before = live_objects();
    auto first = page_of(2);
    auto second = page_of(2);
    {
        std::vector<recorded_event> list(first.events.begin(), first.events.end());
        list.insert(list.end(), second.events.begin(), second.events.end());
        std::ranges::reverse(list);
        list[0] = list[3];
        list[1] = std::move(list[2]);
        recorded_event& self = list[0];
        list[0] = self;
        first.events = event_page();
        second.events = event_page();
        expect_same(list[0], list[3]);
        BOOST_TEST(list[1].data() == "data 1");
    }
    BOOST_TEST(first.watch.expired());
    BOOST_TEST(second.watch.expired());
    BOOST_TEST(live_objects() == before);
}

BOOST_AUTO_TEST_CASE(a_detached_event_keeps_nothing_but_itself) {
    const long before = live_objects();
    auto made = page_of(3);
    for (const std::size_t index : {0u, 1u}) { // with and without a correlation id
        const recorded_event single = made.events[index].detached();
        expect_same(single, made.events[index]);
        BOOST_TEST((single.data().data() != made.events[index].data().data()));
    }
    const recorded_event single = made.events[2].detached();
    made.events = event_page();
    BOOST_TEST(made.watch.expired());
    BOOST_TEST(single.stream() == "account-1");
    BOOST_TEST(single.type() == "Opened");
    BOOST_TEST(single.data() == "data 2");
    BOOST_TEST(single.metadata() == "data");
    BOOST_TEST(live_objects() == before + 1);
    expect_same(single.detached(), single);
}

BOOST_AUTO_TEST_CASE(the_rest_of_a_page_shares_its_storage_and_says_the_same) {
    auto made = page_of(4, false, 9);
    event_page rest = page::rest_of(made.events, 1);
    BOOST_TEST(rest.size() == 3u);
    for (std::size_t i = 0; i < 3; ++i) expect_same(rest[i], made.events[i + 1]);
    BOOST_TEST((rest[0].data().data() == made.events[1].data().data()));
    BOOST_TEST(!rest.is_complete());
    BOOST_TEST(rest.next_from() == 9);
    made.events = event_page();
    BOOST_TEST(rest[2].data() == "data 3");
    rest = event_page();
    BOOST_TEST(made.watch.expired());
}

BOOST_AUTO_TEST_CASE(the_rest_after_the_last_event_is_empty) {
    const auto made = page_of(2, true, 3);
    BOOST_TEST(page::rest_of(made.events, 0).size() == 2u);
    const event_page rest = page::rest_of(made.events, 2);
    BOOST_TEST(rest.empty());
    BOOST_TEST(rest.is_complete());
    BOOST_TEST(rest.next_from() == 3);
}

BOOST_AUTO_TEST_CASE(an_event_is_made_by_hand_from_the_data_of_an_append) {
    const long before = live_objects();
    const timestamp then(std::chrono::microseconds(5));
    const uuid correlation = make_uuid();
    const uuid causation = make_uuid();
    const event_data data = event_data("Opened", std::string("a\0b", 3))
                                .metadata("meta")
                                .correlation_id(correlation)
                                .causation_id(causation)
                                .created_at(then);
    {
        const recorded_event event = recorded_event::make("account-1", 3, 7, data);
        BOOST_TEST(event.stream() == "account-1");
        BOOST_TEST(event.version() == 3);
        BOOST_TEST(event.position() == 7);
        BOOST_TEST((event.id() == data.id()));
        BOOST_TEST(event.type() == "Opened");
        BOOST_TEST(event.data() == std::string_view("a\0b", 3));
        BOOST_TEST(event.metadata() == "meta");
        BOOST_TEST((event.created_at() == then));
        BOOST_TEST((event.correlation_id() == std::optional(correlation)));
        BOOST_TEST((event.causation_id() == std::optional(causation)));
        const recorded_event copy = event;
        BOOST_TEST((copy.data().data() == event.data().data()));
    }
    BOOST_TEST(live_objects() == before);
}

BOOST_AUTO_TEST_CASE(an_event_made_by_hand_without_a_time_is_of_now) {
    const auto now = std::chrono::system_clock::now();
    const recorded_event event = recorded_event::make("a", 1, 1, event_data("A", ""));
    BOOST_TEST((event.created_at() >= std::chrono::floor<std::chrono::microseconds>(now)));
    BOOST_TEST((event.created_at() <= std::chrono::system_clock::now()));
    BOOST_TEST(event.data().empty());
}

BOOST_AUTO_TEST_CASE(threads_may_copy_and_drop_the_events_of_one_page) {
    const long before = live_objects();
    auto made = page_of(50);
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t)
            threads.emplace_back([own = made.events] {
                for (int round = 0; round < 200; ++round) {
                    std::vector<recorded_event> copies(own.begin(), own.end());
                    const event_page again = own;
                    copies.resize(copies.size() / 2, copies.front());
                }
            });
        made.events = event_page();
    }
    BOOST_TEST(made.watch.expired());
    BOOST_TEST(live_objects() == before);
}

BOOST_AUTO_TEST_CASE(a_detached_page_keeps_no_other_one) {
    auto whole = page_of(10);
    const std::vector<const recorded_event*> chosen = {&whole.events[2], &whole.events[7]};
    const event_page copy = page::detached(chosen);
    BOOST_TEST(copy.size() == 2u);
    expect_same(copy[0], whole.events[2]);
    expect_same(copy[1], whole.events[7]);
    whole.events = event_page();
    BOOST_TEST(whole.watch.expired());
    BOOST_TEST(copy[1].data() == "data 7");
}

BOOST_AUTO_TEST_CASE(what_a_page_keeps_is_all_that_it_was_cut_from) {
    const auto whole = page_of(10);
    const std::size_t all = page::kept_bytes(whole.events);
    BOOST_TEST(all > 10 * std::string("data 0dataOpened").size());
    BOOST_TEST(page::kept_bytes(page::rest_of(whole.events, 9)) == all);
    const std::vector<const recorded_event*> chosen = {&whole.events[2]};
    const event_page selected = page::selection(chosen, std::vector<event_page>(1, whole.events));
    BOOST_TEST(page::kept_bytes(selected) == all);
    BOOST_TEST(page::kept_bytes(page::rest_of(page::rest_of(whole.events, 1), 1)) == all);
    BOOST_TEST(page::kept_bytes(page::detached(chosen)) < all / 5);
    BOOST_TEST(page::kept_bytes(event_page()) == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
