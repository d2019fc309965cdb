// Appends that name the last event of their stream.
#include "support/concurrently.hpp"
#include "support/store_fixture.hpp"

#include <eventstore/stream_append.hpp>
#include <eventstore/transaction.hpp>

#include <string>
#include <vector>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;

namespace {

es::expected_version after(std::int64_t version, const es::uuid& id) {
    return es::expected_version::after(version, id);
}

} // namespace

BOOST_AUTO_TEST_SUITE(append_after_test)

BOOST_AUTO_TEST_CASE(expected_versions_compare_with_their_event) {
    const es::uuid id = es::make_uuid();
    BOOST_TEST((after(3, id) == after(3, id)));
    BOOST_TEST((after(3, id) != after(3, es::make_uuid())));
    BOOST_TEST((after(3, id) != es::expected_version(3)));
    BOOST_TEST((after(3, id).last_event() == id));
    BOOST_TEST(after(3, id).value() == 3);
    BOOST_TEST(after(0, id).value() < -2); // no stream has no last event
    BOOST_TEST(!es::any_version.last_event());
}

// One event alone and several together take different ways through the server, as does a transaction.
BOOST_FIXTURE_TEST_CASE(an_append_fits_the_version_and_the_event_there, store_fixture) {
    for (const es::payload_format format : {es::payload_format::bytea, es::payload_format::jsonb}) {
        const fresh_schema own;
        const auto how = options().schema(own.name()).payload(format);
        with_store(how, [&](es::store store) -> asio::awaitable<void> {
            es::event_data last = counted_one("1");
            co_await store.append("a", es::no_stream, last);
            for (int round = 1; round <= 3; ++round) {
                for (const std::size_t count : {std::size_t{1}, std::size_t{3}}) {
                    const std::int64_t version = (co_await store.stream_info("a")).version;
                    const es::failure why = co_await expect_error(es::errc::wrong_expected_version,
                        store.append("a", after(version, es::make_uuid()), counted(count)));
                    BOOST_TEST(why.expected().value() == version);
                    BOOST_TEST(why.actual().value() == version);
                    BOOST_TEST(why.message().find("its last event is not") != std::string::npos, why.message());
                    co_await expect_error(es::errc::wrong_expected_version,
                        store.append("a", after(version + 1, last.id()), counted(count)));
                    std::vector<es::event_data> next = counted(count);
                    co_await store.append("a", after(version, last.id()), next);
                    // Again with the same ids: it is found, whatever is expected.
                    const auto again = co_await store.append("a", after(version, last.id()), next);
                    BOOST_TEST(again.already_appended);
                    last = next.back();
                }
                es::transaction work = co_await store.begin();
                const std::int64_t version = (co_await store.stream_info("a")).version;
                work.append("a", after(version, es::make_uuid()), counted_one("2"));
                co_await expect_error(es::errc::wrong_expected_version, work.commit());
                es::transaction better = co_await store.begin();
                const es::event_data next = counted_one("3");
                better.append("a", after(version, last.id()), next);
                co_await better.commit();
                last = next;
            }
            co_await expect_error(
                es::errc::wrong_expected_version, store.append("none", after(1, last.id()), counted_one("1")));
            co_await expect_error(es::errc::invalid_argument, store.append("a", after(0, last.id()), counted_one("1")));
        });
    }
}

