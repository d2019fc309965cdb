#include "storage/validation.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using namespace eventstore;
using namespace eventstore::storage;
using namespace std::string_literals;

static_assert(no_stream == expected_version(0) && no_stream.value() == 0);
static_assert(any_version.value() == -1 && stream_exists.value() == -2);
static_assert(expected_version(7u).value() == 7);
static_assert(expected_version(-1) != any_version && expected_version(-2) != stream_exists);
static_assert(!std::is_convertible_v<bool, expected_version>);

namespace {

const store_options options("");

std::vector<event_data> one_event() { return events(event_data("Opened", "{}")); }

std::vector<event_data> one_of_type(std::string type) { return events(event_data(std::move(type), "")); }

void expect_refused(const std::optional<failure>& why, errc code, std::string_view because) {
    BOOST_REQUIRE(why.has_value());
    BOOST_TEST((why->code() == code), why->message());
    BOOST_TEST((why->message().find(because) != std::string::npos), why->message());
    BOOST_TEST(!why->retry_helps());
}

void expect_refused(const std::optional<failure>& why, std::string_view because) {
    expect_refused(why, errc::invalid_argument, because);
}

} // namespace

BOOST_AUTO_TEST_SUITE(validation_test)

BOOST_AUTO_TEST_CASE(an_ordinary_append_is_taken) {
    for (const expected_version expected : {no_stream, any_version, stream_exists, expected_version(5)})
        BOOST_TEST(!check_append("account-1", expected, one_event(), options).has_value());
    BOOST_TEST(!check_append("account-1", any_version, {}, options).has_value());
    BOOST_TEST(!check_append("a b/c'\"\\%\u20ac", any_version, one_event(), options).has_value());
}

BOOST_AUTO_TEST_CASE(names_are_1_to_512_bytes) {
    const std::string longest(512, 'x');
    BOOST_TEST(!check_append(longest, any_version, one_event(), options).has_value());
    BOOST_TEST(!check_append("a", any_version, one_of_type(longest), options).has_value());
    expect_refused(check_append("", any_version, one_event(), options), "the stream name is empty");
    expect_refused(check_append(longest + "x", any_version, one_event(), options), "has 513 bytes; 512 are the most");
    expect_refused(check_append("a", any_version, one_of_type(""), options), "the event type is empty");
    expect_refused(check_append("a", any_version, one_of_type(longest + "x"), options), "has 513 bytes");
}

BOOST_AUTO_TEST_CASE(names_are_utf_8_without_nul) {
    for (const std::string& bad : {"a\0b"s, "\0"s, "a\xff"s, "\xed\xa0\x80"s, "\xc0\x80"s, "cut \xe2\x82"s}) {
        expect_refused(check_append(bad, any_version, one_event(), options), "the stream name");
        expect_refused(check_append("a", any_version, one_of_type(bad), options), "the event type");
        expect_refused(check_stream_to_read(bad), "is not UTF-8, or holds a NUL");
    }
}

BOOST_AUTO_TEST_CASE(data_may_be_any_bytes) {
    const auto binary = events(event_data("A", "\0\xff\xfe"s).metadata("\0\x80"s), event_data("B", ""));
    BOOST_TEST(!check_append("a", any_version, binary, options).has_value());
}

BOOST_AUTO_TEST_CASE(streams_whose_names_begin_with_a_dollar_sign_are_not_appended_to) {
    for (const char* const name : {"$all", "$", "$mine"}) {
        const auto why = check_append(name, any_version, one_event(), options);
        expect_refused(why, errc::reserved_stream, name);
        BOOST_TEST(why->stream() == name);
    }
    BOOST_TEST(!check_append("a$all", any_version, one_event(), options).has_value());
}

BOOST_AUTO_TEST_CASE(a_negative_version_is_refused) {
    for (const std::int64_t version : {std::int64_t{-1}, std::int64_t{-2}, std::numeric_limits<std::int64_t>::min()}) {
        const auto why = check_append("a", expected_version(version), one_event(), options);
        expect_refused(why, "the expected version is negative");
        BOOST_TEST(why->stream() == "a");
    }
}

BOOST_AUTO_TEST_CASE(data_and_metadata_together_are_bounded) {
    const store_options small = store_options("").max_event_bytes(10);
    const auto sized = [](std::size_t data, std::size_t metadata) {
        return events(
            event_data("Fits", ""), event_data("Sized", std::string(data, 'x')).metadata(std::string(metadata, 'y')));
    };
    BOOST_TEST(!check_append("a", any_version, sized(10, 0), small).has_value());
    BOOST_TEST(!check_append("a", any_version, sized(4, 6), small).has_value());
    for (const auto& [data, metadata] : {std::pair<std::size_t, std::size_t>{11, 0}, {0, 11}, {6, 5}}) {
        const auto list = sized(data, metadata);
        const auto why = check_append("a", any_version, list, small);
        expect_refused(why, "has 11 bytes of data and metadata; 10 are the most");
        BOOST_TEST((why->message().find(eventstore::to_string(list[1].id())) != std::string::npos), why->message());
        BOOST_TEST((why->message().find("'Sized'") != std::string::npos), why->message());
    }
}

