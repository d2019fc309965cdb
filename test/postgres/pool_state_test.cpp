#include "postgres/pool_state.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <iterator>
#include <optional>
#include <random>
#include <vector>

using namespace std::chrono_literals;
using eventstore::postgres::pool_state;
using time_point = pool_state::time_point;
using request_kind = pool_state::request_kind;

BOOST_AUTO_TEST_SUITE(pool_state_test)

namespace {

const eventstore::failure refused(eventstore::errc::connection_lost, "refused");

constexpr time_point start{1000s};

/// A pool whose connections are open already.
pool_state ready_pool(std::size_t size) {
    pool_state pool(size);
    for (std::size_t i = 0; i < size; ++i) {
        BOOST_REQUIRE(pool.open(1, start).has_value());
        pool.connected(i);
    }
    return pool;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_new_pool_has_no_connection_and_opens_none_unasked) {
    pool_state pool(4);
    BOOST_TEST(pool.size() == 4u);
    BOOST_TEST(pool.ready() == 0u);
    BOOST_TEST(!pool.take(request_kind::read).has_value());
    BOOST_TEST(!pool.open(0, start).has_value());
    BOOST_TEST(!pool.retry_at(0, start).has_value());
}

BOOST_AUTO_TEST_CASE(a_request_without_a_connection_opens_one) {
    pool_state pool(4);
    BOOST_TEST((pool.open(1, start) == 0u));
    BOOST_TEST(!pool.is_ready(0));
    BOOST_TEST(!pool.take(request_kind::read).has_value());
    pool.connected(0);
    BOOST_TEST(pool.is_ready(0));
    BOOST_TEST((pool.take(request_kind::read) == 0u));
    BOOST_TEST(pool.in_flight(0) == 1u);
}

BOOST_AUTO_TEST_CASE(connections_are_opened_one_at_a_time) {
    pool_state pool(4);
    BOOST_TEST(pool.open(100, start).has_value());
    BOOST_TEST(!pool.open(100, start).has_value());
    BOOST_TEST(!pool.retry_at(100, start).has_value()); // the one under way will ask again
    pool.connected(0);
    BOOST_TEST((pool.open(99, start) == 1u));
}

BOOST_AUTO_TEST_CASE(another_connection_is_opened_when_a_request_has_to_share_one) {
    pool_state pool(2);
    pool.open(1, start);
    pool.connected(0);
    BOOST_TEST((pool.take(request_kind::read) == 0u));
    BOOST_TEST(!pool.open(0, start).has_value()); // it has the connection for itself
    BOOST_TEST((pool.take(request_kind::read) == 0u));
    BOOST_TEST((pool.open(0, start) == 1u));
    pool.connected(1);
    BOOST_TEST((pool.take(request_kind::read) == 1u));
}

BOOST_AUTO_TEST_CASE(a_connection_that_has_come_is_used_before_another_one_is_opened) {
    pool_state pool(3);
    pool.open(1, start);
    pool.connected(0);
    pool.take(request_kind::read);
    pool.take(request_kind::read);
    BOOST_TEST((pool.open(0, start) == 1u));
    pool.connected(1);
    BOOST_TEST(!pool.open(0, start).has_value());
    BOOST_TEST((pool.take(request_kind::read) == 1u));
    BOOST_TEST(!pool.open(0, start).has_value());
    BOOST_TEST((pool.take(request_kind::read) == 1u)); // and now it is shared
    BOOST_TEST((pool.open(0, start) == 2u));
}

BOOST_AUTO_TEST_CASE(no_more_connections_than_the_size_are_opened) {
    pool_state pool = ready_pool(3);
    for (int i = 0; i < 30; ++i) {
        BOOST_TEST(pool.take(request_kind::read).has_value());
        BOOST_TEST(!pool.open(0, start).has_value());
    }
    BOOST_TEST(pool.ready() == 3u);
    BOOST_TEST(pool.in_flight() == 30u);
}

BOOST_AUTO_TEST_CASE(the_connection_with_the_fewest_requests_takes_the_next) {
    pool_state pool = ready_pool(3);
    for (const std::size_t expected : {0u, 1u, 2u, 0u, 1u, 2u}) BOOST_TEST((pool.take(request_kind::read) == expected));
    pool.answered(1, request_kind::read);
    BOOST_TEST((pool.take(request_kind::read) == 1u));
    pool.answered(2, request_kind::read);
    pool.answered(2, request_kind::read);
    BOOST_TEST((pool.take(request_kind::read) == 2u));
    BOOST_TEST((pool.take(request_kind::read) == 2u));
    BOOST_TEST((pool.take(request_kind::read) == 0u));
}

BOOST_AUTO_TEST_CASE(nothing_is_sent_behind_what_writes) {
    pool_state pool = ready_pool(3);
    BOOST_TEST((pool.take(request_kind::write) == 0u));
    BOOST_TEST((pool.take(request_kind::read) == 1u));
    BOOST_TEST((pool.take(request_kind::read) == 2u));
    BOOST_TEST((pool.take(request_kind::read) == 1u));  // it shares rather than waits
    BOOST_TEST((pool.take(request_kind::write) == 2u)); // behind what reads
    BOOST_TEST((pool.take(request_kind::read) == 1u));
    BOOST_TEST(!pool.take(request_kind::write).has_value()); // the last one is for those that read
    pool.answered(0, request_kind::write);
    BOOST_TEST((pool.take(request_kind::write) == 0u));
    pool.lost(0, start, 0);
    BOOST_TEST((pool.take(request_kind::write) == 1u));
    BOOST_TEST(!pool.take(request_kind::read).has_value()); // until the first one is opened again
    BOOST_TEST((pool.open(1, start) == 0u));
    pool.connected(0);
    BOOST_TEST((pool.take(request_kind::read) == 0u));
}

BOOST_AUTO_TEST_CASE(a_request_opens_another_connection_rather_than_go_behind_what_writes) {
    pool_state pool(2);
    pool.open(1, start);
    pool.connected(0);
    BOOST_TEST((pool.take(request_kind::write) == 0u));
    BOOST_TEST(!pool.take(request_kind::read).has_value());
    BOOST_TEST((pool.open(1, start) == 1u));
    pool.connect_failed(1, refused, start, 0);
    BOOST_TEST((pool.open(1, start) == 1u));
    pool.connect_failed(1, refused, start, 10);
    BOOST_TEST(pool.retry_at(1, start).has_value());
    pool.answered(0, request_kind::write); // the server gives no second one
    BOOST_TEST((pool.take(request_kind::read) == 0u));
}

BOOST_AUTO_TEST_CASE(a_pool_of_one_connection_sends_all_in_turn) {
    pool_state pool = ready_pool(1);
    for (const request_kind kind : {request_kind::write, request_kind::read, request_kind::write})
        BOOST_TEST((pool.take(kind) == 0u));
    BOOST_TEST(pool.in_flight(0) == 3u);
}

BOOST_AUTO_TEST_CASE(a_lost_connection_takes_its_requests_along_and_is_opened_again_at_once) {
    pool_state pool = ready_pool(2);
    for (int i = 0; i < 4; ++i) pool.take(request_kind::read);
    pool.lost(0, start, 7);
    BOOST_TEST(!pool.is_ready(0));
    BOOST_TEST(pool.in_flight(0) == 0u);
    BOOST_TEST(pool.in_flight() == 2u);
    BOOST_TEST((pool.take(request_kind::read) == 1u));
    BOOST_TEST((pool.open(0, start) == 0u)); // the first failure after a success waits for nothing
}

BOOST_AUTO_TEST_CASE(an_answer_after_the_loss_is_not_counted) {
    pool_state pool = ready_pool(1);
    pool.take(request_kind::read);
    pool.lost(0, start, 0);
    pool.answered(0, request_kind::read);
    BOOST_TEST(pool.in_flight(0) == 0u);
    BOOST_TEST(pool.in_flight() == 0u);
}

BOOST_AUTO_TEST_CASE(after_failures_it_waits_longer_each_time) {
    pool_state pool(1);
    time_point now = start;
    BOOST_TEST(pool.open(1, now).has_value());
    pool.connect_failed(0, refused, now, 0);
    BOOST_TEST(pool.open(1, now).has_value()); // the first one is repeated at once
    for (const auto step : {20ms, 40ms, 80ms, 160ms, 320ms, 640ms, 1280ms, 2000ms, 2000ms}) {
        const auto half = static_cast<std::uint64_t>((step / 2).count());
        pool.connect_failed(0, refused, now, half); // the longest delay of the step
        BOOST_TEST(!pool.open(1, now + step - 1ms).has_value());
        BOOST_TEST((pool.retry_at(1, now) == now + step));
        now += step;
        BOOST_TEST(!pool.retry_at(1, now).has_value());
        BOOST_TEST(pool.open(1, now).has_value());
    }
}

BOOST_AUTO_TEST_CASE(a_success_ends_the_waiting) {
    pool_state pool(2);
    time_point now = start;
    for (int i = 0; i < 8; ++i) {
        BOOST_TEST(pool.open(1, now).has_value());
        pool.connect_failed(0, refused, now, 0);
        now = pool.retry_at(1, now).value_or(now);
    }
    BOOST_TEST(pool.open(1, now).has_value());
    pool.connected(0);
    pool.lost(0, now, 0);
    BOOST_TEST(pool.open(1, now).has_value());
}

BOOST_AUTO_TEST_CASE(nobody_asks_again_where_nobody_waits_or_all_connections_are_open) {
    pool_state pool = ready_pool(2);
    BOOST_TEST(!pool.retry_at(1, start).has_value());
    pool.lost(0, start, 0);
    pool.open(1, start);
    pool.connect_failed(0, refused, start, 10); // the second failure: 10 to 20 ms
    BOOST_TEST(!pool.retry_at(0, start).has_value());
    BOOST_TEST(pool.retry_at(1, start).has_value());
}

namespace {

/// Drives a pool by random events in virtual time, as its driver does, and keeps books of its own.
class schedule {
public:
    schedule(unsigned seed, std::size_t size) : random_(seed), pool_(size), slots_(size) {}

