#include "support/store_fixture.hpp"

#include <eventstore/transaction.hpp>

#include <limits>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;

namespace {

std::string two_byte_characters(std::size_t count) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) out += "\u00e9";
    return out;
}

struct bad_text {
    std::string what;
    std::string text;
};

const std::vector<bad_text> bad_texts = {
    {"empty", ""},
    {"513 bytes", std::string(513, 'x')},
    {"513 bytes of 257 characters", "x" + two_byte_characters(256)},
    {"a NUL", std::string("a\0b", 3)},
    {"a NUL at the end", std::string("ab\0", 3)},
    {"only a NUL", std::string(1, '\0')},
    {"a lone continuation byte", "a\x80"},
    {"a sequence cut off", "a\xc3"},
    {"a long sequence cut off", "\xf0\x9f\x9a"},
    {"Latin-1",
        "stra\xdf"
        "e"},
    {"an overlong slash", "\xc0\xaf"},
    {"an overlong NUL", "\xc0\x80"},
    {"an overlong three-byte form", "\xe0\x80\xaf"},
    {"half a surrogate pair", "\xed\xa0\x80"},
    {"beyond Unicode", "\xf4\x90\x80\x80"},
    {"0xff", "\xff"},
};

bool mentions(const es::failure& why, std::string_view word) { return why.message().find(word) != std::string::npos; }

// A message that holds what it complains about must be fit for a terminal and a log.
bool is_printable(const std::string& message) {
    for (const char each : message) {
        const auto byte = static_cast<unsigned char>(each);
        if (byte < 0x20 || byte == 0x7f) return false;
    }
    return message.size() < 1000;
}

/// An event of a program that takes its id from a request, which did not have one.
struct requested {
    es::uuid request{};
};

} // namespace

template <>
struct eventstore::codec<requested> {
    static event_data encode(const requested& event) { return event_data("Requested", "x").id(event.request); }
};

BOOST_AUTO_TEST_SUITE(bad_input_test)

BOOST_FIXTURE_TEST_CASE(bad_stream_names_are_refused_and_nothing_is_stored, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (const bad_text& each : bad_texts) {
            const std::string& name = each.text;
            BOOST_TEST_CONTEXT(each.what) {
                const auto refused = [&](const es::failure& why) {
                    BOOST_TEST(mentions(why, "stream"), why.message());
                    BOOST_TEST(is_printable(why.message()), why.message());
                    BOOST_TEST(!why.retry_helps());
                    BOOST_TEST(!why.outcome_unknown());
                };
                const auto code = es::errc::invalid_argument;
                es::event_scan scan = store.scan(name);
                refused(co_await expect_error(code, store.append(name, es::any_version, counted_one("x"))));
                refused(co_await expect_error(code, store.append(name, es::any_version, counted(2))));
                refused(co_await expect_error(code, store.try_append(name, es::any_version, counted_one("x"))));
                refused(co_await expect_error(code, store.read(name)));
                refused(co_await expect_error(code, store.stream_info(name)));
                refused(co_await expect_error(code, scan.next()));
            }
        }
        BOOST_TEST(store.stats().flushes == 0u);
        BOOST_TEST(store.stats().reads == 0u);
    });
    BOOST_TEST(number("select count(*) from eventstore.streams") == 0);
}

BOOST_FIXTURE_TEST_CASE(bad_types_are_refused_and_nothing_is_stored, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (const bad_text& each : bad_texts) {
            const std::string& type = each.text;
            BOOST_TEST_CONTEXT(each.what) {
                const auto refused = [&](const es::failure& why) {
                    BOOST_TEST(mentions(why, "type"), why.message());
                    BOOST_TEST(is_printable(why.message()), why.message());
                };
                const auto code = es::errc::invalid_argument;
                refused(co_await expect_error(code, store.append("a", es::any_version, es::event_data(type, "x"))));
                std::vector<es::event_data> list = counted(3);
                list.emplace_back(type, "x");
                refused(co_await expect_error(code, store.append("a", es::any_version, list)));
            }
        }
    });
    BOOST_TEST(number("select count(*) from eventstore.streams") == 0);
}

BOOST_FIXTURE_TEST_CASE(names_and_types_of_512_bytes_are_accepted, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (const std::string& longest : {std::string(512, 'x'), two_byte_characters(256), std::string("x")}) {
            co_await store.append(longest, es::no_stream, es::event_data(longest, "x"));
            const es::event_page page = co_await store.read(longest, es::read_options().type(longest));
            BOOST_REQUIRE(page.size() == 1u);
            BOOST_TEST(page[0].stream() == longest);
            BOOST_TEST(page[0].type() == longest);
            const es::stream_info info = co_await store.stream_info(longest);
            BOOST_TEST(info.name == longest);
        }
    });
}

