// When an event may be handed out, and what the database knows of it then.

#include "made_log.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

BOOST_AUTO_TEST_SUITE(hand_out_test)

using namespace eventstore;
using namespace eventstore::delivery;
using test::made_log;

namespace {

const steady_time now{std::chrono::hours(1)};

/// A subscription to a log of so many events, all of them queued.
class queue_of {
public:
    explicit queue_of(
        int events, subscription_state::announcement before = {}, subscription_state::settings how = one())
        : state(how, place()), me(state.join()) {
        state.remember(before);
        for (int i = 0; i < events; ++i) log.append("a");
        read();
    }

    static subscription_state::settings one() { return of_batches(1); }
    static subscription_state::settings of_batches(std::size_t max_batch) {
        subscription_state::settings how;
        how.max_batch = max_batch;
        how.max_queued = 10'000;
        how.max_in_flight = 10'000;
        return how;
    }

    void read() {
        const auto wish = state.wish();
        if (!wish) return;
        const event_page page = log.page(wish->from - 1, log.head(), {}, wish->count);
        const auto all = test::all_of(page);
        state.page_arrived(page, all, {page.next_from() - 1, 0}, page.is_complete());
    }
    /// Takes a batch, and writes the row before it where that is needed; returns whether it was.
    bool take(std::optional<subscription_state::hand_out>& to) {
        to = state.take(me, now);
        if (to) return false;
        BOOST_REQUIRE(state.wants_announcement());
        row = state.announce();
        BOOST_TEST(state.announced(row));
        to = state.take(me, now);
        BOOST_REQUIRE(to.has_value());
        return true;
    }

    made_log log;
    subscription_state state;
    consumer_id me;
    subscription_state::announcement row; // as it was written last
};

} // namespace

BOOST_AUTO_TEST_CASE(the_row_says_that_it_is_handed_out_before_it_is) {
    queue_of mine(3);
    BOOST_TEST(!mine.state.take(mine.me, now).has_value());
    const auto row = mine.state.announce();
    BOOST_TEST((row == subscription_state::announcement{1, 1, 1}));
    BOOST_TEST(!mine.state.take(mine.me, now).has_value()); // it is still on its way
    mine.state.announced(row);
    const auto first = mine.state.take(mine.me, now);
    BOOST_TEST_REQUIRE(first.has_value());
    BOOST_TEST(first->events[0].position() == 1);
    BOOST_TEST(first->delivery == 1);
    BOOST_TEST(!mine.state.take(mine.me, now).has_value()); // the second one is not covered
}

BOOST_AUTO_TEST_CASE(an_owner_that_handed_out_nothing_leaves_no_trace) {
    queue_of mine(3);
    BOOST_TEST((mine.state.announce() == subscription_state::announcement()));
}

BOOST_AUTO_TEST_CASE(the_next_owner_counts_what_was_handed_out_and_nothing_else) {
    queue_of heir(4, {2, 3, 3}); // two of them three times, and perhaps the third one
    std::optional<subscription_state::hand_out> batch;
    for (const int expected : {4, 4, 2, 1}) {
        heir.take(batch);
        BOOST_TEST(batch->delivery == expected);
    }
}

BOOST_AUTO_TEST_CASE(what_may_have_been_handed_out_is_no_try) {
    subscription_state::settings how = queue_of::one();
    how.max_retries = 1;
    queue_of heir(1, {0, 0, 1}, how);
    std::optional<subscription_state::hand_out> batch;
    heir.take(batch);
    BOOST_TEST(batch->delivery == 2);
    const auto refused = heir.state.refuse(heir.me, batch->first, batch->count, now);
    BOOST_TEST(refused.count == 0u); // it is tried once more
}

BOOST_AUTO_TEST_CASE(a_batch_waits_until_all_of_it_is_covered) {
    queue_of mine(5, {}, queue_of::of_batches(3));
    std::optional<subscription_state::hand_out> batch;
    BOOST_TEST(mine.take(batch));
    BOOST_TEST(batch->count == 3u);
    BOOST_TEST((mine.row == subscription_state::announcement{3, 1, 3}));
    BOOST_TEST(mine.take(batch));
    BOOST_TEST(batch->count == 2u);
}

BOOST_AUTO_TEST_CASE(a_busy_subscription_hardly_ever_waits_and_a_quiet_one_is_exact_again) {
    queue_of mine(1000);
    std::optional<subscription_state::hand_out> batch;
    int waits = 0;
    for (int i = 1; i <= 1000; ++i) {
        waits += mine.take(batch) ? 1 : 0;
        if (i <= 4) BOOST_TEST(mine.row.through == i);
        mine.state.acknowledge(mine.me, batch->first, batch->count);
        mine.read();
    }
    BOOST_TEST(waits > 4);
    BOOST_TEST(waits < 16);
    mine.state.announced(mine.state.announce());
    mine.state.announced(mine.state.announce());
    BOOST_TEST((mine.state.announce().through == 0)); // nothing was handed out since the one before
    mine.state.announced(mine.state.announce());
    mine.log.append("a");
    const event_page page = mine.log.page(1000, 1001);
    const std::vector<std::uint32_t> which{0};
    const auto room = mine.state.open_for(page, which, {}, {1001, 0});
    BOOST_TEST_REQUIRE(room.is_open);
    mine.state.live(page, test::all_of(page), {1001, 0}, true);
    BOOST_TEST(mine.take(batch));
    BOOST_TEST(mine.row.through == 1001);
}

