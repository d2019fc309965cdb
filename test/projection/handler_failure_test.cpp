// Whom the failure of a handler is blamed on.
#include "projection/handler_failure.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <stdexcept>

BOOST_AUTO_TEST_SUITE(handler_failure_test)

using namespace eventstore;
using namespace eventstore::projection;

namespace {

failure by_server(const char* state, errc code = errc::database_error) {
    return failure(code, {.message = "x", .sqlstate = state});
}

template <class Thrown>
failure thrown(const Thrown& what) {
    return failure_of(std::make_exception_ptr(what));
}

} // namespace

BOOST_AUTO_TEST_CASE(what_a_handler_throws_is_the_events_fault) {
    BOOST_TEST((blame_for(thrown(std::runtime_error("no"))) == blame::event));
    BOOST_TEST((blame_for(thrown(42)) == blame::event));
    BOOST_TEST(thrown(std::runtime_error("no such account")).message() == "no such account");
    BOOST_TEST((blame_for(failure(errc::event_not_decodable, "x")) == blame::event));
    BOOST_TEST((blame_for(failure(errc::wrong_expected_version, "x")) == blame::event));
}

BOOST_AUTO_TEST_CASE(data_that_does_not_fit_the_tables_is_the_events_fault) {
    for (const char* state : {"22003", "22P02", "23505", "23514", "P0001"})
        BOOST_TEST((blame_for(by_server(state)) == blame::event), state);
}

BOOST_AUTO_TEST_CASE(a_handler_that_goes_on_after_an_error_of_its_sql_is_the_events_fault) {
    BOOST_TEST((blame_for(by_server("25P02")) == blame::event));
    BOOST_TEST((blame_for(by_server("25P01")) == blame::nobody));
}

BOOST_AUTO_TEST_CASE(what_every_event_would_fail_with_is_nobodys) {
    for (const char* state : {"42P01", "42501", "40001", "40P01", "53300", "57P01", "25006", "3F000"})
        BOOST_TEST((blame_for(by_server(state)) == blame::nobody), state);
    BOOST_TEST((blame_for(failure(errc::connection_lost, "x")) == blame::nobody));
}

BOOST_AUTO_TEST_CASE(what_takes_too_long_is_tried_with_fewer) {
    for (const char* state : {"57014", "55P03", "25P03"})
        BOOST_TEST((blame_for(by_server(state)) == blame::size), state);
    BOOST_TEST((blame_for(by_server("25P03", errc::connection_lost)) == blame::size));
    BOOST_TEST((blame_for(failure(errc::timeout, "x")) == blame::size));
    BOOST_TEST((blame_for(failure(errc::lock_timeout, "x")) == blame::size));
}

BOOST_AUTO_TEST_CASE(an_unknown_outcome_ends_it_whatever_else_it_is) {
    const failure unknown(errc::connection_lost, {.message = "x", .outcome_unknown = true});
    BOOST_TEST((blame_for(unknown) == blame::projection));
    for (const errc code :
        {errc::subscription_lost, errc::subscription_deleted, errc::store_closed, errc::log_truncated})
        BOOST_TEST((blame_for(failure(code, "x")) == blame::projection));
}

BOOST_AUTO_TEST_CASE(a_cancelled_wait_of_a_handler_has_a_code_of_its_own) {
    const boost::system::system_error aborted(boost::asio::error::operation_aborted);
    BOOST_TEST((thrown(aborted).code() == errc::cancelled));
}

BOOST_AUTO_TEST_SUITE_END()
