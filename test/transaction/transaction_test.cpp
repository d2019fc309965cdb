// SQL of the caller's and appends in one transaction: together, or not at all.
#include "support/conditions.hpp"
#include "transaction/accounts.hpp"

namespace es = eventstore;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace es::test;

namespace {

struct withdrawn {
    std::string text;
};

} // namespace

template <>
struct eventstore::codec<withdrawn> {
    static event_data encode(const withdrawn& event) { return event_data("Withdrawn", event.text); }
    static withdrawn decode(const recorded_event& event) { return {std::string(event.data())}; }
};

BOOST_AUTO_TEST_SUITE(transaction_test)

BOOST_FIXTURE_TEST_CASE(a_commit_stores_sql_and_events_together, accounts) {
    with_accounts([&](es::store store) -> asio::awaitable<void> {
        es::transaction tx = co_await store.begin();
        const es::query_result left = co_await withdraw(tx, "ada", 30);
        BOOST_TEST(left.value<std::int64_t>() == 70);
        tx.append("account-ada", es::no_stream, counted(2, "a"));
        tx.append("account-bob", es::any_version, withdrawn{"b1"});
        expect_stored(0, 100);
        const std::vector<es::append_result> results = co_await tx.commit();
        expect_stored(3, 70);
        BOOST_REQUIRE(results.size() == 2u);
        BOOST_TEST(results[0].first_version == 1);
        BOOST_TEST(results[0].last_version == 2);
        BOOST_TEST(results[0].first_position == 1);
        BOOST_TEST(results[0].last_position == 2);
        BOOST_TEST(results[1].first_version == 1);
        BOOST_TEST(results[1].first_position == 3);
        BOOST_TEST(!results[1].already_appended);
        TEST_SAME(stored_in("account-ada"), texts({"a1", "a2"}));
        TEST_SAME(stored_in("account-bob"), texts({"b1"}));
    });
}

BOOST_FIXTURE_TEST_CASE(links_are_committed_with_what_they_link_to, accounts) {
    with_accounts([&](es::store store) -> asio::awaitable<void> {
        es::subscription reader = co_await store.subscribe("large", "reader");
        const es::event_data old = counted_one("old");
        co_await store.append("a", es::no_stream, old);
        const es::event_data fresh = counted_one("fresh");
        es::transaction tx = co_await store.begin();
        tx.append("a", 1, fresh);
        tx.link("large", es::no_stream, fresh.id());
        tx.link("large", 1, old.id());
        const std::vector<es::append_result> results = co_await tx.commit();
        BOOST_REQUIRE(results.size() == 3u);
        BOOST_TEST(results[2].last_version == 2);
        const es::event_page page = co_await store.read("large");
        TEST_SAME(data_of(page), texts({"fresh", "old"}));
        const auto told = co_await reader.next(5s);
        BOOST_TEST(told->front().data() == "fresh");

        es::transaction wrong = co_await store.begin();
        co_await withdraw(wrong, "ada", 30);
        wrong.link("large", 2, es::make_uuid());
        co_await expect_error(es::errc::event_not_found, wrong.commit());
        es::transaction twice = co_await store.begin();
        twice.link("large", 2, old.id());
        co_await expect_error(es::errc::duplicate_event, twice.commit());
        es::transaction gone = co_await store.begin();
        gone.link("other", es::no_stream, old.id());
        co_await gone.rollback();
        co_await expect_error(es::errc::stream_not_found, store.read("other"));
        expect_stored(4, 100);
    });
}

BOOST_FIXTURE_TEST_CASE(sql_alone_and_appends_alone_and_nothing_at_all_can_be_committed, accounts) {
    with_accounts([&](es::store store) -> asio::awaitable<void> {
        es::transaction sql = co_await store.begin();
        co_await withdraw(sql, "ada", 1);
        const std::vector<es::append_result> none = co_await sql.commit();
        BOOST_TEST(none.empty());
        es::transaction events = co_await store.begin();
        events.append("a", es::no_stream, counted_one("x"));
        co_await events.commit();
        es::transaction nothing = co_await store.begin();
        co_await nothing.commit();
        expect_stored(1, 99);
    });
}

