#include "cli/program.hpp"

#include "support/store_fixture.hpp"

using namespace eventstore::test;

BOOST_AUTO_TEST_SUITE(program_snapshot_test)

BOOST_FIXTURE_TEST_CASE(a_snapshot_is_printed_with_its_data, program_fixture) {
    const std::string function = "select " + quoted_name(schema()) + ".record_snapshot";
    sql(function + R"sql(('account-1', 7, 'Account', '{"cents":5}', 'why'))sql");
    sql(function + R"sql(('bytes', 1, 'T', '\xff00', ''))sql");
    const outcome json = run({"snapshot", "account-1"});
    BOOST_TEST(json.exit_code == 0);
    BOOST_TEST(json.out.starts_with(R"({"source":"account-1","version":7,"type":"Account","recorded_at":")"), json.out);
    BOOST_TEST(json.out.ends_with("\",\"metadata_text\":\"why\",\"data\":{\"cents\":5}}\n"), json.out);
    BOOST_TEST(run({"snapshot", "bytes"}).out.ends_with("\",\"data_base64\":\"/wA=\"}\n"));
    const words table = run({"snapshot", "account-1", "--table"}).lines();
    BOOST_REQUIRE(table.size() == 2U);
    BOOST_TEST(table[0] == "VERSION  RECORDED AT                  TYPE     DATA");
    BOOST_TEST(table[1].starts_with("      7  20"), table[1]);
    BOOST_TEST(table[1].ends_with("Z  Account  {\"cents\":5}"), table[1]);
}

BOOST_FIXTURE_TEST_CASE(a_snapshot_that_is_not_there_is_an_error_of_its_own, program_fixture) {
    const outcome missing = run({"snapshot", "account-1"});
    BOOST_TEST(missing.exit_code == 3);
    BOOST_TEST(missing.out == "");
    BOOST_TEST(missing.err.find("'account-1'") != std::string::npos, missing.err);
    BOOST_TEST(run({"snapshot"}).exit_code == 2);
    BOOST_TEST(run({"snapshot", "a", "b"}).exit_code == 2);
}

BOOST_AUTO_TEST_SUITE_END()
