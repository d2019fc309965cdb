#include "typed/account.hpp"

#include <boost/test/unit_test.hpp>

#include <limits>
#include <string>
#include <vector>

using namespace eventstore;
using namespace eventstore::test;

BOOST_AUTO_TEST_SUITE(json_object_test)

BOOST_AUTO_TEST_CASE(names_and_values_become_an_object) {
    const std::string name = "Ada";
    const std::vector<int> list{1, 2};
    BOOST_TEST(json_object("owner", name, "cents", 5000, "open", true, "branch", nullptr, "list", list) ==
        R"({"owner":"Ada","cents":5000,"open":true,"branch":null,"list":[1,2]})");
    BOOST_TEST(json_object() == "{}");
}

BOOST_AUTO_TEST_CASE(names_may_be_any_text) {
    const std::string name = "a\"b";
    BOOST_TEST(json_object(name, 1, std::string_view("c"), 2) == R"({"a\"b":1,"c":2})");
}

BOOST_AUTO_TEST_CASE(values_may_be_whatever_an_event_may_hold) {
    const deposited event{7};
    const std::optional<int> none;
    const boost::json::value value{1, 2};
    const uuid id = make_uuid();
    BOOST_TEST(json_object("event", event, "none", none, "value", value, "id", id) ==
        R"({"event":{"cents":7},"none":null,"value":[1,2],"id":")" + eventstore::to_string(id) + "\"}");
}

BOOST_AUTO_TEST_CASE(of_two_members_of_one_name_the_last_one_counts) {
    BOOST_TEST(json_object("a", 1, "b", 2, "a", 3) == R"({"a":3,"b":2})");
}

BOOST_AUTO_TEST_CASE(what_json_cannot_hold_is_refused) {
    const auto is_refused = [](const error& why) { return why.code() == errc::invalid_argument; };
    BOOST_CHECK_EXCEPTION(json_object("a", "\xff"), error, is_refused);
    BOOST_CHECK_EXCEPTION(json_object("\xff", 1), error, is_refused);
    BOOST_CHECK_EXCEPTION(json_object("a", std::numeric_limits<double>::infinity()), error, is_refused);
}

BOOST_AUTO_TEST_CASE(data_and_metadata_of_an_untyped_event_are_read) {
    const recorded_event event = recorded(event_data("Noted", R"({"a":[1,2]})").metadata(json_object("user", "ada")));
    BOOST_TEST((json_data(event).at("a").at(1) == 2));
    BOOST_TEST((json_metadata(event).at("user") == "ada"));
}

BOOST_AUTO_TEST_CASE(no_metadata_reads_as_null) { BOOST_TEST(json_metadata(recorded("Noted", "{}")).is_null()); }

BOOST_AUTO_TEST_CASE(data_that_is_no_json_is_refused_with_the_event) {
    const recorded_event event = recorded(event_data("Noted", "bytes").metadata("{"));
    const auto names = [](const char* what) {
        return [what](const error& why) {
            const std::string message = why.what();
            return why.code() == errc::event_not_decodable && message.find("'Noted'") != message.npos &&
                message.find(what) != message.npos;
        };
    };
    BOOST_CHECK_EXCEPTION(json_data(event), error, names("the data is no JSON"));
    BOOST_CHECK_EXCEPTION(json_metadata(event), error, names("the metadata is no JSON"));
}

BOOST_AUTO_TEST_CASE(a_member_is_renamed_if_it_is_there) {
    boost::json::object data{{"old", 1}, {"other", 2}};
    rename_member(data, "old", "new");
    rename_member(data, "absent", "present");
    rename_member(data, "other", "other");
    BOOST_TEST(data.size() == 2);
    BOOST_TEST((data.at("new") == 1));
    BOOST_TEST((data.at("other") == 2));
}

BOOST_AUTO_TEST_SUITE_END()
