// How long callers waited while something was wrong, by made-up records.
#include "faults/caller_pauses.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(caller_pauses_test)

using namespace eventstore::test::faults;
using eventstore::errc;
using eventstore::uuid;

namespace {

/// A writer and a subscriber with a clock that the test sets.
struct made_records {
    instant now = 0;
    std::string written[3];
    recorder writer{"writer", sink(0), clock()};
    recorder subscriber{"subscriber", sink(1), clock()};
    recorder driver{"driver", sink(2), clock()};

    line_sink sink(std::size_t place) {
        return [this, place](std::string_view lines) { written[place] += lines; };
    }
    std::function<instant()> clock() {
        return [this] { return now; };
    }
    static uuid id(std::uint8_t number) {
        uuid made{};
        made.data[0] = number;
        return made;
    }
    std::uint64_t append(instant at, std::uint8_t number) {
        now = at;
        const std::vector<part_to_append> parts = {{"a", -1, {id(number)}}};
        return writer.appending("store", parts);
    }
    void store(instant at, std::uint64_t attempt, std::int64_t position) {
        now = at;
        const std::vector<told_place> places = {{position, position, position, position}};
        writer.stored(attempt, places);
    }
    void deliver(instant at, std::uint64_t ownership, std::int64_t position) {
        now = at;
        const std::vector<delivered_event> events = {
            {position, position, "a", id(static_cast<std::uint8_t>(position))}};
        subscriber.delivered(ownership, 0, events);
    }
    pauses_of_a_fault pauses(const std::vector<fault_window>& windows) const {
        history records;
        for (const std::string& text : written) records.add(text, "made up");
        return longest_pauses_of(records, windows).at("fault");
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(a_call_counts_if_it_overlaps_the_fault, made_records) {
    store(90, append(10, 1), 1);   // before
    store(150, append(95, 2), 2);  // begun before, ended within
    store(330, append(199, 3), 3); // begun within, ended after
    store(900, append(201, 4), 4); // after
    const longest_pauses found = pauses({{"fault", 100, 200}}).alone;
    BOOST_TEST(found.times == 1);
    BOOST_TEST(found.call == 131);
}

BOOST_FIXTURE_TEST_CASE(retries_count_until_the_events_are_stored, made_records) {
    const std::uint64_t first = append(110, 1);
    now = 120;
    writer.left_unknown(first, errc::connection_lost);
    const std::uint64_t second = append(130, 1);
    now = 150;
    writer.refused(second, errc::timeout);
    store(165, append(160, 1), 1);
    const longest_pauses found = pauses({{"fault", 100, 200}}).alone;
    BOOST_TEST(found.call == 20);
    BOOST_TEST(found.stored == 55);
}

BOOST_FIXTURE_TEST_CASE(a_subscriber_waits_only_while_an_event_does, made_records) {
    const std::uint64_t ownership = subscriber.owns("store", "$all", "mailer", 1, 0);
    store(105, append(101, 1), 1);
    deliver(110, ownership, 1);
    store(180, append(170, 2), 2);
    deliver(195, ownership, 2);
    BOOST_TEST(pauses({{"fault", 100, 200}}).alone.delivery == 15);
}

BOOST_FIXTURE_TEST_CASE(each_delivery_ends_a_wait, made_records) {
    const std::uint64_t ownership = subscriber.owns("store", "$all", "mailer", 1, 0);
    store(105, append(101, 1), 1);
    store(106, append(102, 2), 2);
    deliver(130, ownership, 1);
    deliver(140, ownership, 2);
    deliver(190, ownership, 2); // again: nothing has waited
    BOOST_TEST(pauses({{"fault", 100, 200}}).alone.delivery == 25);
}

BOOST_FIXTURE_TEST_CASE(a_caller_that_stood_still_has_not_waited, made_records) {
    const std::uint64_t attempt = append(110, 1);
    now = 120;
    driver.paused("writer");
    now = 170;
    driver.resumed("writer");
    store(175, attempt, 1);
    BOOST_TEST(pauses({{"fault", 100, 200}}).alone.call == 15);
}

BOOST_FIXTURE_TEST_CASE(what_overlaps_another_fault_is_told_apart, made_records) {
    store(140, append(110, 1), 1);
    store(560, append(510, 2), 2);
    const pauses_of_a_fault found = pauses({{"fault", 100, 200}, {"fault", 500, 600}, {"other", 590, 700}});
    BOOST_TEST(found.alone.times == 1);
    BOOST_TEST(found.alone.call == 30);
    BOOST_TEST(found.together.times == 1);
    BOOST_TEST(found.together.call == 50);
}

BOOST_FIXTURE_TEST_CASE(what_began_in_an_earlier_fault_counts_there, made_records) {
    store(540, append(110, 1), 1);
    store(650, append(520, 2), 2);
    const longest_pauses found = pauses({{"earlier", 100, 200}, {"fault", 500, 600}}).alone;
    BOOST_TEST(found.call == 130);
}

BOOST_FIXTURE_TEST_CASE(the_table_has_a_row_for_each_kind, made_records) {
    const std::string table = table_of({{"fault", {{2, 1'500'000'000, 2'000'000'000, 10'000'000}, {}}}});
    BOOST_TEST(table.ends_with("| fault | 2 | 1.50 s | 2.00 s | 0.01 s | 0 | | | |\n"));
}

BOOST_AUTO_TEST_SUITE_END()