BOOST_AUTO_TEST_CASE(one_append_is_bounded_in_bytes) {
    const event_data large("Large", std::string(std::size_t{8} << 20, 'x'));
    std::vector<event_data> list;
    for (int i = 0; i < 7; ++i) list.push_back(event_data(large).id(make_uuid()));
    BOOST_TEST(!check_append("a", any_version, list, options).has_value());
    list.push_back(event_data(large).id(make_uuid()));
    expect_refused(check_append("a", any_version, list, options), "64 MB are the most; append in several parts");
}

BOOST_AUTO_TEST_CASE(one_append_is_bounded_in_events) {
    // All with one id: the number is looked at first.
    const std::vector<event_data> list(1'000'001, event_data("A", ""));
    expect_refused(check_append("a", any_version, list, options), "1000001 events in one append");
}

BOOST_AUTO_TEST_CASE(an_event_of_another_time_is_of_the_years_1_to_9999) {
    const timestamp first = std::chrono::sys_days(std::chrono::year(1) / 1 / 1);
    const timestamp last = std::chrono::sys_days(std::chrono::year(9999) / 12 / 31) + std::chrono::hours(24) -
        std::chrono::microseconds(1);
    const auto check = [](timestamp when) {
        return check_append("a", any_version, events(event_data("A", "").created_at(when)), options);
    };
    for (const timestamp good : {first, last, timestamp()}) BOOST_TEST(!check(good).has_value());
    for (const timestamp bad :
        {first - std::chrono::microseconds(1), last + std::chrono::microseconds(1), timestamp::min(), timestamp::max()})
        expect_refused(check(bad), "is beyond the years 1 to 9999");
}

BOOST_AUTO_TEST_CASE(an_id_given_twice_in_one_append_is_a_duplicate) {
    const event_data one("A", "");
    const auto list = events(event_data("B", ""), one, event_data("C", ""), one);
    const auto why = check_append("a", any_version, list, options);
    expect_refused(why, errc::duplicate_event, eventstore::to_string(one.id()));
    BOOST_TEST(why->stream() == "a");
}

BOOST_AUTO_TEST_CASE(a_nil_id_is_no_id) {
    const uuid nil{};
    const event_data good("T", "");
    const event_data bad = event_data("T", "").id(nil);
    expect_refused(check_append("a", any_version, events(bad), options), "the id of the event of type 'T' is nil");
    expect_refused(check_append("a", any_version, events(good, bad), options), "is nil");
    expect_refused(check_link("a", any_version, {good.id(), nil}), "the id of an event is nil");
    const event_data related = event_data("T", "").correlation_id(nil).causation_id(nil);
    BOOST_TEST(!check_append("a", any_version, events(related), options).has_value());
}

BOOST_AUTO_TEST_CASE(a_stream_to_read_may_be_the_log) {
    BOOST_TEST(!check_stream_to_read("account-1").has_value());
    BOOST_TEST(!check_stream_to_read("$all").has_value());
    expect_refused(check_stream_to_read(""), "the stream name is empty");
    expect_refused(check_stream_to_read("$mine"), errc::reserved_stream, "only $all can be read");
    expect_refused(check_stream_to_read("$all2"), errc::reserved_stream, "'$all2'");
}

BOOST_AUTO_TEST_CASE(the_bounds_of_a_read_are_checked) {
    const auto check = [](const read_options& how) { return check_read("a", how); };
    BOOST_TEST(!check(read_options()).has_value());
    BOOST_TEST(!check(read_options().from(0)).has_value());
    BOOST_TEST(!check(read_options().from(std::numeric_limits<std::int64_t>::max()).backward()).has_value());
    BOOST_TEST(!check(read_options().count(1).max_bytes(1)).has_value());
    const auto all = std::numeric_limits<std::size_t>::max();
    BOOST_TEST(!check(read_options().count(all).max_bytes(all)).has_value());
    expect_refused(check(read_options().from(-1)), "read_options::from is -1; 0 is the least");
    expect_refused(check(read_options().count(0)), "read_options::count is 0");
    expect_refused(check(read_options().max_bytes(0)), "read_options::max_bytes is 0");
}

BOOST_AUTO_TEST_CASE(the_filter_of_a_read_is_checked) {
    const auto check = [](const read_options& how) { return check_read("$all", how); };
    BOOST_TEST(!check(read_options().type("A").type("B").stream_prefix("account-")).has_value());
    BOOST_TEST(!check(read_options().stream_prefix("$")).has_value()); // matches nothing, and harms nobody
    expect_refused(check(read_options().type("A").type("")), "event type to look for is empty");
    expect_refused(check(read_options().type("a\0b"s)), "event type to look for");
    expect_refused(check(read_options().stream_prefix(std::string(513, 'x'))), "stream prefix");
    expect_refused(check(read_options().stream_prefix("\xff")), "stream prefix");
    expect_refused(check_read("a", read_options().stream_prefix("a")), "for the log of all streams");
}

