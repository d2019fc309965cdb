// One statement for many schemas, on a real server.
#include "support/concurrently.hpp"
#include "support/group_fixture.hpp"
#include "support/stop.hpp"

#include "storage/combined.hpp"

#include <boost/asio/cancellation_signal.hpp>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;
using namespace std::chrono_literals;
using es::postgres::type_oid;
using es::storage::combined;

BOOST_AUTO_TEST_SUITE(combined_test)

namespace {

using answer = es::result<combined::row>;

class numbers_part final : public combined::part {
public:
    numbers_part(const std::shared_ptr<combined>& owner, std::string whose, numbers values_)
        : combined::part(owner, std::move(whose), values_.size()), values(std::move(values_)) {}
    const numbers values;
};

combined::question question(std::string_view sql) {
    combined::question what;
    what.sql = sql;
    what.types = {type_oid::int8_array};
    what.doing = "asking for the test";
    what.arguments = [](const combined::parts& all) {
        std::size_t count = 0;
        for (const auto& each : all) count += each->elements;
        es::postgres::parameters arguments;
        arguments.begin_array(type_oid::int8, count);
        for (const auto& each : all)
            for (const std::int64_t value : static_cast<const numbers_part&>(*each).values) arguments.add(value);
        return arguments;
    };
    return what;
}

std::int64_t number_in(const answer& from) { return from->table.int8(from->number, 1); }

class combined_fixture : public group_fixture {
public:
    using pool_ptr = std::shared_ptr<es::postgres::pool>;
    using combined_ptr = std::shared_ptr<combined>;

    /// Runs `body(pool, what)`, and closes the pool.
    template <class Body>
    void with(std::string_view sql, std::chrono::milliseconds timeout, const Body& body) {
        run(work(sql, timeout, body));
    }