BOOST_FIXTURE_TEST_CASE(what_is_not_committed_is_rolled_back, accounts) {
    with_accounts([&](es::store store) -> asio::awaitable<void> {
        {
            es::transaction tx = co_await store.begin();
            co_await withdraw(tx, "ada", 1);
            tx.append("a", es::no_stream, counted_one("x"));
            co_await tx.rollback();
            expect_stored(0, 100);
        }
        {
            es::transaction destroyed = co_await store.begin();
            co_await withdraw(destroyed, "ada", 1);
            destroyed.append("a", es::no_stream, counted_one("x"));
        }
        try {
            es::transaction tx = co_await store.begin();
            co_await withdraw(tx, "ada", 1);
            tx.append("a", es::no_stream, counted_one("x"));
            throw std::logic_error("passing by");
        } catch (const std::logic_error&) {
        }
        es::transaction replaced = co_await store.begin();
        co_await withdraw(replaced, "ada", 1);
        replaced = co_await store.begin();
        co_await withdraw(replaced, "bob", 1); // another transaction
        co_await replaced.commit();
        // No lock is left behind: this waits until the last of them is gone.
        ask("update eventstore.accounts set balance = balance + 5 where id = 'ada'");
        expect_stored(0, 105);
        BOOST_TEST(balance("bob") == 99);
    });
}

BOOST_FIXTURE_TEST_CASE(one_append_that_does_not_fit_rolls_everything_back, accounts) {
    with_accounts([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("full", es::no_stream, counted(3));
        struct attempt {
            std::string stream;
            es::expected_version expected;
            es::errc code;
        };
        const std::vector<attempt> attempts = {{"full", 2, es::errc::wrong_expected_version},
            {"full", es::no_stream, es::errc::stream_exists}, {"none", es::stream_exists, es::errc::stream_not_found},
            {"none", 1, es::errc::wrong_expected_version}};
        for (const attempt& each : attempts) {
            es::transaction tx = co_await store.begin();
            co_await withdraw(tx, "ada", 10);
            tx.append("good", es::any_version, counted_one("x"));
            tx.append(each.stream, each.expected, counted_one("x"));
            tx.append("other", es::any_version, counted_one("x"));
            const es::failure why = co_await expect_error(each.code, tx.commit());
            BOOST_TEST(why.stream() == each.stream);
            BOOST_TEST(why.expected().has_value() == (each.expected != es::stream_exists));
            BOOST_TEST(why.expected().value_or(each.expected.value()) == each.expected.value());
            BOOST_TEST(!why.outcome_unknown());
            BOOST_TEST(why.message().find(each.stream) != std::string::npos);
            expect_stored(3, 100);
            co_await expect_error(es::errc::transaction_ended, tx.execute("select 1"));
        }
        delete_stream_softly("full");
        es::transaction tx = co_await store.begin();
        tx.append("full", 3, counted_one("x"));
        const es::failure why = co_await expect_error(es::errc::stream_deleted, tx.commit());
        BOOST_TEST(why.stream() == "full");
    });
}

BOOST_FIXTURE_TEST_CASE(appends_to_one_stream_expect_what_the_earlier_ones_lead_to, accounts) {
    with_accounts([&](es::store store) -> asio::awaitable<void> {
        es::transaction tx = co_await store.begin();
        tx.append("a", es::no_stream, counted(2, "1-"));
        tx.append("b", es::any_version, counted_one("b"));
        tx.append("a", 2, counted(2, "2-"));
        tx.append("a", es::any_version, std::vector<es::event_data>());
        const es::stream_append part("a", 4, counted_one("3-1"));
        tx.append(es::appends(part));
        const std::vector<es::append_result> results = co_await tx.commit();
        BOOST_REQUIRE(results.size() == 5u);
        BOOST_TEST(results[2].first_version == 3);
        BOOST_TEST(results[3].first_version == 0); // nothing
        BOOST_TEST(results[4].first_version == 5);
        TEST_SAME(stored_in("a"), texts({"1-1", "1-2", "2-1", "2-2", "3-1"}));
        es::transaction wrong = co_await store.begin();
        wrong.append("c", es::no_stream, counted_one("x"));
        wrong.append("c", es::no_stream, counted_one("x"));
        co_await expect_error(es::errc::stream_exists, wrong.commit());
        BOOST_TEST(stored_in("c").empty());
    });
}

