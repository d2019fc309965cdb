#include "postgres/answer.hpp"
#include "postgres/holds.hpp"
#include "postgres/scripted_server.hpp"

#include <eventstore/error.hpp>

#include <boost/test/unit_test.hpp>

#include <string>

using namespace eventstore;
using namespace eventstore::postgres;
using eventstore::test::holds;
using eventstore::test::scripted_server;

namespace {

scripted_server::fields fields_of(const std::string& state) {
    return {{'S', "ERROR"}, {'V', "ERROR"}, {'C', state}, {'M', "it went wrong"}};
}

} // namespace

BOOST_AUTO_TEST_SUITE(answer_failure_test)

BOOST_AUTO_TEST_CASE(a_sqlstate_decides_on_the_code_and_whether_a_retry_helps) {
    const struct {
        const char* state;
        errc code;
        bool retry_helps;
    } rows[] = {
        {"55P03", errc::lock_timeout, true},
        {"57014", errc::timeout, true},
        {"57P01", errc::connection_lost, true},
        {"57P02", errc::connection_lost, true},
        {"57P03", errc::connection_lost, true},
        {"57P05", errc::connection_lost, true},
        {"25006", errc::connection_lost, true},
        {"08006", errc::connection_lost, true},
        {"08P01", errc::connection_lost, true},
        {"3F000", errc::schema_missing, false},
        {"42P01", errc::schema_missing, false},
        {"42883", errc::schema_missing, false},
        {"40001", errc::database_error, true},
        {"40P01", errc::database_error, true},
        {"53300", errc::database_error, true},
        {"23505", errc::database_error, false},
        {"42501", errc::database_error, false},
        {"22021", errc::database_error, false},
        {"XX000", errc::database_error, false},
        {"55000", errc::database_error, false},
        {"57000", errc::database_error, false},
    };
    scripted_server server;
    for (const auto& row : rows) {
        const auto answer = server.error(fields_of(row.state));
        BOOST_REQUIRE(answer.is_error());
        const failure why = answer.to_failure("reading");
        BOOST_TEST_CONTEXT("SQLSTATE " << row.state) {
            BOOST_TEST(why.sqlstate() == row.state);
            BOOST_TEST((why.code() == row.code));
            BOOST_TEST(why.retry_helps() == row.retry_helps);
            BOOST_TEST(!why.outcome_unknown());
            BOOST_TEST(holds(why.message(), "reading: it went wrong (SQLSTATE " + std::string(row.state) + ")"));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_missing_schema_is_told_with_what_to_do) {
    scripted_server server;
    const failure why = server.error(fields_of("42P01")).to_failure("reading");
    BOOST_TEST(holds(why.message(), "create(true)"), why.message());
    const failure other = server.error(fields_of("XX000")).to_failure("reading");
    BOOST_TEST(!holds(other.message(), "create(true)"), other.message());
}

BOOST_AUTO_TEST_CASE(detail_and_hint_are_part_of_the_message) {
    scripted_server server;
    auto fields = fields_of("53200");
    fields.emplace_back('D', "Failed on request of size 8.");
    fields.emplace_back('H', "Buy more.");
    const failure why = server.error(fields).to_failure("appending");
    BOOST_TEST(why.message() == "appending: it went wrong; Failed on request of size 8.; Buy more. (SQLSTATE 53200)");
}

BOOST_AUTO_TEST_CASE(a_message_of_several_lines_is_told_on_one) {
    scripted_server server;
    auto fields = fields_of("XX000");
    fields.back().second = "first\n\tsecond\n";
    fields.emplace_back('D', "third\nfourth");
    const failure why = server.error(fields).to_failure("reading");
    BOOST_TEST(why.message() == "reading: first second ; third fourth (SQLSTATE XX000)");
}

BOOST_AUTO_TEST_CASE(an_error_of_libpq_itself_has_no_sqlstate) {
    const answer empty(PQmakeEmptyPGresult(nullptr, PGRES_FATAL_ERROR));
    const failure why = empty.to_failure("reading");
    BOOST_TEST((why.code() == errc::database_error));
    BOOST_TEST(why.sqlstate().empty());
    BOOST_TEST(!holds(why.message(), "SQLSTATE"), why.message());
    BOOST_TEST(why.message().starts_with("reading: "), why.message());
}

BOOST_AUTO_TEST_CASE(an_error_that_ends_the_session_is_told_from_others) {
    scripted_server server;
    for (const char* const severity : {"FATAL", "PANIC", "ERROR"}) {
        auto fields = fields_of("57P01");
        fields[1].second = severity;
        const auto error = server.error(fields);
        BOOST_TEST(error.is_error());
        BOOST_TEST(error.ends_session() == (severity != std::string_view("ERROR")), severity);
    }
}

BOOST_AUTO_TEST_CASE(an_error_of_the_callers_own_sql_is_none_of_the_stores) {
    scripted_server server;
    auto fields = fields_of("42P01");
    fields.emplace_back('P', "15");
    const failure why = server.error(fields).to_failure_of_caller("executing");
    BOOST_TEST((why.code() == errc::database_error));
    BOOST_TEST(!why.retry_helps());
    BOOST_TEST(why.message() == "executing: it went wrong, at character 15 of the SQL (SQLSTATE 42P01)");
    const struct {
        const char* state;
        errc code;
        bool retry_helps;
    } rows[] = {
        {"55P03", errc::lock_timeout, true},
        {"57014", errc::timeout, true},
        {"40001", errc::database_error, true},
        {"53200", errc::database_error, true},
        {"57P01", errc::database_error, false},
        {"23505", errc::database_error, false},
    };
    for (const auto& row : rows) {
        const failure other = server.error(fields_of(row.state)).to_failure_of_caller("executing");
        BOOST_TEST_CONTEXT("SQLSTATE " << row.state) {
            BOOST_TEST(other.sqlstate() == row.state);
            BOOST_TEST((other.code() == row.code));
            BOOST_TEST(other.retry_helps() == row.retry_helps);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
