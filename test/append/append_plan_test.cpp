#include "append/append_plan.hpp"

#include "append/appends.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

using namespace eventstore;
using namespace eventstore::test;
using eventstore::append::append_care;
using eventstore::append::append_plan;
using eventstore::postgres::parameters;
using eventstore::postgres::type_oid;
using eventstore::storage::log_mark;

namespace {

using append_list = std::vector<append_ptr>;

timestamp day(int number) { return timestamp(std::chrono::days(number)); }

/// One stream's appends, as (expected, number of events).
append_plan::group group_of(const std::vector<std::pair<std::int64_t, std::size_t>>& list, bool& needs_care) {
    append_list all;
    for (const auto& [expected, count] : list) all.push_back(append_of("a", expected, count));
    const append_plan plan(all);
    BOOST_REQUIRE(plan.groups().size() == 1u);
    needs_care = plan.needs_care();
    append_plan::group only = plan.groups().front();
    only.stream = "a";
    return only;
}

void expect_same(const parameters& sent, const parameters& expected) {
    BOOST_REQUIRE(sent.size() == expected.size());
    for (std::size_t i = 0; i < sent.size(); ++i) BOOST_TEST_CONTEXT("parameter $" << i + 1) {
            BOOST_TEST(sent.is_null(i) == expected.is_null(i));
            BOOST_TEST((sent.value(i) == expected.value(i)));
        }
}

template <class T>
void add_array(parameters& to, type_oid type, const std::vector<T>& elements) {
    to.begin_array(type, elements.size());
    for (const auto& each : elements) to.add(T(each));
}

template <class T>
void add_nullable(parameters& to, type_oid type, const std::vector<std::optional<T>>& elements) {
    to.begin_array(type, elements.size(), true);
    for (const auto& each : elements) {
        if (each)
            to.add(*each);
        else
            to.add_null();
    }
}

} // namespace

BOOST_AUTO_TEST_SUITE(append_plan_test)

BOOST_AUTO_TEST_CASE(appends_are_grouped_by_stream) {
    const append_list all{
        append_of("a", any, 1), append_of("b", any, 2), append_of("a", any, 3), append_of("b", any, 4)};
    const append_plan plan(all);
    BOOST_REQUIRE(plan.groups().size() == 2u);
    BOOST_TEST(plan.groups()[0].stream == "a");
    BOOST_TEST(plan.groups()[0].events == 4);
    BOOST_TEST(plan.groups()[1].stream == "b");
    BOOST_TEST(plan.groups()[1].events == 6);
    BOOST_TEST(plan.new_streams() == 0u);
    BOOST_TEST(!plan.needs_care());
}

BOOST_AUTO_TEST_CASE(a_group_demands_what_its_appends_demand_one_after_the_other) {
    const struct {
        std::vector<std::pair<std::int64_t, std::size_t>> appends;
        std::int64_t expected;
    } rows[] = {
        {{{any, 1}}, any},
        {{{any, 2}, {any, 1}}, any},
        {{{exists, 1}}, exists},
        {{{0, 1}}, 0},
        {{{7, 1}}, 7},
        {{{7, 2}, {9, 1}, {10, 1}}, 7}, // a writer that knows what it wrote
        {{{0, 2}, {2, 1}}, 0},
        {{{any, 2}, {9, 1}}, 7},        // 9 after two events: 7 before
        {{{any, 2}, {2, 1}}, 0},        // there must have been none
        {{{any, 1}, {exists, 1}}, any}, // the first makes it exist
        {{{exists, 1}, {any, 1}}, exists},
        {{{exists, 1}, {4, 1}}, 3}, // an exact version says more
        {{{exists, 1}, {exists, 1}}, exists},
        {{{3, 1}, {exists, 1}, {any, 1}, {6, 1}}, 3},
    };
    for (const auto& row : rows) {
        bool needs_care = true;
        const auto group = group_of(row.appends, needs_care);
        BOOST_TEST_CONTEXT("row " << &row - rows) {
            BOOST_TEST(!needs_care);
            BOOST_TEST(group.expected == row.expected);
        }
    }
}

