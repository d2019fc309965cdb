// What an archive may do, by what its file and the log hold.
#include "maintenance/archive_rules.hpp"

#include <boost/test/unit_test.hpp>

#include <initializer_list>

namespace es = eventstore;
using namespace es::maintenance;

namespace {

placed_event at(std::int64_t position) {
    placed_event event{position, {}};
    event.id.data[15] = static_cast<std::uint8_t>(position);
    return event;
}

held_range log_of(std::int64_t first, std::int64_t last, std::int64_t missing = 0) {
    held_range log;
    log.events = last - first + 1 - missing;
    log.first = at(first);
    log.last = at(last);
    return log;
}

/// Of a file with the events of positions 1 to 10, next to such a log.
checked_archive file_for(const held_range& log) {
    checked_archive file;
    file.database = "shop";
    file.schema = "eventstore";
    file.summary.events = 10;
    file.summary.through_position = 10;
    file.first_position = 1;
    if (!log.first) return file;
    file.events_of_log = 10 - log.first->position + 1;
    file.has_first = file.has_last = true;
    return file;
}

bool is_refused(const std::optional<es::failure>& why, es::errc code, const std::string& part) {
    if (!why || why->code() != code) return false;
    BOOST_TEST_CONTEXT(why->message()) BOOST_TEST(why->message().find(part) != std::string::npos);
    return true;
}

std::optional<es::failure> removal(const checked_archive& file, const held_range& log) {
    return refuse_removal("a.jsonl", file, log, "shop", "eventstore");
}

} // namespace

BOOST_AUTO_TEST_SUITE(archive_rules_test)

BOOST_AUTO_TEST_CASE(a_file_of_another_range_is_refused) {
    using es::errc;
    BOOST_TEST(!refuse_range("a.jsonl", 11, 0, std::nullopt, log_of(1, 10)));
    BOOST_TEST(!refuse_range("a.jsonl", 11, 0, 10, log_of(1, 10)));
    BOOST_TEST(!refuse_range("a.jsonl", 11, 0, 10, log_of(7, 10)));
    BOOST_TEST(!refuse_range("a.jsonl", 11, 0, 10, held_range()));
    for (const std::int64_t through : {9, 11})
        BOOST_TEST(is_refused(
            refuse_range("a.jsonl", 11, 0, through, log_of(1, 10)), errc::archive_refused, "not of all before 11"));
    BOOST_TEST(is_refused(refuse_range("a.jsonl", 11, 3, 10, log_of(3, 10)), errc::archive_refused,
        "begins at position 4, but the log holds events from position 3 on"));
    BOOST_TEST(!refuse_range("a.jsonl", 11, 3, 10, log_of(4, 10)));
}

BOOST_AUTO_TEST_CASE(a_log_that_is_the_end_of_the_file_may_be_removed) {
    for (std::int64_t first = 1; first <= 10; ++first)
        BOOST_TEST(!removal(file_for(log_of(first, 10)), log_of(first, 10)));
    BOOST_TEST(!removal(file_for(held_range()), held_range()));
}

BOOST_AUTO_TEST_CASE(another_log_may_not) {
    checked_archive file = file_for(log_of(1, 10));
    file.has_first = false;
    BOOST_TEST(
        is_refused(removal(file, log_of(1, 10)), es::errc::archive_refused, "at position 1, and the file does not"));
    file = file_for(log_of(1, 10));
    file.has_last = false;
    BOOST_TEST(
        is_refused(removal(file, log_of(1, 10)), es::errc::archive_refused, "at position 10, and the file does not"));
    file = file_for(held_range());
    file.schema = "other";
    BOOST_TEST(is_refused(removal(file, held_range()), es::errc::archive_refused, "from schema 'other'"));
}

BOOST_AUTO_TEST_CASE(a_log_with_more_than_the_file_may_not) {
    checked_archive file = file_for(log_of(1, 10));
    file.events_of_log = 9;
    BOOST_TEST(is_refused(removal(file, log_of(1, 10)), es::errc::archive_refused, "10 events from position 1 to 10"));
}

BOOST_AUTO_TEST_CASE(what_was_deleted_before_the_removal_began_is_not_kept_in_a_file) {
    const held_range log = log_of(1, 10, 2);
    BOOST_TEST(is_refused(removal(file_for(log), log), es::errc::log_truncated, "remove the file"));
    // Once it has begun, the file may be all that is left.
    const held_range later = log_of(4, 10, 2);
    BOOST_TEST(!removal(file_for(later), later));
}

BOOST_AUTO_TEST_CASE(what_is_left_is_told) {
    BOOST_TEST(!refuse_rest("a.jsonl", held_range()));
    BOOST_TEST(is_refused(refuse_rest("a.jsonl", log_of(4, 4)), es::errc::archive_refused, "the first at position 4"));
}

BOOST_AUTO_TEST_SUITE_END()
