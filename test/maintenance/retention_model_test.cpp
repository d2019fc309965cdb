// Reads against a model in memory, after random appends, settings and scavenges; and all of it at once.

#include "maintenance/retained.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <map>
#include <random>
#include <set>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(retention_model_test)

namespace {

struct stored_event {
    std::int64_t version = 0;
    std::chrono::hours age{}; // ages are whole hours, and limits lie between them
};

/// What README and retention.hpp say, said once more.
class model {
public:
    struct stream {
        std::int64_t version = 0;
        std::vector<stored_event> events; // that are stored
        bool has_gaps = false;
    };

    std::map<std::string, stream> streams;
    std::map<std::string, es::retention> own, prefixes;

    es::retention effective(const std::string& name) const {
        es::retention value;
        std::size_t longest = 0;
        for (const auto& [prefix, retention] : prefixes) {
            if (!name.starts_with(prefix) || prefix.size() < longest) continue;
            longest = prefix.size();
            value = retention;
        }
        if (const auto found = own.find(name); found != own.end()) {
            const es::retention& mine = found->second;
            if (mine.truncate_before()) value.truncate_before(*mine.truncate_before());
            if (mine.max_count()) value.max_count(*mine.max_count());
            if (mine.max_age()) value.max_age(*mine.max_age());
        }
        return value;
    }

    numbers visible(const std::string& name) const {
        const stream& of = streams.at(name);
        const es::retention value = effective(name);
        numbers out;
        for (const stored_event& event : of.events) {
            if (value.truncate_before() && event.version < *value.truncate_before()) continue;
            if (value.max_count() && event.version <= of.version - *value.max_count()) continue;
            if (out.empty() && value.max_age() && event.age > *value.max_age()) continue;
            out.push_back(event.version);
        }
        return out;
    }
};

class random_user {
public:
    random_user(unsigned seed, store_fixture& fixture, es::store store)
        : random_(seed), fixture_(fixture), store_(std::move(store)) {}

    asio::awaitable<void> step() {
        switch (pick(10)) {
        case 0:
        case 1:
        case 2: co_await append(); break;
        case 3: co_await set(); break;
        case 4: co_await remove(); break;
        case 5: co_await scavenge(); break;
        case 6: interrupted_scavenge(); break;
        default: co_await read(); break;
        }
    }
    asio::awaitable<void> check_all() {
        for (const auto& each : model_.streams) co_await check(each.first);
    }

private:
    int pick(int count) { return std::uniform_int_distribution<int>(0, count - 1)(random_); }
    std::string name() {
        return std::string(pick(2) == 0 ? "a" : "b") + (pick(2) == 0 ? "a" : "b") + (pick(2) == 0 ? "" : "c");
    }

    asio::awaitable<void> append() {
        const std::string stream = name();
        std::vector<es::event_data> events = counted(static_cast<std::size_t>(1 + pick(6)));
        model::stream& known = model_.streams[stream];
        const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
        for (es::event_data& each : events) {
            const std::chrono::hours age(pick(3) == 0 ? pick(20) : std::max(0, 20 - static_cast<int>(known.version)));
            each.created_at(now - age);
            known.events.push_back({++known.version, age});
        }
        co_await store_.append(stream, es::any_version, std::move(events));
        if (pick(3) == 0) co_await leave_gap(stream);
    }

    /// Links whose originals are hard-deleted.
    asio::awaitable<void> leave_gap(std::string stream) {
        const std::string originals = "gone";
        std::vector<es::event_data> events = counted(static_cast<std::size_t>(1 + pick(8)));
        std::vector<es::uuid> ids;
        for (const es::event_data& each : events) ids.push_back(each.id());
        model_.streams[stream].version += static_cast<std::int64_t>(events.size());
        model_.streams[stream].has_gaps = true;
        co_await store_.append(originals, es::no_stream, std::move(events));
        co_await store_.link(stream, es::any_version, std::move(ids));
        co_await store_.delete_stream(originals, es::any_version, es::deletion::hard);
    }

    es::retention any_retention() {
        es::retention value;
        do {
            if (pick(2) == 0) value.max_count(1 + pick(20));
            if (pick(2) == 0) value.max_age(std::chrono::minutes(30) + std::chrono::hours(pick(20)));
            if (pick(4) == 0) value.truncate_before(1 + pick(30));
        } while (value.is_empty());
        return value;
    }

