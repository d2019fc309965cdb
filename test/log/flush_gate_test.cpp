#include "log/append_queue.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

using eventstore::log::flush_gate;

BOOST_AUTO_TEST_SUITE(flush_gate_test)

BOOST_AUTO_TEST_CASE(the_first_append_is_sent_at_once) {
    flush_gate gate;
    BOOST_TEST(gate.is_open());
    BOOST_TEST(!gate.is_shut());
    BOOST_TEST(gate.arrived());
    gate.sent();
    BOOST_TEST(gate.is_shut());
}

BOOST_AUTO_TEST_CASE(nothing_is_cut_while_a_flush_is_under_way) {
    flush_gate gate;
    gate.sent();
    for (int i = 0; i < 10; ++i) BOOST_TEST(!gate.arrived());
    BOOST_TEST(!gate.waited(gate.round()));
    BOOST_TEST(gate.is_shut());
}

BOOST_AUTO_TEST_CASE(the_next_flush_is_cut_when_as_many_have_come_as_were_released) {
    flush_gate gate;
    gate.sent();
    BOOST_TEST(gate.returned(3));
    BOOST_TEST(!gate.is_open());
    BOOST_TEST(!gate.is_shut());
    BOOST_TEST(!gate.arrived());
    BOOST_TEST(!gate.arrived());
    BOOST_TEST(gate.arrived());
    BOOST_TEST(gate.is_open());
    BOOST_TEST(gate.arrived()); // and whoever comes before it is sent
}

BOOST_AUTO_TEST_CASE(the_next_flush_is_cut_when_the_wait_is_over) {
    flush_gate gate;
    gate.sent();
    BOOST_TEST(gate.returned(3));
    BOOST_TEST(!gate.arrived());
    BOOST_TEST(gate.waited(gate.round()));
    BOOST_TEST(gate.is_open());
    BOOST_TEST(!gate.waited(gate.round())); // once is enough
}

BOOST_AUTO_TEST_CASE(those_who_came_during_the_flush_are_none_of_its_writers) {
    flush_gate gate;
    gate.sent();
    for (int i = 0; i < 5; ++i) BOOST_TEST(!gate.arrived());
    gate.returned(2);
    BOOST_TEST(!gate.arrived());
    BOOST_TEST(gate.arrived());
}

BOOST_AUTO_TEST_CASE(a_flush_that_released_nobody_needs_no_wait) {
    flush_gate gate;
    gate.sent();
    BOOST_TEST(!gate.returned(0));
    BOOST_TEST(gate.is_open());
    BOOST_TEST(gate.arrived());
}

BOOST_AUTO_TEST_CASE(a_wait_of_an_earlier_round_means_nothing) {
    flush_gate gate;
    gate.sent();
    gate.returned(1);
    const std::uint64_t first = gate.round();
    BOOST_TEST(gate.arrived());
    gate.sent();
    BOOST_TEST(!gate.waited(first)); // while the second flush is under way
    BOOST_TEST(gate.is_shut());
    gate.returned(5);
    BOOST_TEST(gate.round() != first);
    BOOST_TEST(!gate.waited(first)); // nor while its writers come back
    BOOST_TEST(!gate.is_open());
    BOOST_TEST(gate.waited(gate.round()));
}

namespace {

/// What an appender does with its gate, in random order: posts, waits and answers come when they like.
class schedule {
public:
    schedule(unsigned seed, std::size_t writers) : random_(seed), idle_(writers) {}

    void step() {
        switch (random_() % 5) {
        case 0:
        case 1: append(); break;
        case 2: cut(); break;
        case 3: answer(); break;
        default: wait_is_over(); break;
        }
        check();
    }

    /// Nobody comes any more: what waits must be sent all the same.
    void drain() {
        for (int i = 0; i < 1000 && (queued_ > 0 || under_way_ > 0); ++i) {
            cut();
            check();
            answer();
            check();
            while (!waits_.empty()) wait_is_over();
            check();
        }
        BOOST_TEST(queued_ == 0u);
        BOOST_TEST(under_way_ == 0u);
    }

private:
    void append() {
        if (idle_ == 0) return;
        --idle_;
        ++queued_;
        if (gate_.arrived()) cut_is_posted_ = true;
    }

    void cut() {
        if (!cut_is_posted_) return;
        cut_is_posted_ = false;
        if (!gate_.is_open() || queued_ == 0) return;
        BOOST_TEST(under_way_ == 0u); // never two flushes at once
        under_way_ = std::exchange(queued_, 0);
        gate_.sent();
    }

    void answer() {
        if (under_way_ == 0) return;
        BOOST_TEST(gate_.is_shut());
        std::size_t released = 0;
        if (random_() % 4 == 0) { // the connection was lost: all of them are queued again
            queued_ += under_way_;
        } else {
            released = under_way_;
            idle_ += under_way_;
        }
        under_way_ = 0;
        if (gate_.returned(released))
            waits_.push_back(gate_.round());
        else
            cut_is_posted_ = true;
    }

    void wait_is_over() {
        if (waits_.empty()) return;
        const auto which = waits_.begin() + static_cast<std::ptrdiff_t>(random_() % waits_.size());
        const std::uint64_t round = *which;
        waits_.erase(which);
        if (gate_.waited(round) && queued_ > 0) cut_is_posted_ = true;
    }

    void check() {
        BOOST_TEST(gate_.is_shut() == (under_way_ > 0));
        // Never stuck: where appends wait, something is on its way that will have them sent.
        const bool is_awaited = std::ranges::find(waits_, gate_.round()) != waits_.end();
        BOOST_TEST((queued_ == 0 || cut_is_posted_ || under_way_ > 0 || is_awaited));
    }

    std::mt19937 random_;
    flush_gate gate_;
    std::size_t idle_; // writers that wait for nothing
    std::size_t queued_ = 0;
    std::size_t under_way_ = 0;
    bool cut_is_posted_ = false;
    std::vector<std::uint64_t> waits_;
};

} // namespace

BOOST_AUTO_TEST_CASE(random_schedules_never_get_stuck_nor_send_two_flushes_at_once) {
    for (unsigned seed = 1; seed <= 30; ++seed) BOOST_TEST_CONTEXT("seed " << seed) {
            schedule random(seed, 1 + seed % 7);
            for (int i = 0; i < 1000; ++i) random.step();
            random.drain();
        }
}

BOOST_AUTO_TEST_CASE(writers_that_come_back_in_time_all_go_into_one_flush) {
    flush_gate gate;
    constexpr std::size_t writers = 10;
    std::size_t queued = 0;
    std::size_t flushes = 0;
    bool cut = false;
    for (std::size_t i = 0; i < writers; ++i) {
        ++queued;
        cut = gate.arrived() || cut;
    }
    for (int round = 0; round < 100; ++round) {
        BOOST_TEST(cut);
        BOOST_TEST(queued == writers);
        queued = 0;
        cut = false;
        gate.sent();
        ++flushes;
        gate.returned(writers);
        for (std::size_t i = 0; i < writers; ++i) {
            ++queued;
            const bool now = gate.arrived();
            BOOST_TEST(now == (i + 1 == writers)); // no two groups of half the size that take turns
            cut = now;
        }
    }
    BOOST_TEST(flushes == 100u);
}

BOOST_AUTO_TEST_SUITE_END()
