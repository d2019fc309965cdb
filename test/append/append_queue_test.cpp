#include "append/append_queue.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <set>
#include <vector>

namespace {

/// As much of a request as a queue sees.
struct request {
    int number = 0;
    std::size_t bytes = 0;
    std::size_t events = 1;
    std::uint64_t piece = 0;
    bool claimed = false;

    bool is_claimed() const noexcept { return claimed; }
};

using queue = eventstore::append::append_queue<request>;
using pointer = queue::pointer;

pointer made(int number, std::size_t bytes, std::size_t events = 1) {
    auto one = std::make_shared<request>();
    one->number = number;
    one->bytes = bytes;
    one->events = events;
    return one;
}

template <class Requests>
std::vector<int> numbers_of(const Requests& requests) {
    std::vector<int> list;
    for (const pointer& each : requests) list.push_back(each->number);
    return list;
}

using number_list = std::vector<int>;

} // namespace

BOOST_TEST_DONT_PRINT_LOG_VALUE(number_list)

BOOST_AUTO_TEST_SUITE(append_queue_test)

BOOST_AUTO_TEST_CASE(a_flush_takes_what_waits_in_order) {
    queue waiting(queue::limits{});
    BOOST_TEST(waiting.empty());
    BOOST_TEST(waiting.cut().empty());
    for (int i = 0; i < 5; ++i) waiting.push(made(i, 100));
    BOOST_TEST(waiting.size() == 5u);
    BOOST_TEST(waiting.used_bytes() == 500u);
    BOOST_TEST(numbers_of(waiting.cut()) == (number_list{0, 1, 2, 3, 4}));
    BOOST_TEST(waiting.empty());
    BOOST_TEST(waiting.used_bytes() == 500u); // under way: they count until released
    waiting.release(500);
    BOOST_TEST(waiting.used_bytes() == 0u);
}

BOOST_AUTO_TEST_CASE(a_flush_is_bounded_in_events) {
    queue waiting({.flush_events = 10});
    for (int i = 0; i < 4; ++i) waiting.push(made(i, 1, 4));
    BOOST_TEST(numbers_of(waiting.cut()) == (number_list{0, 1}));
    BOOST_TEST(numbers_of(waiting.cut()) == (number_list{2, 3}));
    BOOST_TEST(waiting.cut().empty());
}

BOOST_AUTO_TEST_CASE(a_flush_is_bounded_in_bytes) {
    queue waiting({.flush_bytes = 100});
    for (const auto& [number, bytes] : std::map<int, std::size_t>{{0, 60}, {1, 40}, {2, 1}, {3, 100}, {4, 1}})
        waiting.push(made(number, bytes));
    BOOST_TEST(numbers_of(waiting.cut()) == (number_list{0, 1}));
    BOOST_TEST(numbers_of(waiting.cut()) == (number_list{2}));
    BOOST_TEST(numbers_of(waiting.cut()) == (number_list{3}));
    BOOST_TEST(numbers_of(waiting.cut()) == (number_list{4}));
}

BOOST_AUTO_TEST_CASE(a_request_beyond_the_limits_of_a_flush_goes_by_itself) {
    queue waiting({.flush_events = 10, .flush_bytes = 100});
    waiting.push(made(0, 1, 50));
    waiting.push(made(1, 1, 1));
    waiting.push(made(2, 1000, 1));
    waiting.push(made(3, 1, 1));
    BOOST_TEST(numbers_of(waiting.cut()) == (number_list{0}));
    BOOST_TEST(numbers_of(waiting.cut()) == (number_list{1}));
    BOOST_TEST(numbers_of(waiting.cut()) == (number_list{2}));
    BOOST_TEST(numbers_of(waiting.cut()) == (number_list{3}));
}

BOOST_AUTO_TEST_CASE(the_halves_of_a_flush_that_failed_go_apart_from_each_other_and_from_all_else) {
    queue waiting(queue::limits{});
    for (int i = 0; i < 5; ++i) waiting.push(made(i, 1));
    auto again = waiting.cut();
    waiting.push(made(5, 1));
    waiting.push_front_halved(std::move(again));
    waiting.push(made(6, 1));
    for (const number_list& expected : {number_list{0, 1, 2}, number_list{3, 4}, number_list{5, 6}})
        BOOST_TEST(numbers_of(waiting.cut()) == expected);
    BOOST_TEST(waiting.empty());
}

