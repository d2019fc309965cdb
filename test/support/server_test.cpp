#include "support/server.hpp"

#include <boost/test/unit_test.hpp>

#include <stdexcept>

using namespace eventstore::test;

BOOST_AUTO_TEST_SUITE(server_test)

BOOST_AUTO_TEST_CASE(sql_returns_rows_as_text) {
    const rows all = sql("select 1, 'a' union all select 2, null order by 1");
    BOOST_REQUIRE(all.size() == 2u);
    BOOST_TEST(all[0][0] == "1");
    BOOST_TEST(all[0][1] == "a");
    BOOST_TEST(all[1][1] == "NULL");
    BOOST_TEST(sql_value("create temp table t(); select count(*) from t") == "0");
}

BOOST_AUTO_TEST_CASE(sql_throws_the_message_of_the_server) {
    BOOST_CHECK_EXCEPTION(sql("select nonsense"), std::runtime_error, [](const std::exception& e) {
        return std::string_view(e.what()).find("\"nonsense\" does not exist") != std::string_view::npos;
    });
}

BOOST_AUTO_TEST_CASE(a_fresh_schema_is_dropped_with_all_that_is_in_it) {
    std::string name;
    const auto count = [&] {
        return sql_value("select count(*) from information_schema.schemata where schema_name = '" + name + "'");
    };
    {
        const fresh_schema first;
        const fresh_schema second;
        BOOST_TEST(first.name() != second.name());
        name = first.name();
        BOOST_TEST(count() == "0");
        sql("create schema " + name + "; create table " + name + ".t(); create view " + name + ".v as select 1");
        BOOST_TEST(count() == "1");
    }
    BOOST_TEST(count() == "0");
}

BOOST_AUTO_TEST_SUITE_END()