// Done again after a lost answer: what was committed must not be done twice, the SQL least of all.
BOOST_FIXTURE_TEST_CASE(a_transaction_whose_events_are_stored_already_is_not_done_again, accounts) {
    with_accounts([&](es::store store) -> asio::awaitable<void> {
        const es::event_data event("Withdrawn", "10");
        for (int i = 0; i < 2; ++i) {
            es::transaction tx = co_await store.begin();
            co_await withdraw(tx, "ada", 10);
            tx.append("a", es::any_version, event);
            if (i == 0) {
                co_await tx.commit();
            } else {
                const es::failure why = co_await expect_error(es::errc::duplicate_event, tx.commit());
                BOOST_TEST(why.stream() == "a");
            }
        }
        expect_stored(1, 90);
        es::transaction partly = co_await store.begin();
        co_await withdraw(partly, "ada", 10);
        partly.append("a", es::any_version, event);
        partly.append("b", es::any_version, counted_one("new"));
        co_await expect_error(es::errc::duplicate_event, partly.commit());
        es::transaction twice = co_await store.begin();
        const es::event_data other = counted_one("x");
        twice.append("b", es::any_version, other);
        twice.append("c", es::any_version, other);
        co_await expect_error(es::errc::duplicate_event, twice.commit());
        expect_stored(1, 90);
    });
}

BOOST_FIXTURE_TEST_CASE(many_transactions_share_few_connections, accounts) {
    with_accounts(options().pool_size(2), [&](es::store store) -> asio::awaitable<void> {
        const auto transfer = [&]() -> asio::awaitable<void> {
            es::transaction tx = co_await store.begin();
            co_await withdraw(tx, "ada", 1);
            co_await withdraw(tx, "bob", -1);
            tx.append("moved", es::any_version, counted_one("1"));
            co_await tx.commit();
        };
        std::vector<asio::awaitable<void>> work;
        for (int i = 0; i < 40; ++i) work.push_back(transfer());
        co_await concurrently(std::move(work));
        expect_stored(40, 60);
        BOOST_TEST(balance("bob") == 140);
        BOOST_TEST(store.stats().connects <= 5u); // two of these, the appender, and what tells of appends
    });
}

BOOST_FIXTURE_TEST_CASE(begin_waits_for_a_connection_in_order_and_no_longer_than_its_time, accounts, *own_sessions()) {
    with_accounts(options().pool_size(1), [&](es::store store) -> asio::awaitable<void> {
        es::transaction first = co_await store.begin();
        const es::failure why = co_await expect_error(es::errc::timeout, store.within(50ms).begin());
        BOOST_TEST(why.message().find("pool_size") != std::string::npos);
        auto second = co_await start(store.begin());
        auto third = co_await start(store.begin());
        co_await let_others_run(50);
        BOOST_TEST(!second.done());
        co_await first.commit();
        co_await eventually([&] { return second.done(); });
        BOOST_TEST(!third.done());
        { const es::transaction dropped = std::move(second.value()); }
        co_await eventually([&] { return third.done(); });
        const es::query_result one = co_await third.value().execute("select 1");
        BOOST_TEST(one.value<int>() == 1);
        co_await third.value().rollback();
        BOOST_TEST(backends().size() <= 2u);
    });
}

BOOST_FIXTURE_TEST_CASE(a_transaction_that_has_ended_says_so, accounts) {
    with_accounts([&](es::store store) -> asio::awaitable<void> {
        es::transaction tx = co_await store.begin();
        es::transaction moved = std::move(tx);
        co_await expect_error(es::errc::transaction_ended, tx.execute("select 1"));
        co_await expect_error(es::errc::transaction_ended, tx.commit());
        co_await expect_error(es::errc::transaction_ended, tx.rollback());
        BOOST_CHECK_THROW(tx.append("a", es::any_version, counted_one("x")), es::error);
        co_await moved.commit();
        const es::failure why = co_await expect_error(es::errc::transaction_ended, moved.commit());
        BOOST_TEST(why.message().find("committed") != std::string::npos);
        co_await expect_error(es::errc::transaction_ended, moved.execute("select 1"));
        co_await expect_error(es::errc::transaction_ended, moved.rollback());
        BOOST_CHECK_THROW(moved.append("a", es::any_version, counted_one("x")), es::error);
    });
}

