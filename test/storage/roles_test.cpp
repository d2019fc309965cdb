#include "storage/roles.hpp"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(roles_test)

using namespace eventstore;
using storage::check_role_prefix;
using storage::roles_script;

namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string refusal(const std::string& prefix) {
    const auto why = check_role_prefix(prefix);
    if (!why) return "";
    BOOST_TEST((why->code() == errc::invalid_argument));
    return why->message();
}

} // namespace

BOOST_AUTO_TEST_CASE(names_of_roles_and_of_the_schema_are_replaced_wherever_they_stand) {
    const std::string script = roles_script("orders", "bakery");
    BOOST_TEST(has(script, "E'bakery_reader'"));
    BOOST_TEST(has(script, "E'bakery_archivist'"));
    BOOST_TEST(has(script, "grant usage on schema \"orders\"\nto \"bakery_reader\", \"bakery_writer\""));
    BOOST_TEST(has(script, "\"orders\".append_event, \"orders\".append_events"));
    BOOST_TEST(has(script, "to \"bakery_archivist\";"));
    BOOST_TEST(!has(script, "shop_"));
    BOOST_TEST(!has(script, "eventstore."));
    BOOST_TEST(!has(script, "schema eventstore"));
}

BOOST_AUTO_TEST_CASE(a_name_that_looks_like_another_is_left_as_it_is) {
    const std::string script = roles_script("shop_writer", "eventstore.x");
    BOOST_TEST(has(script, "on schema \"shop_writer\""));
    BOOST_TEST(has(script, "\"shop_writer\".append_event"));
    BOOST_TEST(has(script, "E'eventstore.x_reader'"));
    BOOST_TEST(has(script, "to \"eventstore.x_reader\""));
}

BOOST_AUTO_TEST_CASE(quotation_marks_in_names_are_doubled) {
    const std::string script = roles_script("o\"s", "b'a\"k");
    BOOST_TEST(has(script, "E'b\\'a\"k_reader'"));
    BOOST_TEST(has(script, "to \"b'a\"\"k_reader\""));
    BOOST_TEST(has(script, "on schema \"o\"\"s\""));
}

BOOST_AUTO_TEST_CASE(a_prefix_that_cannot_be_is_refused) {
    BOOST_TEST(refusal("shop") == "");
    BOOST_TEST(refusal(std::string(52, 'x')) == "");
    BOOST_TEST(has(refusal(""), "is empty"));
    BOOST_TEST(has(refusal(std::string(53, 'x')), "has 53 bytes; 52 are the most"));
    BOOST_TEST(has(refusal("pg_shop"), "begins with pg_"));
    BOOST_TEST(has(refusal("a\nb"), "control character"));
    BOOST_TEST(has(refusal("a\xff"), "is not UTF-8"));
    BOOST_TEST(has(refusal("a$roles$"), "$roles$"));
}

BOOST_AUTO_TEST_SUITE_END()
