// Random schedules: whatever happens in whatever order, everything is handed out, in order, and nothing is called done
// that is not.

#include "made_log.hpp"

#include <boost/test/results_collector.hpp>
#include <boost/test/unit_test.hpp>

#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(subscription_schedule_test)

using namespace eventstore;
using namespace eventstore::delivery;
using test::made_log;

namespace {

/// One subscription, its consumers, the log it reads and the feed it follows; and who did what.
class world {
public:
    explicit world(unsigned seed) : random_(seed) {
        how_.of_log = chance(2);
        how_.by_stream = chance(2);
        const int order = pick(3);
        how_.order = order == 0 ? ordering::total : order == 1 ? ordering::by_key : ordering::none;
        how_.max_batch = 1 + index_below(5);
        how_.max_in_flight = 1 + index_below(3);
        how_.max_queued = 1 + index_below(20);
        how_.max_retries = pick(3);
        how_.retry_after = std::chrono::milliseconds(pick(3));
        consumers_ = how_.order == ordering::total ? 1 : 1 + index_below(3);
        if (!how_.of_log) stream_ = "b";
        start();
    }

    void run(int steps) {
        for (int i = 0; i < steps; ++i) step();
        // From here on everybody works: all must come out.
        while (pending_read_ || !is_settled() || state_->queued() > 0 || state_->in_flight() > 0) {
            feed_publishes(log_.head());
            server_answers();
            answer_arrives();
            park();
            announce();
            is_announced();
            for (auto& [who, held] : held_) {
                while (!held.empty()) acknowledge(who, 0);
                take(who);
            }
            now_ += std::chrono::minutes(2);
            if (++rounds_ > 10'000) {
                BOOST_ERROR("it does not come to an end");
                return;
            }
        }
        for (const auto& each : log_.events()) {
            if (!is_ours(each)) continue;
            BOOST_TEST(done_.contains(each.position), "the event at " << each.position << " was never done");
        }
        BOOST_TEST(state_->in_flight() == 0u);
        BOOST_TEST(state_->queued_bytes() == 0u);
    }

    bool is_good() const {
        const auto test = boost::unit_test::framework::current_test_case().p_id;
        return boost::unit_test::results_collector_t::instance().results(test).p_assertions_failed == 0;
    }

private:
    using batch = subscription_state::hand_out;

    void step() {
        now_ += std::chrono::milliseconds(pick(3));
        switch (pick(17)) {
        case 0:
        case 1: {
            for (int i = 1 + pick(4); i > 0; --i) log_.append(std::string(1, static_cast<char>('a' + pick(4))));
            if (chance(10)) log_.leave_a_gap();
            if (!how_.of_log && chance(20)) log_.remove(stream_);
            break;
        }
        case 2:
        case 3: return feed_publishes(published_ + 1 + pick(6)); // late, and perhaps twice: notify says nothing more
        case 4: return server_answers();
        case 5: {
            if (!pending_read_ || !chance(5)) return answer_arrives();
            pending_read_.reset();
            answer_.reset();
            return state_->page_failed();
        }
        case 6:
        case 7: return take(someone());
        case 8:
        case 9: {
            const auto who = someone();
            if (!held_[who].empty()) acknowledge(who, index_below(held_[who].size()));
            break;
        }
        case 10: return refuse(someone());
        case 11: {
            const auto who = someone();
            if (held_[who].empty()) break;
            const auto which = index_below(held_[who].size());
            if (chance(2)) {
                state_->give_back(who, held_[who][which].first, held_[who][which].count);
                if (held_[who][which].delivery == 1) {
                    for (std::uint32_t i = 0; i < held_[who][which].count; ++i)
                        handed_out_.erase(held_[who][which].events[i].position());
                }
                held_[who].erase(held_[who].begin() + static_cast<std::ptrdiff_t>(which));
            } else {
                acknowledge_part(who, held_[who][which]);
            }
            break;
        }
        case 12: return park();
        case 13: {
            if (chance(3)) {
                const auto who = someone();
                state_->leave(who);
                held_.erase(who);
                held_[state_->join()];
            } else if (chance(4)) {
                crash();
            }
            break;
        }
        case 14: return announce();
        case 15: return report();
        default: return is_announced();
        }
        check();
    }

