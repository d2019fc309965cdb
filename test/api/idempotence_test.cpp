#include "support/concurrently.hpp"
#include "support/store_fixture.hpp"

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>

namespace es = eventstore;
namespace asio = boost::asio;
namespace data = boost::unit_test::data;
using namespace std::chrono_literals;
using namespace es::test;

namespace {

using outcome = es::result<es::append_result>;

// A lone append and a flush of many are carried out by different functions of the server. Each test runs both ways.
class retry_fixture : public store_fixture {
public:
    bool in_company = false;

    asio::awaitable<outcome> try_append(
        es::store store, std::string stream, es::expected_version expected, std::vector<es::event_data> list) {
        if (!in_company) {
            // A single event goes as such, since that is the leanest way of all.
            if (list.size() == 1) {
                outcome alone = co_await store.try_append(stream, expected, list.front());
                co_return alone;
            }
            outcome together = co_await store.try_append(stream, expected, std::move(list));
            co_return together;
        }
        std::vector<asio::awaitable<outcome>> work;
        for (int i = 0; i < 2; ++i) work.push_back(store.try_append("company", es::any_version, counted_one("x")));
        work.push_back(store.try_append(stream, expected, std::move(list)));
        for (int i = 0; i < 2; ++i) work.push_back(store.try_append("company", es::any_version, counted_one("x")));
        std::vector<outcome> all = co_await concurrently(std::move(work));
        for (const std::size_t i : {0u, 1u, 3u, 4u}) {
            BOOST_TEST(all[i].has_value());
            BOOST_TEST((all[i].has_value() && !all[i]->already_appended));
        }
        co_return all[2];
    }

    asio::awaitable<es::append_result> append(
        es::store store, std::string stream, es::expected_version expected, std::vector<es::event_data> list) {
        const outcome done = co_await try_append(store, stream, expected, std::move(list));
        co_return done.value();
    }
};

void expect_same(const es::append_result& again, const es::append_result& first) {
    BOOST_TEST(again.already_appended);
    BOOST_TEST(again.first_version == first.first_version);
    BOOST_TEST(again.last_version == first.last_version);
    BOOST_TEST(again.first_position == first.first_position);
    BOOST_TEST(again.last_position == first.last_position);
    BOOST_TEST((again.created_at == first.created_at));
}

const auto both_ways = data::make({false, true});

} // namespace

BOOST_AUTO_TEST_SUITE(idempotence_test)

BOOST_DATA_TEST_CASE_F(retry_fixture, the_same_events_again_succeed_with_their_first_result, both_ways, company) {
    in_company = company;
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (const std::size_t size : {1u, 3u}) {
            const std::string name = "s-" + std::to_string(size);
            const std::vector<es::event_data> list = counted(size);
            co_await append(store, name, es::no_stream, counted(2, "before"));
            const es::append_result first = co_await append(store, name, 2, list);
            BOOST_TEST(!first.already_appended);
            co_await append(store, name, es::any_version, counted(2, "after"));

            // Whatever is expected: the expectation held when the events were appended.
            for (const es::expected_version expected : {es::expected_version(2), es::no_stream, es::any_version,
                     es::stream_exists, es::expected_version(99)}) {
                const es::append_result again = co_await append(store, name, expected, list);
                expect_same(again, first);
            }
            const texts stored = stored_in(name);
            TEST_SAME(texts(stored.begin() + 2, stored.end() - 2), data_of(list));
        }
    });
}

BOOST_DATA_TEST_CASE_F(retry_fixture, a_given_time_is_part_of_the_first_result, both_ways, company) {
    in_company = company;
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::timestamp when{1'234'567'890'123'456us};
        std::vector<es::event_data> list = counted(2);
        list[1].created_at(when);
        const es::append_result first = co_await append(store, "a", es::no_stream, list);
        list[1].created_at(when + 1h);
        const es::append_result again = co_await append(store, "a", es::no_stream, list);
        BOOST_TEST((first.created_at == when));
        expect_same(again, first);
    });
}