    static asio::awaitable<answer> ask(
        combined_ptr whom, std::string schema, numbers values, std::chrono::milliseconds limit = 20s) {
        const auto part = std::make_shared<numbers_part>(whom, std::move(schema), std::move(values));
        return combined::ask(std::move(whom), part, std::chrono::steady_clock::now() + limit);
    }

private:
    template <class Body>
    asio::awaitable<void> work(std::string_view sql, std::chrono::milliseconds timeout, const Body& body) {
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        const auto where = es::detail::environment::make(executor, nullptr);
        const auto pool = std::make_shared<es::postgres::pool>(options(), where);
        co_await body(pool, std::make_shared<combined>(question(sql), where, pool, timeout));
        auto stopping = stop(pool);
        co_await std::move(stopping);
    }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(all_who_ask_at_once_share_a_statement_and_each_gets_its_own_answer, combined_fixture) {
    with("select $1[@] * 2 as twice", 20s, [](pool_ptr pool, combined_ptr what) -> asio::awaitable<void> {
        std::vector<asio::awaitable<answer>> all;
        for (std::int64_t i = 0; i < 30; ++i) all.push_back(ask(what, "s" + std::to_string(i * 7 % 30), numbers(1, i)));
        const auto answers = co_await concurrently(std::move(all));
        for (std::size_t i = 0; i < answers.size(); ++i) {
            BOOST_REQUIRE(answers[i].has_value());
            BOOST_TEST(number_in(answers[i]) == static_cast<std::int64_t>(2 * i));
        }
        BOOST_TEST(pool->count().reads == 1u);
        const answer later = co_await ask(what, "s", numbers(1, 50));
        BOOST_TEST(number_in(later) == 100);
        BOOST_TEST(pool->count().reads == 2u);
    });
}

BOOST_FIXTURE_TEST_CASE(a_part_has_as_many_elements_as_it_likes, combined_fixture) {
    constexpr std::string_view sum = "select coalesce(sum(each), 0)::int8 from unnest($1[@:@]) as each";
    with(sum, 20s, [](pool_ptr pool, combined_ptr what) -> asio::awaitable<void> {
        std::vector<asio::awaitable<answer>> all;
        const std::vector<std::size_t> lengths = {0, 3, 1, 0, 5, 2, 0};
        for (std::size_t i = 0; i < lengths.size(); ++i)
            all.push_back(ask(what, "s" + std::to_string(i), numbers(lengths[i], 10)));
        const auto answers = co_await concurrently(std::move(all));
        for (std::size_t i = 0; i < lengths.size(); ++i) {
            BOOST_REQUIRE(answers[i].has_value());
            BOOST_TEST(number_in(answers[i]) == static_cast<std::int64_t>(10 * lengths[i]));
        }
        BOOST_TEST(pool->count().reads == 1u);
    });
}

BOOST_FIXTURE_TEST_CASE(more_than_one_statement_holds_go_in_several, combined_fixture) {
    with("select $1[@] as same", 20s, [](pool_ptr pool, combined_ptr what) -> asio::awaitable<void> {
        std::vector<asio::awaitable<answer>> all;
        for (std::int64_t i = 0; i < 700; ++i) all.push_back(ask(what, "s" + std::to_string(i), numbers(1, i)));
        const auto answers = co_await concurrently(std::move(all));
        for (std::size_t i = 0; i < answers.size(); ++i) {
            BOOST_REQUIRE(answers[i].has_value());
            BOOST_TEST(number_in(answers[i]) == static_cast<std::int64_t>(i));
        }
        BOOST_TEST(pool->count().reads == 3u);
    });
}

BOOST_FIXTURE_TEST_CASE(a_schema_that_is_gone_fails_for_itself_alone, combined_fixture) {
    constexpr int count = 9, gone = 5, empty = 7;
    for (int i = 0; i < count; ++i) {
        if (i == gone) continue;
        session().run("create schema " + quoted_name(tenant(i)));
        in(i, "create table tenant.places as select " + std::to_string(i) + "::int8 as place; select 1");
    }
    in(empty, "delete from tenant.places; select 1");
    constexpr std::string_view place = "select p.place + 0 * $1[@] as place from eventstore.places as p";
    with(place, 20s, [&](pool_ptr pool, combined_ptr what) -> asio::awaitable<void> {
        std::vector<asio::awaitable<answer>> all;
        for (int i = 0; i < count; ++i) all.push_back(ask(what, tenant(i), numbers(1, 0)));
        const auto answers = co_await concurrently(std::move(all));
        for (int i = 0; i < count; ++i) {
            const answer& each = answers[static_cast<std::size_t>(i)];
            BOOST_TEST(each.has_value() == (i != gone && i != empty));
            if (each) BOOST_TEST(number_in(each) == i);
        }
        BOOST_TEST(answers[gone].error().code() == es::errc::schema_missing);
        BOOST_TEST(answers[empty].error().code() == es::errc::schema_missing);
        BOOST_TEST(pool->count().reads <= 9u); // halves, and not each by itself
    });
}

BOOST_FIXTURE_TEST_CASE(one_that_is_cancelled_or_late_leaves_the_others_alone, combined_fixture) {
    constexpr std::string_view slow = "select $1[@] as same from pg_sleep(0.2)";
    with(slow, 20s, [](pool_ptr, combined_ptr what) -> asio::awaitable<void> {
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        asio::cancellation_signal signal;
        started<answer> cancelled(executor, ask(what, "a", numbers(1, 1)), signal.slot());
        started<answer> late(executor, ask(what, "b", numbers(1, 2), 60ms), {});
        started<answer> patient(executor, ask(what, "c", numbers(1, 3)));
        co_await eventually([&] { return late.done(); }, default_deadline);
        signal.emit(asio::cancellation_type::terminal);
        co_await eventually([&] { return cancelled.done() && patient.done(); }, default_deadline);
        BOOST_TEST(late.value().error().code() == es::errc::timeout);
        BOOST_TEST(cancelled.value().error().code() == es::errc::cancelled);
        BOOST_REQUIRE(patient.value().has_value());
        BOOST_TEST(number_in(patient.value()) == 3);
    });
}

BOOST_FIXTURE_TEST_CASE(what_takes_too_long_is_not_tried_in_halves, combined_fixture) {
    constexpr std::string_view stuck = "select $1[@] as same from pg_sleep(30)";
    with(stuck, 200ms, [](pool_ptr pool, combined_ptr what) -> asio::awaitable<void> {
        std::vector<asio::awaitable<answer>> all;
        for (int i = 0; i < 8; ++i) all.push_back(ask(what, "s" + std::to_string(i), numbers(1, i)));
        const auto answers = co_await concurrently(std::move(all));
        for (const answer& each : answers) BOOST_TEST(each.error().code() == es::errc::timeout);
        BOOST_TEST(pool->count().reads == 1u);
        auto dropping = stop(pool, 0s);
        co_await std::move(dropping);
    });
}

BOOST_AUTO_TEST_SUITE_END()
