#include "postgres/connector_state.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstdint>
#include <limits>

BOOST_AUTO_TEST_SUITE(connector_state_test)

namespace es = eventstore;
using namespace std::chrono_literals;
using es::errc;
using es::failure;
using es::postgres::connector_state;

namespace {

constexpr connector_state::time start{1h};
constexpr std::uint64_t any = 0;

failure refusal(errc code, bool retry_helps = false) { return failure(code, {.retry_helps = retry_helps}); }

const failure gone = refusal(errc::connection_lost, true);

} // namespace

BOOST_AUTO_TEST_CASE(the_first_try_waits_for_nothing_and_the_later_ones_ever_longer) {
    connector_state state;
    BOOST_TEST((state.not_before() <= start));
    state.failed(gone, start, any);
    BOOST_TEST((state.not_before() == start));
    auto now = start;
    auto last = 0ms;
    for (int i = 0; i < 10; ++i) {
        state.failed(gone, now, any);
        const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(state.not_before() - now);
        BOOST_TEST((wait >= last && wait >= 10ms && wait <= 2s));
        last = wait;
        now = state.not_before();
    }
    BOOST_TEST((last == 1s)); // the lower half of the longest
}

BOOST_AUTO_TEST_CASE(one_that_was_of_use_is_replaced_at_once) {
    connector_state state;
    state.connected();
    state.proven();
    state.lost(start, any);
    BOOST_TEST((state.not_before() == start));
}

BOOST_AUTO_TEST_CASE(connections_that_are_lost_before_they_are_of_use_are_made_ever_less_often) {
    connector_state state;
    auto now = start;
    auto last = 0ms;
    for (int i = 0; i < 8; ++i) {
        state.connected();
        BOOST_TEST((state.not_before() <= now));
        state.lost(now, any);
        const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(state.not_before() - now);
        BOOST_TEST((wait > last));
        last = wait;
        now = state.not_before();
        if (last == 1s) break;
    }
    state.connected();
    state.proven();
    state.lost(now, any);
    BOOST_TEST((state.not_before() == now));
}

BOOST_AUTO_TEST_CASE(one_whose_server_has_answered_is_made_again_after_a_little) {
    connector_state state;
    auto now = start;
    for (int i = 0; i < 10; ++i) {
        state.connected();
        state.answered();
        state.lost(now, any);
        const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(state.not_before() - now);
        BOOST_TEST((wait >= 10ms && wait <= 20ms));
        now = state.not_before();
    }
}

BOOST_AUTO_TEST_CASE(the_last_failure_is_known_until_a_try_succeeds) {
    connector_state state;
    BOOST_TEST(!state.last_failure());
    state.failed(gone, start, any);
    BOOST_REQUIRE(state.last_failure());
    BOOST_TEST((state.last_failure()->code() == errc::connection_lost));
    state.connected();
    BOOST_TEST(!state.last_failure());
    state.lost(start, any);
    BOOST_TEST(!state.last_failure()); // it was made
}

BOOST_AUTO_TEST_CASE(who_waits_is_told_at_once_of_what_does_not_pass_by_itself) {
    for (const errc code : {errc::schema_missing, errc::log_truncated, errc::database_error, errc::invalid_argument}) {
        connector_state state;
        state.failed(refusal(code), start, any);
        BOOST_TEST(state.is_hopeless(start));
        state.connected();
        BOOST_TEST(!state.is_hopeless(start));
    }
    for (const errc code : {errc::connection_lost, errc::timeout, errc::store_closed}) {
        connector_state state;
        for (int i = 0; i < 100; ++i) state.failed(refusal(code), start + i * 1s, any);
        BOOST_TEST(!state.is_hopeless(start + 1h));
    }
}

BOOST_AUTO_TEST_CASE(a_standby_is_given_a_second_to_be_promoted) {
    connector_state state;
    const failure standby = refusal(errc::server_unusable, true);
    state.failed(standby, start, any);
    state.failed(standby, start + 999ms, any);
    BOOST_TEST(!state.is_hopeless(start + 999ms));
    state.failed(standby, start + 1s, any);
    BOOST_TEST(state.is_hopeless(start + 1s));
    state.failed(gone, start + 2s, any); // it is going down, to come back as another one perhaps
    state.failed(standby, start + 3s, any);
    BOOST_TEST(!state.is_hopeless(start + 3s));
}

BOOST_AUTO_TEST_SUITE_END()
