// What a subscription proves with a page that goes on where it is.

#include "read/page.hpp"
#include "subscription/received_history.hpp"

#include <boost/test/unit_test.hpp>

namespace {

using namespace eventstore::delivery;
using eventstore::make_uuid;
using eventstore::uuid;
using eventstore::storage::continuity;
using snapshot = eventstore::read::reader::snapshot;

const uuid known = make_uuid();
const uuid another = make_uuid();

snapshot page_of(std::int32_t timeline, std::int64_t head, std::optional<uuid> seen, std::int64_t stream_id = 0) {
    snapshot page;
    page.timeline = timeline;
    page.head = head;
    page.seen_event = seen;
    page.stream_id = stream_id;
    return page;
}

struct log_fixture {
    received_history history{true};
    place received{7, 0};

    log_fixture() {
        history.begin({5, 0}, 1, 0, std::nullopt);
        history.note(received, known);
    }
    continuity judge(const snapshot& page) const { return history.judge(history.mark(received), page); }
};

struct stream_fixture {
    received_history history{false};
    place received{70, 7};

    stream_fixture() { history.begin({50, 5}, 1, 3, std::nullopt); }
};

} // namespace

BOOST_AUTO_TEST_SUITE(received_history_test)

BOOST_FIXTURE_TEST_CASE(the_event_that_was_received_last_is_the_proof_in_whatever_history, log_fixture) {
    BOOST_TEST((judge(page_of(1, 9, known)) == continuity::held));
    BOOST_TEST((judge(page_of(2, 9, known)) == continuity::held));
    BOOST_TEST((judge(page_of(1, 9, another)) == continuity::lost)); // a restored backup has the same timeline
    BOOST_TEST((judge(page_of(1, 6, std::nullopt)) == continuity::lost));
    BOOST_TEST((judge(page_of(2, 9, std::nullopt)) == continuity::unknown)); // deleted for good: the forks tell
}

BOOST_FIXTURE_TEST_CASE(without_the_event_only_the_same_history_is_proof, log_fixture) {
    received = {8, 0}; // of which the event is not known
    BOOST_TEST(!history.event_at(received).has_value());
    BOOST_TEST((judge(page_of(1, 9, another)) == continuity::held));
    BOOST_TEST((judge(page_of(0, 9, std::nullopt)) == continuity::held));
    BOOST_TEST((judge(page_of(2, 9, another)) == continuity::unknown));
    history.go_on_in(2);
    BOOST_TEST((judge(page_of(2, 9, another)) == continuity::held));
    history.go_on_in(0); // a standby cannot tell
    BOOST_TEST(history.timeline() == 2);
}

BOOST_FIXTURE_TEST_CASE(an_event_that_is_known_is_not_forgotten_by_a_page_that_does_not_show_it, log_fixture) {
    history.note(received, std::nullopt);
    BOOST_TEST((history.event_at(received) == known));
    history.note({8, 0}, std::nullopt);
    BOOST_TEST(!history.event_at(received).has_value());
}

BOOST_FIXTURE_TEST_CASE(a_stream_that_was_made_anew_is_another_one, stream_fixture) {
    BOOST_TEST(history.is_of(3, received));
    BOOST_TEST(!history.is_of(4, received));
    BOOST_TEST((history.to_compare(received) == received)); // perhaps it was of the new one already
    BOOST_TEST(history.compared(received, page_of(1, 1, std::nullopt, 4)));
    BOOST_TEST(!history.to_compare(received).has_value());
    BOOST_TEST(history.is_of(4, received));
}

// Scavenged, or a link whose event was deleted for good: nothing before it is left that could have been missed.
BOOST_FIXTURE_TEST_CASE(a_stream_whose_last_event_received_was_removed_is_the_same_one, stream_fixture) {
    BOOST_TEST(!history.compared(received, page_of(1, 9, std::nullopt, 4)));
    BOOST_TEST(!history.compared(received, page_of(1, received.version, std::nullopt, 4)));
    BOOST_TEST(history.compared(received, page_of(1, received.version - 1, std::nullopt, 4)));
}

BOOST_FIXTURE_TEST_CASE(a_stream_of_which_nothing_was_received_may_become_any, stream_fixture) {
    BOOST_TEST(history.is_of(4, {0, 0}));
    BOOST_TEST(history.is_of(0, received)); // nothing is there now
    BOOST_TEST(!history.to_compare({0, 0}).has_value());
}

BOOST_FIXTURE_TEST_CASE(the_mark_of_a_stream_is_a_version_of_that_stream_only, stream_fixture) {
    history.note(received, known);
    const auto mark = history.mark(received);
    BOOST_TEST(mark.position == 7);
    BOOST_TEST((mark.event == known));
    BOOST_TEST((history.judge(mark, page_of(2, 9, known, 3)) == continuity::held));
    BOOST_TEST((history.judge(mark, page_of(1, 9, another, 3)) == continuity::lost));
    BOOST_TEST(
        (history.judge(mark, page_of(1, 9, another, 4)) == continuity::held)); // of the log; the stream is compared
    BOOST_TEST(!history.event_at(received).has_value());                       // it is no position of the log
}

BOOST_AUTO_TEST_SUITE_END()