    asio::awaitable<void> set() {
        const std::string target = name();
        const es::retention value = any_retention();
        if (pick(2) == 0) {
            model_.own[target] = value;
            co_await store_.set_retention(target, value);
        } else {
            const std::string prefix = target.substr(0, static_cast<std::size_t>(pick(3)));
            model_.prefixes[prefix] = value;
            co_await store_.set_retention(es::stream_prefix(prefix), value);
        }
    }

    asio::awaitable<void> remove() {
        const std::string target = name();
        if (pick(2) == 0) {
            model_.own.erase(target);
            co_await store_.remove_retention(target);
        } else {
            const std::string prefix = target.substr(0, static_cast<std::size_t>(pick(3)));
            model_.prefixes.erase(prefix);
            co_await store_.remove_retention(es::stream_prefix(prefix));
        }
    }

    asio::awaitable<void> scavenge() {
        const es::scavenge_progress done = co_await store_.scavenge(quickly(1 + pick(9)));
        std::int64_t expected = 0;
        for (auto& [stream, known] : model_.streams) {
            const numbers left = model_.visible(stream);
            expected += static_cast<std::int64_t>(known.events.size() - left.size());
            TEST_SAME(stored_versions(fixture_, stream), left);
            std::erase_if(
                known.events, [&](const stored_event& each) { return !std::ranges::count(left, each.version); });
        }
        BOOST_TEST(done.events == expected);
    }

    /// One portion, or two, or one that is rolled back.
    void interrupted_scavenge() {
        session user;
        const std::string most = std::to_string(1 + pick(9));
        const std::string portion = fixture_.here(
            "select eventstore.scavenge(" + std::string(pick(2) == 0 ? "null" : "''") + ", '', " + most + ", false)");
        if (pick(3) == 0) user.run("begin; " + portion + "; " + portion + "; rollback");
        if (pick(3) != 0) user.run(portion);
        for (auto& [stream, known] : model_.streams) {
            const numbers kept = model_.visible(stream);
            const numbers stored = stored_versions(fixture_, stream);
            BOOST_TEST(std::ranges::includes(stored, kept));
            // The oldest go first.
            numbers before;
            for (const stored_event& each : known.events) before.push_back(each.version);
            BOOST_TEST(std::equal(stored.rbegin(), stored.rend(), before.rbegin(),
                before.rbegin() + static_cast<std::ptrdiff_t>(std::min(stored.size(), before.size()))));
            std::erase_if(
                known.events, [&](const stored_event& each) { return !std::ranges::count(stored, each.version); });
        }
    }

    asio::awaitable<void> read() {
        if (model_.streams.empty()) co_return;
        auto stream = model_.streams.begin();
        std::advance(stream, pick(static_cast<int>(model_.streams.size())));
        co_await check(stream->first);
    }

    /// Pages of any size from any place, in both directions, with and without a filter.
    asio::awaitable<void> check(std::string stream) {
        const numbers expected = model_.visible(stream);
        const model::stream& known = model_.streams.at(stream);
        const std::int64_t version = known.version;
        const es::stream_retention what = co_await store_.retention(stream);
        BOOST_TEST(what.version == version);
        const std::int64_t first = expected.empty() ? version + 1 : expected.front();
        BOOST_TEST((known.has_gaps ? what.first_version <= first : what.first_version == first));
        BOOST_TEST(std::ranges::count_if(known.events, [&](const stored_event& each) {
            return each.version >= what.first_version;
        }) == std::ssize(expected));
        for (const bool backward : {false, true}) {
            es::read_options options;
            options.count(static_cast<std::size_t>(1 + pick(8)));
            if (pick(2) == 0) options.type("Counted");
            if (pick(3) == 0) options.max_bytes(3);
            const std::int64_t from = pick(2) == 0 ? pick(static_cast<int>(version) + 2) : backward ? version : 1;
            options.from(from);
            if (backward) options.backward();
            numbers wanted;
            for (const std::int64_t each : expected)
                if (backward ? each <= from : each >= from) wanted.push_back(each);
            if (backward) std::ranges::reverse(wanted);
            numbers found;
            for (int pages = 0; pages < 1'000; ++pages) {
                const es::event_page page = co_await store_.read(stream, options);
                for (const es::recorded_event& each : page) found.push_back(each.version());
                if (page.is_complete()) {
                    BOOST_TEST(found.size() == wanted.size());
                    break;
                }
                // A page that ends with the last event says so; where a retention is gone, or what comes next is a gap, the
                // reader does not know that nothing comes.
                const bool is_known = !known.has_gaps && (!backward || !model_.effective(stream).is_empty());
                BOOST_TEST((is_known ? found.size() < wanted.size() : found.size() <= wanted.size()));
                options.from(page.next_from());
            }
            TEST_SAME(found, wanted);
        }
        const es::stream_info info = co_await store_.stream_info(stream);
        BOOST_TEST(info.version == version);
    }