namespace {

/// Sends `count` requests, of which those fail the flushes that they are in, until nothing is left. Returns how many
/// flushes that took; `stored` and `failed` are filled in order.
int flushes_of(int count, const std::set<int>& bad, number_list& stored, number_list& failed) {
    queue waiting(queue::limits{});
    for (int i = 0; i < count; ++i) waiting.push(made(i, 1));
    int flushes = 0;
    while (!waiting.empty()) {
        auto flush = waiting.cut();
        ++flushes;
        const bool is_good = std::ranges::none_of(flush, [&](const auto& each) { return bad.contains(each->number); });
        if (!is_good && flush.size() > 1) {
            waiting.push_front_halved(std::move(flush));
            continue;
        }
        for (const auto& each : flush) {
            (is_good ? stored : failed).push_back(each->number);
            waiting.release(each->bytes);
        }
    }
    return flushes;
}

} // namespace

BOOST_AUTO_TEST_CASE(one_bad_request_among_many_is_found_by_halving) {
    for (const int count : {2, 3, 5, 10, 31, 32, 33, 1000}) {
        int levels = 0;
        while ((1 << levels) < count) ++levels;
        for (int bad = 0; bad < count; bad += count < 100 ? 1 : 37) {
            BOOST_TEST_CONTEXT("the bad one is " << bad << " of " << count) {
                number_list stored;
                number_list failed;
                BOOST_TEST(flushes_of(count, {bad}, stored, failed) <= 1 + 2 * levels);
                BOOST_TEST(failed == number_list{bad});
                BOOST_TEST(stored.size() == static_cast<std::size_t>(count) - 1);
                BOOST_TEST(std::ranges::is_sorted(stored)); // those of one stream are stored in their order
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(several_bad_requests_fail_and_no_other) {
    for (const std::set<int>& bad : {std::set<int>{0, 9}, {4, 5}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {}}) {
        number_list stored;
        number_list failed;
        (void)flushes_of(10, bad, stored, failed);
        BOOST_TEST(failed == number_list(bad.begin(), bad.end()));
        BOOST_TEST(stored.size() == 10 - bad.size());
        BOOST_TEST(std::ranges::is_sorted(stored));
    }
}

BOOST_AUTO_TEST_CASE(beyond_the_budget_requests_wait_for_admission_in_order) {
    queue waiting({.queued_bytes = 100});
    waiting.push(made(0, 60));
    waiting.push(made(1, 60)); // does not fit
    waiting.push(made(2, 10)); // would, but comes later
    BOOST_TEST(waiting.admitted() == 1u);
    BOOST_TEST(waiting.used_bytes() == 60u);
    BOOST_TEST(numbers_of(waiting.cut()) == (number_list{0}));
    BOOST_TEST(waiting.admitted() == 0u); // what is under way still counts
    BOOST_TEST(waiting.cut().empty());
    waiting.release(60);
    BOOST_TEST(waiting.admitted() == 2u);
    BOOST_TEST(waiting.used_bytes() == 70u);
    BOOST_TEST(numbers_of(waiting.cut()) == (number_list{1, 2}));
}

BOOST_AUTO_TEST_CASE(a_request_larger_than_the_budget_is_admitted_when_nothing_else_is_there) {
    queue waiting({.queued_bytes = 100});
    waiting.push(made(0, 10));
    waiting.push(made(1, 500));
    waiting.push(made(2, 10));
    BOOST_TEST(numbers_of(waiting.cut()) == (number_list{0}));
    BOOST_TEST(waiting.admitted() == 0u);
    waiting.release(10);
    BOOST_TEST(waiting.used_bytes() == 500u);
    BOOST_TEST(numbers_of(waiting.cut()) == (number_list{1}));
    BOOST_TEST(waiting.admitted() == 0u);
    waiting.release(500);
    BOOST_TEST(numbers_of(waiting.cut()) == (number_list{2}));
}

BOOST_AUTO_TEST_CASE(there_is_room_for_what_would_be_admitted_at_once) {
    queue waiting({.queued_bytes = 100});
    BOOST_TEST(waiting.has_room(1000)); // nothing else is there
    waiting.push(made(0, 60));
    BOOST_TEST(waiting.has_room(40));
    BOOST_TEST(!waiting.has_room(41));
    waiting.push(made(1, 60));
    BOOST_TEST(!waiting.has_room(1)); // somebody waits already
}

BOOST_AUTO_TEST_CASE(cancelled_requests_are_left_out_and_their_bytes_are_free) {
    queue waiting({.queued_bytes = 100});
    std::vector<pointer> all;
    for (int i = 0; i < 6; ++i) {
        all.push_back(made(i, 25));
        waiting.push(all.back());
    }
    BOOST_TEST(waiting.admitted() == 4u);
    all[0]->claimed = all[2]->claimed = true;
    BOOST_TEST(numbers_of(waiting.cut()) == (number_list{1, 3, 4, 5})); // the bytes of two admitted two others
    BOOST_TEST(waiting.used_bytes() == 100u);
}

BOOST_AUTO_TEST_CASE(a_queue_of_cancelled_requests_is_emptied_by_a_cut) {
    queue waiting({.queued_bytes = 10});
    for (int i = 0; i < 100; ++i) {
        auto one = made(i, 10);
        one->claimed = true;
        waiting.push(std::move(one));
    }
    BOOST_TEST(waiting.cut().empty());
    BOOST_TEST(waiting.empty());
    BOOST_TEST(waiting.used_bytes() == 0u);
}

BOOST_AUTO_TEST_CASE(a_request_that_is_taken_out_makes_room) {
    queue waiting({.queued_bytes = 100});
    std::vector<pointer> all;
    for (int i = 0; i < 4; ++i) {
        all.push_back(made(i, 60));
        waiting.push(all.back());
    }
    BOOST_TEST(waiting.remove(all[2].get())); // not admitted: no byte of it counted
    BOOST_TEST(waiting.used_bytes() == 60u);
    BOOST_TEST(waiting.remove(all[0].get()));
    BOOST_TEST(waiting.used_bytes() == 60u); // those of the next
    BOOST_TEST(!waiting.remove(all[0].get()));
    BOOST_TEST(numbers_of(waiting.cut()) == (number_list{1}));
    BOOST_TEST(!waiting.remove(all[1].get())); // under way
    waiting.release(60);
    BOOST_TEST(numbers_of(waiting.cut()) == (number_list{3}));
}

BOOST_AUTO_TEST_CASE(a_failed_flush_comes_back_in_front_in_its_order) {
    queue waiting({.queued_bytes = 100});
    for (int i = 0; i < 3; ++i) waiting.push(made(i, 30));
    auto failed = waiting.cut();
    waiting.push(made(3, 30));
    BOOST_TEST(waiting.admitted() == 0u);
    waiting.push_front(std::move(failed));
    BOOST_TEST(waiting.admitted() == 3u);
    BOOST_TEST(waiting.used_bytes() == 90u); // counted once
    BOOST_TEST(numbers_of(waiting.cut()) == (number_list{0, 1, 2}));
    waiting.release(90);
    BOOST_TEST(numbers_of(waiting.cut()) == (number_list{3}));
}

BOOST_AUTO_TEST_CASE(taking_all_leaves_an_empty_queue_and_the_bytes_under_way) {
    queue waiting({.queued_bytes = 100});
    waiting.push(made(0, 50));
    auto under_way = waiting.cut();
    for (int i = 1; i < 5; ++i) waiting.push(made(i, 30));
    BOOST_TEST(numbers_of(waiting.take_all()) == (number_list{1, 2, 3, 4}));
    BOOST_TEST(waiting.empty());
    BOOST_TEST(waiting.admitted() == 0u);
    BOOST_TEST(waiting.used_bytes() == 50u);
    waiting.release(50);
    BOOST_TEST(waiting.used_bytes() == 0u);
}

namespace {

/// Drives a queue at random, and keeps plain lists of what should be where.
class schedule {
public:
    explicit schedule(unsigned seed)
        : random_(seed),
          limits_{.queued_bytes = 100 + random_() % 400,
              .flush_events = 1 + random_() % 20,
              .flush_bytes = 50 + random_() % 200},
          queue_(limits_) {}

    void step() {
        switch (random_() % 8) {
        case 0:
        case 1:
        case 2: push(); break;
        case 3: cancel(); break;
        case 4: claim(); break;
        case 5: cut(); break;
        case 6: finish(); break;
        default: fail(); break;
        }
        check();
    }

    void drain() {
        finish();
        for (int i = 0; i < 100'000 && !queue_.empty(); ++i) {
            cut();
            check();
            finish();
            check();
        }
        BOOST_TEST(queue_.empty());
        BOOST_TEST(queue_.used_bytes() == 0u);
        for (const auto& [number, times] : ends_)
            BOOST_TEST(times == 1, "request " << number << " ended " << times << " times");
        BOOST_TEST(ends_.size() == static_cast<std::size_t>(next_));
    }

private:
    void push() {
        const auto one = made(next_++, 1 + random_() % 120, 1 + random_() % 8);
        if (random_() % 40 == 0) one->bytes = limits_.queued_bytes + 1 + random_() % 100;
        const bool has_room = queue_.has_room(one->bytes);
        const std::size_t before = queue_.admitted();
        queue_.push(one);
        BOOST_TEST((queue_.admitted() == before + 1) == has_room);
        waiting_.push_back(one);
    }

    // The caller gives up: it is taken out if it is still there.
    void cancel() {
        if (waiting_.empty()) return;
        const auto which = waiting_.begin() + static_cast<std::ptrdiff_t>(random_() % waiting_.size());
        (*which)->claimed = true;
        BOOST_TEST(queue_.remove(which->get()));
        ++ends_[(*which)->number];
        waiting_.erase(which);
    }

    // Another thread has claimed it, and has not yet come to take it out; or it is under way.
    void claim() {
        auto& among = random_() % 2 == 0 || under_way_.empty() ? waiting_ : under_way_;
        if (!among.empty()) among[random_() % among.size()]->claimed = true;
    }

    void cut() {
        if (!under_way_.empty()) return; // one flush at a time
        const std::size_t admitted = queue_.admitted();
        const auto flush = queue_.cut();
        std::size_t events = 0;
        std::size_t bytes = 0;
        for (const pointer& each : flush) {
            while (!waiting_.empty() && waiting_.front() != each) { // only cancelled ones are passed over
                BOOST_REQUIRE(waiting_.front()->claimed);
                leave();
            }
            BOOST_REQUIRE(!waiting_.empty());
            BOOST_TEST(!each->claimed);
            events += each->events;
            bytes += each->bytes;
            waiting_.pop_front();
            under_way_.push_back(each);
        }
        while (waiting_.size() > queue_.size()) {
            BOOST_REQUIRE(waiting_.front()->claimed);
            leave();
        }
        if (flush.size() > 1) {
            BOOST_TEST(events <= limits_.flush_events);
            BOOST_TEST(bytes <= limits_.flush_bytes);
            for (const pointer& each : flush) BOOST_TEST(each->piece == flush.front()->piece);
        }
        if (flush.empty()) BOOST_TEST((admitted == 0 || queue_.admitted() == 0));
        if (!flush.empty() && queue_.admitted() > 0) { // it stops only where the next one does not fit
            const request& next = *waiting_.front();
            BOOST_TEST(!next.claimed);
            BOOST_TEST((next.piece != flush.back()->piece || events + next.events > limits_.flush_events ||
                bytes + next.bytes > limits_.flush_bytes));
        }
    }

    void leave() {
        ++ends_[waiting_.front()->number];
        waiting_.pop_front();
    }

    void finish() {
        for (const pointer& each : under_way_) {
            queue_.release(each->bytes);
            ++ends_[each->number];
        }
        under_way_.clear();
    }

    // The flush failed as a whole, or was not sent at all: back in front.
    void fail() {
        if (random_() % 2 == 0)
            queue_.push_front_halved({under_way_.begin(), under_way_.end()});
        else
            queue_.push_front({under_way_.begin(), under_way_.end()});
        waiting_.insert(waiting_.begin(), under_way_.begin(), under_way_.end());
        under_way_.clear();
    }

    void check() {
        BOOST_TEST(queue_.size() == waiting_.size());
        BOOST_TEST(queue_.empty() == waiting_.empty());
        BOOST_REQUIRE(queue_.admitted() <= waiting_.size());
        const auto add = [](std::size_t sum, const pointer& each) { return sum + each->bytes; };
        const auto last = waiting_.begin() + static_cast<std::ptrdiff_t>(queue_.admitted());
        const std::size_t used = std::accumulate(
            waiting_.begin(), last, std::accumulate(under_way_.begin(), under_way_.end(), std::size_t{0}, add), add);
        BOOST_TEST(queue_.used_bytes() == used);
        const std::size_t counted = under_way_.size() + queue_.admitted();
        BOOST_TEST((used <= limits_.queued_bytes || counted == 1)); // a single one may be larger
        if (last != waiting_.end())                                 // and nobody waits without need
            BOOST_TEST((used > 0 && used + (*last)->bytes > limits_.queued_bytes));
    }

    std::mt19937 random_;
    queue::limits limits_;
    queue queue_;
    int next_ = 0;
    std::deque<pointer> waiting_;
    std::deque<pointer> under_way_;
    std::map<int, int> ends_; // how often each request left: taken out, left out, or stored
};

} // namespace

BOOST_AUTO_TEST_CASE(random_schedules_lose_nothing_and_keep_order_and_budget) {
    for (unsigned seed = 1; seed <= 20; ++seed) BOOST_TEST_CONTEXT("seed " << seed) {
            schedule random(seed);
            for (int i = 0; i < 1000; ++i) random.step();
            random.drain();
        }
}

BOOST_AUTO_TEST_SUITE_END()