    void start() {
        place from{checkpoint_.position, checkpoint_.version};
        // As the database does when the subscription is taken.
        known_life_.reset();
        if (log_.has(stream_)) known_life_ = log_.life_at(log_.head() + 1);
        if (known_life_ && *known_life_ != log_.life_at(from.position)) from.version = 0;
        state_.emplace(how_, from);
        announcing_.reset();
        reported_.reset();
        state_->remember(row_);
        before_ = row_;
        filtered_.clear();
        held_.clear();
        pending_read_.reset();
        answer_.reset();
        exhausted_.clear();
        not_before_.clear();
        for (std::size_t i = 0; i < consumers_; ++i) held_[state_->join()];
        published_ = log_.head(); // the feed is there first, and tells from here on
    }

    // The checkpoint is what was written last: perhaps without an answer.
    void crash() {
        if (!announcing_) announce();
        if (chance(2)) commit(*announcing_);
        for (auto each = done_.begin(); each != done_.end();)
            each = is_before_checkpoint(*each) ? std::next(each) : done_.erase(each);
        start();
    }

    bool is_before_checkpoint(std::int64_t position) const {
        for (const auto& each : log_.events())
            if (each.position == position) return is_past(each, checkpoint_);
        return true;
    }

    bool is_past(const made_log::made& event, const place& where) const {
        if (how_.of_log) return event.position <= where.position;
        const auto life = log_.life_at(event.position);
        const auto reached = log_.life_at(where.position);
        return life < reached || (life == reached && event.version <= where.version);
    }

    void feed_publishes(std::int64_t through) {
        through = std::min(through, log_.head());
        if (through <= published_) return;
        const event_page page = log_.page(published_, through, stream_);
        published_ = through;
        if (!how_.of_log && page.empty()) return; // the feed knows which streams are followed
        const auto all = test::all_of(page);
        place covered{through, 0};
        place first;
        if (!how_.of_log) {
            first = {page.front().position(), page.front().version()};
            covered = {page.back().position(), page.back().version()};
        }
        if (chance(20))
            state_->live_missed(covered);
        else
            goes_live(page, all, first, covered);
    }

    void goes_live(const event_page& page, const std::vector<arrival>& all, place first, place covered) {
        std::vector<std::uint32_t> which;
        for (const arrival& each : all) which.push_back(each.index);
        const auto room = state_->open_for(page, which, first, covered);
        if (!room.is_open) return;
        std::size_t end = room.skip;
        std::size_t bytes = 0;
        for (; end < all.size() && end - room.skip < room.events; ++end) {
            const std::size_t size = page[all[end].index].data().size();
            if (bytes + size > room.bytes && !(room.is_empty && end == room.skip)) break;
            bytes += size;
            filter(page[all[end].index]);
        }
        const recorded_event* const last = end == 0 ? nullptr : &page[all[end - 1].index];
        place through;
        if (end == all.size())
            through = covered;
        else if (last)
            through = {last->position(), how_.of_log ? 0 : last->version()};
        state_->live(page, std::span(all).subspan(room.skip, end - room.skip), through, end == all.size());
    }

    void filter(const recorded_event& event) {
        BOOST_TEST(filtered_.insert(event.position()).second, "position " << event.position() << " is filtered twice");
    }

    // The row is written, and its answer comes later, or not at all.
    struct writing {
        subscription_state::announcement row;
        place checkpoint;
    };
    // It is reported again and again; what was reported last is what is written.
    void report() {
        const place reached = state_->done().where;
        reported_ = writing{state_->announce(), reached};
    }
    void announce() {
        if (announcing_) return;
        if (!reported_ || chance(2)) report();
        announcing_ = reported_;
    }
    void commit(const writing& what) {
        row_ = what.row;
        checkpoint_ = what.checkpoint;
    }
    void is_announced() {
        if (!announcing_) return;
        const auto written = *std::exchange(announcing_, std::nullopt);
        const bool is_lost = chance(5);
        if (!is_lost || chance(2)) commit(written);
        if (is_lost) return;
        if (!state_->announced(written.row)) report();
    }

    // What was handed out before never says that it was not; what was not says so, unless its owner could not know.
    void check_delivery(const recorded_event& event, int delivery) {
        const auto position = event.position();
        if (handed_out_.contains(position))
            BOOST_TEST(delivery > 1, "the event at " << position << " had been handed out");
        else if (position > std::max(before_.delivered, before_.through))
            BOOST_TEST(delivery == 1, "nobody ever had the event at " << position);
        handed_out_.insert(position);
    }