    std::mt19937 random_;
    store_fixture& fixture_;
    es::store store_;
    model model_;
};

} // namespace

BOOST_FIXTURE_TEST_CASE(reads_show_what_the_model_shows, scavenged_store) {
    for (unsigned seed = 1; seed <= 6; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed) {
            const auto body = [&](es::store store) -> asio::awaitable<void> {
                random_user user(seed, *this, store);
                for (int i = 0; i < 150; ++i) co_await user.step();
                co_await user.check_all();
            };
            with_store(options().allow_hard_delete(), body);
            ask("set client_min_messages = error; drop schema " + quoted_name(schema()) + " cascade");
        }
    }
}

namespace {

/// Takes all events until the last one, and counts how often each came.
asio::awaitable<void> count_deliveries(
    es::subscription from, std::map<std::int64_t, int>& positions, const bool& is_over) {
    while (!is_over) {
        auto batch = co_await from.next(20ms);
        if (!batch) co_return;
        if (batch->empty()) continue;
        for (const es::recorded_event& each : *batch) ++positions[each.position()];
        batch->ack();
    }
}

asio::awaitable<void> write(es::store store, std::string stream, int count, int& writers) {
    for (int i = 0; i < count; ++i) co_await store.append(stream, es::any_version, counted(3));
    --writers;
}

asio::awaitable<void> scavenge_on(es::store store, const bool& is_over, std::int64_t& removed) {
    while (!is_over) {
        const es::scavenge_progress done = co_await store.scavenge(quickly(20));
        removed += done.events;
    }
}

} // namespace

BOOST_FIXTURE_TEST_CASE(
    no_event_is_lost_to_a_subscriber_or_comes_twice_while_others_append_and_scavenge, scavenged_store) {
    constexpr int writers = 4;
    constexpr int appends = 60;
    std::map<std::int64_t, int> of_all, of_slow, of_stream;
    std::int64_t removed = 0;
    const auto body = [&](es::store store) -> asio::awaitable<void> {
        bool is_over = false;
        int working = writers;
        co_await store.set_retention(es::stream_prefix("w"), at_most(2));
        es::subscription all = co_await store.subscribe_to_all("all");
        es::subscription slow =
            co_await store.subscribe_to_all("slow", es::subscription_options().max_queued(5).max_batch(2));
        es::subscription stream = co_await store.subscribe("w0", "stream");
        std::vector<started<void>> all_work;
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        for (int i = 0; i < writers; ++i)
            all_work.emplace_back(executor, write(store, "w" + std::to_string(i), appends, working));
        all_work.emplace_back(executor, scavenge_on(store, is_over, removed));
        all_work.emplace_back(executor, count_deliveries(std::move(all), of_all, is_over));
        all_work.emplace_back(executor, count_deliveries(std::move(slow), of_slow, is_over));
        all_work.emplace_back(executor, count_deliveries(std::move(stream), of_stream, is_over));
        constexpr std::size_t events = writers * appends * 3;
        const auto all_came = [&] { return working == 0 && of_all.size() >= events && of_slow.size() >= events; };
        co_await eventually(all_came, 60s);
        is_over = true;
        const auto have_ended = [&] {
            return std::ranges::all_of(all_work, [](const started<void>& each) { return each.done(); });
        };
        co_await eventually(have_ended);
        for (started<void>& each : all_work) each.value();
    };
    with_store(body);
    for (const auto* const deliveries : {&of_all, &of_slow}) {
        BOOST_TEST(deliveries->size() == std::size_t(writers * appends * 3));
        BOOST_TEST(std::ranges::all_of(*deliveries, [](const auto& each) { return each.second == 1; }));
    }
    BOOST_TEST(std::ranges::all_of(of_stream, [](const auto& each) { return each.second == 1; }));
    BOOST_TEST(removed > 0);
}

BOOST_AUTO_TEST_SUITE_END()
