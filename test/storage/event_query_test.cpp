#include "storage/event_query.hpp"

#include "support/store_fixture.hpp"

#include <boost/uuid/uuid_io.hpp>

#include <algorithm>
#include <iterator>
#include <random>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;

namespace {

using ids = std::vector<es::uuid>;

// Names that LIKE, a byte, or a careless comparison would take for each other.
const std::vector<std::string> streams{
    "a", "a%", "a%b", "a_", "a_b", "ab", "axb", "A", "%", "_", "\\", "ä", "äb", "日", "日本"};
const std::vector<std::string> prefixes{"", "a", "a%", "a_", "ab", "A", "%", "_", "\\", "ä", "日", "日本", "none"};
const std::vector<std::string> types{"A", "a", "A%", "A_", "Ä", "日"};

class random_events {
public:
    explicit random_events(unsigned seed) : random_(seed) {
        for (int i = 0; i < 3; ++i) correlations_.push_back(es::make_uuid());
    }

    std::size_t below(std::size_t bound) { return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_); }
    const std::string& one_of(const std::vector<std::string>& list) { return list[below(list.size())]; }

    es::event_data event() {
        es::event_data made(
            one_of(types), std::string(below(20) == 0 ? 3'000 : 3, 'x')); // a link knows less of a large one
        const std::size_t correlation = below(correlations_.size() + 1);
        if (correlation < correlations_.size()) made.correlation_id(correlations_[correlation]);
        return made;
    }
    es::event_query query(bool is_of_log) {
        es::event_query made;
        if (below(2) == 0) {
            std::vector<std::string> wanted; // none, perhaps, or the same twice
            for (std::size_t i = below(3); i > 0; --i) wanted.push_back(one_of(types));
            made.types(std::move(wanted));
        }
        if (is_of_log && below(2) == 0) made.stream_prefix(one_of(prefixes));
        if (below(3) == 0) made.correlation_id(correlations_[below(correlations_.size())]);
        return made;
    }

private:
    std::mt19937 random_;
    std::vector<es::uuid> correlations_;
};

ids wanted_of(const std::vector<es::recorded_event>& all, const es::event_query& query) {
    ids found;
    for (const es::recorded_event& each : all)
        if (query.matches(each)) found.push_back(each.id());
    return found;
}

asio::awaitable<std::vector<es::recorded_event>> read_all_of(
    es::store store, std::string stream, es::read_options how) {
    std::vector<es::recorded_event> all;
    es::event_scan scan = store.scan(stream, how);
    for (;;) {
        auto next = co_await scan.next();
        if (!next) co_return all;
        all.push_back(std::move(*next));
    }
}

} // namespace

BOOST_AUTO_TEST_SUITE(event_query_test)

BOOST_AUTO_TEST_CASE(parameters_are_numbered_from_the_mark_on) {
    const std::string sql = es::storage::for_query("where $1 < 2 and\n-- event_query $4\nand $7");
    BOOST_TEST(sql.starts_with("where $1 < 2 and\n"));
    BOOST_TEST(sql.ends_with("\nand $7"));
    BOOST_TEST(sql.find("any ($4)") != std::string::npos);
    BOOST_TEST(sql.find("starts_with(s.name, $5)") != std::string::npos);
    BOOST_TEST(sql.find("o.correlation_id = $6") != std::string::npos);
    BOOST_TEST(sql.find("event_query $4") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(empty_query_is_everything) {
    BOOST_TEST(es::event_query().is_everything());
    BOOST_TEST(es::event_query().types({}).stream_prefix("").is_everything());
    BOOST_TEST(!es::event_query().type("A").is_everything());
    BOOST_TEST(!es::event_query().correlation_id(es::uuid()).is_everything());
}

BOOST_FIXTURE_TEST_CASE(server_and_memory_agree_on_random_queries, store_fixture) {
    const unsigned seed = std::random_device()();
    BOOST_TEST_MESSAGE("seed " << seed);
    with_store([&](es::store store) -> asio::awaitable<void> {
        random_events random(seed);
        ids stored;
        for (int i = 0; i < 60; ++i) {
            std::vector<es::event_data> events;
            for (std::size_t n = 1 + random.below(8); n > 0; --n) events.push_back(random.event());
            for (const es::event_data& each : events) stored.push_back(each.id());
            const std::string& stream = random.one_of(streams);
            co_await store.append(stream, es::any_version, std::move(events));
        }
        std::ranges::shuffle(stored, std::mt19937(seed));
        stored.resize(stored.size() / 2);
        co_await store.link("linked", es::no_stream, stored);

        std::size_t some = 0; // queries that match neither nothing nor everything
        for (const std::string& stream : {std::string("$all"), std::string("linked"), streams[random.below(3)]}) {
            const es::read_options plain;
            std::vector<es::recorded_event> all;
            try {
                all = co_await read_all_of(store, stream, plain);
            } catch (const es::error& e) {
                if (e.code() != es::errc::stream_not_found) throw;
                continue; // chance has left it out
            }
            for (int i = 0; i < 60; ++i) {
                const es::event_query query = random.query(stream == "$all");
                es::read_options how;
                how.query(query).count(1 + random.below(100));
                const bool is_backward = random.below(2) == 0;
                if (is_backward) how.backward();
                const auto found = co_await read_all_of(store, stream, how);
                ids read;
                for (const es::recorded_event& each : found) read.push_back(each.id());
                if (is_backward) std::ranges::reverse(read);
                const ids expected = wanted_of(all, query);
                BOOST_TEST_CONTEXT("seed " << seed << ", " << stream << ", query " << i) {
                    BOOST_TEST(read == expected, boost::test_tools::per_element());
                }
                some += !expected.empty() && expected.size() < all.size();
            }
        }
        BOOST_TEST(some > 20u);
    });
}

BOOST_AUTO_TEST_SUITE_END()