BOOST_FIXTURE_TEST_CASE(reserved_names_cannot_be_appended_to, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (const char* const name : {"$all", "$", "$mine", "$$"})
            for (const es::expected_version expected : {es::any_version, es::no_stream, es::stream_exists}) {
                const es::failure one =
                    co_await expect_error(es::errc::reserved_stream, store.append(name, expected, counted_one("x")));
                BOOST_TEST(one.stream() == name);
                co_await expect_error(es::errc::reserved_stream, store.append(name, expected, counted(2)));
                co_await expect_error(es::errc::reserved_stream, store.try_append(name, expected, counted(2)));
            }
        co_await store.append("cost$", es::no_stream, counted_one("x")); // only the first character counts
    });
    BOOST_TEST(number("select count(*) from eventstore.streams") == 1);
}

// -1 and -2 stand for "any" and "exists" inside: an arithmetic slip of a caller must not become one of them.
BOOST_FIXTURE_TEST_CASE(negative_versions_are_refused, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(2));
        for (const std::int64_t version :
            {std::int64_t(-1), std::int64_t(-2), std::int64_t(-3), std::numeric_limits<std::int64_t>::min()}) {
            const es::failure why =
                co_await expect_error(es::errc::invalid_argument, store.append("a", version, counted_one("x")));
            BOOST_TEST(mentions(why, "version"), why.message());
            co_await expect_error(es::errc::invalid_argument, store.append("a", version, counted(2)));
            co_await expect_error(es::errc::invalid_argument, store.read("a", es::read_options().from(version)));
            co_await expect_error(es::errc::invalid_argument, store.read_all(es::read_options().from(version)));
        }
        co_await expect_error(
            es::errc::invalid_argument, store.append("a", std::numeric_limits<std::uint64_t>::max(), counted_one("x")));
        co_await expect_error(es::errc::invalid_argument, store.append("a", std::int8_t(-1), counted_one("x")));
    });
    BOOST_TEST(events_stored() == 2);
}

BOOST_FIXTURE_TEST_CASE(bounds_of_reads_are_checked, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted(2));
        for (const char* const stream : {"a", "$all"}) {
            const es::failure count =
                co_await expect_error(es::errc::invalid_argument, store.read(stream, es::read_options().count(0)));
            BOOST_TEST(mentions(count, "count"), count.message());
            const es::failure bytes =
                co_await expect_error(es::errc::invalid_argument, store.read(stream, es::read_options().max_bytes(0)));
            BOOST_TEST(mentions(bytes, "max_bytes"), bytes.message());
            for (const std::string& text : {std::string("a\0b", 3), std::string("\xff")}) {
                co_await expect_error(
                    es::errc::invalid_argument, store.read(stream, es::read_options().type("ok").type(text)));
                co_await expect_error(
                    es::errc::invalid_argument, store.read_all(es::read_options().stream_prefix(text)));
            }
            const es::event_page most = co_await store.read(stream,
                es::read_options()
                    .count(std::numeric_limits<std::size_t>::max())
                    .max_bytes(std::numeric_limits<std::size_t>::max()));
            BOOST_TEST(most.size() == 2u);
        }
        for (const std::size_t count : {std::size_t(0), std::size_t(100'001), std::numeric_limits<std::size_t>::max()})
            co_await expect_error(es::errc::invalid_argument, store.streams(es::stream_query().count(count)));
        for (const std::string& text : {std::string("a\0b", 3), std::string("\xff")}) {
            co_await expect_error(es::errc::invalid_argument, store.streams(es::stream_query().prefix(text)));
            co_await expect_error(es::errc::invalid_argument, store.streams(es::stream_query().after(text)));
        }
    });
}

BOOST_FIXTURE_TEST_CASE(an_event_over_the_limit_is_refused, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        es::event_data large("Large", std::string(16 * megabyte - 10, 'x'));
        large.metadata(std::string(11, 'm'));
        const es::failure why =
            co_await expect_error(es::errc::invalid_argument, store.append("a", es::any_version, large));
        BOOST_TEST(mentions(why, "bytes"), why.message());
        BOOST_TEST(mentions(why, std::to_string(16 * megabyte)), why.message());
        co_await expect_error(
            es::errc::invalid_argument, store.append("a", es::any_version, es::events(counted_one("ok"), large)));
    });
    with_store(options().max_event_bytes(1000), [&](es::store store) -> asio::awaitable<void> {
        const std::string most(1000, 'x');
        const std::string more(1001, 'x');
        co_await expect_error(
            es::errc::invalid_argument, store.append("a", es::any_version, es::event_data("T", more)));
        co_await expect_error(
            es::errc::invalid_argument, store.append("a", es::any_version, es::event_data("T", "").metadata(more)));
        co_await expect_error(
            es::errc::invalid_argument, store.append("a", es::any_version, es::event_data("T", most).metadata("x")));
        co_await store.append("b", es::no_stream, es::event_data("T", most));
        co_await store.append("b", 1, es::event_data("T", "").metadata(most));
    });
    BOOST_TEST(events_stored() == 2);
}

