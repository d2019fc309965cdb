#include "postgres/host_list.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <string_view>

BOOST_AUTO_TEST_SUITE(host_list_test)

using eventstore::postgres::host_list;

namespace {

/// "hosts / addresses / ports" of those that are left; "none" if there are none.
std::string left(const host_list& of, std::string_view name, std::string_view port) {
    const auto others = of.without(name, port);
    return others ? others->hosts + " / " + others->addresses + " / " + others->ports : "none";
}

} // namespace

BOOST_AUTO_TEST_CASE(the_one_that_was_refused_is_left_out) {
    const host_list three{"a,b,c", "", "1,2,3"};
    BOOST_TEST(three.size() == 3u);
    BOOST_TEST(left(three, "a", "1") == "b,c /  / 2,3");
    BOOST_TEST(left(three, "b", "2") == "a,c /  / 1,3");
    BOOST_TEST(left(three, "c", "3") == "a,b /  / 1,2");
    BOOST_TEST(left(three, "a", "2") == "a,b,c /  / 1,2,3");
}

BOOST_AUTO_TEST_CASE(one_port_is_that_of_all) {
    BOOST_TEST(left({"a,b", "", "6432"}, "a", "6432") == "b /  / 6432");
    BOOST_TEST(left({"a,b", "", ""}, "b", "5432") == "a /  / ");
    BOOST_TEST(left({"a,a", "", "1,2"}, "a", "1") == "a /  / 2");
    BOOST_TEST(left({"a,a", "", "1,"}, "a", "5432") == "a /  / 1");
}

BOOST_AUTO_TEST_CASE(of_the_only_one_nothing_is_left) {
    BOOST_TEST((host_list{"a", "", ""}.size()) == 1u);
    BOOST_TEST(left({"a", "", ""}, "a", "5432") == "none");
    BOOST_TEST(left({"a,a", "", "1"}, "a", "1") == "none"); // twice the same server
    BOOST_TEST(left({"", "", ""}, "/var/run/postgresql", "5432") == "none");
}

BOOST_AUTO_TEST_CASE(a_server_without_a_name_goes_by_its_address) {
    BOOST_TEST(left({"", "10.0.0.1,10.0.0.2", "1,2"}, "10.0.0.1", "1") == " / 10.0.0.2 / 2");
    BOOST_TEST(left({"a,b", "10.0.0.1,10.0.0.2", "1,2"}, "a", "1") == "b / 10.0.0.2 / 2");
}

BOOST_AUTO_TEST_CASE(an_empty_name_is_the_default_socket) {
    BOOST_TEST(left({",b", "", ""}, "/run/postgresql", "5432") == "b /  / ");
}

BOOST_AUTO_TEST_SUITE_END()
