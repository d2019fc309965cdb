#include "aggregate/wallet.hpp"
#include "support/concurrently.hpp"

#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;
using namespace std::chrono_literals;

namespace {

/// Knows one of the two types.
struct only_put_in {
    using event = put_in;
    std::int64_t coins = 0;
    void apply(const put_in& e) { coins += e.coins; }
};

/// Sees where its events are.
struct places {
    using event = std::variant<put_in, taken_out>;
    std::vector<std::int64_t> versions, positions;
    std::vector<es::timestamp> times;

    void apply(const put_in&, const es::recorded_event& recorded) {
        versions.push_back(recorded.version());
        positions.push_back(recorded.position());
        times.push_back(recorded.created_at());
    }
    void apply(const taken_out& e, const es::recorded_event& recorded) { apply(put_in{e.coins, ""}, recorded); }
    friend bool operator==(const places&, const places&) = default;
};

/// Not typed.
struct types_seen {
    std::map<std::string, int, std::less<>> count;
    void apply(const es::recorded_event& event) { ++count[std::string(event.type())]; }
};

} // namespace

BOOST_AUTO_TEST_SUITE(aggregate_store_test)

BOOST_FIXTURE_TEST_CASE(a_command_appends_what_was_decided_from_the_state, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const wallets all(store);
        const auto first = co_await all.execute("wallet-1", put(10));
        BOOST_TEST(first.version() == 1);
        BOOST_TEST(first.state().coins == 10);
        BOOST_TEST(first.appended().first_version == 1);
        BOOST_TEST(first.conflicts() == 0);
        const auto second = co_await all.execute("wallet-1", take(4));
        BOOST_TEST(second.version() == 2);
        BOOST_TEST(second.state().coins == 6);
        BOOST_TEST(second.appended().last_position == 2);
        const auto now = co_await all.load("wallet-1");
        BOOST_TEST(now.version() == 2);
        BOOST_TEST((now.state() == second.state()));
        const es::event_page page = co_await store.read("wallet-1");
        TEST_SAME(data_of(page), (texts{R"({"coins":10,"from":"somebody"})", R"({"coins":4})"}));
    });
}

BOOST_FIXTURE_TEST_CASE(a_stream_that_does_not_exist_has_the_first_state, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (const auto& options : {es::aggregate_options(), cached()}) {
            const wallets all(store, options);
            const auto none = co_await all.load("wallet-1");
            BOOST_TEST(none.version() == 0);
            BOOST_TEST((none.state() == wallet()));
            BOOST_TEST((none.expected() == es::no_stream));
        }
    });
}

BOOST_FIXTURE_TEST_CASE(a_refusal_stores_nothing_and_is_passed_on, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (const auto& options : {es::aggregate_options(), cached()}) {
            const wallets all(store, options);
            const es::failure why = co_await expect_error(es::errc::command_refused, all.execute("wallet-1", take(4)));
            BOOST_TEST(why.message() == "there are 0 coins, not 4");
            const auto refused = co_await all.try_execute("wallet-1", take(5));
            BOOST_TEST((refused.error().code() == es::errc::command_refused));
            const auto throwing = [](const wallet&) -> std::vector<es::event_data> { throw std::out_of_range("no"); };
            std::string said;
            try {
                co_await all.execute("wallet-1", throwing);
            } catch (const std::out_of_range& thrown) {
                said = thrown.what();
            }
            BOOST_TEST(said == "no");
            const auto by_code = [](const wallet&) -> boost::system::result<put_in> {
                return make_error_code(boost::system::errc::permission_denied);
            };
            boost::system::error_code code;
            try {
                co_await all.execute("wallet-1", by_code);
            } catch (const boost::system::system_error& thrown) {
                code = thrown.code();
            }
            BOOST_TEST((code == boost::system::errc::permission_denied));
        }
        BOOST_TEST(events_stored() == 0);
    });
}

BOOST_FIXTURE_TEST_CASE(a_decision_for_nothing_stores_nothing, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (const auto& options : {es::aggregate_options(), cached()}) {
            const wallets all(store, options);
            const auto nothing = [](const wallet&) { return std::optional<put_in>(); };
            const auto done = co_await all.execute("wallet-1", nothing);
            BOOST_TEST(done.version() == 0);
            BOOST_TEST(done.appended().last_version == 0);
            const auto empty = [](const wallet&) { return std::vector<es::event_data>(); };
            co_await all.execute("wallet-1", empty);
        }
        BOOST_TEST(events_stored() == 0);
        BOOST_TEST(number("select count(*) from eventstore.streams") == 0);
    });
}