    // What the page shows is decided here; the feed may get further before it arrives.
    void server_answers() {
        if (!pending_read_) pending_read_ = state_->wish();
        if (!pending_read_ || answer_) return;
        std::int64_t after = pending_read_->from - 1;
        if (!how_.of_log) {
            after = 0;
            for (const auto& each : log_.events())
                if (each.stream == stream_ && !each.is_deleted && each.version < pending_read_->from)
                    after = each.position;
        }
        answer_ = log_.page(after, log_.head(), stream_, pending_read_->count);
        answers_life_.reset();
        if (log_.has(stream_)) answers_life_ = log_.life_at(log_.head() + 1);
        is_same_event_ = std::ranges::any_of(log_.events(), [&](const auto& each) {
            return each.stream == stream_ && !each.is_deleted && each.version == state_->received().version &&
                each.position == state_->received().position;
        });
    }

    void answer_arrives() {
        if (!answer_) return;
        const event_page page = std::move(*answer_);
        pending_read_.reset();
        answer_.reset();
        if (!how_.of_log && answers_life_) {
            const auto known = std::exchange(known_life_, answers_life_);
            const bool is_doubtful =
                known ? *known != *answers_life_ && state_->received().version > 0 : state_->received().position > 0;
            if (is_doubtful) return is_same_event_ ? state_->page_failed() : state_->restart();
        }
        const auto all = test::all_of(page);
        for (const recorded_event& each : page) filter(each);
        place through{page.next_from() - 1, 0};
        if (!how_.of_log) through = page.empty() ? place() : place{page.back().position(), page.back().version()};
        state_->page_arrived(page, all, through, page.is_complete());
    }

    void take(consumer_id who) {
        just_taken_.clear();
        auto taken = state_->take(who, now_);
        if (!taken) return;
        BOOST_TEST(taken->count >= 1u);
        BOOST_TEST(taken->count <= how_.max_batch);
        for (std::uint32_t i = 0; i < taken->count; ++i) {
            const recorded_event& event = taken->events[i];
            if (how_.by_stream) BOOST_TEST(event.stream() == taken->events[0].stream());
            check_order(who, event);
            check_delivery(event, taken->delivery);
            BOOST_TEST((!not_before_.contains(event.position()) || not_before_[event.position()] <= now_));
            BOOST_TEST(!done_.contains(event.position()), "the event at " << event.position() << " came again");
            BOOST_TEST(in_flight_at(event.position()) == 0u, "the event at " << event.position() << " is out twice");
        }
        held_[who].push_back(std::move(*taken));
        BOOST_TEST(held_[who].size() <= how_.max_in_flight);
    }

    // Everything before it with the same key is done, or out at the same consumer and not refused.
    void check_order(consumer_id who, const recorded_event& event) {
        if (how_.order == ordering::none) return;
        for (const auto& each : log_.events()) {
            if (each.position >= event.position()) break;
            if (!is_ours(each) || done_.contains(each.position)) continue;
            if (how_.order == ordering::by_key && each.stream != event.stream()) continue;
            const bool is_in_this_batch = just_taken_.contains(each.position);
            BOOST_TEST((is_in_this_batch || in_flight_at(each.position) == who),
                "the event at " << event.position() << " overtook the one at " << each.position);
        }
        just_taken_.insert(event.position());
    }

    consumer_id in_flight_at(std::int64_t position) const {
        for (const auto& [who, batches] : held_)
            for (const batch& each : batches)
                for (std::uint32_t i = 0; i < each.count; ++i)
                    if (each.events[i].position() == position && !done_.contains(position)) return who;
        return 0;
    }

    void acknowledge(consumer_id who, std::size_t which) {
        const batch held = std::move(held_[who][which]);
        held_[who].erase(held_[who].begin() + static_cast<std::ptrdiff_t>(which));
        BOOST_TEST(state_->acknowledge(who, held.first, held.count));
        for (std::uint32_t i = 0; i < held.count; ++i) finish(held.events[i].position());
    }

    void acknowledge_part(consumer_id who, const batch& held) {
        const recorded_event& through = held.events[pick(held.count)];
        const std::int64_t where = through.position();
        BOOST_TEST((state_->acknowledge_through(who, where, true) == subscription_state::through_result::ok));
        auto& batches = held_[who];
        for (auto each = batches.begin(); each != batches.end();) {
            bool all = true;
            for (std::uint32_t i = 0; i < each->count; ++i) {
                if (each->events[i].position() <= where)
                    finish(each->events[i].position());
                else
                    all = all && done_.contains(each->events[i].position());
            }
            each = all ? batches.erase(each) : std::next(each);
        }
    }