BOOST_FIXTURE_TEST_CASE(an_append_over_64_megabytes_is_refused, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        std::vector<es::event_data> list;
        for (int i = 0; i < 65; ++i) list.emplace_back("Large", std::string(megabyte, 'x'));
        const es::failure why =
            co_await expect_error(es::errc::invalid_argument, store.append("a", es::any_version, std::move(list)));
        BOOST_TEST(mentions(why, "64 MB") == true, why.message());
        const es::append_result next = co_await store.append("a", es::no_stream, counted_one("x"));
        BOOST_TEST(next.first_position == 1);
    });
    BOOST_TEST(events_stored() == 1);
}

// Many small events may weigh more than their data.
BOOST_FIXTURE_TEST_CASE(a_million_empty_events_are_refused_or_stored_whole, store_fixture) {
    with_store(options().operation_timeout(60s), [&](es::store store) -> asio::awaitable<void> {
        std::vector<es::event_data> list;
        list.reserve(1'000'000);
        for (int i = 0; i < 1'000'000; ++i) list.emplace_back("T", "");
        const es::result<es::append_result> outcome = co_await store.try_append("a", es::no_stream, std::move(list));
        if (outcome)
            BOOST_TEST(outcome->last_version == 1'000'000);
        else
            BOOST_TEST(outcome.error().code() == es::errc::invalid_argument);
    });
    const std::int64_t stored = events_stored();
    BOOST_TEST((stored == 0 || stored == 1'000'000));
}

BOOST_FIXTURE_TEST_CASE(a_time_out_of_postgresqls_range_is_refused, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (const es::timestamp when : {es::timestamp::min(), es::timestamp::max()}) {
            for (const std::size_t size : {1u, 2u}) {
                std::vector<es::event_data> list = counted(size);
                list.back().created_at(when);
                co_await expect_error(es::errc::invalid_argument, store.append("a", es::any_version, list));
            }
            co_await expect_error(es::errc::invalid_argument,
                store.append("a", es::any_version, es::event_data("T", "x").created_at(when)));
        }
    });
    BOOST_TEST(events_stored() == 0);
}

BOOST_FIXTURE_TEST_CASE(an_event_whose_id_was_never_set_is_refused_by_all_that_writes, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const auto code = es::errc::invalid_argument;
        const es::event_data good("T", "x");
        const es::uuid nil{};
        const requested unset;
        const es::event_data bad = es::event_data("T", "x").id(nil);
        co_await expect_error(code, store.append("a", es::any_version, bad));
        co_await expect_error(code, store.try_append("a", es::any_version, es::events(good, bad)));
        co_await expect_error(code, store.append("a", es::any_version, unset));
        const auto one = es::stream_append("a", es::any_version, good);
        const auto two = es::stream_append("b", es::any_version, bad);
        co_await expect_error(code, store.append(es::appends(one, two)));
        BOOST_TEST(events_stored() == 0);

        co_await store.append("a", es::no_stream, good);
        co_await expect_error(code, store.link("b", es::any_version, nil));
        es::transaction tx = co_await store.begin();
        const auto is_nil = [](const es::error& why) {
            return why.code() == es::errc::invalid_argument && mentions(why.why(), "nil");
        };
        BOOST_CHECK_EXCEPTION(tx.append("a", es::any_version, bad), es::error, is_nil);
        BOOST_CHECK_EXCEPTION(tx.link("b", es::any_version, nil), es::error, is_nil);
        co_await expect_error(es::errc::event_not_found, store.find_event(nil));
    });
    BOOST_TEST(events_stored() == 1);
}

BOOST_FIXTURE_TEST_CASE(a_time_limit_of_nothing_is_refused, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("a", es::no_stream, counted_one("x"));
        for (const std::chrono::milliseconds limit : {0ms, -1ms, std::chrono::milliseconds::min()}) {
            const es::store hurried = store.within(limit);
            co_await expect_error(es::errc::invalid_argument, hurried.append("a", 1, counted_one("x")));
            co_await expect_error(es::errc::invalid_argument, hurried.read("a"));
            co_await expect_error(es::errc::invalid_argument, hurried.stream_info("a"));
            es::event_scan scan = hurried.scan("a");
            co_await expect_error(es::errc::invalid_argument, scan.next());
        }
        // As long as a clock can tell must not be taken for the past.
        const es::event_page page = co_await store.within(std::chrono::milliseconds::max()).read("a");
        BOOST_TEST(page.size() == 1u);
        co_await store.within(std::chrono::milliseconds::max()).append("a", 1, counted_one("x"));
    });
    BOOST_TEST(events_stored() == 2);
}

BOOST_AUTO_TEST_SUITE_END()