BOOST_FIXTURE_TEST_CASE(several_streams_fit_together_or_not_at_all, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::event_data first = counted_one("1");
        const es::event_data second = counted_one("2");
        co_await store.append("a", es::no_stream, first);
        co_await store.append("b", es::no_stream, second);
        const auto fits = es::stream_append("a", after(1, first.id()), counted_one("3"));
        const auto does_not = es::stream_append("b", after(1, first.id()), counted_one("4"));
        const es::failure why =
            co_await expect_error(es::errc::wrong_expected_version, store.append(es::appends(fits, does_not)));
        BOOST_TEST(why.stream() == "b");
        BOOST_TEST(number("select count(*) from eventstore.events") == 2);
        const auto does = es::stream_append("b", after(1, second.id()), counted_one("5"));
        const auto done = co_await store.append(es::appends(fits, does));
        BOOST_TEST(done[0].last_version == 2);
        // The second part of one stream follows the first; the event that it names may be one of the same append.
        const es::event_data third = counted_one("6");
        const auto one = es::stream_append("a", after(2, fits.events().front().id()), third);
        const auto two = es::stream_append("a", after(3, third.id()), counted_one("7"));
        const auto both = co_await store.append(es::appends(one, two));
        BOOST_TEST(both[1].last_version == 4);
        const auto wrong = es::stream_append("a", after(4, third.id()), counted_one("8"));
        const auto new_one = es::stream_append("c", es::no_stream, counted_one("9"));
        co_await expect_error(es::errc::wrong_expected_version, store.append(es::appends(new_one, wrong)));
        BOOST_TEST(number("select count(*) from eventstore.streams") == 2);
    });
}

// Many at once share flushes; each is judged by itself, and what of a lost unit was placed is taken back.
BOOST_FIXTURE_TEST_CASE(appends_of_one_flush_are_judged_one_after_the_other, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::event_data first = counted_one("1");
        co_await store.append("a", es::no_stream, first);
        co_await store.append("b", es::no_stream, counted_one("1"));
        for (int round = 0; round < 10; ++round) {
            const std::int64_t version = (co_await store.stream_info("a")).version;
            const es::event_page page = co_await store.read("a", es::read_options().backward().count(1));
            const es::uuid last = page.front().id();
            std::vector<asio::awaitable<es::result<std::vector<es::append_result>>>> work;
            for (int i = 0; i < 6; ++i) {
                std::vector<es::stream_append> parts;
                parts.emplace_back("a", after(version, last), counted_one("x"));
                const bool is_lost = i < 3;
                if (is_lost) parts.emplace_back("b", es::no_stream, counted_one("y")); // takes its unit along
                work.push_back(store.try_append(std::move(parts)));
            }
            const auto outcomes = co_await concurrently(std::move(work));
            int passed = 0;
            for (const auto& each : outcomes) passed += each.has_value() ? 1 : 0;
            BOOST_TEST(passed == 1);
            BOOST_TEST(outcomes[3].has_value());
        }
    });
}

BOOST_FIXTURE_TEST_CASE(a_stream_made_anew_at_the_same_version_is_another_one, store_fixture) {
    expect_holes();
    with_store(options().allow_hard_delete(), [&](es::store store) -> asio::awaitable<void> {
        for (const std::size_t count : {std::size_t{1}, std::size_t{2}}) {
            const std::vector<es::event_data> before = counted(3);
            co_await store.append("a", es::no_stream, before);
            co_await store.delete_stream("a", 3, es::deletion::hard);
            const std::vector<es::event_data> anew = counted(3);
            co_await store.append("a", es::no_stream, anew);
            co_await expect_error(
                es::errc::wrong_expected_version, store.append("a", after(3, before.back().id()), counted(count)));
            co_await store.append("a", after(3, anew.back().id()), counted(count));
            co_await store.delete_stream("a", es::any_version, es::deletion::hard);
        }
    });
}

BOOST_FIXTURE_TEST_CASE(links_and_deleted_streams_and_what_takes_no_event, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::event_data first = counted_one("1");
        const es::event_data second = counted_one("2");
        co_await store.append("a", es::no_stream, first);
        co_await store.append("b", es::no_stream, second);
        co_await expect_error(es::errc::wrong_expected_version, store.link("b", after(1, first.id()), first.id()));
        co_await store.link("b", after(1, second.id()), first.id());
        // The link has an id of its own.
        co_await expect_error(
            es::errc::wrong_expected_version, store.append("b", after(2, first.id()), counted_one("3")));
        const es::failure why =
            co_await expect_error(es::errc::invalid_argument, store.delete_stream("a", after(1, first.id())));
        BOOST_TEST(why.message().find("names the last event") != std::string::npos, why.message());
        co_await store.delete_stream("a", 1);
        co_await expect_error(es::errc::stream_deleted, store.append("a", after(1, first.id()), counted_one("3")));
    });
}

BOOST_AUTO_TEST_SUITE_END()
