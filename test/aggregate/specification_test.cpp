#include <eventstore/aggregate_test.hpp>

#include "aggregate/wallet.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace es = eventstore;
namespace asio = boost::asio;
using namespace es::test;

namespace {

/// A codec that forgets a member.
struct forgetful {
    std::int64_t kept = 0;
    std::int64_t forgotten = 0;
};
struct forgetful_state {
    using event = forgetful;
    std::int64_t sum = 0;
    void apply(const forgetful& e) { sum += e.kept; }
};

/// A state with a snapshot that is not read back.
struct bad_snapshot {
    using event = put_in;
    std::int64_t sum = 0;
    void apply(const put_in& e) { sum += e.coins; }
};

/// What a failed expectation says; empty if it held.
template <class Function>
std::string said_by(Function&& expectation) {
    try {
        expectation();
    } catch (const es::specification_failed& why) {
        return why.what();
    }
    return "";
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

} // namespace

template <>
struct es::codec<forgetful> {
    static constexpr std::string_view type = "Forgetful";
    static es::event_data encode(const forgetful& e) {
        return es::event_data("Forgetful", std::to_string(e.kept) + " " + std::to_string(e.forgotten));
    }
    static forgetful decode(const es::recorded_event& event) { return {std::stoll(std::string(event.data())), 0}; }
};
template <>
struct es::codec<bad_snapshot> {
    static constexpr std::string_view type = "Bad";
    static es::event_data encode(const bad_snapshot& s) { return es::event_data("Bad", std::to_string(s.sum)); }
    static bad_snapshot decode(const es::recorded_event&) { return {}; }
};

BOOST_AUTO_TEST_SUITE(specification_test)

BOOST_AUTO_TEST_CASE(what_holds_says_nothing) {
    es::given<wallet>().when(put(5)).then(put_in{5, "somebody"});
    const auto done = es::given<wallet>(put_in{7, "Ada"}, taken_out{2}).when(take(3)).then(taken_out{3});
    BOOST_TEST(done.state().coins == 2);
    BOOST_TEST(done.events().size() == 1u);
    es::given<wallet>(put_in{7, "Ada"}).when(take(8)).then_refused();
    es::given<wallet>(put_in{7, "Ada"}).when(take(8)).then_refused("there are 7 coins");
    es::given<wallet>(put_in{7, "Ada"}).when(take(8)).then_refused(es::errc::command_refused, "not 8");
    es::given<wallet>().when([](const wallet&) { return std::optional<put_in>(); }).then_nothing();
    es::given<wallet>()
        .when([](const wallet&) -> put_in { throw std::runtime_error("never on Sundays"); })
        .then_refused("Sundays");
    es::given<wallet>(std::vector<es::event_data>(2, es::event_data("PutIn", R"({"coins":1,"from":""})")))
        .when([](const wallet& w) -> asio::awaitable<std::vector<wallet::event>> {
            co_return std::vector<wallet::event>{put_in{w.coins, "x"}, taken_out{1}};
        })
        .then(put_in{2, "x"}, taken_out{1});
}

BOOST_AUTO_TEST_CASE(what_does_not_hold_names_both_sides) {
    const auto one = es::given<wallet>(put_in{7, "Ada"}).when(take(3));
    const std::string other = said_by([&] { one.then(taken_out{4}); });
    BOOST_TEST(other == "expected:\n  TakenOut {\"coins\":4}\nbut the decision was:\n  TakenOut {\"coins\":3}\n");
    BOOST_TEST(has(said_by([&] { one.then_nothing(); }), "expected:\n  nothing\nbut the decision was:\n  TakenOut"));
    BOOST_TEST(has(said_by([&] { one.then(taken_out{3}, taken_out{3}); }), "TakenOut {\"coins\":3}\n  TakenOut"));
    BOOST_TEST(has(said_by([&] { one.then(put_in{3, ""}); }), "PutIn"));
    BOOST_TEST(has(said_by([&] { one.then_refused(); }), "expected:\n  a refusal\nbut the decision was:\n  TakenOut"));

    const auto refused = es::given<wallet>().when(take(1));
    const std::string why = said_by([&] { refused.then(taken_out{1}); });
    BOOST_TEST(has(why, "but the decision was:\n  a refusal: there are 0 coins, not 1"), why);
    BOOST_TEST(has(said_by([&] { refused.then_refused("another reason"); }), "with the text 'another reason'"));
    BOOST_TEST(said_by([&] { refused.then_refused(es::errc::timeout); }) != "");
    BOOST_TEST(said_by([&] { refused.then_nothing(); }) != "");
}

BOOST_AUTO_TEST_CASE(metadata_is_compared_where_it_is_expected) {
    const auto done =
        es::given<wallet>().when([](const wallet&) { return es::to_event_data(taken_out{1}).metadata("by Ada"); });
    done.then(taken_out{1});
    done.then(es::to_event_data(taken_out{1}).metadata("by Ada"));
    const std::string why = said_by([&] { done.then(es::to_event_data(taken_out{1}).metadata("by Bob")); });
    BOOST_TEST(has(why, "metadata by Bob"), why);
}

BOOST_AUTO_TEST_CASE(codecs_that_do_not_read_what_they_write_are_found) {
    const std::string given = said_by([] { es::given<forgetful_state>(forgetful{1, 2}); });
    BOOST_TEST(has(given, "does not read what it writes"), given);
    BOOST_TEST(has(given, "written: Forgetful 1 2"), given);
    BOOST_TEST(has(given, "written again: Forgetful 1 0"), given);
    const auto forget = [](const forgetful_state&) { return forgetful{1, 2}; };
    BOOST_TEST(said_by([&] { es::given<forgetful_state>().when(forget); }) != "");
    BOOST_TEST(said_by([&] { es::given<forgetful_state>(forgetful{1, 0}); }) == "");
    const std::string state = said_by([] { es::given<bad_snapshot>(put_in{1, ""}); });
    BOOST_TEST(has(state, "the codec of the state 'Bad' does not read what it writes"), state);
}

BOOST_AUTO_TEST_CASE(events_that_the_state_does_not_take_are_found) {
    const auto stolen = [](const wallet&) { return es::event_data("Stolen", "{}"); };
    const std::string unknown = said_by([&] { es::given<wallet>().when(stolen); });
    BOOST_TEST(has(unknown, "'Stolen', which the state does not have"), unknown);
    const auto garbled = [](const wallet&) { return es::event_data("PutIn", "{"); };
    BOOST_TEST(said_by([&] { es::given<wallet>().when(garbled); }) != "");
    BOOST_TEST(said_by([] { es::given<wallet>(es::event_data("Audited", "{}")); }) == ""); // of history it may
    BOOST_CHECK_THROW(es::given<wallet>(put_in{13, ""}), std::runtime_error);
}

BOOST_AUTO_TEST_CASE(lists_with_a_name_stay_as_they_are) {
    const auto data = [](const std::string& coins) { return R"({"coins":)" + coins + R"(,"from":""})"; };
    std::vector<es::event_data> history{es::event_data("PutIn", data("5")), es::event_data("PutIn", data("2"))};
    std::vector<es::event_data> expected{es::event_data("TakenOut", R"({"coins":7})")};
    for (int i = 0; i < 2; ++i) es::given<wallet>(history).when(take(7)).then(expected);
    const std::vector<es::event_data> constant = history;
    for (int i = 0; i < 2; ++i) es::given<wallet>(constant).when(take(7)).then(expected);
    std::vector<wallet::event> typed{put_in{7, std::string(100, 'x')}};
    for (int i = 0; i < 2; ++i)
        BOOST_TEST(es::given<wallet>(typed).when(take(7)).then(expected).state().last_giver == std::string(100, 'x'));
}

BOOST_AUTO_TEST_CASE(a_decision_that_waits_for_the_world_is_found) {
    asio::io_context elsewhere;
    const auto outside = [&](const wallet&) -> asio::awaitable<put_in> {
        asio::steady_timer timer(elsewhere, std::chrono::hours(1));
        co_await timer.async_wait(asio::use_awaitable);
        co_return put_in{};
    };
    BOOST_CHECK_THROW(es::given<wallet>().when(outside), es::specification_failed);
}

BOOST_AUTO_TEST_SUITE_END()
