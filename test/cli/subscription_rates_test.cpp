#include "cli/subscription_rates.hpp"

#include <boost/test/unit_test.hpp>

namespace eventstore::cli {

namespace {

using seconds = subscription_rates::seconds;

subscription_info at(std::int64_t position, std::int64_t lag, const std::string& name = "mailer") {
    subscription_info info;
    info.stream = "$all";
    info.name = name;
    info.position = position;
    info.lag_events = lag;
    return info;
}

} // namespace

BOOST_AUTO_TEST_SUITE(subscription_rates_test)

BOOST_AUTO_TEST_CASE(the_first_look_knows_no_rate) {
    subscription_rates rates;
    const auto all = rates.look({at(10, 90)}, seconds(0));
    BOOST_TEST_REQUIRE(all.size() == 1u);
    BOOST_TEST(all[0].is_changed);
    BOOST_TEST(all[0].rate == 0);
    BOOST_TEST(!all[0].left.has_value());
}

BOOST_AUTO_TEST_CASE(the_time_left_is_by_the_lag_that_shrinks) {
    subscription_rates rates;
    rates.look({at(0, 100)}, seconds(0));
    // 30 a second are done, and 10 a second come.
    const auto all = rates.look({at(60, 60)}, seconds(2));
    BOOST_TEST(all[0].rate == 30);
    BOOST_TEST_REQUIRE(all[0].left.has_value());
    BOOST_TEST(all[0].left->count() == 3);
    BOOST_TEST(rates.look({at(60, 0)}, seconds(1))[0].left->count() == 0);
}

BOOST_AUTO_TEST_CASE(one_that_falls_behind_never_catches_up) {
    subscription_rates rates;
    rates.look({at(0, 100)}, seconds(0));
    BOOST_TEST(!rates.look({at(10, 110)}, seconds(1))[0].left.has_value());
}

BOOST_AUTO_TEST_CASE(rates_are_smoothed_and_a_reset_is_none) {
    subscription_rates rates;
    rates.look({at(0, 100)}, seconds(0));
    rates.look({at(40, 60)}, seconds(1));
    BOOST_TEST(rates.look({at(40, 60)}, seconds(1))[0].rate == 20);
    BOOST_TEST(rates.look({at(0, 100)}, seconds(1))[0].rate == 10);
}

BOOST_AUTO_TEST_CASE(only_what_has_changed_is_told_and_what_is_gone_once) {
    subscription_rates rates;
    rates.look({at(1, 0), at(1, 0, "other")}, seconds(0));
    const auto same = rates.look({at(1, 0), at(1, 0, "other")}, seconds(1));
    BOOST_TEST(!same[0].is_changed);
    auto owned = at(1, 0);
    owned.owner = "host 7";
    const auto changed = rates.look({owned}, seconds(1));
    BOOST_TEST_REQUIRE(changed.size() == 2u);
    BOOST_TEST(changed[0].is_changed);
    BOOST_TEST(changed[1].is_gone);
    BOOST_TEST(changed[1].info.name == "other");
    BOOST_TEST(rates.look({owned}, seconds(1)).size() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace eventstore::cli