BOOST_DATA_TEST_CASE_F(retry_fixture, other_content_under_the_same_id_is_ignored, both_ways, company) {
    in_company = company;
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::event_data original = counted_one("original");
        const es::append_result first = co_await append(store, "a", es::no_stream, es::events(original));
        es::event_data other = es::event_data("Other", "other").id(original.id());
        const es::append_result again = co_await append(store, "a", es::no_stream, es::events(other));
        expect_same(again, first);
        const es::event_page page = co_await store.read("a");
        BOOST_REQUIRE(page.size() == 1u);
        BOOST_TEST(page[0].type() == "Counted");
        BOOST_TEST(page[0].data() == "original");
    });
}

BOOST_DATA_TEST_CASE_F(retry_fixture, part_of_a_run_is_a_run, both_ways, company) {
    in_company = company;
    with_store([&](es::store store) -> asio::awaitable<void> {
        const std::vector<es::event_data> list = counted(5);
        const es::append_result first = co_await append(store, "a", es::no_stream, list);
        const std::vector<es::event_data> middle(list.begin() + 1, list.begin() + 3);
        const es::append_result again = co_await append(store, "a", es::no_stream, middle);
        BOOST_TEST(again.already_appended);
        BOOST_TEST(again.first_version == 2);
        BOOST_TEST(again.last_version == 3);
        BOOST_TEST(again.first_position == first.first_position + 1);
        BOOST_TEST(again.last_position == first.first_position + 2);
    });
}

// Versions in a row make a run, even where events of other streams lie between them in the log.
BOOST_DATA_TEST_CASE_F(retry_fixture, a_run_may_span_two_appends, both_ways, company) {
    in_company = company;
    with_store([&](es::store store) -> asio::awaitable<void> {
        const std::vector<es::event_data> list = counted(4);
        const std::vector<es::event_data> half(list.begin(), list.begin() + 2);
        const std::vector<es::event_data> rest(list.begin() + 2, list.end());
        const es::append_result one = co_await append(store, "a", es::no_stream, half);
        co_await store.append("between", es::any_version, counted(3));
        const es::append_result two = co_await append(store, "a", 2, rest);
        const es::append_result again = co_await append(store, "a", es::no_stream, list);
        BOOST_TEST(again.already_appended);
        BOOST_TEST(again.first_version == 1);
        BOOST_TEST(again.last_version == 4);
        BOOST_TEST(again.first_position == one.first_position);
        BOOST_TEST(again.last_position == two.last_position);
    });
}

BOOST_DATA_TEST_CASE_F(retry_fixture, anything_but_one_run_in_order_is_a_duplicate, both_ways, company) {
    in_company = company;
    with_store([&](es::store store) -> asio::awaitable<void> {
        const std::vector<es::event_data> e = counted(4);
        const es::event_data fresh = counted_one("fresh");
        const es::event_data other = counted_one("other");
        co_await append(store, "a", es::no_stream, e);
        co_await append(store, "b", es::no_stream, es::events(other));

        std::vector<std::vector<es::event_data>> lists;
        lists.push_back(es::events(e[1], e[0]));        // turned around
        lists.push_back(es::events(e[0], e[2]));        // with a hole
        lists.push_back(es::events(e[0], e[0]));        // twice
        lists.push_back(es::events(e[3], fresh));       // only in part
        lists.push_back(es::events(fresh, e[0]));       // only in part
        lists.push_back(es::events(e[0], fresh, e[1])); // only in part
        lists.push_back(es::events(other));             // elsewhere
        lists.push_back(es::events(e[3], other));       // one here, one elsewhere
        lists.push_back(es::events(fresh, fresh));      // new, but twice
        for (const std::vector<es::event_data>& list : lists)
            for (const es::expected_version expected : {es::any_version, es::expected_version(4)}) {
                const outcome refused = co_await try_append(store, "a", expected, list);
                const es::failure why = expect_error(es::errc::duplicate_event, refused);
                BOOST_TEST(why.stream() == "a");
                BOOST_TEST(!why.outcome_unknown());
            }
        TEST_SAME(stored_in("a"), texts({"1", "2", "3", "4"}));
        BOOST_TEST(events_stored(fresh.id()) == 0);
    });
}

BOOST_DATA_TEST_CASE_F(retry_fixture, an_id_of_another_stream_makes_no_stream, both_ways, company) {
    in_company = company;
    with_store([&](es::store store) -> asio::awaitable<void> {
        const std::vector<es::event_data> list = counted(2);
        co_await append(store, "a", es::no_stream, list);
        for (const std::size_t size : {1u, 2u}) {
            const std::vector<es::event_data> part(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(size));
            for (const es::expected_version expected : {es::no_stream, es::any_version}) {
                const outcome refused = co_await try_append(store, "new", expected, part);
                expect_error(es::errc::duplicate_event, refused);
            }
        }
        co_await expect_error(es::errc::stream_not_found, store.stream_info("new"));
    });
}