    void step() {
        switch (random_() % 9) {
        case 0:
        case 1:
        case 2: ++waiting_[random_() % 2]; break;
        case 3:
        case 4: answer(); break;
        case 5: connect(true); break;
        case 6: connect(false); break;
        case 7: lose(); break;
        default: now_ += std::chrono::milliseconds(random_() % 50); break;
        }
        assign();
        check();
    }

    /// From here on the server is well: everyone gets an answer.
    void settle() {
        for (int i = 0; i < 10'000 && waiting() > 0; ++i) {
            if (const auto at = pool_.retry_at(waiting(), now_)) now_ = *at;
            answer();
            assign();
            connect(true);
            assign();
            check();
        }
        BOOST_TEST(waiting() == 0u);
    }

private:
    struct slot {
        bool ready = false;
        std::deque<request_kind> requests = {}; // in the order in which they were sent

        bool writes() const { return std::ranges::find(requests, request_kind::write) != requests.end(); }
    };

    std::size_t waiting() const { return waiting_[0] + waiting_[1]; }

    void assign() {
        for (const request_kind kind : {request_kind::read, request_kind::write})
            for (std::size_t& waiting = waiting_[static_cast<int>(kind)]; waiting > 0 && assign(kind);) --waiting;
        open();
    }

    bool assign(request_kind kind) {
        const bool is_shared_by_all = slots_.size() == 1;
        const auto may_take = [&](const slot& each) { return each.ready && (is_shared_by_all || !each.writes()); };
        std::optional<std::size_t> least;
        for (const slot& each : slots_)
            if (may_take(each)) least = std::min(each.requests.size(), least.value_or(each.requests.size()));
        const std::ptrdiff_t writing = std::ranges::count_if(slots_, &slot::writes);
        if (kind == request_kind::write && !is_shared_by_all && writing + 1 == std::ssize(slots_)) least.reset();

        const auto taken = pool_.take(kind);
        BOOST_TEST(taken.has_value() == least.has_value());
        if (!taken) return false;
        BOOST_TEST(may_take(slots_[*taken]));
        BOOST_TEST(slots_[*taken].requests.size() == *least);
        slots_[*taken].requests.push_back(kind);
        return true;
    }