BOOST_FIXTURE_TEST_CASE(a_decision_returns_events_in_many_forms, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const wallets all(store, cached());
        const auto variants = [](const wallet&) { return std::vector<wallet::event>{put_in{5, "Ada"}, taken_out{2}}; };
        co_await all.execute("wallet-1", variants);
        const auto mixed = [](const wallet&) -> es::result<std::vector<es::event_data>> {
            const put_in typed{7, "Bob"};
            return es::events(typed, es::event_data("TakenOut", R"({"coins":1})").metadata("by hand"));
        };
        co_await all.execute("wallet-1", mixed);
        const auto one = [](const wallet&) { return std::optional<wallet::event>(taken_out{1}); };
        const auto after = co_await all.execute("wallet-1", one);
        BOOST_TEST(after.version() == 5);
        BOOST_TEST(after.state().coins == 8);
        const auto coroutine = [&](const wallet& w) -> asio::awaitable<es::result<put_in>> {
            const es::stream_info info = co_await store.stream_info("wallet-1");
            co_return put_in{info.version * 100 + w.coins, "Eve"};
        };
        const auto last = co_await all.execute("wallet-1", coroutine);
        BOOST_TEST(last.state().coins == 8 + 508);
    });
}

BOOST_FIXTURE_TEST_CASE(an_event_that_the_state_cannot_apply_is_not_stored, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        for (const auto& options : {es::aggregate_options(), cached()}) {
            const wallets all(store, options);
            std::string said;
            try {
                co_await all.execute("wallet-1", put(13));
            } catch (const std::runtime_error& thrown) {
                said = thrown.what();
            }
            BOOST_TEST(said == "thirteen coins are bad luck");
            const auto unknown = [](const wallet&) { return es::event_data("Stolen", "{}"); };
            co_await expect_error(es::errc::unknown_event_type, all.execute("wallet-1", unknown));
            const auto unreadable = [](const wallet&) { return es::event_data("PutIn", "no JSON"); };
            co_await expect_error(es::errc::event_not_decodable, all.execute("wallet-1", unreadable));
        }
        BOOST_TEST(events_stored() == 0);
    });
}

BOOST_FIXTURE_TEST_CASE(events_of_unknown_types_fail_or_are_left_out, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const wallets all(store);
        co_await all.execute("wallet-1", put(3));
        co_await all.execute("wallet-1", take(1));
        const es::aggregate_store<only_put_in> strict(store);
        co_await expect_error(es::errc::unknown_event_type, strict.load("wallet-1"));
        const es::aggregate_store<only_put_in> tolerant(
            store, es::aggregate_options().unknown_events(es::unknown_event::ignore));
        const auto loaded = co_await tolerant.load("wallet-1");
        BOOST_TEST(loaded.version() == 2);
        BOOST_TEST(loaded.state().coins == 3);
        const es::aggregate_store<types_seen> untyped(store);
        const auto seen = co_await untyped.load("wallet-1");
        BOOST_TEST(seen.state().count.at("TakenOut") == 1);
    });
}

// What the state of a cache holds is what a load would give.
BOOST_FIXTURE_TEST_CASE(a_state_sees_versions_positions_and_times, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        co_await store.append("other", es::no_stream, counted_one("1"));
        const es::aggregate_store<places> all(store);
        const auto two = [](const places&) { return std::vector<put_in>{{1, ""}, {2, ""}}; };
        co_await all.execute("wallet-1", two);
        const auto executed = co_await all.execute("wallet-1", two);
        const auto loaded = co_await es::aggregate_store<places>(store).load("wallet-1");
        TEST_SAME(executed.state().versions, (numbers{1, 2, 3, 4}));
        TEST_SAME(executed.state().positions, (numbers{2, 3, 4, 5}));
        BOOST_TEST((executed.state() == loaded.state()));
        const auto with_times = [](const places&) {
            return es::events(es::event_data("TakenOut", R"({"coins":1})"),
                es::event_data("TakenOut", R"({"coins":1})").created_at(es::timestamp()));
        };
        co_await expect_error(es::errc::invalid_argument, all.execute("wallet-1", with_times));
    });
}