BOOST_AUTO_TEST_CASE(appends_that_contradict_each_other_need_care) {
    const std::vector<std::pair<std::int64_t, std::size_t>> rows[] = {
        {{0, 1}, {0, 1}},
        {{7, 1}, {7, 1}}, // two writers of one version: the second one fails
        {{7, 1}, {9, 1}},
        {{any, 1}, {0, 1}},
        {{any, 5}, {3, 1}},
        {{exists, 1}, {1, 1}}, // it would have been empty
        {{0, 1}, {any, 1}, {1, 1}},
    };
    for (const auto& row : rows) {
        bool needs_care = false;
        (void)group_of(row, needs_care);
        BOOST_TEST(needs_care, "row " << &row - rows);
    }
}

BOOST_AUTO_TEST_CASE(a_contradiction_in_one_stream_asks_for_care_of_the_whole_flush) {
    const append_list all{append_of("a", any, 1), append_of("b", 3, 1), append_of("c", any, 1), append_of("b", 3, 1)};
    BOOST_TEST(append_plan(all).needs_care());
}

BOOST_AUTO_TEST_CASE(streams_that_are_to_be_new_come_first_and_keep_their_order) {
    const append_list all{append_of("a", any, 1), append_of("b", 0, 1), append_of("c", 5, 1), append_of("d", 0, 2),
        append_of("a", any, 1), append_of("d", 2, 1)};
    const append_plan plan(all);
    std::string order;
    for (const auto& each : plan.groups()) order += each.stream;
    BOOST_TEST(order == "bdac");
    BOOST_TEST(plan.new_streams() == 2u);
    BOOST_TEST(plan.groups()[1].events == 3);

    const parameters sent = plan.arguments(append_care::none, log_mark());
    parameters expected;
    add_array<std::int32_t>(expected, type_oid::int4, {3, 1, 4, 2, 3, 2});    // groups of the appends
    add_array<std::int32_t>(expected, type_oid::int4, {3, 1, 4, 2, 2, 3, 2}); // of their events
    add_array<std::int32_t>(expected, type_oid::int4, {1, 1, 1, 1, 2, 2, 3}); // and their places in them
    BOOST_TEST((sent.value(5) == expected.value(0)));
    BOOST_TEST((sent.value(9) == expected.value(1)));
    BOOST_TEST((sent.value(10) == expected.value(2)));
}

BOOST_AUTO_TEST_CASE(a_stream_is_made_at_the_time_of_its_first_event) {
    const append_list all{
        append_of("a", 0, events(event_data("A", "").created_at(day(1)), event_data("A", "").created_at(day(2)))),
        append_of("b", 0, 1),
        append_of("a", 2, events(event_data("A", "").created_at(day(3)))),
    };
    const append_plan plan(all);
    BOOST_TEST((plan.groups()[0].created_at == day(1)));
    BOOST_TEST((plan.groups()[1].created_at == std::nullopt));
}

BOOST_AUTO_TEST_CASE(only_a_single_event_of_a_single_append_is_lone) {
    BOOST_TEST(append_plan(append_list{append_of("a", 3, 1)}).is_lone());
    BOOST_TEST(!append_plan(append_list{append_of("a", 3, 2)}).is_lone());
    const append_list two{append_of("a", 3, 1), append_of("b", 3, 1)};
    BOOST_TEST(!append_plan(two).is_lone());
}

BOOST_AUTO_TEST_CASE(a_lone_append_is_sent_with_all_that_is_known_of_its_event) {
    const uuid correlation = make_uuid();
    const uuid causation = make_uuid();
    const event_data full = event_data("Opened", "data")
                                .metadata("meta")
                                .correlation_id(correlation)
                                .causation_id(causation)
                                .created_at(day(5));
    const uuid last = make_uuid();
    eventstore::append::part_list parts(1);
    parts.front().stream = "account-1";
    parts.front().expected = 7;
    parts.front().after = last;
    parts.front().events = full;
    const append_list all{
        std::make_shared<eventstore::append::append_request>(std::weak_ptr<eventstore::append::appender>(), parts)};
    all.front()->is_retry = true;
    parameters expected;
    expected.add("account-1");
    expected.add(std::int64_t{7});
    expected.add(full.id());
    expected.add("Opened");
    expected.add("data");
    expected.add("meta");
    expected.add(correlation);
    expected.add(causation);
    expected.add(day(5));
    expected.add(true);
    expected.add(std::int64_t{41});
    const uuid seen = make_uuid();
    expected.add(seen);
    expected.add(last);
    expect_same(append_plan(all).lone_arguments({1, 41, seen}), expected);
}