    void open() {
        if (const auto opened = pool_.open(waiting(), now_)) {
            BOOST_TEST(!connecting_.has_value());
            BOOST_TEST(!slots_[*opened].ready);
            BOOST_TEST((now_ >= earliest_));
            connecting_ = opened;
        }
    }

    void answer() {
        const std::size_t which = random_() % slots_.size();
        std::deque<request_kind>& requests = slots_[which].requests;
        if (requests.empty()) return;
        pool_.answered(which, requests.front());
        requests.pop_front();
    }

    void connect(bool succeeds) {
        if (!connecting_) return;
        const std::size_t which = *std::exchange(connecting_, std::nullopt);
        if (succeeds) {
            pool_.connected(which);
            slots_[which] = {true};
            failures_ = 0;
        } else {
            pool_.connect_failed(which, refused, now_, random_());
            failed();
        }
    }

    void lose() {
        const std::size_t which = random_() % slots_.size();
        if (!slots_[which].ready) return;
        for (const request_kind kind : slots_[which].requests) ++waiting_[static_cast<int>(kind)]; // sent again
        slots_[which] = {};
        pool_.lost(which, now_, random_());
        failed();
    }

    void failed() {
        const auto step = failures_ == 0 ? 0ms : std::min(2000ms, 20ms * (1 << std::min(failures_ - 1, 10)));
        ++failures_;
        earliest_ = now_ + step / 2;
        latest_ = now_ + step;
    }

