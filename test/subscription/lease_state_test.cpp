// A lease, in virtual time.

#include "subscription/lease_state.hpp"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(lease_state_test)

using namespace std::chrono_literals;
using eventstore::delivery::lease_state;

namespace {
const lease_state::time taken{1h};
}

BOOST_AUTO_TEST_CASE(it_is_renewed_at_a_third_and_trusted_for_two) {
    const lease_state lease(900ms, taken);
    BOOST_TEST((lease.renew_at() == taken + 300ms));
    BOOST_TEST(lease.is_trusted(taken + 600ms - 1ns));
    BOOST_TEST(!lease.is_trusted(taken + 600ms));
}

BOOST_AUTO_TEST_CASE(a_long_one_is_renewed_each_second) {
    const lease_state lease(9s, taken);
    BOOST_TEST((lease.renew_at() == taken + 1s));
    BOOST_TEST(lease.is_trusted(taken + 6s - 1ns));
}

BOOST_AUTO_TEST_CASE(a_renewal_counts_from_when_it_was_sent) {
    lease_state lease(9s, taken);
    lease.renewed(taken + 3s); // however late its answer came
    BOOST_TEST((lease.trusted_until() == taken + 9s));
}

BOOST_AUTO_TEST_CASE(an_older_answer_takes_nothing_back) {
    lease_state lease(9s, taken);
    lease.renewed(taken + 4s);
    lease.renewed(taken + 3s);
    BOOST_TEST((lease.trusted_until() == taken + 10s));
}

BOOST_AUTO_TEST_SUITE_END()