BOOST_AUTO_TEST_CASE(what_is_not_known_of_a_lone_event_is_null) {
    const event_data plain("Opened", "");
    const append_list all{append_of("a", any, events(plain))};
    parameters expected;
    expected.add("a");
    expected.add(std::int64_t{-1});
    expected.add(plain.id());
    expected.add("Opened");
    expected.add("");
    expected.add("");
    for (int i = 0; i < 3; ++i) expected.add_null();
    expected.add(false);
    for (int i = 0; i < 3; ++i) expected.add_null();
    expect_same(append_plan(all).lone_arguments(log_mark()), expected);
}

BOOST_AUTO_TEST_CASE(a_flush_is_sent_as_columns) {
    const event_data one = event_data("One", "11").metadata("m").created_at(day(1));
    const event_data two = event_data("Two", "2222").correlation_id(make_uuid());
    const event_data three = event_data("Three", "").causation_id(make_uuid());
    const append_list all{append_of("a", exists, events(one, two)), append_of("b", 0, events(three))};
    all[1]->is_retry = true;

    parameters expected;
    add_array<std::string>(expected, type_oid::text, {"b", "a"});
    add_array<std::int64_t>(expected, type_oid::int8, {0, -2});
    add_array<std::int32_t>(expected, type_oid::int4, {1, 2});
    add_nullable<timestamp>(expected, type_oid::timestamptz, {std::nullopt, day(1)});
    expected.add(std::int32_t{1});
    add_array<std::int32_t>(expected, type_oid::int4, {2, 1});
    add_array<std::int64_t>(expected, type_oid::int8, {-2, 0});
    add_array<std::int32_t>(expected, type_oid::int4, {2, 1});
    add_array<bool>(expected, type_oid::boolean, {false, true});
    add_array<std::int32_t>(expected, type_oid::int4, {2, 2, 1});
    add_array<std::int32_t>(expected, type_oid::int4, {1, 2, 1});
    add_array<uuid>(expected, type_oid::uuid, {one.id(), two.id(), three.id()});
    add_array<std::string>(expected, type_oid::text, {"One", "Two", "Three"});
    add_array<std::string>(expected, type_oid::bytea, {"11", "2222", ""});
    add_array<std::string>(expected, type_oid::bytea, {"m", "", ""});
    add_nullable<uuid>(expected, type_oid::uuid, {std::nullopt, two.correlation_id(), std::nullopt});
    add_nullable<uuid>(expected, type_oid::uuid, {std::nullopt, std::nullopt, three.causation_id()});
    add_nullable<timestamp>(expected, type_oid::timestamptz, {day(1), std::nullopt, std::nullopt});
    expected.add_null();           // no links
    expected.add_null();           // no units
    expected.add(std::int64_t{4}); // the largest event
    expected.add(true);
    expected.add(std::int64_t{41}); // seen, and its event is not known
    expected.add_null();
    expected.add_null(); // no append names a last event
    expect_same(append_plan(all).arguments(append_care::all, {1, 41, std::nullopt}), expected);
}

BOOST_AUTO_TEST_CASE(the_last_events_that_appends_name_are_a_column_and_need_care_within_a_flush) {
    const uuid last = make_uuid();
    const auto after = [&](const char* stream) {
        eventstore::append::part_list parts(1);
        parts.front().stream = stream;
        parts.front().expected = 7;
        parts.front().after = last;
        parts.front().events = event_data("A", "");
        return std::make_shared<eventstore::append::append_request>(
            std::weak_ptr<eventstore::append::appender>(), parts);
    };
    const append_list all{append_of("b", any, 1), after("a"), append_of("c", 0, 1)};
    const append_plan plan(all);
    BOOST_TEST(!plan.needs_care());
    parameters expected;
    add_nullable<uuid>(expected, type_oid::uuid, {std::nullopt, last, std::nullopt});
    BOOST_TEST((plan.arguments(append_care::none, log_mark()).value(24) == expected.value(0)));
    // What its last event is after another append of the flush, only the server sees.
    BOOST_TEST(append_plan(append_list{append_of("a", any, 1), after("a")}).needs_care());
}