BOOST_AUTO_TEST_CASE(what_goes_back_unseen_was_not_handed_out) {
    queue_of mine(1);
    std::optional<subscription_state::hand_out> batch;
    mine.take(batch);
    mine.state.give_back(mine.me, batch->first, batch->count);
    BOOST_TEST((mine.state.announce() == subscription_state::announcement()));
}

BOOST_AUTO_TEST_CASE(a_checkpoint_with_a_batch_needs_all_before_it_done) {
    queue_of mine(4);
    std::optional<subscription_state::hand_out> first;
    std::optional<subscription_state::hand_out> second;
    mine.take(first);
    mine.take(second);
    BOOST_TEST(!mine.state.done_with(mine.me, second->first, second->count).has_value());
    BOOST_TEST(!mine.state.done_with(mine.me, first->first, 0).has_value());
    BOOST_TEST(!mine.state.done_with(mine.me + 1, first->first, first->count).has_value()); // another's
    BOOST_TEST(!mine.state.done_with(mine.me, second->first + 1, 1).has_value());           // in nobody's hands
    BOOST_TEST(!mine.state.done_with(mine.me, second->first + 7, 1).has_value());           // not there
    const auto with_first = mine.state.done_with(mine.me, first->first, first->count);
    BOOST_TEST_REQUIRE(with_first.has_value());
    BOOST_TEST(with_first->where.position == 1);
    BOOST_TEST(with_first->events == 1u);
    mine.state.acknowledge(mine.me, first->first, first->count);
    BOOST_TEST(!mine.state.done_with(mine.me, first->first, first->count).has_value()); // it is done
    BOOST_TEST(mine.state.done_with(mine.me, second->first, second->count)->where.position == 2);
    BOOST_TEST(mine.state.done().where.position == 1); // it was only asked
}

BOOST_AUTO_TEST_CASE(a_batch_of_parked_events_is_acknowledged_in_parts) {
    queue_of mine(3, {}, queue_of::of_batches(10));
    std::optional<subscription_state::hand_out> normal;
    std::optional<subscription_state::hand_out> parked;
    mine.take(normal);
    BOOST_TEST(normal->count == 3u);
    mine.state.acknowledge(mine.me, normal->first, 2);
    mine.state.replay(mine.log.page(0, 1), 1);
    mine.state.replay(mine.log.page(1, 2), 1);
    parked = mine.state.take(mine.me, now);
    BOOST_TEST_REQUIRE(parked.has_value());
    BOOST_TEST_REQUIRE(parked->count == 2u);
    BOOST_TEST((mine.state.replayed_in(mine.me, parked->first, 1) == std::vector<std::int64_t>{1}));
    mine.state.acknowledge(mine.me, parked->first, 1);
    BOOST_TEST((mine.state.replayed_in(mine.me, parked->first, 2) == std::vector<std::int64_t>{2}));
    BOOST_TEST(mine.state.replayed_in(mine.me + 1, parked->first, 2).empty()); // another's
}

BOOST_AUTO_TEST_CASE(what_a_lower_report_would_take_back_is_not_handed_out) {
    subscription_state::settings how = queue_of::one();
    how.order = ordering::by_key;
    made_log log;
    for (int i = 0; i < 3; ++i) log.append("a");
    subscription_state state(how, place());
    const auto one = state.join();
    const auto other = state.join();
    BOOST_REQUIRE(state.wish().has_value());
    const std::vector<arrival> keys{{0, 1}, {1, 1}, {2, 2}};
    state.page_arrived(log.page(0, 3), keys, {3, 0}, true);
    BOOST_TEST(!state.take(one, now).has_value());
    state.announced(state.announce());
    BOOST_REQUIRE(state.take(one, now).has_value()); // the first event, and with it the first key
    BOOST_TEST(!state.take(other, now).has_value()); // wants the third
    const auto under_way = state.announce();
    BOOST_TEST(under_way.through == 3);
    BOOST_TEST(!state.take(one, now).has_value()); // wants the second
    const auto next = state.announce();
    BOOST_TEST(next.through == 2);
    state.announced(under_way); // and then the other one is written
    BOOST_TEST(!state.take(other, now).has_value());
    BOOST_TEST(state.take(one, now).has_value());
}

BOOST_AUTO_TEST_CASE(many_reports_of_many_events_in_flight_walk_over_them_now_and_then) {
    queue_of mine(4'000);
    std::optional<subscription_state::hand_out> batch;
    for (int i = 0; i < 4'000; ++i) {
        mine.take(batch);
        mine.read();
    }
    for (int i = 0; i < 1'000; ++i) {
        const auto row = mine.state.announce();
        BOOST_TEST_REQUIRE(row.through >= 4'000); // all of them were handed out
    }
}

BOOST_AUTO_TEST_SUITE_END()
