// What a test case needs of the condition under which the run is: BOOST_FIXTURE_TEST_CASE(name, fixture, *own_sessions()).
#pragma once

#include "support/server.hpp"

#include <boost/test/unit_test.hpp>

namespace eventstore::test {

inline boost::test_tools::assertion_result sessions_are_the_stores_own(boost::unit_test::test_unit_id) {
    boost::test_tools::assertion_result answer(!test_server::is_pooled());
    answer.message() << "behind a pooler, sessions are not a store's own";
    return answer;
}

/// For test cases that look at the sessions of stores on the server, or end them, or count on what is left in them.
inline boost::unit_test::precondition own_sessions() {
    return boost::unit_test::precondition(&sessions_are_the_stores_own);
}

inline boost::test_tools::assertion_result warnings_are_told(boost::unit_test::test_unit_id) {
    boost::test_tools::assertion_result answer(
        sql(test_server::store_url(), "show client_min_messages").at(0).at(0) != "error");
    answer.message() << "the role hears of errors only, and a pooled store cannot set that for its sessions";
    return answer;
}

/// For test cases with pooled stores, which a role that hears no warnings cannot have.
inline boost::unit_test::precondition told_warnings() { return boost::unit_test::precondition(&warnings_are_told); }

} // namespace eventstore::test
