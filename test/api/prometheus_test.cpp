// Statistics in the text format of Prometheus.
#include "support/receive.hpp"

#include <eventstore/prometheus.hpp>

#include <map>
#include <set>
#include <sstream>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;

BOOST_AUTO_TEST_SUITE(prometheus_test)

namespace {

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> all;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) all.push_back(line);
    return all;
}

bool has_line(const std::string& text, const std::string& line) {
    const auto all = lines_of(text);
    return std::find(all.begin(), all.end(), line) != all.end();
}

} // namespace

BOOST_AUTO_TEST_CASE(each_family_has_one_help_and_one_type_before_its_lines) {
    std::map<std::string, es::store_stats> stores;
    stores["a"];
    stores["b"];
    std::set<std::string> helped;
    std::set<std::string> typed;
    std::string family;
    for (const std::string& line : lines_of(es::prometheus_text(stores))) {
        std::istringstream words(line);
        std::string sign, what, name;
        words >> sign >> what >> name;
        if (sign != "#") {
            BOOST_TEST(line.starts_with(family), line);
        } else if (what == "HELP") {
            BOOST_TEST(helped.insert(name).second, line);
            BOOST_TEST(name.starts_with("eventstore_"), line);
            family = name;
        } else {
            BOOST_TEST(what == "TYPE");
            BOOST_TEST(name == family);
            BOOST_TEST(typed.insert(name).second, line);
        }
    }
    BOOST_TEST(helped.size() > 30u);
    BOOST_TEST((helped == typed));
}

BOOST_AUTO_TEST_CASE(values_are_in_base_units) {
    es::store_stats stats;
    stats.appends = 7;
    stats.append_durable.count = 3;
    stats.append_durable.sum = 1'500us;
    stats.append_durable.below.fill(3);
    stats.append_durable.below[0] = 1;
    stats.flush_appends.count = 2;
    stats.flush_appends.sum = 5;
    stats.flush_appends.below[0] = 1;
    stats.feed_lag = 2'500ms;
    stats.feed_stalled = true;
    stats.transacting.in_use = 4;
    const std::string text = es::prometheus_text(stats);
    for (const char* line : {"eventstore_appends_total 7", "eventstore_append_durable_seconds_sum 0.0015",
             "eventstore_append_durable_seconds_count 3", "eventstore_append_durable_seconds_bucket{le=\"6.4e-05\"} 1",
             "eventstore_append_durable_seconds_bucket{le=\"+Inf\"} 3", "eventstore_flush_appends_bucket{le=\"1\"} 1",
             "eventstore_feed_lag_seconds 2.5", "eventstore_feed_stalled 1",
             "eventstore_connections_in_use{pool=\"transacting\"} 4"})
        BOOST_TEST(has_line(text, line), line);
}

BOOST_AUTO_TEST_CASE(labels_are_escaped) {
    es::store_stats stats;
    es::subscription_stats one;
    one.stream = "a\"b\\c\nd";
    one.name = "\u00e4";
    one.lag_events = 5;
    stats.subscriptions.push_back(one);
    const std::string text = es::prometheus_text(stats, "shop \"1\"");
    BOOST_TEST(has_line(
        text, R"(eventstore_subscription_lag_events{store="shop \"1\"",stream="a\"b\\c\nd",subscription="ä"} 5)"));
    BOOST_TEST(has_line(text, R"(eventstore_appends_total{store="shop \"1\""} 0)"));
}

BOOST_AUTO_TEST_CASE(without_stores_there_is_nothing_but_the_names) {
    for (const std::string& line : lines_of(es::prometheus_text(std::map<std::string, es::store_stats>())))
        BOOST_TEST(line.starts_with("# "), line);
}

BOOST_FIXTURE_TEST_CASE(a_store_at_work_shows, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(3));
        es::subscription all = co_await store.subscribe_to_all("mailer");
        const texts received = co_await receive(all, 3);
        BOOST_TEST(received.size() == 3u);
        const std::string text = es::prometheus_text(store.stats(), "shop");
        BOOST_TEST(has_line(text, "eventstore_appended_events_total{store=\"shop\"} 3"));
        BOOST_TEST(has_line(text, "eventstore_append_durable_seconds_count{store=\"shop\"} 1"));
        BOOST_TEST(has_line(
            text, "eventstore_subscription_position{store=\"shop\",stream=\"$all\",subscription=\"mailer\"} 3"));
    });
}

BOOST_AUTO_TEST_SUITE_END()
