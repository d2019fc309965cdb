// What the rows of a verification mean, without a server.
#include "maintenance/id_portion.hpp"
#include "maintenance/verification.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

namespace eventstore::maintenance {

namespace {

log_row sound_log(std::int64_t floor, std::int64_t last) {
    log_row log;
    log.states = 1;
    log.floor = floor;
    log.first_position = 1;
    log.last_position = last;
    log.unique_keys = "position stream_id,stream_version event_id";
    return log;
}

/// A page of events with these gaps in it.
std::vector<event_row> page_of(std::int64_t rows, std::int64_t last, std::int64_t next, std::int64_t floor,
    std::vector<std::pair<std::int64_t, std::int64_t>> gaps = {}) {
    std::vector<event_row> page{{"page", rows, 0, last, floor, ""}, {"next", next, 0, 0, 0, ""}};
    for (const auto& [first, through] : gaps) page.push_back({"gap", first, through, 0, 0, ""});
    return page;
}

stream_row gap_of(const std::string& name, std::int64_t before, std::int64_t before_position, std::int64_t at,
    std::int64_t at_position, std::int64_t version) {
    return {"gap", 7, version, before, before_position, at, at_position, name, false};
}

std::vector<stream_row> streams_with(stream_row row, std::int64_t floor) {
    return {{"page", 1, 7, floor, 0, 0, 0, "", false}, std::move(row)};
}

subscription_row to_all(std::int64_t position, std::int64_t head, std::int64_t floor = 0) {
    subscription_row row;
    row.stream = "$all";
    row.name = "it's";
    row.position = position;
    row.head = head;
    row.floor = floor;
    return row;
}

} // namespace

BOOST_AUTO_TEST_SUITE(verification_test)

BOOST_AUTO_TEST_CASE(a_log_without_gaps_is_sound) {
    verification log("eventstore", 10);
    log.take(sound_log(0, 300));
    log.take(page_of(200, 200, 201, 0), 200);
    log.take(page_of(100, 300, 0, 0), 300);
    const verify_report report = log.finish();
    BOOST_TEST(report.is_sound());
    BOOST_TEST(report.findings.empty());
    BOOST_TEST(report.events == 300);
    BOOST_TEST(report.head == 300);
    BOOST_TEST(report.missing == 0);
    BOOST_TEST(report.unknown.size() == 3u); // nothing of hard deletes
}

BOOST_AUTO_TEST_CASE(a_gap_is_judged_by_the_floor_of_its_own_page) {
    verification log("eventstore", 10);
    log.take(sound_log(0, 300));
    // Meanwhile a stream was deleted, which raised the floor to 150.
    log.take(page_of(90, 200, 201, 150, {{11, 20}, {145, 160}}), 200);
    log.take(page_of(100, 300, 0, 150), 300);
    const verify_report report = log.finish();
    BOOST_TEST(report.problems == 1);
    BOOST_TEST_REQUIRE(report.findings.size() == 1u);
    BOOST_TEST(report.findings[0].check == "missing_event");
    BOOST_TEST(report.findings[0].position == 151);
    BOOST_TEST(report.findings[0].message ==
        "positions 151 to 160 are missing, and no hard delete or scavenging explains that: the last one that may have "
        "been deleted "
        "is 150");
    BOOST_TEST(report.missing == 10 + 6);
    BOOST_TEST(report.unknown[0].find("16 positions at or below 150") == 0u, report.unknown[0]);
}

BOOST_AUTO_TEST_CASE(the_end_of_a_page_may_be_missing_too) {
    verification log("eventstore", 10);
    log.take(sound_log(0, 300));
    log.take(page_of(98, 98, 103, 0), 100);               // 99 and 100
    log.take(page_of(198, 300, 0, 0, {{101, 102}}), 300); // seen from 100 on
    const verify_report report = log.finish();
    BOOST_TEST_REQUIRE(report.findings.size() == 2u);
    BOOST_TEST(report.findings[0].position == 99);
    BOOST_TEST(report.findings[1].position == 101);
}

BOOST_AUTO_TEST_CASE(a_missing_version_is_explained_by_a_missing_position_between_its_neighbours) {
    verification log("eventstore", 10);
    log.take(sound_log(100, 300));
    log.take(page_of(298, 300, 0, 100, {{50, 51}}), 300);
    const auto explained = log.take(streams_with(gap_of("a", 1, 40, 3, 60, 3), 100));
    BOOST_TEST(explained.unexplained.empty());
    const auto outside = log.take(streams_with(gap_of("b", 1, 60, 3, 90, 3), 100));
    BOOST_TEST_REQUIRE(outside.unexplained.size() == 1u);
    const auto too_many = log.take(streams_with(gap_of("c", 1, 40, 5, 60, 5), 100));
    BOOST_TEST_REQUIRE(too_many.unexplained.size() == 1u);
    BOOST_TEST(too_many.unexplained[0].count() == 3);
    log.judge(outside.unexplained[0], 1); // meanwhile another one has gone
    log.judge(too_many.unexplained[0], 2);
    const verify_report report = log.finish();
    BOOST_TEST_REQUIRE(report.findings.size() == 3u);
    BOOST_TEST((report.findings[0].severity == severity::note));
    BOOST_TEST((report.findings[1].severity == severity::note));
    BOOST_TEST((report.findings[2].severity == severity::problem));
    BOOST_TEST(report.findings[2].check == "missing_version");
    BOOST_TEST(report.findings[2].subject == "c");
    BOOST_TEST(
        report.findings[2].message.find("versions 2 to 4 are missing in stream 'c'") == 0u, report.findings[2].message);
    BOOST_TEST(report.problems == 1);
}

// Scavenging leaves one in each stream, and they would leave no room for other findings.
BOOST_AUTO_TEST_CASE(missing_beginnings_are_counted_and_not_told_one_by_one) {
    verification log("eventstore", 10);
    log.take(sound_log(100, 300));
    log.take(page_of(201, 300, 0, 100, {{1, 99}}), 300);
    BOOST_TEST(log.take(streams_with(gap_of("a", 0, 0, 41, 120, 45), 100)).unexplained.empty());
    BOOST_TEST(log.take(streams_with({"end", 8, 50, 0, 0, 0, 0, "b", false}, 100)).unexplained.empty());
    const auto lost = log.take(streams_with(gap_of("c", 0, 0, 102, 200, 150), 100));
    BOOST_TEST_REQUIRE(lost.unexplained.size() == 1u);
    log.judge(lost.unexplained[0], 99);
    const verify_report report = log.finish();
    BOOST_TEST_REQUIRE(report.findings.size() == 1u);
    BOOST_TEST(report.findings[0].subject == "c");
    BOOST_TEST(report.problems == 1);
    BOOST_TEST(
        report.unknown[0].find("the beginning of 2 streams: 90 versions") != std::string::npos, report.unknown[0]);
}

// A page of the versions of one large stream says the floor, which has moved since the page of streams.
BOOST_AUTO_TEST_CASE(a_gap_of_a_large_stream_is_judged_by_the_floor_of_its_moment) {
    verification log("eventstore", 10);
    log.take(sound_log(0, 300));
    log.take(page_of(300, 300, 0, 0), 300);
    const auto streams = log.take(streams_with({"large", 7, 300, 0, 0, 0, 0, "a", false}, 0));
    BOOST_TEST(streams.large.size() == 1u);
    log.see_floor(250);
    const auto gaps = log.take({gap_of("a", 0, 0, 251, 251, 300)});
    BOOST_TEST_REQUIRE(gaps.unexplained.size() == 1u);
    BOOST_TEST(gaps.unexplained[0].to_position == 250);
    log.judge(gaps.unexplained[0], 250);
    BOOST_TEST(log.finish().is_sound());
}

BOOST_AUTO_TEST_CASE(what_lies_above_the_floor_explains_nothing) {
    verification log("eventstore", 10);
    log.take(sound_log(50, 300));
    log.take(page_of(299, 300, 0, 50, {{200, 200}}), 300);
    const auto page = log.take(streams_with(gap_of("a", 1, 40, 3, 250, 3), 50));
    BOOST_TEST_REQUIRE(page.unexplained.size() == 1u);
    BOOST_TEST(page.unexplained[0].from_position == 41);
    BOOST_TEST(page.unexplained[0].to_position == 50);
}

BOOST_AUTO_TEST_CASE(a_wrong_version_of_a_stream_has_a_command_that_puts_it_right) {
    verification log("my \"schema\"", 10);
    log.take(streams_with({"end", 7, 2, 5, 60, 0, 0, "a", false}, 0));
    const verify_report report = log.finish();
    BOOST_TEST_REQUIRE(report.findings.size() == 1u);
    BOOST_TEST(report.findings[0].check == "stream_version");
    BOOST_TEST(report.findings[0].version == 2);
    BOOST_TEST(report.findings[0].command.find(
                   "update \"my \"\"schema\"\"\".streams set version = 5 where stream_id = 7") != std::string::npos,
        report.findings[0].command);
}

BOOST_AUTO_TEST_CASE(a_stream_that_is_being_hard_deleted_lacks_what_it_likes) {
    verification log("eventstore", 10);
    stream_row gap = gap_of("$deleted 7", 0, 0, 3, 60, 5);
    gap.is_going = true;
    BOOST_TEST(log.take(streams_with(gap, 0)).unexplained.empty());
    BOOST_TEST(log.take(streams_with({"end", 7, 5, 0, 0, 0, 0, "$deleted 7", true}, 0)).unexplained.empty());
    BOOST_TEST(log.finish().is_sound());
}

BOOST_AUTO_TEST_CASE(checkpoints_are_within_the_log_and_at_the_event_that_was_seen) {
    verification log("shop", 20);
    log.take(to_all(10, 10));
    subscription_row hard_deleted = to_all(5, 10, 5);
    hard_deleted.event = "x";
    log.take(hard_deleted);
    BOOST_TEST(log.problems() == 0);
    log.take(to_all(11, 10));
    log.take(to_all(-1, 10));
    subscription_row other = to_all(5, 10);
    other.event = "x";
    other.there = "y";
    log.take(other);
    subscription_row lost = to_all(6, 10, 5);
    lost.event = "x";
    log.take(lost);
    subscription_row of_stream = to_all(5, 10);
    of_stream.stream = "a";
    of_stream.version = 4;
    of_stream.version_now = 3;
    of_stream.stream_id = 2;
    of_stream.stream_now = 3;
    log.take(of_stream); // versions of another life of the stream
    of_stream.stream_now = 2;
    log.take(of_stream);
    const verify_report report = log.finish();
    BOOST_TEST(report.subscriptions == 8);
    BOOST_TEST_REQUIRE(report.findings.size() == 5u);
    BOOST_TEST(report.findings[0].check == "checkpoint");
    BOOST_TEST(
        report.findings[0].command == R"(eventstore subscriptions reset '$all' 'it'\''s' --to 10 --schema shop)");
    BOOST_TEST(report.findings[1].position == -1);
    BOOST_TEST(report.findings[2].check == "checkpoint_event");
    BOOST_TEST(report.findings[3].check == "checkpoint_event");
    BOOST_TEST(report.findings[4].version == 4);
}

BOOST_AUTO_TEST_CASE(a_parked_event_may_have_been_hard_deleted) {
    verification log("eventstore", 10);
    log.take(parked_row{"page", 1, 7, 2, 5, "", ""});
    log.take(parked_row{"missing", 1, 5, 0, 0, "a", "mailer"});
    log.take(parked_row{"missing", 1, 6, 0, 0, "a", "mailer"});
    const verify_report report = log.finish();
    BOOST_TEST(report.parked_events == 2);
    BOOST_TEST_REQUIRE(report.findings.size() == 2u);
    BOOST_TEST((report.findings[0].severity == severity::note));
    BOOST_TEST(report.findings[0].command == "eventstore subscriptions discard a mailer --position 5");
    BOOST_TEST((report.findings[1].severity == severity::problem));
}

BOOST_AUTO_TEST_CASE(promotions_are_in_order_and_within_the_log) {
    verification log("eventstore", 10);
    log.take(std::vector<fork_row>{{2, 10, 50, 3, 3}, {3, 10, 50, 3, 3}});
    BOOST_TEST(log.problems() == 0);
    log.take(std::vector<fork_row>{{2, 10, 50, 4, 4}, {3, 9, 50, 4, 4}, {4, 51, 50, 4, 4}, {5, 50, 50, 4, 4}});
    const verify_report report = log.finish();
    BOOST_TEST_REQUIRE(report.findings.size() == 3u);
    BOOST_TEST(report.findings[0].message.find("timeline 3") != std::string::npos);
    BOOST_TEST(report.findings[1].message.find("timeline 4") != std::string::npos);
    BOOST_TEST((report.findings[2].severity == severity::note)); // restored from another server
}

BOOST_AUTO_TEST_CASE(findings_above_the_limit_are_counted_and_notes_leave_room_for_problems) {
    verification log("eventstore", 8);
    log.take(parked_row{"page", 1, 7, 2, 100, "", ""});
    for (std::int64_t i = 1; i <= 10; ++i) log.take(parked_row{"missing", 1, i, 0, 0, "a", "mailer"});
    for (std::int64_t i = 101; i <= 110; ++i) log.take(parked_row{"missing", 1, i, 0, 0, "a", "mailer"});
    const verify_report report = log.finish();
    BOOST_TEST(report.findings.size() == 8u);
    BOOST_TEST(report.problems == 10);
    BOOST_TEST(report.left_out == 12);
    BOOST_TEST(std::count_if(report.findings.begin(), report.findings.end(),
                   [](const finding& one) { return one.severity == severity::problem; }) == 6);
}

BOOST_AUTO_TEST_CASE(missing_positions_are_counted_in_ranges) {
    missing_positions gaps;
    gaps.add(5, 5);
    gaps.add(10, 19);
    gaps.add(30, 29); // none
    gaps.add(40, 40);
    BOOST_TEST(gaps.count() == 12);
    BOOST_TEST(gaps.count_in(1, 100) == 12);
    BOOST_TEST(gaps.count_in(5, 5) == 1);
    BOOST_TEST(gaps.count_in(6, 9) == 0);
    BOOST_TEST(gaps.count_in(12, 14) == 3);
    BOOST_TEST(gaps.count_in(15, 40) == 6);
    BOOST_TEST(gaps.count_in(20, 10) == 0);
    missing_positions few(1);
    few.add(1, 2);
    few.add(5, 9);
    BOOST_TEST(few.count() == 7);
    BOOST_TEST(few.count_in(1, 100) == 2);
}

BOOST_AUTO_TEST_CASE(an_id_that_was_collected_twice_is_told_with_its_positions) {
    id_portion ids;
    const std::string a = "00000000-0000-7000-8000-000000000001";
    const std::string b = "00000000-0000-7000-8000-000000000002";
    ids.add(b, 9);
    ids.add(a, 3);
    ids.add(b, 2);
    ids.add("no uuid", 4);
    std::vector<std::string> found;
    ids.for_each_repeated(
        [&](const std::string& id, const std::string& positions) { found.push_back(id + ": " + positions); });
    BOOST_TEST_REQUIRE(found.size() == 1u);
    BOOST_TEST(found[0] == b + ": 2, 9");
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace eventstore::maintenance