BOOST_AUTO_TEST_CASE(columns_that_no_event_has_are_null) {
    const append_list all{append_of("a", any, 2), append_of("b", any, 1)};
    const parameters sent = append_plan(all).arguments(append_care::none, log_mark());
    BOOST_REQUIRE(sent.size() == 25u);
    for (std::size_t i = 0; i < sent.size(); ++i) {
        const bool is_optional = i == 3 || (i >= 14 && i <= 19) || i >= 22;
        BOOST_TEST(sent.is_null(i) == is_optional, "parameter $" << i + 1);
    }
    BOOST_TEST((sent.value(21) == std::string_view("\0", 1)));
}

BOOST_AUTO_TEST_CASE(an_event_for_each_stream_is_sent_without_what_is_the_same_for_all) {
    append_list all{append_of("a", 3, 1), append_of("b", any, 1)};
    const auto is_left_out = [&] {
        const parameters sent = append_plan(all).arguments(append_care::none, log_mark());
        for (const std::size_t i : std::initializer_list<std::size_t>{2, 5, 6, 7, 8, 9, 10})
            if (!sent.is_null(i)) return false;
        return true;
    };
    BOOST_TEST(is_left_out());
    all.push_back(append_of("c", 0, 1)); // goes first
    BOOST_TEST(!is_left_out());
    all.back() = append_of("c", 4, 2);
    BOOST_TEST(!is_left_out());
    all.back() = append_of("a", 4, 1);
    BOOST_TEST(!is_left_out());
    all.pop_back();
    BOOST_TEST(is_left_out());
    all.back()->is_retry = true;
    BOOST_TEST(!is_left_out());
}

BOOST_AUTO_TEST_CASE(care_is_three_valued) {
    const append_list all{append_of("a", any, 1)};
    const auto care = [&](append_care how) { return append_plan(all).arguments(how, log_mark()); };
    BOOST_TEST((care(append_care::none).value(21) == std::string_view("\0", 1)));
    BOOST_TEST(care(append_care::ids).is_null(21));
    BOOST_TEST((care(append_care::all).value(21) == std::string_view("\1", 1)));
}

BOOST_AUTO_TEST_CASE(the_parts_of_a_request_are_a_unit_and_its_links_are_judged_with_care) {
    eventstore::append::part_list parts(2);
    parts[0].stream = "a";
    parts[0].events = eventstore::event_data("A", "1");
    parts[1].stream = "b";
    parts[1].events = eventstore::event_data("", "");
    parts[1].originals.push_back(eventstore::make_uuid());
    const uuid original = parts[1].originals.front();
    const append_list all{append_of("c", any, 1),
        std::make_shared<eventstore::append::append_request>(std::weak_ptr<eventstore::append::appender>(), parts),
        append_of("a", any, 1)};
    const append_plan plan(all);
    BOOST_TEST(plan.needs_care());
    BOOST_TEST(!plan.is_lone());
    const parameters sent = plan.arguments(append_care::all, log_mark());
    parameters expected;
    add_nullable<uuid>(expected, type_oid::uuid, {std::nullopt, std::nullopt, original, std::nullopt});
    add_array<std::int32_t>(expected, type_oid::int4, {0, 1, 1, 2});
    BOOST_TEST((sent.value(18) == expected.value(0)));
    BOOST_TEST((sent.value(19) == expected.value(1)));

    // All parts have an outcome each, in their order.
    append_plan::answer answer{1, 10, 0, 1};
    for (const std::int64_t outcome : {0, 7, 8, 0})
        answer.insert(
            answer.end(), {outcome, std::int64_t{1}, std::int64_t{11}, std::int64_t{0}, std::nullopt, std::nullopt});
    const auto verdict = plan.outcomes(answer);
    BOOST_REQUIRE(verdict.has_value());
    BOOST_REQUIRE(verdict->outcomes.size() == 4u);
    BOOST_TEST((verdict->outcomes[1].status == append_plan::outcome::kind::unit_failed));
    BOOST_TEST((verdict->outcomes[2].status == append_plan::outcome::kind::event_not_found));
    BOOST_TEST(verdict->outcomes[3].is_success());
}

BOOST_AUTO_TEST_CASE(the_largest_event_counts_data_and_metadata) {
    const append_list all{append_of("a", any, events(event_data("A", "123"), event_data("B", "12").metadata("3456"))),
        append_of("b", any, events(event_data("C", "12345")))};
    parameters expected;
    expected.add(std::int64_t{6});
    BOOST_TEST((append_plan(all).arguments(append_care::none, log_mark()).value(20) == expected.value(0)));
}

BOOST_AUTO_TEST_SUITE_END()