    void check() {
        std::size_t ready = 0;
        std::size_t requests = 0;
        for (std::size_t i = 0; i < slots_.size(); ++i) {
            BOOST_TEST(pool_.is_ready(i) == slots_[i].ready);
            BOOST_TEST(pool_.in_flight(i) == slots_[i].requests.size());
            ready += slots_[i].ready ? 1 : 0;
            requests += slots_[i].requests.size();
        }
        BOOST_TEST(pool_.ready() == ready);
        BOOST_TEST(pool_.in_flight() == requests);
        const auto again = pool_.retry_at(waiting(), now_);
        if (waiting() > 0 && ready == 0 && !connecting_) BOOST_TEST(again.has_value()); // or they would wait for ever
        if (again) {
            BOOST_TEST((*again > now_));
            BOOST_TEST((*again >= earliest_));
            BOOST_TEST((*again <= latest_));
        }
    }

    std::mt19937_64 random_;
    pool_state pool_;
    std::vector<slot> slots_;
    std::size_t waiting_[2] = {}; // of each kind
    std::optional<std::size_t> connecting_;
    int failures_ = 0;
    time_point now_ = start;
    time_point earliest_ = start; // between these two the next attempt may be made
    time_point latest_ = start;
};

} // namespace

BOOST_AUTO_TEST_CASE(random_schedules_keep_all_the_rules) {
    for (const unsigned seed : {1u, 2u, 3u, 4u, 5u, 6u}) BOOST_TEST_CONTEXT("seed " << seed) {
            schedule random(seed, seed % 4 + 1);
            for (int i = 0; i < 1000; ++i) random.step();
            random.settle();
        }
}

BOOST_AUTO_TEST_SUITE_END()
