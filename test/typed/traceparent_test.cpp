// The traceparent in the metadata of events: written without a change of what was there, and read.
#include "typed/traceparent.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value_to.hpp>
#include <boost/test/unit_test.hpp>

#include <string>

namespace es = eventstore;
namespace json = boost::json;
using es::is_traceparent;
using es::detail::find_traceparent;
using es::detail::with_traceparent;

BOOST_AUTO_TEST_SUITE(traceparent_test)

namespace {

const std::string parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

} // namespace

BOOST_AUTO_TEST_CASE(valid_ones_are_accepted_and_others_not) {
    BOOST_TEST(is_traceparent(parent));
    BOOST_TEST(is_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"));
    const std::string bad[] = {"", "00", parent + "0", parent.substr(1), "01" + parent.substr(2),
        "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", // upper case
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331_01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333g-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x"};
    for (const std::string& each : bad) BOOST_TEST(!is_traceparent(each), each);
}

BOOST_AUTO_TEST_CASE(empty_metadata_and_objects_get_the_member) {
    const std::string objects[] = {"", "{}", "{ }", R"({"user":"Ada"})",
        " \n{\"a\":{\"traceparent\":1},\"b\":[1.0,2]} ", R"({"text":"traceparent"})"};
    for (const std::string& each : objects) {
        const auto changed = with_traceparent(each, parent);
        BOOST_REQUIRE(changed.has_value());
        const json::value parsed = json::parse(*changed);
        BOOST_TEST(json::value_to<std::string>(parsed.at("traceparent")) == parent);
        BOOST_TEST(find_traceparent(*changed) == parent);
        if (each.empty()) continue;
        json::object without = parsed.as_object();
        without.erase("traceparent");
        BOOST_TEST((json::value(without) == json::parse(each)));
    }
}

BOOST_AUTO_TEST_CASE(the_rest_of_the_text_stays_as_it_was_written) {
    const std::string text = R"({ "amount": 1.0, "large": 12345678901234567890123 })";
    const auto changed = with_traceparent(text, parent);
    BOOST_REQUIRE(changed.has_value());
    BOOST_TEST(changed->ends_with(text.substr(1)), *changed);
}

BOOST_AUTO_TEST_CASE(what_is_no_object_or_has_one_already_stays_as_it_is) {
    const std::string others[] = {"[]", "1", "\"text\"", "null", "{", "{]", "{\"a\":}", "{} {}", "bytes \x01\xff", " ",
        R"({"traceparent":"mine"})", R"({"a":1,"traceparent":null})"};
    for (const std::string& each : others) BOOST_TEST(!with_traceparent(each, parent).has_value(), each);
}

BOOST_AUTO_TEST_CASE(nothing_is_read_from_what_holds_no_valid_one) {
    const std::string others[] = {"", "traceparent", R"({"traceparent":1})", R"({"traceparent":"no"})",
        R"([{"traceparent":")" + parent + R"("}])", R"({"a":{"traceparent":")" + parent + R"("}})",
        R"({"traceparent":")" + parent + "\""};
    for (const std::string& each : others) BOOST_TEST(find_traceparent(each).empty(), each);
    es::event_data data("T", "");
    data.metadata(R"({"traceparent":")" + parent + R"("})");
    const auto event = es::recorded_event::make("a", 1, 1, data);
    BOOST_TEST(es::traceparent_of(event) == parent);
}

BOOST_AUTO_TEST_SUITE_END()
