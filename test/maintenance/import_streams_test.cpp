#include "maintenance/import_streams.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

BOOST_AUTO_TEST_SUITE(import_streams_test)

using namespace eventstore;
using maintenance::import_batch;
using maintenance::import_streams;

namespace {

using places = std::vector<std::size_t>;
using owners = std::vector<import_batch::owner>;

std::vector<std::pair<std::int64_t, std::int64_t>> moved(const import_streams& streams) {
    const import_streams::versions found = streams.new_versions();
    BOOST_REQUIRE(found.ids.size() == found.values.size());
    std::vector<std::pair<std::int64_t, std::int64_t>> all;
    for (std::size_t i = 0; i < found.ids.size(); ++i) all.emplace_back(found.ids[i], found.values[i]);
    std::ranges::sort(all);
    return all;
}

bool is(const std::vector<std::pair<std::int64_t, std::int64_t>>& found,
    std::initializer_list<std::pair<std::int64_t, std::int64_t>> expected) {
    return std::ranges::equal(found, expected);
}

} // namespace

BOOST_AUTO_TEST_CASE(a_stream_is_asked_for_once_in_a_transaction) {
    import_streams streams;
    owners first{{"a", 3, 0, 0}, {"b", 1, 0, 0}};
    BOOST_TEST(streams.resolve(first) == (places{0, 1}), boost::test_tools::per_element());
    streams.add(first[0], 7, 0);
    streams.add(first[1], 8, 0);
    BOOST_TEST(first[0].id == 7);
    owners next{{"c", 1, 0, 0}, {"b", 2, 0, 0}};
    BOOST_TEST(streams.resolve(next) == places{0}, boost::test_tools::per_element());
    BOOST_TEST(next[1].id == 8);
    BOOST_TEST(next[0].id == 0);
}

BOOST_AUTO_TEST_CASE(a_stream_gets_the_last_version_of_all_batches) {
    import_streams streams;
    owners first{{"a", 3, 0, 0}};
    streams.resolve(first);
    streams.add(first[0], 7, 2);
    BOOST_TEST(is(moved(streams), {{7, 3}}));
    owners next{{"a", 9, 0, 0}};
    streams.resolve(next);
    owners last{{"a", 5, 0, 0}};
    streams.resolve(last);
    BOOST_TEST(is(moved(streams), {{7, 9}}));
}

BOOST_AUTO_TEST_CASE(a_stream_that_was_made_with_its_version_needs_no_other) {
    import_streams streams;
    owners made{{"a", 3, 0, 0}, {"b", 4, 0, 0}};
    streams.resolve(made);
    streams.add(made[0], 1, 3);
    streams.add(made[1], 2, 4);
    BOOST_TEST(moved(streams).empty());
    owners next{{"b", 6, 0, 0}};
    streams.resolve(next);
    BOOST_TEST(is(moved(streams), {{2, 6}}));
}

BOOST_AUTO_TEST_CASE(a_stream_that_went_on_keeps_its_version) {
    import_streams streams;
    owners old{{"a", 3, 0, 0}};
    streams.resolve(old);
    streams.add(old[0], 1, 30); // an archive is brought back
    BOOST_TEST(moved(streams).empty());
}

BOOST_AUTO_TEST_CASE(memory_grows_with_the_names) {
    import_streams streams;
    const std::string name(10'000, 'n');
    owners one{{name, 1, 0, 0}};
    streams.resolve(one);
    BOOST_TEST(streams.bytes() == 0u);
    streams.add(one[0], 1, 1);
    BOOST_TEST(streams.bytes() >= name.size());
}

BOOST_AUTO_TEST_SUITE_END()
