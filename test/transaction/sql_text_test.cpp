// The text forms of PostgreSQL's values, and the first words of a statement.
#include "transaction/sql_text.hpp"

#include <boost/test/unit_test.hpp>

using namespace eventstore;
using namespace eventstore::detail;

namespace {

std::int64_t micros(std::string_view text) {
    const auto time = parse_timestamp(text);
    BOOST_REQUIRE_MESSAGE(time.has_value(), text);
    return time->time_since_epoch().count();
}

} // namespace

BOOST_AUTO_TEST_SUITE(sql_text_test)

BOOST_AUTO_TEST_CASE(timestamps_are_read_in_all_offsets_and_fractions) {
    BOOST_TEST(micros("1970-01-01 00:00:00+00") == 0);
    BOOST_TEST(micros("1970-01-01 02:00:00.5+02") == 500'000);
    BOOST_TEST(micros("1969-12-31 23:59:59.999999+00") == -1);
    BOOST_TEST(micros("1969-12-31 18:30:00.000001-05:30") == 1);
    BOOST_TEST(micros("1970-01-01 00:53:28+00:53:28") == 0);
    BOOST_TEST(micros("2024-02-29 12:00:00+00") == 1'709'208'000'000'000);
    BOOST_TEST(micros("0001-01-01 00:00:00+00 BC") == -62'167'219'200'000'000);
    BOOST_TEST(micros("10000-01-01 00:00:00+00") == 253'402'300'800'000'000);
}

BOOST_AUTO_TEST_CASE(other_texts_are_no_timestamps) {
    for (const char* const each : {"", "infinity", "-infinity", "2024-02-30 00:00:00+00", "2024-02-29",
             "2024-02-29 12:00:00", "29/02/2024 12:00:00 CET", "2024-02-29 12:00:00+00 AD", "2024-02-29 12:00:00.+00",
             "294276-01-01 00:00:00+00"})
        BOOST_TEST(!parse_timestamp(each).has_value(), each);
}

BOOST_AUTO_TEST_CASE(statements_that_control_transactions_are_known_by_their_first_words) {
    for (const char* const each :
        {"commit", "COMMIT;", "\t\n Commit work", "end", "abort", "begin", "start transaction", "rollback", "rollback;",
            "ROLLBACK AND CHAIN", "rollback work", "rollback transaction and chain", "prepare transaction 'x'",
            "/**/commit", "/* /* */ */ commit", "-- x\ncommit", "--\r commit", ";commit and chain", " ; ;-- x\n; end",
            ";/* ; */;ROLLBACK", ";prepare/**/transaction 'x'", "commit prepared 'x'", "commit--", "end;"})
        BOOST_TEST(is_transaction_control(each), each);
    for (const char* const each :
        {"", "select 'commit'", "rollback to a", "ROLLBACK WORK TO SAVEPOINT a", "rollback /* x */ to a",
            "prepare p as select 1", "committed", "beginning", "-- commit", "/* commit", ";;rollback to a", ";",
            ";select 1", "savepoint a", "commit_prepared()", "with x as (select 1) select * from x"})
        BOOST_TEST(!is_transaction_control(each), each);
}

BOOST_AUTO_TEST_CASE(what_has_ended_a_transaction_is_known_by_what_the_server_says_it_did) {
    for (const char* const sql : {"commit and chain", "select 1", "", "rollback to a"}) {
        BOOST_TEST(has_ended_transaction("COMMIT", sql), sql);
        BOOST_TEST(has_ended_transaction("PREPARE TRANSACTION", sql), sql);
        for (const char* const tag :
            {"", "SELECT 1", "SAVEPOINT", "RELEASE", "CALL", "DO", "PREPARE", "COMMIT PREPARED"})
            BOOST_TEST(!has_ended_transaction(tag, sql), tag);
    }
    // The server says the same of both.
    for (const char* const sql : {"rollback to a", "ROLLBACK WORK TO a", ";rollback transaction to savepoint a"})
        BOOST_TEST(!has_ended_transaction("ROLLBACK", sql), sql);
    for (const char* const sql : {"rollback", "abort", "commit", "rollback and chain", "select 1", "call p()", ""})
        BOOST_TEST(has_ended_transaction("ROLLBACK", sql), sql);
}

BOOST_AUTO_TEST_SUITE_END()
