// Random schedules in virtual time: several processes, a network that delays and loses, and one row. However late a
// question or an answer comes, no two of them believe at the same time that the subscription is theirs.

#include "subscription/beat_watch.hpp"
#include "subscription/lease_state.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <utility>
#include <vector>

BOOST_AUTO_TEST_SUITE(ownership_schedule_test)

using namespace std::chrono_literals;
using eventstore::delivery::beat_watch;
using eventstore::delivery::lease_state;

namespace {

using moment = lease_state::time;
using std::chrono::milliseconds;
constexpr milliseconds lease = 900ms;

/// What happens, in its order.
class schedule {
public:
    moment now() const noexcept { return now_; }
    void at(moment when, std::function<void()> what) { all_.emplace(std::max(when, now_), std::move(what)); }
    void run_until(moment end, const std::function<void()>& after_each) {
        while (!all_.empty() && all_.begin()->first <= end) {
            auto next = all_.extract(all_.begin());
            now_ = next.key();
            next.mapped()();
            after_each();
        }
    }

private:
    moment now_{1h};
    std::multimap<moment, std::function<void()>> all_;
};

/// The row of the subscription, as the functions of the schema change it. The clock of the server may be set back.
struct row {
    beat_watch::sight there{1, 0, 0};
    int owner = 0; // 0 = nobody
    moment renewed_at{};

    struct answer {
        bool is_taken = false;
        beat_watch::sight there;
    };
    answer claim(int who, const std::optional<beat_watch::sight>& stalled, moment clock) {
        const bool is_free = owner == 0 || owner == who || clock > renewed_at + lease || stalled == there;
        if (is_free) {
            owner = who;
            ++there.epoch;
            ++there.beat;
            renewed_at = clock;
        }
        return {is_free, there};
    }
    bool renew(std::int64_t epoch, moment clock, bool releases) {
        if (epoch != there.epoch) return false;
        ++there.beat;
        renewed_at = clock;
        if (releases) owner = 0;
        return true;
    }
};

class owners_world {
public:
    explicit owners_world(unsigned seed) : random_(seed) {
        for (int who = 1; who <= 3; ++who) {
            all_[who].identity = ++last_identity_;
            ask_later(who);
        }
    }

    /// Returns how often somebody was the owner.
    int run(milliseconds time) {
        events_.run_until(events_.now() + time, [&] { check(); });
        return takeovers_;
    }

private:
    struct process {
        int identity = 0;
        int questions = 0; // an answer to an earlier one comes too late
        beat_watch watch;
        std::optional<lease_state> held;
        std::int64_t epoch = 0;
        moment suspended_until{};
    };

    moment clock() const { return events_.now() - set_back_; }
    milliseconds up_to(milliseconds most) { return milliseconds(random_() % static_cast<unsigned>(most.count() + 1)); }
    bool chance(unsigned in) { return random_() % in == 0; }

    // Most messages are quick, some take as long as leases.
    void send(std::function<void()> what) {
        if (chance(15)) return;
        const milliseconds takes = chance(5) ? up_to(3 * lease) : up_to(5ms);
        events_.at(events_.now() + takes, std::move(what));
    }
    // A process that is suspended hears later, and then its clock says so.
    void hears(int who, std::function<void()> what) {
        send([this, who, what = std::move(what)] {
            if (chance(20)) all_[who].suspended_until = events_.now() + up_to(3 * lease);
            events_.at(all_[who].suspended_until, what);
        });
    }
    void ask_later(int who) {
        events_.at(events_.now() + up_to(lease / 2), [this, who] { act(who); });
    }

    void act(int who) {
        process& mine = all_[who];
        ask_later(who);
        if (events_.now() < mine.suspended_until) return;
        if (chance(100)) set_back_ += up_to(10 * lease);
        if (chance(200)) { // it died, and is started anew
            const int questions = mine.questions;
            mine = process();
            mine.questions = questions + 1;
            mine.identity = ++last_identity_;
            return;
        }
        const moment sent = events_.now();
        if (!mine.held) {
            const auto stalled = mine.watch.stalled(sent);
            const int question = ++mine.questions;
            send([this, who, sent, stalled, question, identity = mine.identity] {
                const auto answer = row_.claim(identity, stalled, clock());
                hears(who, [this, who, sent, answer, question] {
                    if (all_[who].questions == question) claimed(who, sent, answer);
                });
            });
        } else {
            send([this, who, sent, epoch = mine.epoch, releases = chance(40)] {
                if (releases && all_[who].epoch == epoch) all_[who].held.reset(); // it has stopped before it asked
                const bool is_done = row_.renew(epoch, clock(), releases);
                hears(who, [this, who, sent, epoch, is_done] {
                    process& owner = all_[who];
                    if (!owner.held || owner.epoch != epoch) return;
                    if (is_done)
                        owner.held->renewed(sent);
                    else
                        owner.held.reset();
                });
            });
        }
    }

    void claimed(int who, moment sent, const row::answer& answer) {
        process& mine = all_[who];
        if (!answer.is_taken) return mine.watch.seen(answer.there, lease, events_.now());
        mine.epoch = answer.there.epoch;
        mine.held.emplace(lease, sent);
        ++takeovers_;
    }

    void check() {
        const auto trusts = [&](const auto& each) {
            return each.second.held && each.second.held->is_trusted(events_.now());
        };
        BOOST_TEST_REQUIRE(std::ranges::count_if(all_, trusts) <= 1);
    }

    std::mt19937 random_;
    schedule events_;
    row row_;
    milliseconds set_back_{};
    std::map<int, process> all_;
    int last_identity_ = 0;
    int takeovers_ = 0;
};

} // namespace

BOOST_AUTO_TEST_CASE(no_two_processes_trust_their_lease_at_once) {
    int takeovers = 0;
    for (unsigned seed = 1; seed <= 500; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed) { takeovers += owners_world(seed).run(60s); }
    }
    BOOST_TEST(takeovers > 500); // they did compete
}

BOOST_AUTO_TEST_SUITE_END()