    void refuse(consumer_id who) {
        if (held_[who].empty()) return;
        const auto which = index_below(held_[who].size());
        const batch held = std::move(held_[who][which]);
        held_[who].erase(held_[who].begin() + static_cast<std::ptrdiff_t>(which));
        const auto refusal = state_->refuse(who, held.first, held.count, now_);
        for (auto each = refusal.first; each < refusal.first + refusal.count; ++each) {
            if (state_->is_exhausted(each)) BOOST_TEST(state_->deliveries(each) > how_.max_retries);
        }
        if (refusal.count > 0) exhausted_.push_back(refusal);
        for (std::uint32_t i = 0; i < held.count && refusal.count == 0; ++i) {
            if (!done_.contains(held.events[i].position()))
                not_before_[held.events[i].position()] = now_ + how_.retry_after;
        }
    }

    // What is out of tries is done when it has been put aside, which takes its time.
    void park() {
        for (const auto& each : exhausted_) {
            for (auto which = each.first; which < each.first + each.count; ++which)
                if (state_->is_exhausted(which)) finish(state_->event(which).position());
            state_->exhausted(each.first, each.count);
        }
        exhausted_.clear();
    }

    void finish(std::int64_t position) { done_.insert(position); }

    void check() {
        const auto reached = state_->done();
        for (const auto& each : log_.events()) {
            if (is_past(each, reached.where) && is_ours(each))
                BOOST_TEST(done_.contains(each.position), "the checkpoint passed the event at " << each.position);
        }
        const std::int64_t now = how_.of_log ? reached.where.position : reached.where.version;
        const std::int64_t before = how_.of_log ? checkpoint_.position : checkpoint_.version;
        if (how_.of_log || log_.life_at(log_.head() + 1) == 0) BOOST_TEST(now >= before); // a new life begins at 0
        BOOST_TEST(state_->queued() <= how_.max_queued + how_.max_batch * how_.max_in_flight * held_.size());
    }

    bool is_ours(const made_log::made& event) const {
        return !event.is_deleted && (stream_.empty() || event.stream == stream_);
    }
    bool is_settled() const {
        for (const auto& each : log_.events())
            if (is_ours(each) && !done_.contains(each.position)) return false;
        return true;
    }
    consumer_id someone() {
        auto each = held_.begin();
        std::advance(each, pick(held_.size()));
        return each->first;
    }
    int pick(std::size_t below) { return static_cast<int>(random_() % below); }
    std::size_t index_below(std::size_t count) { return random_() % count; }
    bool chance(unsigned in) { return random_() % in == 0; }

    std::mt19937 random_;
    subscription_state::settings how_;
    std::size_t consumers_ = 1;
    std::string stream_;
    made_log log_;
    std::int64_t published_ = 0;
    std::optional<subscription_state> state_;
    std::optional<subscription_state::page_wish> pending_read_;
    std::map<consumer_id, std::vector<batch>> held_;
    std::set<std::int64_t> done_;
    std::optional<event_page> answer_;
    std::optional<std::size_t> known_life_; // of the stream; nothing = not known
    std::optional<std::size_t> answers_life_;
    bool is_same_event_ = false;
    std::vector<subscription_state::refusal> exhausted_;
    std::map<std::int64_t, steady_time> not_before_;
    subscription_state::announcement row_;    // what the database says
    subscription_state::announcement before_; // and said, when this owner took over
    std::optional<writing> announcing_;
    std::optional<writing> reported_;
    std::set<std::int64_t> handed_out_; // ever, by anyone
    std::set<std::int64_t> filtered_;   // by this owner
    std::set<std::int64_t> just_taken_;
    place checkpoint_;
    steady_time now_{std::chrono::hours(1)};
    int rounds_ = 0;
};

} // namespace

BOOST_AUTO_TEST_CASE(whatever_happens_everything_is_done_once_in_order) {
    for (unsigned seed = 1; seed <= 3'000; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed) {
            world one(seed);
            one.run(200);
            BOOST_TEST_REQUIRE(one.is_good()); // the first seed that fails says enough
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
