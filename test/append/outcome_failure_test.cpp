#include "append/outcome_failure.hpp"

#include "append/appends.hpp"

#include <boost/test/unit_test.hpp>

using namespace eventstore;
using namespace eventstore::test;
using eventstore::append::append_plan;
using kind = append_plan::outcome::kind;

BOOST_AUTO_TEST_SUITE(outcome_failure_test)

namespace {

failure refusal(std::int64_t expected, kind status, std::int64_t actual, bool is_retry) {
    const append_ptr append = append_of("a", expected, 1);
    append->is_retry = is_retry;
    append_plan::outcome why;
    why.status = status;
    why.actual_version = actual;
    return append::to_failure(*append, append->parts.front(), why);
}

} // namespace

BOOST_AUTO_TEST_CASE(a_refused_retry_is_not_known_to_be_refused_for_good_where_it_may_fit_later) {
    const struct {
        std::int64_t expected;
        kind status;
        std::int64_t actual;
        bool may_fit;
    } cases[] = {
        {exists, kind::stream_not_found, 0, true}, // the earlier attempt may arrive when others have made the stream
        {7, kind::wrong_version, 5, true},         // or when it is at that version
        {any, kind::stream_deleted, 5, true},      // or is restored
        {any, kind::event_not_found, 5, true},
        {7, kind::wrong_version, 8, false}, // a version never comes back
        {0, kind::stream_exists, 8, false},
        {any, kind::duplicate_event, 8, false},
        {any, kind::event_too_large, 8, false},
    };
    for (const auto& one : cases) {
        BOOST_TEST_CONTEXT("expected " << one.expected << ", outcome " << static_cast<int>(one.status)) {
            BOOST_TEST(!refusal(one.expected, one.status, one.actual, false).outcome_unknown());
            const failure why = refusal(one.expected, one.status, one.actual, true);
            BOOST_TEST(why.outcome_unknown() == one.may_fit);
            BOOST_TEST(why.message().ends_with("when the stream has moved on") == one.may_fit, why.message());
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
