#include "aggregate/aggregate_cache.hpp"

#include <eventstore/event_data.hpp>

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

using namespace eventstore;
using eventstore::detail::aggregate_cache;
using eventstore::detail::known_state;

namespace {

/// A state that knows which events it is made of.
using ids = std::vector<uuid>;

recorded_event event_at(std::int64_t version, std::int64_t position, const uuid& id, const std::string& stream = "s") {
    return recorded_event::make(stream, version, position, event_data("Changed", "").id(id));
}

known_state state_at(std::int64_t version, std::int64_t position, const uuid& last) {
    known_state known;
    known.state = std::make_shared<ids>();
    known.version = version;
    known.position = position;
    known.last_event = last;
    return known;
}

void tell(aggregate_cache& cache, std::int64_t version, std::int64_t position, const uuid& id = make_uuid()) {
    cache.news(event_at(version, position, id), id, 100);
}

/// One stream of a log that is cut back, and whose stream is deleted and made anew; those who keep its state; and the
/// listener, which is late, and may miss something.
class world {
public:
    explicit world(unsigned seed) : random_(seed) {}

    void step() {
        const std::size_t what = pick(100);
        if (what < 8)
            append();
        else if (what < 10)
            delete_and_make_anew();
        else if (what < 11)
            cut_back();
        else if (what < 13)
            loses_ = pick(4) == 0;
        else if (what < 38)
            deliver();
        else if (what < 50)
            listen();
        else if (what < 65)
            begin();
        else if (what < 73)
            read_begun();
        else if (what < 90)
            append_begun();
        else
            finish_begun();
    }
    int accepted() const noexcept { return accepted_; }
    int accepted_with_news() const noexcept { return accepted_with_news_; }

private:
    struct stored {
        uuid id;
        std::int64_t position;
    };
    struct told {
        recorded_event event;
        std::uint64_t missed_before;
    };
    /// Somebody between begin() and put().
    struct command {
        aggregate_cache::watch since;
        ids state;
        std::int64_t position = 0;
        bool has_state = false; // from memory, or read
        bool is_verified = false;
        bool has_news = false;
    };

    std::size_t pick(std::size_t count) { return random_() % count; }

    void append() {
        stream_.push_back({make_uuid(), ++head_});
        if (!is_listening_) return;
        if (loses_) {
            ++missed_;
            return;
        }
        queue_.push_back({event_at(static_cast<std::int64_t>(stream_.size()), head_, stream_.back().id), missed_});
        missed_ = 0;
    }
    void delete_and_make_anew() {
        stream_.clear();
        for (std::size_t i = pick(5); i > 0; --i) append();
    }
    void cut_back() { // the feed notices before it tells anything more
        for (std::size_t i = pick(3); i > 0 && !stream_.empty(); --i) {
            head_ = stream_.back().position - 1;
            stream_.pop_back();
        }
        is_listening_ = false;
        is_truncated_ = true;
        for (std::size_t i = pick(4); i > 0; --i) append();
    }
    void listen() {
        if (is_listening_ || !queue_.empty() || is_truncated_) return;
        cache_.covered();
        is_listening_ = true;
        missed_ = 0;
    }
    void deliver() {
        if (queue_.empty()) {
            if (is_truncated_) cache_.uncovered();
            is_truncated_ = false;
            return;
        }
        const told next = queue_.front();
        queue_.pop_front();
        if (next.missed_before > 0) {
            cache_.uncovered();
            cache_.covered();
        }
        cache_.news(next.event, next.event.id(), 10);
    }

