#include "storage/schema.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <string_view>

using namespace eventstore;
using namespace std::string_literals;
using eventstore::storage::check_schema_name;

namespace {

void expect_refused(const std::string& name, std::string_view because) {
    const auto why = check_schema_name(name);
    BOOST_REQUIRE_MESSAGE(why.has_value(), "taken: " + name);
    BOOST_TEST((why->code() == errc::invalid_argument));
    BOOST_TEST((why->message().find(because) != std::string::npos), why->message());
}

} // namespace

BOOST_AUTO_TEST_SUITE(schema_name_test)

BOOST_AUTO_TEST_CASE(any_text_that_postgresql_takes_is_a_schema_name) {
    for (const std::string& good : {"eventstore"s, "a"s, "My Store"s, "\"we'ird\"; drop"s, "back\\slash"s, "caf\u00e9"s,
             "public"s, "a$b$c"s, "$$"s, "select"s, "1"s, " "s, "pg"s, "pgstore"s, "a.b"s, std::string(63, 'x')})
        BOOST_TEST(!check_schema_name(good).has_value(), good);
}

BOOST_AUTO_TEST_CASE(an_empty_name_is_refused_with_the_default) {
    expect_refused("", "leave it out for the default, eventstore");
}

BOOST_AUTO_TEST_CASE(a_name_that_postgresql_would_cut_off_is_refused_with_its_length) {
    expect_refused(std::string(64, 'x'), "has 64 bytes; 63 are the most");
    expect_refused(std::string(70, 'x'), "has 70 bytes");
    std::string accented; // characters are not bytes
    for (int i = 0; i < 32; ++i) accented += "\u00e9";
    expect_refused(accented, "has 64 bytes");
}

BOOST_AUTO_TEST_CASE(a_name_that_is_no_text_is_refused) {
    expect_refused("a\0b"s, "NUL");
    expect_refused("caf\xe9", "not UTF-8");
    expect_refused("\xed\xa0\x80", "not UTF-8");
}

BOOST_AUTO_TEST_CASE(a_name_with_control_characters_is_refused) {
    for (const char* const bad : {"a\nb", "\t", "a\x7f", "\x01"}) expect_refused(bad, "control character");
}

BOOST_AUTO_TEST_CASE(the_names_of_postgresqls_own_schemas_are_refused) {
    expect_refused("pg_catalog", "PostgreSQL keeps for itself");
    expect_refused("pg_mine", "pg_");
}

BOOST_AUTO_TEST_CASE(a_name_that_would_end_a_quotation_of_our_own_sql_is_refused) {
    expect_refused("$function$", "$function$");
    expect_refused("a$function$b", "$function$");
    BOOST_TEST(!check_schema_name("$function").has_value());
    BOOST_TEST(!check_schema_name("$FUNCTION$").has_value()); // another quotation
}

BOOST_AUTO_TEST_SUITE_END()