BOOST_DATA_TEST_CASE_F(retry_fixture, a_deleted_stream_wins_over_what_it_holds, both_ways, company) {
    in_company = company;
    with_store([&](es::store store) -> asio::awaitable<void> {
        const std::vector<es::event_data> list = counted(2);
        co_await append(store, "a", es::no_stream, list);
        delete_stream_softly("a");
        for (const std::size_t size : {1u, 2u}) {
            const std::vector<es::event_data> part(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(size));
            const outcome refused = co_await try_append(store, "a", es::any_version, part);
            expect_error(es::errc::stream_deleted, refused);
        }
    });
}

BOOST_FIXTURE_TEST_CASE(the_same_event_twice_in_one_flush_is_stored_once, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (const std::size_t size : {1u, 3u}) {
            const std::string name = "s-" + std::to_string(size);
            const std::vector<es::event_data> list = counted(size);
            std::vector<asio::awaitable<es::append_result>> work;
            for (int i = 0; i < 8; ++i) work.push_back(store.append(name, es::no_stream, list));
            const auto results = co_await concurrently(std::move(work));
            const es::append_result& first = results[0];
            BOOST_TEST(!first.already_appended);
            for (std::size_t i = 1; i < results.size(); ++i) expect_same(results[i], first);
            BOOST_TEST(stored_in(name).size() == size);
        }
    });
}

BOOST_FIXTURE_TEST_CASE(the_same_event_to_two_streams_in_one_flush_goes_to_the_first, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::event_data event = counted_one("x");
        std::vector<asio::awaitable<outcome>> work;
        work.push_back(store.try_append("a", es::any_version, event));
        work.push_back(store.try_append("b", es::any_version, event));
        work.push_back(store.try_append("c", es::any_version, es::events(counted_one("c"), event)));
        const auto results = co_await concurrently(std::move(work));
        BOOST_TEST(results[0].has_value());
        expect_error(es::errc::duplicate_event, results[1]);
        expect_error(es::errc::duplicate_event, results[2]);
    });
    BOOST_TEST(number("select count(*) from eventstore.streams") == 1);
}

// The first try of an id may fail for a reason of its own; then the id is free, and the next one to use it succeeds.
BOOST_FIXTURE_TEST_CASE(an_id_whose_append_failed_is_free, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::event_data event = counted_one("x");
        std::vector<asio::awaitable<outcome>> work;
        work.push_back(store.try_append("a", 5, event));
        work.push_back(store.try_append("b", es::no_stream, event));
        work.push_back(store.try_append("b", es::no_stream, event));
        const auto results = co_await concurrently(std::move(work));
        expect_error(es::errc::wrong_expected_version, results[0]);
        BOOST_TEST((results[1].has_value() && !results[1]->already_appended));
        BOOST_TEST((results[2].has_value() && results[2]->already_appended),
            (results[2] ? "appended" : results[2].error().message()));
    });
    TEST_SAME(stored_in("b"), texts({"x"}));
}

// A transaction that writes nothing does not wait for a synchronous standby: it could acknowledge what only the primary
// has yet.
BOOST_DATA_TEST_CASE_F(retry_fixture, already_appended_is_answered_by_a_transaction_that_writes, both_ways, company) {
    in_company = company;
    with_store([&](es::store store) -> asio::awaitable<void> {
        const std::vector<es::event_data> list = counted(1);
        co_await append(store, "a", es::no_stream, list);
        for (int i = 0; i < 3; ++i) {
            const std::string before =
                value("select xmin::text || ' ' || xmax::text from eventstore.streams where name = 'a'");
            const es::append_result again = co_await append(store, "a", es::no_stream, list);
            BOOST_TEST(again.already_appended);
            BOOST_TEST(
                value("select xmin::text || ' ' || xmax::text from eventstore.streams where name = 'a'") != before,
                "neither changed nor locked");
        }
    });
}

BOOST_AUTO_TEST_SUITE_END()