BOOST_FIXTURE_TEST_CASE(a_stream_of_many_pages_is_loaded, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        std::vector<es::event_data> many;
        for (int i = 0; i < 3'500; ++i) many.push_back(es::to_event_data(taken_out{1}));
        co_await store.append("wallet-1", es::no_stream, std::move(many));
        const auto loaded = co_await wallets(store).load("wallet-1");
        BOOST_TEST(loaded.version() == 3'500);
        BOOST_TEST(loaded.state().coins == -3'500);
    });
}

BOOST_FIXTURE_TEST_CASE(the_same_ids_again_are_found_and_not_appended_twice, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const es::event_data event = es::to_event_data(taken_out{1});
        const auto fixed = [&](const wallet&) { return event; };
        for (const auto& options : {es::aggregate_options(), cached()}) {
            const wallets all(store, options);
            const auto first = co_await all.execute("wallet-1", fixed);
            co_await all.execute("wallet-1", put(9));
            const auto again = co_await all.execute("wallet-1", fixed);
            BOOST_TEST(again.appended().already_appended);
            BOOST_TEST(again.appended().last_version == 1);
            const auto now = co_await wallets(store).load("wallet-1");
            BOOST_TEST(again.version() == now.version());
            BOOST_TEST((again.state() == now.state()));
        }
    });
}

BOOST_FIXTURE_TEST_CASE(options_and_names_that_make_no_sense_are_refused, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const auto refused = [&](const es::aggregate_options& options) {
            return expect_error(es::errc::invalid_argument, wallets(store, options).load("wallet-1"));
        };
        co_await refused(es::aggregate_options().max_retries(-1));
        co_await refused(es::aggregate_options().max_retries(1'001));
        co_await refused(es::aggregate_options().retry_after(0ms));
        co_await refused(es::aggregate_options().retry_after(61s));
        const es::aggregate_store<types_seen> no_codec(store, es::aggregate_options().snapshot_every(10));
        const es::failure why = co_await expect_error(es::errc::invalid_argument, no_codec.load("wallet-1"));
        BOOST_TEST(why.message().find("needs a codec for the state") != std::string::npos, why.message());
        const es::aggregate_store<types_seen> no_memory(store, cached());
        co_await expect_error(es::errc::invalid_argument, no_memory.load("wallet-1"));

        for (const auto& options : {es::aggregate_options(), cached()}) {
            const wallets all(store, options);
            co_await expect_error(es::errc::reserved_stream, all.load("$all"));
            co_await expect_error(es::errc::reserved_stream, all.execute("$mine", put(1)));
            co_await expect_error(es::errc::invalid_argument, all.load(""));
            co_await expect_error(es::errc::invalid_argument, all.execute(std::string(513, 'x'), put(1)));
            co_await expect_error(es::errc::invalid_argument, all.execute("\xff", put(1)));
        }
    });
}

BOOST_FIXTURE_TEST_CASE(after_the_close_everything_is_refused, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const wallets all(store, cached().snapshot_every(1));
        co_await all.execute("wallet-1", put(1));
        co_await store.close();
        co_await expect_error(es::errc::store_closed, all.load("wallet-1"));
        co_await expect_error(es::errc::store_closed, all.execute("wallet-1", put(1)));
        co_await expect_error(es::errc::store_closed, all.execute("wallet-2", put(1)));
        const wallets of_nothing((es::store()));
        co_await expect_error(es::errc::store_closed, of_nothing.execute("wallet-1", put(1)));
    });
}

BOOST_FIXTURE_TEST_CASE(a_command_can_be_cancelled_while_it_waits, store_fixture) {
    with_store([&](es::store store) -> asio::awaitable<void> {
        const wallets all(store, cached());
        co_await all.execute("wallet-1", put(1));
        blocker holder = hold_log();
        asio::cancellation_signal cancel;
        started<es::result<es::execution<wallet>>> command(
            co_await asio::this_coro::executor, all.try_execute("wallet-1", put(2)), cancel.slot());
        co_await eventually([&] { return holder.blocks(); });
        cancel.emit(asio::cancellation_type::all);
        co_await eventually([&] { return command.done(); });
        const auto& outcome = command.value();
        BOOST_TEST((outcome.error().code() == es::errc::cancelled));
        BOOST_TEST(outcome.error().outcome_unknown());
        holder.release();
        // Whatever became of it, the next one is right.
        const auto next = co_await all.execute("wallet-1", put(4));
        BOOST_TEST(next.state().coins == (next.version() == 3 ? 7 : 5));
    });
}

BOOST_AUTO_TEST_SUITE_END()
