#include "typed/account.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

using namespace eventstore;
using namespace eventstore::test;

namespace {

struct plain {
    std::string text;
};

} // namespace

static_assert(has_codec<opened> && has_codec<const opened&> && has_codec<measured>);
static_assert(!has_codec<plain> && !has_codec<int> && !has_codec<event_data>);
static_assert(decodable_event<measured> && !decodable_event<plain>);
static_assert(typed_event<opened&> && !typed_event<event_data> && !typed_event<const event_data&>);
static_assert(!typed_event<std::vector<event_data>> && !typed_event<std::vector<event_data>&>);

BOOST_AUTO_TEST_SUITE(typed_event_test)

BOOST_AUTO_TEST_CASE(a_typed_event_becomes_event_data_with_its_type_and_data) {
    const opened event{"Ada", 5000, "Turin"};
    const event_data data = to_event_data(event);
    BOOST_TEST(data.type() == "AccountOpened");
    BOOST_TEST(data.data() == R"({"owner":"Ada","cents":5000,"branch":"Turin"})");
    BOOST_TEST(data.metadata().empty());
}

BOOST_AUTO_TEST_CASE(what_else_is_known_of_a_typed_event_is_set_on_its_event_data) {
    const uuid command = make_uuid();
    const opened event{"Ada", 5000, {}};
    const event_data data =
        to_event_data(event).causation_id(command).correlation_id(command).metadata(json_object("user", "ada"));
    BOOST_TEST((data.causation_id() == command));
    BOOST_TEST((data.correlation_id() == command));
    BOOST_TEST(data.metadata() == R"({"user":"ada"})");
}

BOOST_AUTO_TEST_CASE(each_conversion_makes_an_event_of_its_own) {
    const closed event;
    BOOST_TEST((to_event_data(event).id() != to_event_data(event).id()));
}

BOOST_AUTO_TEST_CASE(a_temporary_that_owns_nothing_may_be_converted) {
    BOOST_TEST(to_event_data(deposited{7}).data() == R"({"cents":7})");
}

BOOST_AUTO_TEST_CASE(a_list_takes_typed_events_and_event_data_in_any_order) {
    const opened first{"Ada", 1, {}};
    const event_data second("Untyped", "bytes");
    const uuid id = second.id();
    const std::vector<event_data> list = events(first, second, deposited{2}, event_data("Last", "more"));
    BOOST_REQUIRE(list.size() == 4);
    BOOST_TEST(list[0].type() == "AccountOpened");
    BOOST_TEST(list[1].type() == "Untyped");
    BOOST_TEST((list[1].id() == id));
    BOOST_TEST(list[2].data() == R"({"cents":2})");
    BOOST_TEST(list[3].data() == "more");
}

BOOST_AUTO_TEST_CASE(a_list_without_typed_events_is_made_as_before) {
    const std::vector<event_data> list = events(event_data("A", "1"), event_data("B", "2"));
    BOOST_TEST(list.size() == 2);
}

BOOST_AUTO_TEST_CASE(a_codec_of_ones_own_needs_no_json) {
    const measured event{1750775785, 293150};
    const event_data data = to_event_data(event);
    BOOST_TEST(data.type() == "Measured");
    BOOST_TEST(data.data().size() == 12);
    BOOST_TEST((decode<measured>(recorded(data)) == event));
}

BOOST_AUTO_TEST_SUITE_END()