BOOST_AUTO_TEST_CASE(a_query_of_streams_is_checked) {
    BOOST_TEST(!check_query(stream_query()).has_value());
    BOOST_TEST(!check_query(stream_query().prefix("a").after("ab").count(100'000)).has_value());
    expect_refused(check_query(stream_query().count(0)), "stream_query::count is 0");
    expect_refused(check_query(stream_query().count(100'001)), "stream_query::count is 100001");
    expect_refused(check_query(stream_query().prefix("\xff")), "stream_query::prefix");
    expect_refused(check_query(stream_query().after("a\0"s)), "stream_query::after");
    expect_refused(check_query(stream_query().search("\xff")), "stream_query::search");
    expect_refused(check_query(stream_query().search(std::string(513, 'x'))), "stream_query::search");
}

BOOST_AUTO_TEST_CASE(a_list_by_age_goes_on_after_a_stream_not_after_a_name) {
    stream_info last;
    last.name = "a";
    last.id = 7;
    BOOST_TEST(!check_query(stream_query().order(stream_order::by_age).after(last)).has_value());
    BOOST_TEST(!check_query(stream_query().order(stream_order::by_age)).has_value());
    BOOST_TEST(!check_query(stream_query().order(stream_order::by_name).after("a")).has_value());
    expect_refused(check_query(stream_query().order(stream_order::by_age).after("a")), "'a' and no id");
    last.id = -1;
    expect_refused(check_query(stream_query().order(stream_order::by_age).after(last)), "has the id -1");
}

BOOST_AUTO_TEST_CASE(a_snapshot_is_checked) {
    const auto check = [](const std::string& source, std::int64_t version, const std::string& type,
                           const std::string& data) {
        const store_options small = store_options("").max_event_bytes(10);
        return check_snapshot(snapshot(source, version, type, data).metadata("12345"), small);
    };
    BOOST_TEST(!check("a", 1, "T", "12345").has_value());
    BOOST_TEST(!check("$any name", 1, "T", "").has_value());
    BOOST_TEST(!check(std::string(512, 'x'), 1, std::string(512, 'x'), "").has_value());
    expect_refused(check("", 1, "T", ""), "source of a snapshot is empty");
    expect_refused(check(std::string(513, 'x'), 1, "T", ""), "has 513 bytes; 512 are the most");
    expect_refused(check("\xff", 1, "T", ""), "source of a snapshot");
    expect_refused(check("a", 0, "T", ""), "the snapshot of 'a' has the version 0");
    expect_refused(check("a", -1, "T", ""), "the snapshot of 'a' has the version -1");
    expect_refused(check("a", 1, "", ""), "type of the snapshot of 'a' is empty");
    expect_refused(check("a", 1, "a\0b"s, ""), "type of the snapshot of 'a'");
    expect_refused(
        check("a", 1, "T", "123456"), "the snapshot of 'a' has 11 bytes of data and metadata; 10 are the most");
    BOOST_TEST(!check_snapshot_source("a").has_value());
    expect_refused(check_snapshot_source(""), "source of a snapshot is empty");
}

BOOST_AUTO_TEST_CASE(the_options_of_a_store_are_checked) {
    using std::chrono::hours;
    const auto check = [](const store_options& how) { return check_options(how); };
    BOOST_TEST(!check(store_options("")).has_value());
    BOOST_TEST(!check(store_options("")
                          .pool_size(1)
                          .operation_timeout(milliseconds(1))
                          .close_timeout(milliseconds(0))
                          .max_queued_bytes(1)
                          .max_event_bytes(1))
                    .has_value());
    BOOST_TEST(
        !check(store_options("").pool_size(1000).operation_timeout(hours(24)).close_timeout(hours(24)).max_event_bytes(
                   std::size_t{64} << 20))
             .has_value());
    expect_refused(check(store_options("").schema("")), "the schema name");
    expect_refused(check(store_options("a\0b"s)), "the url of the store holds a NUL");
    expect_refused(check(store_options("").pool_size(0)), "pool_size is 0");
    expect_refused(check(store_options("").pool_size(1001)), "pool_size is 1001");
    for (const milliseconds bad :
        {milliseconds(0), milliseconds(-1), milliseconds(hours(24)) + milliseconds(1), milliseconds::max()})
        expect_refused(check(store_options("").operation_timeout(bad)), "operation_timeout must be");
    for (const milliseconds bad : {milliseconds(-1), milliseconds::min(), milliseconds(hours(24)) + milliseconds(1)})
        expect_refused(check(store_options("").close_timeout(bad)), "close_timeout must be");
    expect_refused(check(store_options("").max_queued_bytes(0)), "max_queued_bytes is 0");
    expect_refused(check(store_options("").max_event_bytes(0)), "max_event_bytes must be");
    expect_refused(check(store_options("").max_event_bytes((std::size_t{64} << 20) + 1)), "max_event_bytes must be");
}

BOOST_AUTO_TEST_CASE(a_name_in_a_message_is_printable_and_short) {
    const auto why = check_append(std::string(10'000, '\n'), any_version, one_event(), options);
    BOOST_REQUIRE(why.has_value());
    BOOST_TEST(why->message().size() < 300u);
    BOOST_TEST((why->message().find('\n') == std::string::npos));
}

BOOST_AUTO_TEST_SUITE_END()