    void begin() {
        if (begun_.size() == 3) return;
        command& made = begun_.emplace_back();
        const auto found = cache_.begin("s");
        made.since = found.since;
        if (!found.known || found.is_behind) return;
        made.has_state = true;
        made.state = *static_cast<const ids*>(found.known->state.get());
        made.position = found.known->position;
        made.has_news = !found.news.empty();
        for (const recorded_event& event : found.news) {
            BOOST_REQUIRE(event.version() == static_cast<std::int64_t>(made.state.size()) + 1);
            made.state.push_back(event.id());
            made.position = event.position();
        }
    }
    void read_begun() {
        if (begun_.empty()) return;
        command& one = begun_[pick(begun_.size())];
        one.state.clear();
        for (const stored& each : stream_) one.state.push_back(each.id);
        one.position = stream_.empty() ? 0 : stream_.back().position;
        one.has_state = one.is_verified = true;
        one.has_news = false;
    }
    // The server compares the version and the last event. That the rest is right is up to the cache.
    void append_begun() {
        if (begun_.empty()) return;
        command& one = begun_[pick(begun_.size())];
        if (!one.has_state || one.state.size() != stream_.size()) return;
        if (!stream_.empty() && stream_.back().id != one.state.back()) return;
        ids there;
        for (const stored& each : stream_) there.push_back(each.id);
        BOOST_REQUIRE(one.state == there);
        ++accepted_;
        if (one.has_news) ++accepted_with_news_;
        append();
        one.state.push_back(stream_.back().id);
        one.position = stream_.back().position;
        one.is_verified = true;
        one.has_news = false;
    }
    void finish_begun() {
        if (begun_.empty()) return;
        const std::size_t which = pick(begun_.size());
        const command one = begun_[which];
        begun_.erase(begun_.begin() + static_cast<std::ptrdiff_t>(which));
        if (!one.is_verified) return;
        known_state known;
        known.state = std::make_shared<ids>(one.state);
        known.version = static_cast<std::int64_t>(one.state.size());
        known.position = one.position;
        if (!one.state.empty()) known.last_event = one.state.back();
        cache_.put("s", one.since, std::move(known), pick(20) == 0 ? 2'000 : 10); // sometimes it does not fit
    }

    std::minstd_rand random_;
    aggregate_cache cache_{1'000};
    std::vector<stored> stream_;
    std::int64_t head_ = 0;
    bool is_listening_ = false;
    bool is_truncated_ = false; // and the listener will be told so
    bool loses_ = false;
    std::uint64_t missed_ = 0;
    std::deque<told> queue_;
    std::vector<command> begun_;
    int accepted_ = 0;
    int accepted_with_news_ = 0;
};

} // namespace

BOOST_AUTO_TEST_SUITE(aggregate_cache_test)

BOOST_AUTO_TEST_CASE(a_cache_of_no_bytes_keeps_nothing) {
    aggregate_cache cache(0);
    const auto found = cache.begin("s");
    cache.put("s", found.since, state_at(1, 1, make_uuid()), 10);
    BOOST_TEST(!cache.begin("s").known);
    BOOST_TEST(cache.count().bytes == 0u);
}

BOOST_AUTO_TEST_CASE(events_that_follow_the_state_are_kept_with_it) {
    aggregate_cache cache(10'000);
    cache.covered();
    const uuid last = make_uuid();
    cache.put("s", cache.begin("s").since, state_at(3, 7, last), 10);
    tell(cache, 3, 7, last); // what the state has in it
    tell(cache, 4, 9);
    tell(cache, 5, 12);
    const auto found = cache.begin("s");
    BOOST_REQUIRE(found.known.has_value());
    BOOST_TEST(!found.is_behind);
    BOOST_REQUIRE(found.news.size() == 2u);
    BOOST_TEST(found.news[1].version() == 5);
    // One of them is in the next state.
    cache.put("s", found.since, state_at(4, 9, make_uuid()), 10);
    BOOST_TEST(cache.begin("s").news.size() == 1u);
}

BOOST_AUTO_TEST_CASE(what_does_not_follow_the_state_makes_it_stay_behind) {
    const uuid last = make_uuid();
    const struct {
        const char* why;
        std::int64_t version, position;
        uuid id;
    } rows[] = {
        {"a version is missing", 5, 9, make_uuid()},
        {"another event at the version of the state", 3, 9, make_uuid()},
        {"another event at its version and position", 3, 7, make_uuid()},
        {"a first event that came later", 1, 9, make_uuid()},
        {"it follows, but stands before it", 4, 6, make_uuid()},
    };
    for (const auto& row : rows) {
        BOOST_TEST_CONTEXT(row.why) {
            aggregate_cache cache(10'000);
            cache.covered();
            cache.put("s", cache.begin("s").since, state_at(3, 7, last), 10);
            tell(cache, row.version, row.position, row.id);
            BOOST_TEST(cache.begin("s").is_behind);
            tell(cache, 4, 20);
            BOOST_TEST(cache.begin("s").is_behind); // until it is read
            cache.put("s", cache.begin("s").since, state_at(4, 20, make_uuid()), 10);
            BOOST_TEST(!cache.begin("s").is_behind);
        }
    }
}

BOOST_AUTO_TEST_CASE(events_are_kept_only_if_none_before_them_was_missed) {
    const auto is_behind_after = [](auto meanwhile) {
        aggregate_cache cache(10'000);
        cache.covered();
        const auto since = cache.begin("s").since;
        meanwhile(cache);
        cache.put("s", since, state_at(3, 7, make_uuid()), 10);
        tell(cache, 4, 9);
        return cache.begin("s").is_behind;
    };
    BOOST_TEST(!is_behind_after([](aggregate_cache&) {}));
    BOOST_TEST(is_behind_after([](aggregate_cache& cache) { cache.uncovered(); }));
    BOOST_TEST(is_behind_after([](aggregate_cache& cache) {
        cache.uncovered();
        cache.covered();
    }));
    BOOST_TEST(is_behind_after([](aggregate_cache& cache) { cache.forget("s"); }));
    BOOST_TEST(is_behind_after([](aggregate_cache& cache) { // made anew since, and nobody was told
        cache.forget("s");
        (void)cache.begin("s");
    }));
    BOOST_TEST(is_behind_after([](aggregate_cache& cache) { tell(cache, 5, 8); })); // later than the state
    BOOST_TEST(!is_behind_after([](aggregate_cache& cache) { tell(cache, 3, 7); }));
}

BOOST_AUTO_TEST_CASE(an_older_state_does_not_replace_a_newer_one) {
    aggregate_cache cache(10'000);
    const auto since = cache.begin("s").since;
    cache.put("s", since, state_at(4, 9, make_uuid()), 10);
    cache.put("s", since, state_at(3, 7, make_uuid()), 10);
    BOOST_TEST(cache.begin("s").known->version == 4);
}

BOOST_AUTO_TEST_CASE(the_least_recently_used_states_leave_first) {
    aggregate_cache cache(3 * 420);
    for (const std::string stream : {"a", "b", "c"})
        cache.put(stream, cache.begin(stream).since, state_at(1, 1, make_uuid()), 100);
    BOOST_TEST(cache.count().states == 3u);
    (void)cache.begin("a");
    cache.put("d", cache.begin("d").since, state_at(1, 1, make_uuid()), 100);
    BOOST_TEST(cache.has("a"));
    BOOST_TEST(!cache.has("b"));
    BOOST_TEST(cache.count().evictions == 1u);
    BOOST_TEST(cache.count().bytes <= 3u * 420);
    cache.forget("a");
    cache.forget("c");
    cache.forget("d");
    BOOST_TEST(cache.count().bytes == 0u);
    BOOST_TEST(cache.count().states == 0u);
}

BOOST_AUTO_TEST_CASE(events_that_wait_count_and_are_bounded) {
    aggregate_cache cache(1'000'000);
    cache.covered();
    cache.put("s", cache.begin("s").since, state_at(1, 1, make_uuid()), 100);
    const std::size_t before = cache.count().bytes;
    for (int i = 2; i <= 11; ++i) tell(cache, i, i);
    BOOST_TEST(cache.count().bytes == before + 1'000);
    for (int i = 12; i <= 1'000; ++i) tell(cache, i, i);
    BOOST_TEST(cache.begin("s").is_behind);
    BOOST_TEST(cache.count().bytes == before);
}

BOOST_AUTO_TEST_CASE(events_that_a_state_has_in_it_count_no_longer) {
    aggregate_cache cache(1'000'000);
    cache.covered();
    const auto since = cache.begin("s").since;
    cache.put("s", since, state_at(1, 1, make_uuid()), 100);
    const std::size_t before = cache.count().bytes;
    for (int i = 2; i <= 11; ++i) tell(cache, i, i);
    cache.put("s", since, state_at(6, 6, make_uuid()), 100);
    BOOST_TEST(cache.begin("s").news.size() == 5u);
    BOOST_TEST(cache.count().bytes == before + 500);
    cache.put("s", since, state_at(11, 11, make_uuid()), 100);
    BOOST_TEST(cache.count().bytes == before);
    tell(cache, 12, 12);
    BOOST_TEST(cache.count().bytes == before + 100);
    cache.forget("s");
    BOOST_TEST(cache.count().bytes == 0u);
}

// Whatever happens in whatever order: a state that the server takes for that of the stream is that of the stream.
BOOST_AUTO_TEST_CASE(no_schedule_makes_a_wrong_state_look_right) {
    int accepted = 0;
    int with_news = 0;
    for (unsigned seed = 1; seed <= 800; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed) {
            world one(seed);
            for (int i = 0; i < 2'000; ++i) one.step();
            accepted += one.accepted();
            with_news += one.accepted_with_news();
        }
    }
    BOOST_TEST(accepted > 10'000);
    BOOST_TEST(with_news > 1'000); // the case that is hard was there
}

BOOST_AUTO_TEST_SUITE_END()