BOOST_FIXTURE_TEST_CASE(two_operations_at_once_are_refused, accounts) {
    with_accounts([&](es::store store) -> asio::awaitable<void> {
        es::transaction tx = co_await store.begin();
        auto slow = co_await start(tx.execute("select pg_sleep(0.2)"));
        co_await let_others_run(5);
        co_await expect_error(es::errc::invalid_argument, tx.execute("select 1"));
        co_await expect_error(es::errc::invalid_argument, tx.commit());
        co_await expect_error(es::errc::invalid_argument, tx.rollback());
        co_await eventually([&] { return slow.done(); });
        co_await tx.execute("select 1");
        co_await tx.commit();
    });
}

BOOST_FIXTURE_TEST_CASE(bad_appends_are_refused_and_not_collected, accounts) {
    with_accounts([&](es::store store) -> asio::awaitable<void> {
        es::transaction tx = co_await store.begin();
        const auto code = [&](const auto& call) {
            try {
                call();
            } catch (const es::error& e) {
                return e.why().code();
            }
            return es::errc{};
        };
        BOOST_TEST((code([&] { tx.append("$all", es::any_version, counted_one("x")); }) == es::errc::reserved_stream));
        BOOST_TEST((code([&] { tx.append("", es::any_version, counted_one("x")); }) == es::errc::invalid_argument));
        BOOST_TEST((code([&] { tx.append("a", -7, counted_one("x")); }) == es::errc::invalid_argument));
        const es::stream_append good("a", es::any_version, counted_one("x"));
        const es::stream_append bad("$b", es::any_version, counted_one("x"));
        BOOST_TEST((code([&] { tx.append(es::appends(good, bad)); }) == es::errc::reserved_stream));
        const std::vector<es::append_result> results = co_await tx.commit();
        BOOST_TEST(results.empty());
        BOOST_TEST(events_stored() == 0);
    });
}

BOOST_FIXTURE_TEST_CASE(appends_need_read_committed_and_sql_may_choose, accounts) {
    with_accounts([&](es::store store) -> asio::awaitable<void> {
        es::transaction tx = co_await store.begin();
        const es::query_result level = co_await tx.execute("show transaction_isolation");
        BOOST_TEST(level.value<std::string>() == "read committed");
        // What others commit meanwhile is seen.
        ask("update eventstore.accounts set balance = 77 where id = 'ada'");
        const es::query_result seen =
            co_await tx.execute(here("select balance from eventstore.accounts where id = 'ada'"));
        BOOST_TEST(seen.value<int>() == 77);
        co_await tx.rollback();

        es::transaction strict = co_await store.begin();
        co_await strict.execute("set transaction isolation level serializable");
        co_await withdraw(strict, "ada", 7);
        co_await strict.commit();
        es::transaction both = co_await store.begin();
        co_await both.execute("set transaction isolation level serializable");
        co_await withdraw(both, "ada", 7);
        both.append("a", es::any_version, counted_one("x"));
        const es::failure why = co_await expect_error(es::errc::invalid_argument, both.commit());
        BOOST_TEST(why.message().find("READ COMMITTED") != std::string::npos);
        expect_stored(0, 70);
    });
}

BOOST_FIXTURE_TEST_CASE(large_appends_are_committed_too, accounts) {
    with_accounts([&](es::store store) -> asio::awaitable<void> {
        es::transaction tx = co_await store.begin();
        const std::string data(1'000'000, 'x');
        for (int i = 0; i < 8; ++i) tx.append("a-" + std::to_string(i % 3), es::any_version, counted_one(data));
        std::vector<es::event_data> many = counted(5000);
        tx.append("many", es::no_stream, std::move(many));
        const std::vector<es::append_result> results = co_await tx.commit();
        BOOST_TEST(results.back().last_version == 5000);
        BOOST_TEST(events_stored() == 5008);
    });
}

BOOST_AUTO_TEST_SUITE_END()
